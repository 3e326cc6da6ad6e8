import assert from "node:assert/strict";
import { Faults } from "../../src/http1/faults.ts";
import { answerText, Peer, type PeerOptions } from "../support/http1_peer.ts";

const HOST = "host: a\r\n";
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`;
const POST = `POST / HTTP/1.1\r\n${HOST}content-length: 1000\r\n\r\n`;
const limits = { headerTimeoutMs: 100, bodyTimeoutMs: 200, minBodyRate: 0, idleTimeoutMs: 1000 };

/** A connection that has had one request. */
function used(options: PeerOptions = {}): Peer {
  const peer = new Peer({ limits, onEnd: answerText("ok"), ...options });
  peer.send(GET);
  peer.output = "";
  return peer;
}

/** Nothing happens until then, and at that time it does. */
function assertDue(peer: Peer, afterMs: number, lastEntry: string): void {
  assert.equal(peer.connection.pollTimeout(), peer.nowMs + afterMs);
  peer.wait(afterMs - 1);
  assert(!peer.connection.isClosed);
  peer.wait(1);
  assert.equal(peer.log.at(-1), lastEntry);
  assert.equal(peer.connection.pollTimeout(), undefined);
}

const HEAD_TIMEOUT = `close ${Faults.HEAD_TIMEOUT.reason} (local, 408)`;
const BODY_TIMEOUT = `close ${Faults.BODY_TIMEOUT.reason} (local, 408)`;

Deno.test("a connection that says nothing", () => {
  const peer = new Peer({ limits });
  assertDue(peer, 100, "close clean");
  assert.equal(peer.output, "");
});

Deno.test("a head that does not end, whatever comes of it", () => {
  const peer = new Peer({ limits });
  peer.send("GET ");
  peer.wait(60);
  peer.send("/ HTTP");
  assertDue(peer, 40, HEAD_TIMEOUT);
  assert.match(peer.output, /^HTTP\/1.1 408 Request Timeout/);
});

Deno.test("a second head has its time from its first octet on", () => {
  const peer = used();
  peer.wait(900);
  peer.send("G");
  peer.wait(50);
  peer.send("E");
  assertDue(peer, 50, HEAD_TIMEOUT);
});

Deno.test("a connection that is idle", () => {
  const peer = used();
  assertDue(peer, 1000, "close clean");
  const other = used();
  other.wait(999);
  other.send("\r\n");
  assertDue(other, 1, "close clean");
  const busy = used();
  busy.wait(999);
  busy.send(GET);
  assertDue(busy, 1000, "close clean");
});

Deno.test("a request that is answered late has no deadline of ours", () => {
  const peer = new Peer({ limits });
  peer.send(GET);
  assert.equal(peer.connection.pollTimeout(), undefined);
  peer.nowMs += 100_000;
  answerText("ok")(peer.exchange);
  peer.flush();
  // The time of the command is not known, so it is asked for once more.
  peer.connection.handleTimeout(peer.nowMs);
  assertDue(peer, 1000, "close clean");
});

Deno.test("a body that does not come", () => {
  const peer = used();
  peer.send(POST);
  assertDue(peer, 200, BODY_TIMEOUT);
  assert.match(peer.output, /^HTTP\/1.1 408 /);
});

Deno.test("a body of which something comes in time, and then nothing", () => {
  const peer = used();
  peer.send(POST + "a");
  for (let piece = 0; piece < 5; piece++) {
    peer.wait(199);
    peer.send("a");
    peer.wait(1);
    assert(!peer.connection.isClosed);
    peer.send("a");
  }
  peer.wait(200);
  assertDue(peer, 200, BODY_TIMEOUT);
});

Deno.test("a body that is too slow", () => {
  for (const [octetsEach, isTooSlow] of [[10, false], [9, true]] as const) {
    const peer = used({ limits: { ...limits, minBodyRate: 50 } });
    peer.send(POST + "x".repeat(octetsEach));
    peer.wait(200);
    assert.equal(peer.connection.isClosed, isTooSlow);
  }
});

Deno.test("a body that the owner does not want yet has no deadline", () => {
  const peer = used({ limits: { ...limits, maxUnreleasedBody: 10 }, releases: false });
  const rest = peer.send(POST + "x".repeat(20));
  assert.equal(rest.length, 10);
  assert.equal(peer.connection.pollTimeout(), undefined);
  peer.nowMs += 100_000;
  peer.exchange.release(10);
  peer.connection.handleTimeout(peer.nowMs);
  assert(!peer.connection.isClosed);
  assertDue(peer, 200, BODY_TIMEOUT);
});

Deno.test("what nobody wants must come in time, too", () => {
  const peer = used({ onRequest: (exchange) => exchange.isRemotelyClosed ? undefined : answerText("no")(exchange) });
  peer.send(POST);
  assertDue(peer, 200, `close ${Faults.BODY_TIMEOUT.reason} (local)`);
});

Deno.test("trailers have the time of a head", () => {
  const peer = used();
  peer.send(`POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n0\r\nx`);
  peer.wait(50);
  peer.send(": y");
  assertDue(peer, 50, HEAD_TIMEOUT);
});

Deno.test("a connection that is old enough ends with the next answer", () => {
  const peer = new Peer({ limits: { idleTimeoutMs: 100_000 }, maxAgeMs: 5000 });
  peer.send(GET);
  peer.wait(4999);
  assert(!peer.connection.isDraining);
  peer.wait(1);
  assert(peer.connection.isDraining && !peer.connection.isClosed);
  answerText("ok")(peer.exchange);
  assert.match(peer.flush(), /connection: close/);
  assert(peer.connection.isClosed);
  const idle = used({ maxAgeMs: 500 });
  assertDue(idle, 500, "close clean");
});
