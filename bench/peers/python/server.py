"""The Greeter, Profiles and Streams on grpcio, with ten threads: server.py STUBS PORT, with the folder of the stubs."""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

sys.path.insert(0, sys.argv[1])

import hello_pb2
import hello_pb2_grpc
from edgewire.bench.v1 import profiles_pb2, profiles_pb2_grpc, streams_pb2, streams_pb2_grpc


class Greeter(hello_pb2_grpc.GreeterServicer):
    def SayHello(self, request, context):
        return hello_pb2.HelloReply(message=f"Hello, {request.name}!")


class Profiles(profiles_pb2_grpc.ProfilesServicer):
    def EchoProfile(self, request, context):
        return profiles_pb2.EchoProfileResponse(profile=request.profile)


class Streams(streams_pb2_grpc.StreamsServicer):
    def SayMany(self, request, context):
        for _ in range(request.count):
            yield streams_pb2.SayManyResponse(message=f"Hello, {request.name}!")

    def Count(self, request_iterator, context):
        return streams_pb2.CountResponse(count=sum(1 for _ in request_iterator))

    def PingPong(self, request_iterator, context):
        for request in request_iterator:
            yield streams_pb2.PingPongResponse(message=f"Hello, {request.name}!")


server = grpc.server(ThreadPoolExecutor(max_workers=10))
hello_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server)
profiles_pb2_grpc.add_ProfilesServicer_to_server(Profiles(), server)
streams_pb2_grpc.add_StreamsServicer_to_server(Streams(), server)
if server.add_insecure_port(f"127.0.0.1:{sys.argv[2]}") == 0:
    sys.exit("the port is taken")
server.start()
print("ready", flush=True)
server.wait_for_termination()
