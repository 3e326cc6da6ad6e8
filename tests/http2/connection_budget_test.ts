/** What a connection keeps for its peer: how it counts, and what is refused. Whatever happens, nothing is left in the end. */
import assert from "node:assert/strict";
import { ByteBudget } from "../../src/http/mod.ts";
import { continuation, data, headers, resetStream, settings, windowUpdate } from "../support/frame_builder.ts";
import { fieldList, REQUEST, TestPeer, type TestPeerOptions } from "../support/test_peer.ts";

const OK = fieldList({ ":status": "200" });

/** A server's connection that may keep so many bytes, and whose peer opens no windows. */
function scene(maxConnectionBytes: number, options: TestPeerOptions = {}): { peer: TestPeer; budget: ByteBudget } {
  const budget = new ByteBudget({ maxBytes: 2 ** 30, maxConnectionBytes });
  return { peer: new TestPeer("server", { settings: [[4, 0]], budget, ...options }), budget };
}

function answer(peer: TestPeer, id: number, length: number): void {
  peer.stream(id).respond(OK);
  peer.stream(id).end(new Uint8Array(length));
}

Deno.test("Responses that nobody takes count, and the largest is reset when they are more than the limit", () => {
  const { peer, budget } = scene(10_000);
  peer.open(1, 3, 5);
  answer(peer, 1, 3000);
  answer(peer, 3, 5000);
  answer(peer, 5, 2000);
  assert.equal(budget.bytes, 10_000);
  peer.events.length = 0;
  peer.open(7);
  peer.take();
  answer(peer, 7, 1);
  peer.wantOnly("HEADERS 7 :status=200", "RST_STREAM 3 ENHANCE_YOUR_CALM");
  peer.wantEvents("request 7 POST /", "reset 3 ENHANCE_YOUR_CALM local");
  assert.equal(budget.bytes, 5001);
  peer.connection.close();
  assert.equal(budget.bytes, 0);
});

Deno.test("A response that is too large by itself is reset, and its handler is told before it has gone on", () => {
  const { peer, budget } = scene(10_000);
  peer.open(1);
  peer.stream(1).respond(OK);
  assert.equal(peer.stream(1).write(new Uint8Array(10_001)), true, "what follows is dropped");
  assert.ok(peer.stream(1).isClosed);
  peer.stream(1).end(new Uint8Array(10));
  peer.wantOnly("HEADERS 1 :status=200", "RST_STREAM 1 ENHANCE_YOUR_CALM");
  assert.equal(budget.bytes, 0);
});

Deno.test("What the peer takes is free again, by whatever end", () => {
  const { peer, budget } = scene(1e6);
  peer.open(1, 3, 5, 7);
  for (const id of [1, 3, 5, 7]) {
    answer(peer, id, 20_000);
  }
  assert.equal(budget.bytes, 80_000);
  peer.send(windowUpdate(1, 5000));
  assert.equal(budget.bytes, 75_000);
  peer.send(windowUpdate(1, 15_000));
  assert.equal(budget.bytes, 60_000);
  peer.send(resetStream(3, 8));
  assert.equal(budget.bytes, 40_000);
  peer.stream(5).reset();
  assert.equal(budget.bytes, 20_000);
  peer.connection.handleEof();
  assert.equal(budget.bytes, 0);
});

Deno.test("Output that the socket does not take counts, and is forgotten with the socket", () => {
  const { peer, budget } = scene(1e6, { settings: [[4, 1e6]] });
  peer.open(1);
  peer.send(windowUpdate(0, 1e6));
  answer(peer, 1, 20_000);
  const output = peer.connection.pollOutput()!;
  assert.equal(budget.bytes, output.length);
  peer.connection.releaseOutput(output);
  assert.equal(budget.bytes, 0);
  peer.open(3);
  answer(peer, 3, 20_000);
  const lost = peer.connection.pollOutput()!;
  peer.connection.handleEof();
  assert.equal(budget.bytes, lost.length);
  peer.connection.handleClosed();
  assert.equal(budget.bytes, 0);
  peer.connection.releaseOutput(lost); // The write ends after that.
  assert.equal(budget.bytes, 0);
});

Deno.test("A connection whose output is the most there is is left to its driver", () => {
  const budget = new ByteBudget({ maxBytes: 20_000, maxConnectionBytes: 2 ** 30 });
  const peer = new TestPeer("server", { settings: [[4, 1e6]], budget });
  peer.open(1);
  answer(peer, 1, 20_000);
  peer.events.length = 0;
  peer.connection.pollOutput();
  peer.wantEvents("refused maxBufferedBytes");
});

