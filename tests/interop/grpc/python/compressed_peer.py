"""gRPC's compressed cases by grpcio, which is gRPC's C core. It decompresses nothing here, so that this program sees what came compressed.

    compressed_peer.py DESCRIPTORS              a server, which says `listening on N`
    compressed_peer.py DESCRIPTORS PORT CASE    a client, which ends with 1 if the case fails
"""

import gzip
import pathlib
import sys
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc._cython import cygrpc

OPTIONS = [('grpc.per_message_decompression', 0)]
TIMEOUT_SECONDS = 10

# No message of the service begins like that: it would be a field of a kind that there is not.
GZIP_MAGIC = b'\x1f\x8b'


def load_messages(path):
    """The messages of the service, by name."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(path).read_bytes()).file:
        pool.Add(file)
    file = pool.FindFileByName('test.proto')
    return {name: message_factory.GetMessageClass(desc) for name, desc in file.message_types_by_name.items()}


MESSAGES = load_messages(sys.argv[1])


def read(name, octets):
    """A message, and whether it came compressed."""
    is_compressed = octets.startswith(GZIP_MAGIC)
    message = MESSAGES[name].FromString(gzip.decompress(octets) if is_compressed else octets)
    return message, is_compressed


def zeros(size):
    return MESSAGES['Payload'](body=bytes(size))


def boolean(value):
    return MESSAGES['BoolValue'](value=value)


# The server.


def check(request, is_compressed, context):
    if request.HasField('expect_compressed') and request.expect_compressed.value != is_compressed:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, 'is_compressed: %s' % is_compressed)


def compress(is_wanted, context):
    if not is_wanted:
        context.disable_next_message_compression()


def unary_call(octets, context):
    request, is_compressed = read('SimpleRequest', octets)
    check(request, is_compressed, context)
    compress(request.response_compressed.value, context)
    return MESSAGES['SimpleResponse'](payload=zeros(request.response_size)).SerializeToString()


def streaming_input_call(requests, context):
    size = 0
    for octets in requests:
        request, is_compressed = read('StreamingInputCallRequest', octets)
        check(request, is_compressed, context)
        size += len(request.payload.body)
    return MESSAGES['StreamingInputCallResponse'](aggregated_payload_size=size).SerializeToString()


def streaming_output_call(octets, context):
    request, _ = read('StreamingOutputCallRequest', octets)
    for parameters in request.response_parameters:
        compress(parameters.compressed.value, context)
        yield MESSAGES['StreamingOutputCallResponse'](payload=zeros(parameters.size)).SerializeToString()


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), compression=grpc.Compression.Gzip, options=OPTIONS)
    server.add_generic_rpc_handlers([
        grpc.method_handlers_generic_handler('grpc.testing.TestService', {
            'UnaryCall': grpc.unary_unary_rpc_method_handler(unary_call),
            'StreamingInputCall': grpc.stream_unary_rpc_method_handler(streaming_input_call),
            'StreamingOutputCall': grpc.unary_stream_rpc_method_handler(streaming_output_call),
        })
    ])
    print('listening on', server.add_insecure_port('127.0.0.1:0'), flush=True)
    server.start()
    server.wait_for_termination()


# The client.

# Those of a stream that are to be sent as they are. The C core has a flag for that, and grpcio no way to set it.
uncompressed = set()


def send_message(octets, flags, send=cygrpc.SendMessageOperation):
    return send(octets, cygrpc.WriteFlag.no_compress if octets in uncompressed else flags)


cygrpc.SendMessageOperation = send_message


def client_compressed_unary(channel):
    call = channel.unary_unary('/grpc.testing.TestService/UnaryCall')

    def make(is_compressed, is_expected):
        request = MESSAGES['SimpleRequest'](
            expect_compressed=boolean(is_expected), response_size=314159, payload=zeros(271828))
        compression = grpc.Compression.Gzip if is_compressed else grpc.Compression.NoCompression
        octets = call(request.SerializeToString(), timeout=TIMEOUT_SECONDS, compression=compression)
        assert len(read('SimpleResponse', octets)[0].payload.body) == 314159

    assert_refused(lambda: make(False, True))
    make(True, True)
    make(False, False)


def server_compressed_unary(channel):
    call = channel.unary_unary('/grpc.testing.TestService/UnaryCall')
    for is_wanted in (True, False):
        request = MESSAGES['SimpleRequest'](
            response_compressed=boolean(is_wanted), response_size=314159, payload=zeros(271828))
        octets = call(request.SerializeToString(), timeout=TIMEOUT_SECONDS)
        response, is_compressed = read('SimpleResponse', octets)
        assert is_compressed == is_wanted, is_compressed
        assert len(response.payload.body) == 314159


def client_compressed_streaming(channel):
    call = channel.stream_unary('/grpc.testing.TestService/StreamingInputCall')

    def make(*requests):
        """Of each: whether it is compressed, whether that is expected, and its size."""
        messages = []
        for is_compressed, is_expected, size in requests:
            message = MESSAGES['StreamingInputCallRequest'](
                expect_compressed=boolean(is_expected), payload=zeros(size)).SerializeToString()
            messages.append(message)
            if not is_compressed:
                uncompressed.add(message)
        octets = call(iter(messages), timeout=TIMEOUT_SECONDS, compression=grpc.Compression.Gzip)
        uncompressed.clear()
        return read('StreamingInputCallResponse', octets)[0].aggregated_payload_size

    assert_refused(lambda: make((False, True, 27182)))
    uncompressed.clear()
    assert make((True, True, 27182), (False, False, 45904)) == 73086


def server_compressed_streaming(channel):
    call = channel.unary_stream('/grpc.testing.TestService/StreamingOutputCall')
    wanted = [(True, 31415), (False, 92653)]
    parameters = [
        MESSAGES['ResponseParameters'](compressed=boolean(is_wanted), size=size) for is_wanted, size in wanted
    ]
    request = MESSAGES['StreamingOutputCallRequest'](response_parameters=parameters)
    came = []
    for octets in call(request.SerializeToString(), timeout=TIMEOUT_SECONDS):
        response, is_compressed = read('StreamingOutputCallResponse', octets)
        came.append((is_compressed, len(response.payload.body)))
    assert came == wanted, came


def assert_refused(call):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
    else:
        raise AssertionError('the server takes what it should refuse')


CASES = [client_compressed_unary, server_compressed_unary, client_compressed_streaming, server_compressed_streaming]

if len(sys.argv) == 2:
    serve()
else:
    _, _, port, name = sys.argv
    with grpc.insecure_channel('localhost:' + port, options=OPTIONS) as channel:
        next(case for case in CASES if case.__name__ == name)(channel)
