"""The server of the lecture by TLS, on any free port.

hello_server_tls.py CERT KEY
"""

import sys
from concurrent import futures

import grpc

import channels
import hello_pb2_grpc
from hello_server import Greeter


def serve(cert, key):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=10))
    hello_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server)
    port = channels.add_port(server, 'localhost:0', cert, key)
    server.start()
    print(f'listening on {port}')
    server.wait_for_termination()


if __name__ == '__main__':
    serve(*sys.argv[1:])
