"""A client that is newer than the server it calls: its proto, next/hello.proto, has a method more.

newer_client.py ADDRESS [ROOTS]     by TLS if there is a file with certificates to trust
"""

import sys

import grpc

import channels
import hello_pb2
import hello_pb2_grpc


def run(address, roots=None):
    with channels.open_channel(address, roots) as channel:
        stub = hello_pb2_grpc.GreeterStub(channel)
        request = hello_pb2.HelloRequest(name='World')
        print(stub.SayHello(request).message)
        try:
            print(stub.SayGoodbye(request).message)
        except grpc.RpcError as error:
            number, _ = error.code().value
            print(number, error.details())


if __name__ == '__main__':
    run(*sys.argv[1:])
