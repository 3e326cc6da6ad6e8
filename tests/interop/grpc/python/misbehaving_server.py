"""A server of UnaryCall that misbehaves on HTTP/2, by h2: the first call of each program, all others are answered as they should be.

    misbehaving_server.py CASE      says `listening on N` and, when it is ended by SIGTERM, one line of JSON: what it saw
"""

import asyncio
import json
import signal
import sys

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, PingAckReceived, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame, HeadersFrame

PAYLOAD_SIZE = 314159


def varint(value):
    octets = bytearray()
    while value > 127:
        octets.append(value & 127 | 128)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def field(number, content):
    """A field of bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def envelope(message):
    return b'\0' + len(message).to_bytes(4, 'big') + message


RESPONSE = envelope(field(1, field(2, bytes(PAYLOAD_SIZE))))
HALF = RESPONSE[:len(RESPONSE) // 2]

HEADERS = [(':status', '200'), ('content-type', 'application/grpc')]
TRAILERS = [('grpc-status', '0')]

# What an answer consists of: names of methods of Connection, and what they are given.
GOOD = [('headers',), ('data', RESPONSE), ('trailers',)]
CASES = {
    'goaway': [('goaway',), *GOOD],
    'rst_after_header': [('headers',), ('reset',)],
    'rst_during_data': [('headers',), ('data', HALF), ('reset',)],
    'rst_after_data': [('headers',), ('data', RESPONSE), ('reset',)],
    'ping': [('ping',), ('headers',), ('ping',), ('data', HALF), ('ping',), ('data', RESPONSE[len(HALF):]), ('ping',),
             ('trailers',), ('ping',)],
    'max_streams': GOOD,
    'closed_during_data': [('headers',), ('data', HALF), ('close',)],
    'damaged_block': [('damaged_block',)],
}


class Server:
    """What all connections have in common."""

    def __init__(self, case):
        self.case = case
        self.streams = []  # Of each connection.
        self.pings = 0
        self.acks = 0
        self.errors = []

    def answer(self):
        """The next answer. A server may go away more than once."""
        is_first = sum(self.streams) == 1
        return list(CASES[self.case] if is_first or self.case in ('goaway', 'ping') else GOOD)

    def report(self):
        return {'streams': self.streams, 'pings': self.pings, 'acks': self.acks, 'errors': self.errors}


class Connection(asyncio.Protocol):

    def __init__(self, server):
        self.server = server
        self.index = len(server.streams)
        self.http = H2Connection(H2Configuration(client_side=False))
        self.answers = {}  # What is left of them, by stream.
        server.streams.append(0)

    def connection_made(self, transport):
        self.transport = transport
        self.http.initiate_connection()
        if self.server.case == 'max_streams':
            self.http.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1})
        self.flush()

    def data_received(self, octets):
        try:
            for event in self.http.receive_data(octets):
                self.handle(event)
        except ProtocolError as error:
            self.server.errors.append(repr(error))
            self.flush()
            self.transport.close()
            return
        for stream in list(self.answers):
            self.go_on(stream)
        self.flush()

    def handle(self, event):
        if isinstance(event, RequestReceived):
            self.server.streams[self.index] += 1
        elif isinstance(event, DataReceived):
            self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self.answers[event.stream_id] = self.server.answer()
        elif isinstance(event, PingAckReceived):
            self.server.acks += 1

    def go_on(self, stream):
        """Sends of an answer what can be sent."""
        steps = self.answers[stream]
        try:
            while steps and getattr(self, steps[0][0])(stream, *steps[0][1:]):
                steps.pop(0)
        except StreamClosedError:
            steps.clear()  # By the client.
        if not steps:
            del self.answers[stream]

    def headers(self, stream):
        self.http.send_headers(stream, HEADERS)
        return True

    def data(self, stream, octets):
        sent = 0
        while sent < len(octets):
            room = min(self.http.local_flow_control_window(stream), self.http.max_outbound_frame_size)
            if room == 0:
                self.answers[stream][0] = ('data', octets[sent:])
                return False
            self.http.send_data(stream, octets[sent:sent + room])
            sent += room
        return True

    def trailers(self, stream):
        self.http.send_headers(stream, TRAILERS, end_stream=True)
        return True

    def reset(self, stream):
        self.http.reset_stream(stream, ErrorCodes.NO_ERROR)
        return True

    def ping(self, stream):
        self.http.ping(self.server.pings.to_bytes(8, 'big'))
        self.server.pings += 1
        return True

    def goaway(self, stream):
        """h2 would send nothing after it."""
        self.flush()
        self.transport.write(GoAwayFrame(last_stream_id=stream).serialize())
        return True

    def damaged_block(self, stream):
        """Its only field is the one of index 0, which there is not."""
        self.flush()
        self.transport.write(HeadersFrame(stream, b'\x80', flags=['END_HEADERS']).serialize())
        return True

    def close(self, stream):
        self.flush()
        self.transport.close()
        return True

    def flush(self):
        self.transport.write(self.http.data_to_send())


async def main(case):
    server = Server(case)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    listener = await loop.create_server(lambda: Connection(server), '127.0.0.1', 0)
    print('listening on', listener.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    print(json.dumps(server.report()), flush=True)


asyncio.run(main(sys.argv[1]))
