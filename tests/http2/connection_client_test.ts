/** Connections of a client: requests, responses, and what a server may do wrong (RFC 9113 §5.1.2, §8.1, §8.4). */
import assert from "node:assert/strict";
import { StreamRegistry } from "../../src/http2/stream_registry.ts";
import {
  data,
  frame,
  goaway,
  ping,
  pushPromise,
  resetStream,
  settings,
  windowUpdate,
} from "../support/frame_builder.ts";
import { fieldList, type Fields, REQUEST, TestPeer } from "../support/test_peer.ts";

const GET = { ...REQUEST, ":method": "GET" };
const HEAD = { ...REQUEST, ":method": "HEAD" };
const OK = { ":status": "200" };

Deno.test("A call with content and trailers both ways, interim responses before", () => {
  for (const chunkLength of [Infinity, 1]) {
    const peer = new TestPeer("client", { chunkLength });
    const stream = peer.request();
    stream.write(Uint8Array.of(0x61));
    stream.endWithTrailers(fieldList({ sum: "1" }));
    peer.wantOnly(
      "HEADERS 1 :method=POST :scheme=http :path=/ :authority=a",
      'DATA 1 "a"',
      "HEADERS 1 sum=1 end",
    );
    peer.send(
      peer.headers(1, { ":status": "100" }),
      peer.headers(1, { ":status": "103", link: "x" }),
      peer.headers(1, OK),
      data(1, "b", { padding: 0 }),
      peer.headers(1, { "grpc-status": "0" }, { endStream: true }),
    );
    peer.wantEvents(
      "information 1 100",
      "information 1 103",
      "response 1 200",
      'data 1 "b"',
      "trailers 1 grpc-status=0",
    );
    assert.equal(peer.connection.streamCount, 0);
    peer.wantIdle();
  }
});

Deno.test("A request may be sent before the server's SETTINGS", () => {
  const peer = new TestPeer("client", { handshake: false });
  peer.request(GET, true);
  assert.equal(peer.take().at(-1), "HEADERS 1 :method=GET :scheme=http :path=/ :authority=a end");
  peer.shakeHands();
  peer.send(peer.headers(1, OK, { endStream: true }));
  peer.wantEvents("response 1 200 end");
});

Deno.test("A response may be complete before the request, which goes on or is reset", () => {
  const peer = new TestPeer("client");
  const stream = peer.request();
  peer.request();
  peer.send(peer.headers(1, OK, { endStream: true }));
  peer.wantEvents("response 1 200 end");
  assert.ok(stream.isRemotelyClosed && !stream.isLocallyClosed);
  peer.take();
  stream.end(Uint8Array.of(0x61));
  peer.wantOnly('DATA 1 "a" end');
  peer.send(peer.headers(3, OK, { endStream: true }), resetStream(3, 0));
  peer.wantEvents("response 3 200 end", "reset 3 NO_ERROR peer");
  peer.stream(3).write(new Uint8Array(9));
  peer.wantIdle();
});

/** Responses, what became of them, and the RST_STREAM for those that are malformed. */
const RESPONSES: readonly (readonly [
  what: string,
  request: Fields,
  octets: (peer: TestPeer) => readonly Uint8Array[],
  ok: boolean,
])[] = [
  ["no :status", GET, (peer) => [peer.headers(1, { a: "b" }, { endStream: true })], false],
  [":status of two digits", GET, (peer) => [peer.headers(1, { ":status": "20" }, { endStream: true })], false],
  ["status 101", GET, (peer) => [peer.headers(1, { ":status": "101" })], false],
  [
    "an interim response that ends",
    GET,
    (peer) => [peer.headers(1, { ":status": "103" }, { endStream: true })],
    false,
  ],
  ["DATA first", GET, () => [data(1, "abc")], false],
  ["DATA after an interim response", GET, (peer) => [peer.headers(1, { ":status": "103" }), data(1, "abc")], false],
  ["two responses", GET, (peer) => [peer.headers(1, OK), peer.headers(1, OK)], false],
  [
    "an interim response after the response",
    GET,
    (peer) => [peer.headers(1, OK), peer.headers(1, { ":status": "103" })],
    false,
  ],
  [
    "less than content-length",
    GET,
    (peer) => [peer.headers(1, { ...OK, "content-length": "2" }), data(1, "a", { endStream: true })],
    false,
  ],
  [
    "more than content-length",
    GET,
    (peer) => [peer.headers(1, { ...OK, "content-length": "2" }), data(1, "abc")],
    false,
  ],
  [
    "content-length and nothing",
    GET,
    (peer) => [peer.headers(1, { ...OK, "content-length": "2" }, { endStream: true })],
    false,
  ],
  [
    "as much as content-length",
    GET,
    (peer) => [peer.headers(1, { ...OK, "content-length": "2" }), data(1, "ab", { endStream: true })],
    true,
  ],
  [
    "HEAD with content-length",
    HEAD,
    (peer) => [peer.headers(1, { ...OK, "content-length": "2" }, { endStream: true })],
    true,
  ],
  [
    "HEAD with content-length and empty DATA",
    HEAD,
    (peer) => [peer.headers(1, { ...OK, "content-length": "2" }), data(1, "", { endStream: true })],
    true,
  ],
  [
    "304 with content-length",
    GET,
    (peer) => [peer.headers(1, { ":status": "304", "content-length": "2" }, { endStream: true })],
    true,
  ],
  ["204", GET, (peer) => [peer.headers(1, { ":status": "204" }, { endStream: true })], true],
  // "... no content is included in DATA frames" (RFC 9113 §8.1.1)
  ["HEAD with content", HEAD, (peer) => [peer.headers(1, OK), data(1, "ab", { endStream: true })], false],
  [
    "204 with content",
    GET,
    (peer) => [peer.headers(1, { ":status": "204" }), data(1, "ab", { endStream: true })],
    false,
  ],
  [
    "304 with content",
    GET,
    (peer) => [peer.headers(1, { ":status": "304" }), data(1, "ab", { endStream: true })],
    false,
  ],
];

