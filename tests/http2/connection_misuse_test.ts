/** Mistakes of whoever owns a connection or a stream: they throw at the call, with the state in the message, and nothing is sent. */
import assert from "node:assert/strict";
import type { Http2Stream } from "../../src/http2/mod.ts";
import { createConnection } from "../../src/http2/mod.ts";
import { fieldList, REQUEST, TestPeer } from "../support/test_peer.ts";

const OK = fieldList({ ":status": "200" });
const one = new Uint8Array(1);

/** What is wrong on a stream of a server, and what the error says. */
const MISTAKES: readonly (readonly [
  what: string,
  before: (stream: Http2Stream) => void,
  mistake: (stream: Http2Stream) => void,
  message: RegExp,
])[] = [
  [
    "DATA before the head",
    () => {},
    (stream) => stream.write(one),
    /^Cannot send DATA on stream 1: the head was not sent, the stream is open$/,
  ],
  [
    "the end before the head",
    () => {},
    (stream) => stream.end(),
    /DATA on stream 1: the head was not sent, the stream is open/,
  ],
  [
    "trailers before the head",
    () => {},
    (stream) => stream.endWithTrailers([]),
    /trailers on stream 1: the head was not sent/,
  ],
  ["room before the head", () => {}, (stream) => stream.reserve(1), /DATA on stream 1: the head was not sent/],
  [
    "two heads",
    (stream) => stream.respond(OK),
    (stream) => stream.respond(OK),
    /HEADERS on stream 1: the head was sent, the stream is open/,
  ],
  [
    "an interim response after the head",
    (stream) => stream.respond(OK),
    (stream) => stream.sendInformation(OK),
    /interim response on stream 1: the response was sent/,
  ],
  [
    "DATA after the end",
    ended,
    (stream) => stream.write(one),
    /^Cannot send DATA on stream 1: its end was sent, the stream is reset$/,
  ],
  ["the end after the end", ended, (stream) => stream.end(), /its end was sent/],
  ["trailers after the end", ended, (stream) => stream.endWithTrailers([]), /trailers on stream 1: its end was sent/],
  [
    "DATA after trailers",
    (stream) => (stream.respond(OK), stream.endWithTrailers([])),
    (stream) => stream.write(one),
    /its end was sent/,
  ],
  [
    "a head without :status",
    () => {},
    (stream) => stream.respond(fieldList({ a: "b" })),
    /malformed: No valid :status/,
  ],
  [
    "a head in capitals",
    () => {},
    (stream) => stream.respond(fieldList({ ":status": "200", A: "b" })),
    /the field "A": names are lower case/,
  ],
  [
    "a value with a line feed",
    () => {},
    (stream) => stream.respond(fieldList({ ":status": "200", a: "b\n" })),
    /the field "a": the value has NUL, CR, LF/,
  ],
  [
    "trailers with :status",
    (stream) => stream.respond(OK),
    (stream) => stream.endWithTrailers(OK),
    /pseudo-header fields come first, and in heads only/,
  ],
  [
    "a response of 1xx",
    () => {},
    (stream) => stream.respond(fieldList({ ":status": "103" })),
    /HEADERS on stream 1: status 103 is no response/,
  ],
  [
    "an interim response of 200",
    () => {},
    (stream) => stream.sendInformation(OK),
    /interim response on stream 1: status 200 is none/,
  ],
];

function ended(stream: Http2Stream): void {
  stream.respond(OK, true);
}

for (const [what, before, mistake, message] of MISTAKES) {
  Deno.test(`A mistake on a stream throws and sends nothing: ${what}`, () => {
    const peer = new TestPeer("server");
    peer.open(1);
    const stream = peer.stream(1);
    before(stream);
    peer.take();
    assert.throws(() => mistake(stream), { name: "TypeError", message });
    peer.wantIdle();
    if (!stream.isClosed) {
      // The mistake has changed nothing.
      if (!/head was sent|response was sent|heads only/.test(message.source)) {
        stream.respond(OK);
      }
      stream.end(one);
      assert.equal(peer.take().at(-2), `DATA 1 ${JSON.stringify("\0")} end`);
    }
  });
}

Deno.test("Octets that were not received cannot be released", () => {
  const peer = new TestPeer("server");
  peer.open(1);
  assert.throws(() => peer.stream(1).release(1), {
    name: "RangeError",
    message: /release 1 octets of stream 1: it holds 0/,
  });
  assert.throws(() => peer.stream(1).release(-1), RangeError);
  assert.throws(() => peer.stream(1).release(NaN), RangeError);
  peer.wantIdle();
});

Deno.test("Streams are opened by clients, with heads that may be sent", () => {
  const server = new TestPeer("server");
  assert.throws(() => server.request(), { name: "TypeError", message: /servers do not push/ });
  const client = new TestPeer("client");
  assert.throws(() => client.request({ ":method": "GET" }), {
    name: "TypeError",
    message: /malformed: No valid :scheme/,
  });
  assert.throws(() => client.request({ ...REQUEST, connection: "close" }), {
    name: "TypeError",
    message: /about a connection/,
  });
  assert.equal(client.connection.streamCount, 0);
  client.wantIdle();
  const stream = client.request();
  assert.throws(() => stream.respond(OK), { name: "TypeError", message: /the head was sent/ });
  client.connection.close();
  assert.throws(() => client.request(), { name: "RangeError", message: /the connection is closed/ });
});

Deno.test("Room is given up by whoever commits more, or without having it", () => {
  const peer = new TestPeer("server");
  peer.open(1, 3);
  peer.stream(1).respond(OK);
  peer.stream(3).respond(OK);
  peer.take();
  assert.throws(() => peer.stream(1).commit(1), /none of its type is open/);
  const offset = peer.stream(1).reserve(5);
  peer.stream(1).outputBuffer.fill(0, offset, offset + 5);
  assert.throws(() => peer.stream(1).commit(6), { name: "RangeError" });
  peer.stream(1).commit(5);
  assert.deepEqual(peer.take(), [`DATA 1 ${JSON.stringify("\0".repeat(5))}`]);
});

Deno.test("Limits out of their range do not make a connection", () => {
  const handler = { onOutput: () => {}, onClose: () => {} };
  assert.throws(
    () => createConnection({ role: "server", handler, nowMs: 0, limits: { maxFrameSize: 1 } }),
    { name: "RangeError", message: /maxFrameSize to 1/ },
  );
});
