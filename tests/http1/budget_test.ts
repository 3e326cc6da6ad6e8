/** What a connection keeps for its peer: how it counts, and what is refused. */
import assert from "node:assert/strict";
import { ByteBudget } from "../../src/http/mod.ts";
import { answerText, Peer, type PeerOptions } from "../support/http1_peer.ts";

const HOST = "host: a\r\n";
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`;
const POST = `POST / HTTP/1.1\r\n${HOST}content-length: 1000000\r\n\r\n`;
const OK = [{ name: ":status", value: "200" }];

function scene(maxConnectionBytes: number, options: PeerOptions = {}): { peer: Peer; budget: ByteBudget } {
  const budget = new ByteBudget({ maxBytes: 2 ** 30, maxConnectionBytes });
  return { peer: new Peer({ budget, ...options }), budget };
}

Deno.test("a small answer does not count, a large one does until it is written", () => {
  const { peer, budget } = scene(1e6, {
    onEnd: (exchange) => {
      exchange.respond(OK);
      exchange.end(new Uint8Array(exchange.id === 1 ? 1000 : 100_000));
    },
  });
  peer.connection.handleInput(new TextEncoder().encode(GET), 0);
  assert.equal(budget.bytes, 0);
  peer.flush();
  peer.connection.handleInput(new TextEncoder().encode(GET), 0);
  assert.ok(budget.bytes >= 100_000 && budget.bytes < 101_000);
  peer.flush();
  assert.equal(budget.bytes, 0);
});

Deno.test("an answer that is more than the limit ends the connection, and nothing is left", () => {
  for (const [length, isRefused] of [[99_000, false], [100_001, true]] as const) {
    const { peer, budget } = scene(100_000);
    peer.send(GET);
    peer.exchange.respond(OK);
    peer.exchange.end(new Uint8Array(length));
    assert.equal(peer.connection.isClosed, isRefused);
    assert.equal(peer.log.includes("refused maxConnectionBufferedBytes"), isRefused);
    peer.connection.handleClosed();
    assert.equal(budget.bytes, 0);
  }
});

Deno.test("an answer that is written in pieces and not taken ends the connection at the limit", () => {
  const { peer, budget } = scene(50_000, { limits: { maxSendQueue: 1e6 } });
  peer.send(GET);
  peer.exchange.respond(OK);
  for (let pieces = 0; pieces < 49; pieces++) {
    peer.exchange.write(new Uint8Array(1000));
  }
  assert.ok(!peer.connection.isClosed);
  peer.exchange.write(new Uint8Array(1000));
  assert.ok(peer.connection.isClosed);
  assert.match(peer.log.join(), /reset The connection has more bytes wait/);
  assert.equal(budget.bytes, 0);
});

Deno.test("what the owner keeps of a request counts, and above the limit it is answered", () => {
  const { peer, budget } = scene(100_000);
  peer.exchanges.length = 0;
  peer.send(POST + "x");
  peer.exchange.handler = {
    onData: () => {},
    onTrailers: () => {},
    onWritable: () => {},
    onReset: () => {},
    onRefused: (exchange) => answerText("too much")(exchange as typeof peer.exchange),
  };
  peer.exchange.keep(100_000);
  assert.equal(budget.bytes, 100_000);
  peer.exchange.keep(100_001);
  assert.match(peer.flush(), /^HTTP\/1.1 200 OK[^]*connection: close[^]*too much$/);
  assert.ok(peer.connection.isClosed);
  assert.equal(budget.bytes, 100_001, "its handler goes on");
  peer.exchange.keep(0);
  assert.equal(budget.bytes, 0);
});

Deno.test("an owner who does nothing about it loses the connection", () => {
  const { peer, budget } = scene(100_000);
  peer.send(POST + "x");
  peer.exchange.keep(100_001);
  assert.equal(peer.flush(), "", "the driver has closed the socket");
  assert.ok(peer.connection.isClosed);
  peer.exchange.keep(0);
  assert.equal(budget.bytes, 0);
});

Deno.test("large heads count, as long as they are not complete and as long as their request goes on", () => {
  const { peer, budget } = scene(1e6);
  const field = `a: ${"~".repeat(10_000)}\r\n`;
  peer.send(`GET / HTTP/1.1\r\n${field}`);
  assert.ok(budget.bytes >= 10_000);
  peer.send(`${HOST}\r\n`);
  assert.ok(budget.bytes >= 10_000);
  answerText("ok")(peer.exchange);
  assert.equal(budget.bytes, 0);
  peer.send(`GET / HTTP/1.1\r\n${field}`);
  assert.ok(budget.bytes >= 10_000);
  peer.connection.handleEof();
  assert.equal(budget.bytes, 0);
});

// The rate

/** The peer sends so many octets of a body every so many milliseconds. Gives whether the connection is there at the end. */
function lives(octets: number, everyMs: number, forMs: number, options: PeerOptions = {}): boolean {
  const peer = new Peer(options);
  peer.send(`POST / HTTP/1.1\r\n${HOST}content-length: 100000000\r\n\r\n`);
  for (let passedMs = 0; passedMs < forMs && !peer.connection.isClosed; passedMs += everyMs) {
    peer.wait(everyMs);
    peer.send("x".repeat(octets));
  }
  return !peer.connection.isClosed;
}

Deno.test("a body of an octet every 15 seconds is refused, one of 1 KiB a second is not", () => {
  assert.equal(lives(1, 15_000, 61_000), false);
  assert.equal(lives(1024, 1000, 600_000), true);
  assert.equal(lives(256, 1000, 600_000), true);
  assert.equal(lives(230, 1000, 600_000), false);
  assert.equal(lives(1, 15_000, 600_000, { limits: { minBodyRate: 0 } }), true);
});

Deno.test("a body whose rest is not expected may be silent for as long as it likes, and has its time when it is", () => {
  const peer = new Peer();
  peer.send(POST + "abc");
  peer.exchange.awaitsRequest = false;
  for (let minutes = 0; minutes < 600; minutes++) {
    peer.wait(60_000);
  }
  assert.ok(!peer.connection.isClosed);
  peer.exchange.awaitsRequest = true;
  peer.wait(29_999);
  assert.ok(!peer.connection.isClosed);
  peer.wait(30_001);
  peer.wait(30_000);
  assert.ok(peer.connection.isClosed);
});
