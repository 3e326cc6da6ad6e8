"""Python's grpcio as a peer of ours, for the service of echo.proto: a server or a client, as its only argument says (../task.ts)."""

import base64
import json
import pathlib
import sys
import threading
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

PACKAGE = 'edgewire.test.v1.'
KEEPALIVE_MS = 100

# Of a call without a deadline grpcio says that there is more time than that.
DISTANT_FUTURE_SECONDS = 1e9

TASK = json.loads(sys.argv[1])


def load_service():
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(TASK['descriptorsPath']).read_bytes()).file:
        pool.Add(file)
    return pool


POOL = load_service()
METHODS = POOL.FindServiceByName(PACKAGE + 'EchoService').methods_by_name
STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


def message_class(name):
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(name))


STATUS = message_class(PACKAGE + 'Status')
DETAIL = message_class(PACKAGE + 'FailRequest')


def kind(method):
    """As in `unary_stream`."""
    return '%s_%s' % tuple('stream' if streams else 'unary'
                           for streams in (method.client_streaming, method.server_streaming))


def read_file(name):
    return pathlib.Path(TASK[name]).read_bytes()


class Turns:
    """Lets one side of a call wait for the other."""

    def __init__(self):
        self.count = 0
        self.condition = threading.Condition()

    def next(self):
        with self.condition:
            self.count += 1
            self.condition.notify_all()

    def reach(self, count):
        with self.condition:
            self.condition.wait_for(lambda: self.count >= count)


# The server.


class Echo:

    def __init__(self):
        self.waits = {}
        self.lock = threading.Lock()

    def wait_of(self, name):
        with self.lock:
            return self.waits.setdefault(name, Turns())

    def answer(self, method, requests, context):
        """The answers to a call."""
        answer_class = message_class(method.output_type.full_name)
        metadata = context.invocation_metadata()
        context.send_initial_metadata(pick(metadata, 'x-header', 'x-header-bin'))
        trailers = pick(metadata, 'x-trailer', 'x-trailer-bin')
        context.set_trailing_metadata(trailers)
        if method.name == 'ClientStream':
            requests = list(requests)
            yield answer_class(text=''.join(request.text for request in requests),
                               data=b''.join(request.data for request in requests),
                               number=len(requests))
            return
        for number, request in enumerate(requests):
            if method.name in ('Unary', 'Get', 'BidiStream'):
                left = context.time_remaining()
                yield answer_class(text=request.text, data=request.data, number=number + 1,
                                   timeout_ms=0 if left > DISTANT_FUTURE_SECONDS else int(left * 1000))
            elif method.name == 'ServerStream':
                for index in range(request.answers):
                    yield answer_class(text=request.text, number=index)
            elif method.name in ('Fail', 'FailStream'):
                for index in range(request.answers if method.name == 'FailStream' else 0):
                    yield answer_class(number=index)
                status = STATUS(code=request.code, message=request.message)
                status.details.add().Pack(request)
                details = ('grpc-status-details-bin', status.SerializeToString())
                context.set_trailing_metadata((*trailers, details))
                context.abort(STATUS_CODES[request.code], request.message)
            elif method.name in ('Wait', 'WaitStream'):
                yield from self.wait(self.wait_of(request.id), answer_class, method.server_streaming, context)
            elif method.name == 'Observe':
                self.wait_of(request.id).reach(request.state)
                yield answer_class()

    def wait(self, states, answer_class, is_stream, context):
        ended = threading.Event()

        def end():
            states.next()
            ended.set()

        states.next()
        # Nothing says that this generator goes on after the end.
        if not context.add_callback(end):
            end()
        if is_stream:
            yield answer_class()
        ended.wait()
        context.abort(grpc.StatusCode.CANCELLED, 'the call is over')


def pick(metadata, *names):
    return tuple((name, value) for name, value in metadata if name in names)


def make_handler(echo, method):

    def handle(request, context):
        answers = echo.answer(method, request if method.client_streaming else [request], context)
        return answers if method.server_streaming else list(answers)[0]

    make = getattr(grpc, kind(method) + '_rpc_method_handler')
    return make(handle, message_class(method.input_type.full_name).FromString,
                message_class(method.output_type.full_name).SerializeToString)


