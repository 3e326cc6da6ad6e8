/** Flow control through the connection: nothing is sent that was not granted, and nothing that was granted is lost (RFC 9113 §6.9). */
import assert from "node:assert/strict";
import type { Http2Stream } from "../../src/http2/mod.ts";
import { data, ping, resetStream, settings, windowUpdate } from "../support/frame_builder.ts";
import { fieldList, TestPeer } from "../support/test_peer.ts";

const OK = fieldList({ ":status": "200" });

/** What happens to a stream, and how many octets of DATA the peer sends with it. */
const MIXES: Readonly<Record<string, (peer: TestPeer, id: number) => Uint8Array[]>> = {
  "content with padding": (
    _peer,
    id,
  ) => [data(id, "abc", { padding: 200 }), data(id, "", { padding: 7, endStream: true })],
  "reset by the peer": (_peer, id) => [data(id, "abcd"), resetStream(id, 8), resetStream(id, 8)],
  "trailers": (peer, id) => [data(id, "abcdef"), peer.headers(id, { a: "b" }, { endStream: true })],
  "malformed trailers": (
    peer,
    id,
  ) => [data(id, "abcdef"), peer.headers(id, { A: "b" }, { endStream: true }), data(id, "more")],
  "content above the window": (_peer, id) => [data(id, new Uint8Array(301)), data(id, "more")],
  "content after the end": (_peer, id) => [data(id, "abc", { endStream: true }), data(id, "more", { padding: 3 })],
  "a number that is refused": (_peer, id) => [windowUpdate(id, 0), data(id, "late")],
};

for (const releases of [true, false]) {
  Deno.test(`The connection's window comes back in full, whatever becomes of streams (${releases ? "" : "not "}released)`, () => {
    for (const [what, octets] of Object.entries(MIXES)) {
      for (const chunkLength of [Infinity, 1, 5]) {
        const limits = { connectionWindowSize: 65_535, streamWindowSize: 300, resetBurst: 1e5 };
        const peer = new TestPeer("server", { limits, chunkLength, releases });
        let available = 65_535;
        for (let id = 1; id < 60; id += 2) {
          peer.open(id);
          const parts = octets(peer, id);
          for (const part of parts) {
            peer.send(part);
            available -= part[3] === 0 ? part.length - 9 : 0;
          }
          peer.stream(id).respond(OK, true); // Perhaps early, perhaps too late.
        }
        assert.deepEqual(peer.take().filter((text) => text.startsWith("WINDOW_UPDATE 0")), [], what);
        assert.equal(peer.connection.streamCount, 0, what);
        wantReturned(peer, available, what);
      }
    }
  });
}

/** Sends on streams that are answered early, until the connection's WINDOW_UPDATE says that everything came back. */
function wantReturned(peer: TestPeer, available: number, what: string): void {
  const half = Math.ceil(65_535 / 2);
  let left = half - (65_535 - available);
  peer.open(101);
  peer.stream(101).respond(OK, true);
  peer.take();
  assert.ok(left > 1, what);
  for (; left > 1;) {
    const length = Math.min(left - 1, 16_000);
    peer.send(data(101, new Uint8Array(length)));
    left -= length;
  }
  peer.wantIdle();
  peer.send(data(101, "x"));
  assert.deepEqual(peer.take(), [`WINDOW_UPDATE 0 ${half}`], what);
}

/** A server's stream 1 that has sent its head. */
function answering(peer: TestPeer, id = 1): Http2Stream {
  peer.open(id);
  const stream = peer.stream(id);
  stream.respond(OK);
  peer.take();
  return stream;
}

/** Octets of DATA that the connection sends now. */
function sent(peer: TestPeer): number {
  return peer.takeFrames().reduce((sum, { type, payload }) => sum + (type === 0 ? payload.length : 0), 0);
}

Deno.test("No octet is sent above the stream's window, also when SETTINGS change it, also below zero", () => {
  const peer = new TestPeer("server", { settings: [[4, 10]] });
  const stream = answering(peer);
  stream.write(new Uint8Array(100));
  assert.equal(sent(peer), 10);
  peer.send(settings([4, 15]));
  assert.equal(sent(peer), 5);
  peer.send(settings([4, 0])); // The window is -15 now.
  peer.send(windowUpdate(1, 15));
  assert.equal(sent(peer), 0);
  peer.send(windowUpdate(1, 1));
  assert.equal(sent(peer), 1);
  peer.send(settings([4, 4], [4, 3], [4, 4])); // Each in its turn.
  assert.equal(sent(peer), 4);
  const other = answering(peer, 3);
  other.write(new Uint8Array(100));
  assert.equal(sent(peer), 4);
});

