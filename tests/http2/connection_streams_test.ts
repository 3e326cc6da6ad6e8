/** Streams of a server from their beginning to their end (RFC 9113 §5.1, §8.1). */
import assert from "node:assert/strict";
import { data, resetStream, windowUpdate } from "../support/frame_builder.ts";
import { fieldList, REQUEST, TestPeer } from "../support/test_peer.ts";

const OK = fieldList({ ":status": "200" });

for (const chunkLength of [Infinity, 1]) {
  Deno.test(`A request with content and trailers is answered with content and trailers (chunks of ${chunkLength})`, () => {
    const peer = new TestPeer("server", { chunkLength });
    peer.send(
      peer.headers(1, REQUEST),
      data(1, "a", { padding: 3 }),
      data(1, "b"),
      peer.headers(1, { sum: "2" }, { endStream: true }),
    );
    peer.wantEvents("request 1 POST /", 'data 1 "a"', 'data 1 "b"', "trailers 1 sum=2");
    const stream = peer.stream(1);
    assert.ok(stream.isRemotelyClosed && !stream.isClosed);
    stream.respond(OK);
    stream.write(Uint8Array.of(0x63));
    stream.endWithTrailers(fieldList({ "grpc-status": "0" }));
    peer.wantOnly("HEADERS 1 :status=200", 'DATA 1 "c"', "HEADERS 1 grpc-status=0 end");
    assert.ok(stream.isClosed);
    assert.equal(peer.connection.streamCount, 0);
    peer.wantEvents();
  });
}

Deno.test("Interim responses come before the response, any number of them", () => {
  const peer = new TestPeer("server");
  peer.open(1);
  const stream = peer.stream(1);
  stream.sendInformation(fieldList({ ":status": "100" }));
  stream.sendInformation(fieldList({ ":status": "103", link: "x" }));
  stream.respond(OK);
  peer.wantOnly("HEADERS 1 :status=100", "HEADERS 1 :status=103 link=x", "HEADERS 1 :status=200");
  assert.throws(
    () => stream.sendInformation(fieldList({ ":status": "103" })),
    { name: "TypeError", message: /interim response on stream 1: the response was sent, the stream is open/ },
  );
  peer.wantIdle();
});

Deno.test("An early answer resets the stream without an error, and what was on its way is dropped", () => {
  const peer = new TestPeer("server");
  peer.open(1);
  peer.send(data(1, "abc"));
  peer.stream(1).respond(OK, true);
  peer.wantOnly("HEADERS 1 :status=200 end", "RST_STREAM 1 NO_ERROR");
  peer.wantEvents("request 1 POST /", 'data 1 "abc"');
  // Neither an error nor a fault that is counted: far more than `resetBurst`.
  for (let index = 0; index < 2000; index++) {
    peer.send(data(1, "x"));
  }
  peer.send(windowUpdate(1, 10), peer.headers(1, { late: "1" }, { endStream: true }), resetStream(1, 8));
  peer.wantIdle();
  peer.wantEvents();
  peer.send(peer.headers(3, { ...REQUEST, late: "1" }, { endStream: true }));
  peer.wantEvents("request 3 POST / end");
});

Deno.test("An early answer in the middle of a DATA frame drops the rest of the frame", () => {
  const peer = new TestPeer("server", {
    streamHandler: { onData: (stream) => stream.respond(OK, true) },
    releases: false,
  });
  peer.open(1);
  const frame = data(1, "abcdef", { padding: 5 });
  peer.send(frame.subarray(0, 11));
  peer.send(frame.subarray(11, 14), frame.subarray(14));
  peer.wantEvents("request 1 POST /", 'data 1 "a"');
  peer.wantOnly("HEADERS 1 :status=200 end", "RST_STREAM 1 NO_ERROR");
  peer.send(peer.headers(3, REQUEST, { endStream: true }));
  peer.wantEvents("request 3 POST / end");
});

Deno.test("An answer after the end of the request resets nothing", () => {
  const peer = new TestPeer("server");
  peer.send(peer.headers(1, REQUEST, { endStream: true }));
  peer.stream(1).respond(OK);
  peer.stream(1).end();
  peer.wantOnly("HEADERS 1 :status=200", 'DATA 1 "" end');
  peer.stream(1).reset(); // Too late, and no mistake.
  peer.wantIdle();
});

Deno.test("A stream that the peer resets is over at once, and commands do nothing", () => {
  const peer = new TestPeer("server");
  peer.open(1, 3);
  peer.stream(3).respond(OK);
  peer.take();
  peer.send(resetStream(1, 8), resetStream(3, 0x99));
  peer.wantEvents("request 1 POST /", "request 3 POST /", "reset 1 CANCEL peer", "reset 3 0x99 peer");
  const [first, second] = [peer.stream(1), peer.stream(3)];
  first.sendInformation(fieldList({ ":status": "103" }));
  first.respond(OK);
  first.release(5);
  first.reset();
  assert.equal(second.write(new Uint8Array(10)), true);
  assert.equal(second.reserve(10), -1);
  second.end();
  second.reset();
  peer.wantIdle();
  assert.equal(peer.connection.streamCount, 0);
});

