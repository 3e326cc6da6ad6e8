"""A File service that does not hash: it has files hashed by a Hash service, through its stub.

file_server.py FOLDER HASH_ADDRESS [CERT KEY]     by TLS on both sides if there is a certificate, which it shows and trusts
"""

import pathlib
import sys
from concurrent import futures

import grpc

import channels
from edgewire.v1 import file_pb2
from edgewire.v1 import file_pb2_grpc
from edgewire.v1 import hash_pb2
from edgewire.v1 import hash_pb2_grpc

CHUNK_BYTES = 64 * 1024

# grpcio says 292 billion years are left of a call without a deadline, and its stubs take that for none.
MAX_TIMEOUT_SECONDS = 3600


def hash_file(stub, path, algorithm, timeout):
    """Has a file hashed. The stub reads the parts as the Hash service takes them."""

    def parts():
        yield hash_pb2.ShaStreamRequest(options=hash_pb2.ShaStreamOptions(algorithm=algorithm))
        with path.open('rb') as file:
            while chunk := file.read(CHUNK_BYTES):
                yield hash_pb2.ShaStreamRequest(chunk=chunk)

    return stub.ShaStream(parts(), timeout=timeout)


class File(file_pb2_grpc.FileServicer):
    """HashFile alone. The class above answers for the other methods, with UNIMPLEMENTED."""

    def __init__(self, folder, stub):
        self._folder = folder
        self._stub = stub

    def HashFile(self, request, context):
        path = self._folder / request.name
        if pathlib.PurePath(request.name).name != request.name or not path.is_file():
            context.abort(grpc.StatusCode.NOT_FOUND, f'name: no file "{request.name}"')
        timeout = min(context.time_remaining(), MAX_TIMEOUT_SECONDS)
        try:
            hashed = hash_file(self._stub, path, request.algorithm, timeout)
        except grpc.RpcError as error:
            context.abort(error.code(), f'hash service: {error.details()}')
        return file_pb2.HashFileResponse(digest=hashed.digest, byte_count=hashed.byte_count)


def serve(folder, hash_address, cert=None, key=None):
    with channels.open_channel(hash_address, cert) as channel:
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=10))
        file = File(pathlib.Path(folder), hash_pb2_grpc.HashStub(channel))
        file_pb2_grpc.add_FileServicer_to_server(file, server)
        port = channels.add_port(server, 'localhost:0', cert, key)
        server.start()
        print(f'listening on {port}')
        server.wait_for_termination()


if __name__ == '__main__':
    serve(*sys.argv[1:])