Deno.test("A window of one octet, and one of none", () => {
  const peer = new TestPeer("server", { settings: [[4, 1]] });
  const stream = answering(peer);
  stream.end(Uint8Array.of(0x61, 0x62, 0x63));
  const frames = peer.take();
  for (let round = 0; round < 2; round++) {
    peer.send(windowUpdate(1, 1));
    frames.push(...peer.take());
  }
  assert.deepEqual(frames, ['DATA 1 "a"', 'DATA 1 "b"', 'DATA 1 "c" end', "RST_STREAM 1 NO_ERROR"]);
  peer.send(settings([4, 0]));
  peer.take();
  const closed = answering(peer, 3);
  closed.end(); // Needs no window.
  peer.wantOnly('DATA 3 "" end', "RST_STREAM 3 NO_ERROR");
  answering(peer, 5).endWithTrailers([{ name: "a", value: "b" }]);
  peer.wantOnly("HEADERS 5 a=b end", "RST_STREAM 5 NO_ERROR");
});

Deno.test("The connection's window bounds all streams together", () => {
  const peer = new TestPeer("server", { settings: [[4, 2 ** 20]] });
  const streams = [1, 3, 5].map((id) => answering(peer, id));
  streams.forEach((stream) => stream.write(new Uint8Array(40_000)));
  assert.equal(sent(peer), 65_535);
  peer.send(windowUpdate(0, 10));
  assert.equal(sent(peer), 10);
  peer.send(windowUpdate(0, 2 ** 20));
  assert.equal(sent(peer), 120_000 - 65_545);
});

Deno.test("Content is split by the frames that the peer takes, and ours", () => {
  const peer = new TestPeer("server", { settings: [[4, 2 ** 20]] });
  const stream = answering(peer);
  stream.write(new Uint8Array(16_385));
  peer.wantOnly("DATA 1 of 16384", `DATA 1 ${JSON.stringify("\0")}`);
  peer.send(settings([5, 2 ** 20]));
  peer.take();
  stream.write(new Uint8Array(16_385));
  peer.wantOnly("DATA 1 of 16384", `DATA 1 ${JSON.stringify("\0")}`);
});

Deno.test("Who writes is told when the queue is full, and when it is not any more", () => {
  const peer = new TestPeer("server", { settings: [[4, 0]], limits: { maxStreamSendQueue: 100 } });
  const stream = answering(peer);
  assert.equal(stream.write(new Uint8Array(99)), true);
  assert.equal(stream.write(new Uint8Array(1)), false);
  assert.throws(
    () => stream.write(new Uint8Array(1)),
    { name: "RangeError", message: "Cannot send DATA on stream 1: its queue is full" },
  );
  assert.equal(peer.connection.bufferedLength, 100);
  peer.send(windowUpdate(1, 99));
  peer.wantEvents("request 1 POST /");
  peer.send(windowUpdate(1, 1));
  peer.wantEvents("writable 1");
  assert.equal(stream.write(new Uint8Array(1)), true);
  assert.equal(stream.write(new Uint8Array(98)), true);
  stream.end(new Uint8Array(1000)); // The last may be as large as it likes.
  peer.take();
  peer.send(windowUpdate(1, 2000));
  assert.equal(sent(peer), 1099);
  peer.wantEvents();
});

Deno.test("A full queue may be ended, with trailers, with a last chunk, and without", () => {
  const peer = new TestPeer("server", { settings: [[4, 0]], limits: { maxStreamSendQueue: 1 } });
  const [first, second, third] = [answering(peer, 1), answering(peer, 3), answering(peer, 5)];
  for (const stream of [first, second, third]) {
    assert.equal(stream.write(Uint8Array.of(0x61)), false);
  }
  first.endWithTrailers([{ name: "a", value: "b" }]);
  second.end();
  third.end(Uint8Array.of(0x62));
  peer.send(windowUpdate(1, 1), windowUpdate(3, 1), windowUpdate(5, 2));
  assert.deepEqual(peer.take().filter((text) => !text.startsWith("RST")), [
    'DATA 1 "a"',
    "HEADERS 1 a=b end",
    'DATA 3 "a" end',
    'DATA 5 "a"',
    'DATA 5 "b" end',
  ]);
});

Deno.test("Queues of all streams together are bounded, too", () => {
  const limits = { maxStreamSendQueue: 100, maxConnectionSendQueue: 150 };
  const peer = new TestPeer("server", { settings: [[4, 0]], limits });
  const [first, second, third] = [1, 3, 5].map((id) => answering(peer, id));
  assert.equal(first!.write(new Uint8Array(90)), true);
  assert.equal(second!.write(new Uint8Array(59)), true);
  assert.equal(third!.write(new Uint8Array(1)), false);
  assert.equal(first!.write(new Uint8Array(1)), false);
  first!.reset();
  assert.equal(peer.connection.bufferedLength - 13, 60); // And RST_STREAM.
  peer.send(windowUpdate(5, 1));
  assert.equal(peer.events.at(-1), "writable 5");
  assert.equal(third!.write(new Uint8Array(1)), true);
});