Deno.test("What the owner keeps for requests counts, and the largest is answered, or reset", () => {
  for (const answers of [true, false]) {
    const { peer, budget } = scene(10_000, {
      streamHandler: answers ? { onRefused: (stream) => stream.respond(OK, true) } : {},
    });
    peer.open(1, 3);
    peer.stream(1).keep(6000);
    peer.stream(3).keep(4000);
    assert.equal(budget.bytes, 10_000);
    peer.take();
    peer.events.length = 0;
    peer.stream(3).keep(4001);
    if (answers) {
      peer.wantOnly("HEADERS 1 :status=200 end", "RST_STREAM 1 NO_ERROR");
      peer.wantEvents("refused 1 maxConnectionBufferedBytes");
    } else {
      peer.wantOnly("RST_STREAM 1 ENHANCE_YOUR_CALM");
      peer.wantEvents("reset 1 ENHANCE_YOUR_CALM local");
    }
    // Its handler goes on, and has its bytes.
    assert.equal(budget.bytes, 10_001);
    peer.stream(1).keep(0);
    assert.equal(budget.bytes, 4001);
    peer.stream(3).keep(0);
    assert.equal(budget.bytes, 0);
  }
});

Deno.test("A handler that does nothing about a refusal has its stream reset", () => {
  const { peer } = scene(10_000, { streamHandler: { onRefused: () => {} } });
  peer.open(1);
  peer.take();
  peer.stream(1).keep(10_001);
  peer.wantOnly("RST_STREAM 1 ENHANCE_YOUR_CALM");
});

Deno.test("Of streams that keep the same the last one is refused", () => {
  const { peer } = scene(10_000);
  peer.open(1, 3);
  peer.take();
  peer.stream(1).keep(5000);
  peer.stream(3).keep(5000);
  peer.wantIdle();
  peer.open(5);
  peer.stream(5).keep(1);
  peer.wantOnly("RST_STREAM 3 ENHANCE_YOUR_CALM");
});

Deno.test("Large field blocks count for as long as their stream, small ones do not", () => {
  const { peer, budget } = scene(1e6);
  const block = peer.block({ ...REQUEST, a: "~".repeat(5000) });
  peer.send(headers(1, block));
  assert.equal(budget.bytes, block.length);
  peer.open(3);
  assert.equal(budget.bytes, block.length);
  peer.send(resetStream(1, 8));
  assert.equal(budget.bytes, 0);
});

Deno.test("A request of which the field block alone is too much never gets to a handler", () => {
  const { peer, budget } = scene(5000);
  peer.send(peer.headers(1, { ...REQUEST, a: "~".repeat(5001) }));
  peer.wantOnly("RST_STREAM 1 ENHANCE_YOUR_CALM");
  peer.wantEvents();
  assert.equal(budget.bytes, 0);
});

Deno.test("Field blocks that are not complete count", () => {
  const { peer, budget } = scene(1e6);
  const block = peer.block({ ...REQUEST, a: "~".repeat(9000) });
  peer.send(headers(1, block.subarray(0, 6000), { endHeaders: false }));
  assert.ok(budget.bytes >= 6000);
  peer.send(continuation(1, block.subarray(6000)));
  assert.equal(budget.bytes, block.length);
  peer.send(headers(3, peer.block(REQUEST), { endHeaders: false }), headers(5, ""));
  peer.wantEvents("request 1 POST /", "reset 1 PROTOCOL_ERROR local", "close PROTOCOL_ERROR local");
  assert.equal(budget.bytes, 0);
});

// The rates

/** The peer opens a stream's window by so many octets, every so many milliseconds. Gives whether the stream is there at the end. */
function lives(octets: number, everyMs: number, forMs: number, options: TestPeerOptions = {}): boolean {
  const peer = new TestPeer("server", { settings: [[4, 0]], ...options });
  peer.open(1);
  peer.send(data(1, "", { endStream: true }), windowUpdate(0, 2 ** 30));
  answer(peer, 1, 4_000_000);
  for (let passedMs = 0; passedMs < forMs && !peer.stream(1).isClosed; passedMs += everyMs) {
    peer.advance(everyMs);
    peer.send(windowUpdate(1, octets));
  }
  return !peer.stream(1).isClosed;
}

Deno.test("A response of which the peer takes an octet every 15 seconds is reset, one of 1 KiB a second is not", () => {
  assert.equal(lives(1, 15_000, 61_000), false);
  assert.equal(lives(1024, 1000, 3_600_000), true);
  assert.equal(lives(240, 1000, 3_600_000), true);
  assert.equal(lives(230, 1000, 3_600_000), false);
  assert.equal(lives(1, 15_000, 3_600_000, { limits: { minResponseRate: 0 } }), true);
});

Deno.test("A peer that opens its window of 64 KiB by leaps, at 1 KiB a second, is not reset", () => {
  assert.equal(lives(32_768, 32_000, 3_600_000, { settings: [[4, 65_535]] }), true);
  assert.equal(lives(65_535, 64_000, 3_600_000, { settings: [[4, 65_535]] }), true);
});