Deno.test("Malformed responses are errors of their stream", () => {
  for (const [what, request, octets, isOk] of RESPONSES) {
    const peer = new TestPeer("client");
    peer.request(request, true);
    peer.take();
    peer.send(...octets(peer));
    assert.deepEqual(peer.take(), isOk ? [] : ["RST_STREAM 1 PROTOCOL_ERROR"], what);
    assert.equal(peer.events.includes("reset 1 PROTOCOL_ERROR local"), !isOk, what);
    assert.equal(peer.connection.isClosed, false, what);
    assert.equal(peer.connection.streamCount, 0, what);
  }
});

/** What a server may not do to a connection. */
const FAULTS: readonly (readonly [what: string, octets: (peer: TestPeer) => readonly Uint8Array[], code: string])[] = [
  ["PUSH_PROMISE", (peer) => [pushPromise(1, 2, peer.block(GET))], "PROTOCOL_ERROR"],
  ["HEADERS on an even stream", (peer) => [peer.headers(2, OK)], "PROTOCOL_ERROR"],
  ["HEADERS on an idle stream", (peer) => [peer.headers(3, OK)], "PROTOCOL_ERROR"],
  ["DATA on an idle stream", () => [data(3, "abc")], "PROTOCOL_ERROR"],
  ["WINDOW_UPDATE on an idle stream", () => [windowUpdate(3, 1)], "PROTOCOL_ERROR"],
  ["RST_STREAM on an idle stream", () => [resetStream(3, 8)], "PROTOCOL_ERROR"],
  [
    "the response twice",
    (peer) => [peer.headers(1, OK, { endStream: true }), peer.headers(1, OK, { endStream: true })],
    "STREAM_CLOSED",
  ],
  ["ENABLE_PUSH 1", () => [settings([2, 1])], "PROTOCOL_ERROR"],
];

Deno.test("Faults of a server get the exact error", () => {
  for (const [what, octets, code] of FAULTS) {
    for (const chunkLength of [Infinity, 1]) {
      const peer = new TestPeer("client", { chunkLength });
      peer.request(GET, true);
      peer.take();
      peer.send(...octets(peer));
      assert.deepEqual(peer.take().slice(-1), [`GOAWAY 0 ${code}`], what);
      assert.equal(peer.events.at(-1), `close ${code} local`, what);
    }
  }
  const http1 = new TestPeer("client", { handshake: false });
  http1.take();
  http1.send(new Uint8Array(frame(0x50, 0x2f, 0, new Uint8Array(0), 0x485454)));
  http1.wantOnly("GOAWAY 0 PROTOCOL_ERROR");
});

Deno.test("What comes on a stream that the server has reset is an error of that stream, and told once", () => {
  const peer = new TestPeer("client");
  for (const streamId of [1, 3]) {
    peer.request(GET, true);
    peer.take();
    peer.send(peer.headers(streamId, OK, { endStream: true }), resetStream(streamId, 0));
    peer.take();
    const late = streamId === 1 ? peer.headers(1, OK, { endStream: true }) : data(3, "late");
    peer.send(late, resetStream(streamId, 0), data(streamId, "later"));
    peer.wantOnly(`RST_STREAM ${streamId} STREAM_CLOSED`);
  }
  peer.wantEvents("response 1 200 end", "response 3 200 end");
  assert.equal(peer.connection.isClosed, false);
});