Deno.test("Control frames come before content, and streams have their turns", () => {
  const peer = new TestPeer("server", { settings: [[4, 0]], limits: { maxConnectionSendQueue: 2 ** 30 } });
  const ids = [1, 3, 5, 7];
  for (const id of ids) {
    answering(peer, id).end(new Uint8Array(50_000));
  }
  peer.take();
  // All windows are opened in one go; the connection's is larger than what is queued.
  peer.send(ping("12345678"), windowUpdate(0, 2 ** 20), settings([4, 2 ** 20]), ping("abcdefgh"));
  const order = peer.take().filter((text) => !text.startsWith("RST_STREAM"));
  const pings = order.filter((text) => text.startsWith("PING"));
  assert.deepEqual(order.slice(0, 3), [pings[0], "SETTINGS ack", pings[1]]);
  const turns = order.slice(3).map((text) => Number(text.split(" ")[1]));
  // One frame each, until the first are done.
  assert.deepEqual(turns.slice(0, 8).toSorted((a, b) => a - b), [1, 1, 3, 3, 5, 5, 7, 7], order.join());
  for (const id of ids) {
    const others = turns.slice(0, turns.indexOf(id)).filter((other) => other !== id);
    assert.equal(new Set(others).size, others.length, "nobody has a second turn before all had their first");
  }
});

Deno.test("A stream that begins to send takes one turn from those that wait", () => {
  const peer = new TestPeer("server", { settings: [[4, 2 ** 20]] });
  const first = answering(peer, 1);
  first.end(new Uint8Array(100_000)); // More than the connection's window.
  peer.take();
  const second = answering(peer, 3);
  second.end(new Uint8Array(100_000));
  peer.send(windowUpdate(0, 40_000));
  const lines = peer.take().filter((text) => text.startsWith("DATA"));
  assert.ok(
    lines.some((text) => text.startsWith("DATA 1")) && lines.some((text) => text.startsWith("DATA 3")),
    lines.join(),
  );
});

Deno.test("Content is reserved where there is room, and written elsewhere", () => {
  const peer = new TestPeer("server", { settings: [[4, 10]] });
  const stream = answering(peer);
  assert.equal(stream.reserve(11), -1);
  const offset = stream.reserve(10);
  assert.ok(offset >= 0);
  stream.outputBuffer.set([0x61, 0x62, 0x63], offset);
  stream.commit(3);
  peer.wantOnly('DATA 1 "abc"');
  assert.equal(stream.reserve(8), -1);
  stream.reserve(7);
  stream.commit(0);
  peer.wantIdle();
  stream.write(new Uint8Array(8));
  assert.equal(sent(peer), 7);
  assert.equal(stream.reserve(1), -1, "what waits comes first");
  peer.send(windowUpdate(1, 2 ** 20));
  peer.take();
  assert.equal(stream.reserve(16_385), -1);
  assert.ok(stream.reserve(16_384) >= 0);
  stream.commit(16_384);
  stream.end();
  peer.wantFrames("DATA 1 of 16384", 'DATA 1 "" end');
});

Deno.test("Padding comes back to the stream's window, without anybody's doing", () => {
  const peer = new TestPeer("server", { limits: { streamWindowSize: 300 }, releases: false });
  peer.open(1);
  let available = 300;
  for (let round = 0; round < 100; round++) {
    peer.send(data(1, "", { padding: 99 }));
    available -= 100;
    for (const text of peer.take()) {
      available += Number(/^WINDOW_UPDATE 1 (\d+)$/.exec(text)?.[1] ?? 0);
    }
    assert.ok(available >= 100);
  }
});

Deno.test("What nobody releases is what a peer cannot send", () => {
  const limits = { streamWindowSize: 100, connectionWindowSize: 65_535 };
  const peer = new TestPeer("server", { limits, releases: false });
  peer.open(1);
  peer.send(data(1, new Uint8Array(100)));
  peer.wantIdle();
  peer.stream(1).release(49);
  peer.wantIdle();
  peer.stream(1).release(1);
  peer.wantOnly("WINDOW_UPDATE 1 50");
  assert.throws(
    () => peer.stream(1).release(51),
    { name: "RangeError", message: "Cannot release 51 octets of stream 1: it holds 50" },
  );
  peer.send(data(1, new Uint8Array(51)));
  peer.wantOnly("RST_STREAM 1 FLOW_CONTROL_ERROR");
});

Deno.test("The connection's window is checked to the octet", () => {
  for (const above of [0, 1]) {
    const peer = new TestPeer("server", { limits: { connectionWindowSize: 65_535 }, releases: false });
    peer.open(1);
    for (let index = 0; index < 4; index++) {
      peer.send(data(1, new Uint8Array(16_000)));
    }
    peer.send(data(1, new Uint8Array(1535 + above)));
    peer.wantOnly(...above === 0 ? [] : ["GOAWAY 1 FLOW_CONTROL_ERROR"]);
  }
});