Deno.test("RST_STREAM of REFUSED_STREAM says that nothing was done", () => {
  const peer = new TestPeer("client");
  peer.request();
  peer.request();
  peer.send(resetStream(1, 7), resetStream(3, 8));
  peer.wantEvents("reset 1 REFUSED_STREAM peer unprocessed", "reset 3 CANCEL peer");
});

Deno.test("A stream that we reset is over, with the code that was given", () => {
  const peer = new TestPeer("server");
  peer.open(1, 3);
  peer.stream(1).reset();
  peer.stream(3).reset(2);
  peer.wantOnly("RST_STREAM 1 CANCEL", "RST_STREAM 3 INTERNAL_ERROR");
  peer.send(data(1, "x"), data(3, "x", { endStream: true }), peer.headers(1, { a: "b" }, { endStream: true }));
  peer.wantIdle();
  peer.wantEvents("request 1 POST /", "request 3 POST /");
});

Deno.test("The 128th stream at a time is served, the 129th is refused, and comes when there is room", () => {
  const peer = new TestPeer("server");
  const ids = Array.from({ length: 128 }, (_, index) => 2 * index + 1);
  peer.open(...ids);
  assert.equal(peer.connection.streamCount, 128);
  peer.wantIdle();
  peer.send(peer.headers(257, REQUEST, { endStream: true }));
  peer.wantOnly("RST_STREAM 257 REFUSED_STREAM");
  peer.send(resetStream(1, 8), peer.headers(259, REQUEST, { endStream: true }));
  peer.wantIdle();
  assert.equal(peer.events.at(-1), "request 259 POST / end");
});

Deno.test("A stream counts as open until its answer is written, though the request has ended", () => {
  const peer = new TestPeer("server", { limits: { maxConcurrentStreams: 1 }, settings: [[4, 2]] });
  peer.send(peer.headers(1, REQUEST, { endStream: true }));
  peer.stream(1).respond(OK);
  peer.stream(1).end(Uint8Array.of(0x61, 0x62, 0x63));
  peer.send(peer.headers(3, REQUEST, { endStream: true }));
  peer.wantOnly("HEADERS 1 :status=200", 'DATA 1 "ab"', "RST_STREAM 3 REFUSED_STREAM");
  peer.send(windowUpdate(1, 1), peer.headers(5, REQUEST, { endStream: true }));
  // What was queued is written when it is polled: the room is there for what comes after.
  assert.deepEqual(peer.take().filter((text) => text.startsWith("DATA")), ['DATA 1 "c" end']);
  peer.send(peer.headers(7, REQUEST, { endStream: true }));
  peer.wantIdle();
});

Deno.test("100,000 streams leave nothing behind", () => {
  const peer = new TestPeer("server", { limits: { resetBurst: 1e6 } });
  for (let id = 1; id < 200_000; id += 2) {
    peer.send(peer.headers(id, REQUEST));
    const stream = peer.stream(id);
    peer.streams.delete(id);
    switch (id % 3) {
      case 0:
        stream.reset();
        break;
      case 1:
        stream.respond(OK, true);
        break;
      case 2:
        peer.send(data(id, "", { endStream: true }));
        stream.respond(OK, true);
        break;
    }
    peer.take();
    if (id % 4001 === 0) {
      assert.equal(peer.connection.streamCount, 0);
      assert.equal(peer.connection.bufferedLength, 0);
    }
    peer.events.length = 0;
  }
  // Those that were reset are remembered, at least the last 256 of them.
  peer.send(data(199_995, "x"), data(199_001, "x"));
  assert.equal(peer.connection.isClosed, false);
});

Deno.test("A request whose field section is too large is answered with 431", () => {
  const peer = new TestPeer("server", { limits: { maxHeaderListSize: 1000 } });
  const of = (size: number) => ({ ...REQUEST, a: "x".repeat(size - 33 - size0) });
  const size0 = Object.entries(REQUEST).reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  peer.send(peer.headers(1, of(1000), { endStream: true }));
  peer.wantEvents("request 1 POST / end");
  peer.send(peer.headers(3, of(1001), { endStream: true }));
  peer.wantOnly("HEADERS 3 :status=431 end");
  peer.send(peer.headers(5, of(1001)), data(5, "late", { endStream: true }));
  peer.wantOnly("HEADERS 5 :status=431 end", "RST_STREAM 5 NO_ERROR");
  peer.wantEvents();
});