Deno.test("DATA after the response has ended is an error of the stream while the request goes on", () => {
  const peer = new TestPeer("client");
  peer.request();
  peer.take();
  peer.send(peer.headers(1, OK, { endStream: true }), data(1, "late"));
  peer.wantOnly("RST_STREAM 1 STREAM_CLOSED");
  peer.wantEvents("response 1 200 end", "reset 1 STREAM_CLOSED local");
});

Deno.test("No more streams than the server allows, and word when there is room", () => {
  const peer = new TestPeer("client", { settings: [[3, 2]] });
  peer.request();
  peer.request();
  assert.equal(peer.connection.canOpenStream, false);
  const before = peer.take();
  assert.throws(() => peer.request(), { name: "RangeError", message: /the peer allows 2 at a time/ });
  peer.wantIdle();
  assert.equal(before.length, 2);
  peer.stream(1).reset();
  peer.wantEvents("capacity");
  peer.request();
  peer.send(resetStream(5, 8));
  peer.wantEvents("reset 5 CANCEL peer", "capacity");
});

Deno.test("Word of room comes to those who only asked, and not to those who had room", () => {
  const peer = new TestPeer("client", { settings: [[3, 1]] });
  assert.equal(peer.connection.canOpenStream, true);
  peer.send(settings([3, 5]));
  peer.wantEvents();
  peer.send(settings([3, 1]));
  peer.request();
  assert.equal(peer.connection.canOpenStream, false);
  peer.stream(1).reset();
  peer.wantEvents("capacity");
});

Deno.test("MAX_CONCURRENT_STREAMS of 0, then 1", () => {
  const peer = new TestPeer("client", { settings: [[3, 0]] });
  assert.equal(peer.connection.canOpenStream, false);
  assert.throws(() => peer.request(), { name: "RangeError", message: /the peer allows 0 at a time/ });
  peer.send(settings([3, 1]));
  peer.wantEvents("capacity");
  peer.request();
  assert.equal(peer.connection.canOpenStream, false);
});

Deno.test("No word of room on a connection that takes no streams any more", () => {
  const peer = new TestPeer("client", { settings: [[3, 1]] });
  peer.request();
  assert.throws(() => peer.request(), RangeError);
  peer.send(goaway(1, 0));
  peer.send(resetStream(1, 8));
  peer.wantEvents("goaway 1 NO_ERROR", "reset 1 CANCEL peer", "close");
});

Deno.test("A server may widen the window of each stream, though nothing is sent", () => {
  const peer = new TestPeer("client");
  for (let id = 1; id < 200; id += 2) {
    peer.request(GET, true);
    peer.send(windowUpdate(0, 1), windowUpdate(id, 1), peer.headers(id, OK, { endStream: true }));
  }
  assert.equal(peer.connection.isClosed, false);
});

Deno.test("Stream identifiers end at 2^31 - 1", () => {
  const registry = new StreamRegistry("client");
  for (let id = 1; id < 2 ** 31 - 1; id += 2) {
    registry.takeLocalId();
  }
  assert.equal(registry.isExhausted, false);
  assert.equal(registry.takeLocalId(), 2 ** 31 - 1);
  assert.equal(registry.isExhausted, true);
});

Deno.test("A client answers PING and SETTINGS", () => {
  const peer = new TestPeer("client");
  peer.send(ping("12345678"), settings([4, 10]), ping("abcdefgh", { ack: true }));
  peer.wantOnly("PING 3132333435363738 ack", "SETTINGS ack");
});

Deno.test("The connection is ready with the server's first SETTINGS, whose limits hold then, and once only", () => {
  for (const chunkLength of [Infinity, 1]) {
    const rooms: boolean[] = [];
    const peer: TestPeer = new TestPeer("client", {
      handshake: false,
      chunkLength,
      handler: { onReady: () => rooms.push(peer.connection.canOpenStream) },
    });
    peer.send(settings([3, 0]).subarray(0, -1));
    assert.deepEqual(rooms, []);
    peer.send(settings([3, 0]).subarray(-1));
    assert.deepEqual(rooms, [false]);
    peer.send(settings([3, 1]));
    assert.deepEqual(rooms, [false]);
    assert.equal(peer.connection.canOpenStream, true);
  }
});

Deno.test("SETTINGS that are at fault make no connection ready", () => {
  let isReady = false;
  const peer = new TestPeer("client", { handshake: false, handler: { onReady: () => isReady = true } });
  peer.send(settings([5, 1]));
  assert.equal(isReady, false);
  peer.wantEvents("close PROTOCOL_ERROR local");
});
