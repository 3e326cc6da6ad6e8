"""The client of the lecture: `Hello, World!` from port 50051 of this machine."""

import grpc

import hello_pb2
import hello_pb2_grpc


def run():
    with grpc.insecure_channel('localhost:50051') as channel:
        stub = hello_pb2_grpc.GreeterStub(channel)
        response = stub.SayHello(hello_pb2.HelloRequest(name='World'))
    print(response.message)


if __name__ == '__main__':
    run()