def serve():
    echo = Echo()
    # Each call that waits has a thread. A server takes pings at any rate if it is told so.
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=100),
                         options=[('grpc.http2.min_ping_interval_without_data_ms', 1),
                                  ('grpc.http2.min_recv_ping_interval_without_data_ms', 1)])
    handlers = {name: make_handler(echo, method) for name, method in METHODS.items() if name != 'Unimplemented'}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(PACKAGE + 'EchoService', handlers)])
    if 'certPath' in TASK:
        credentials = grpc.ssl_server_credentials([(read_file('keyPath'), read_file('certPath'))])
        port = server.add_secure_port('127.0.0.1:0', credentials)
    else:
        port = server.add_insecure_port('127.0.0.1:0')
    server.start()
    print('listening on', port, flush=True)
    server.wait_for_termination()


# The client.


def open_channel():
    address = TASK['url'].split('//')[1]
    options = [('grpc.keepalive_time_ms', KEEPALIVE_MS), ('grpc.http2.max_pings_without_data', 0)]
    if 'certPath' in TASK:
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(read_file('certPath')), options)
    return grpc.insecure_channel(address, options)


def to_metadata(pairs):
    return [(name, base64.b64decode(value) if name.endswith('-bin') else value) for name, value in pairs]


def to_record(metadata):
    record = {}
    for name, value in metadata or ():
        text = base64.b64encode(value).decode() if name.endswith('-bin') else value
        record[name] = '%s, %s' % (record[name], text) if name in record else text
    return record


def to_details(metadata):
    details = []
    for name, value in metadata or ():
        if name == 'grpc-status-details-bin':
            for any_message in STATUS.FromString(value).details:
                detail = DETAIL()
                if any_message.Unpack(detail):
                    details.append(json_format.MessageToDict(detail))
    return details


def make_call(channel, call, on_start):
    """The outcome of a call. `on_start` is given what cancels it."""
    method = METHODS[call['method']]
    input_class, output_class = (message_class(desc.full_name) for desc in (method.input_type, method.output_type))
    requests = [json_format.ParseDict(request, input_class()) for request in call['requests']]
    answers, turns = [], Turns()

    def send():
        for index, request in enumerate(requests):
            if call.get('inTurns'):
                turns.reach(index)
            yield request

    make = getattr(channel, kind(method))('/%sEchoService/%s' % (PACKAGE, method.name), input_class.SerializeToString,
                                          output_class.FromString)
    timeout_ms = call.get('timeoutMs')
    options = {
        'metadata': to_metadata(call.get('metadata', [])),
        'timeout': None if timeout_ms is None else timeout_ms / 1000,
    }
    make = make if method.server_streaming else make.future
    rpc = make(send() if method.client_streaming else requests[0], **options)
    on_start(rpc.cancel)
    try:
        for answer in rpc if method.server_streaming else [rpc.result()]:
            answers.append(json_format.MessageToDict(answer))
            turns.next()
            if len(answers) == call.get('cancelAfter'):
                rpc.cancel()
    except (grpc.RpcError, grpc.FutureCancelledError):
        pass  # The call says it as well.
    headers, trailers = rpc.initial_metadata(), rpc.trailing_metadata()
    outcome = {'answers': answers, 'headers': to_record(headers), 'trailers': to_record(trailers)}
    if rpc.code() != grpc.StatusCode.OK:
        outcome['error'] = {
            'code': rpc.code().value[0],
            'message': rpc.details() or '',
            'details': to_details(trailers),
        }
    return outcome


def make_calls():
    cancels, output = {}, threading.Lock()

    def run(number, call, channel):
        try:
            line = {'id': number, 'outcome': make_call(channel, call, lambda cancel: cancels.update({number: cancel}))}
        except Exception as error:
            line = {'id': number, 'failure': repr(error)}
        with output:
            print(json.dumps(line), flush=True)

    with open_channel() as channel, futures.ThreadPoolExecutor(max_workers=100) as pool:
        for text in sys.stdin:
            line = json.loads(text)
            if line.get('cancel'):
                cancels[line['id']]()
            else:
                pool.submit(run, line['id'], line['call'], channel)


if TASK['role'] == 'server':
    serve()
else:
    make_calls()