Deno.test("Streams that share the connection's window are judged together", () => {
  for (const [octets, areThere] of [[240, true], [100, false]] as const) {
    const peer = new TestPeer("server", { settings: [[4, 2 ** 30]] });
    const ids = Array.from({ length: 100 }, (_, index) => 1 + 2 * index);
    peer.open(...ids);
    for (const id of ids) {
      peer.send(data(id, "", { endStream: true }));
      answer(peer, id, 100_000);
    }
    for (let seconds = 0; seconds < 600 && !peer.stream(1).isClosed; seconds++) {
      peer.advance(1000);
      peer.send(windowUpdate(0, octets));
      peer.take();
    }
    assert.equal(ids.every((id) => !peer.stream(id).isClosed), areThere, `${octets}`);
    assert.equal(peer.connection.isClosed, false);
  }
});

Deno.test("What waits for the socket alone is not judged here", () => {
  const peer = new TestPeer("server", { settings: [[4, 2 ** 30]] });
  peer.open(1);
  peer.send(data(1, "", { endStream: true }), windowUpdate(0, 2 ** 30));
  answer(peer, 1, 1_000_000);
  assert.ok(!peer.stream(1).isClosed);
  for (let calls = 0; calls < 100; calls++) {
    peer.nowMs += 30_000;
    peer.connection.handleTimeout(peer.nowMs);
    peer.connection.pollTimeout();
  }
  assert.ok(!peer.stream(1).isClosed);
});

/** The peer sends so many octets of a request every so many milliseconds. Gives what became of it. */
function sends(octets: number, everyMs: number, forMs: number, options: TestPeerOptions = {}): string | undefined {
  const peer = new TestPeer("server", options);
  peer.open(1);
  peer.events.length = 0;
  const content = "x".repeat(octets);
  for (let passedMs = 0; passedMs < forMs && !peer.stream(1).isClosed; passedMs += everyMs) {
    peer.advance(everyMs);
    if (octets > 0) {
      peer.send(data(1, content));
    }
  }
  return peer.events.find((event) => !event.startsWith("data"));
}

Deno.test("A request that comes too slowly is reset, one of 1 KiB a second is not", () => {
  assert.equal(sends(0, 1000, 61_000), "reset 1 CANCEL local");
  assert.equal(sends(1, 15_000, 61_000), "reset 1 CANCEL local");
  assert.equal(sends(230, 1000, 3_600_000), "reset 1 CANCEL local");
  assert.equal(sends(240, 1000, 3_600_000), undefined);
  assert.equal(sends(1024, 1000, 3_600_000), undefined);
  assert.equal(sends(1, 15_000, 3_600_000, { limits: { minBodyRate: 0 } }), undefined);
});

Deno.test("A request that comes too slowly is for its handler to answer, if it wants", () => {
  const streamHandler: TestPeerOptions["streamHandler"] = { onRefused: (stream) => stream.respond(OK, true) };
  assert.equal(sends(0, 1000, 61_000, { streamHandler }), "refused 1 minBodyRate");
  const peer = new TestPeer("server", { streamHandler });
  peer.open(1);
  peer.take();
  peer.advance(60_001);
  peer.wantOnly("HEADERS 1 :status=200 end", "RST_STREAM 1 NO_ERROR");
});

Deno.test("A request whose rest is not expected may be silent for as long as it likes, and has its time when it is", () => {
  const peer = new TestPeer("server");
  peer.open(1);
  peer.stream(1).awaitsRequest = false;
  peer.advance(10_000_000);
  assert.ok(!peer.stream(1).isClosed);
  peer.stream(1).awaitsRequest = true;
  peer.advance(29_999);
  assert.ok(!peer.stream(1).isClosed);
  peer.advance(30_001);
  assert.ok(peer.stream(1).isClosed);
});

Deno.test("A request that its handler does not read is not the peer's to go on with", () => {
  const peer = new TestPeer("server", { releases: false });
  peer.open(1);
  peer.send(data(1, "abc"));
  peer.advance(10_000_000);
  assert.ok(!peer.stream(1).isClosed);
  peer.stream(1).release(3);
  peer.advance(60_001);
  assert.ok(peer.stream(1).isClosed);
});

Deno.test("A request that has ended has no rate, however long its handler takes", () => {
  const peer = new TestPeer("server");
  peer.open(1);
  peer.send(data(1, "abc", { endStream: true }));
  peer.advance(10_000_000);
  assert.ok(!peer.stream(1).isClosed);
});

Deno.test("A client has no rates: servers may think, and take what they like", () => {
  const peer = new TestPeer("client", { settings: [[4, 0]] });
  const silent = peer.request(REQUEST, true);
  const stalled = peer.request(REQUEST);
  stalled.write(new Uint8Array(1000));
  for (let round = 0; round < 20; round++) {
    peer.advance(29_000);
    peer.send(windowUpdate(stalled.id, 1));
  }
  assert.ok(!silent.isClosed && !stalled.isClosed);
  peer.send(settings());
});
