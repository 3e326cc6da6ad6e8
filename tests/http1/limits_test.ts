import assert from "node:assert/strict";
import { type Fault, Faults } from "../../src/http1/faults.ts";
import { DEFAULT_HTTP1_LIMITS, type Http1Limits, resolveLimits } from "../../src/http1/limits.ts";
import { answerText, octets, Peer, type PeerOptions } from "../support/http1_peer.ts";

const NAMES = Object.keys(DEFAULT_HTTP1_LIMITS) as (keyof Http1Limits)[];

Deno.test("the default of each limit is what its docstring says", async () => {
  const source = await Deno.readTextFile(new URL("../../src/http1/limits.ts", import.meta.url));
  for (const name of NAMES) {
    const documented = new RegExp(`@default (\\d+)\\s+\\*/\\s+readonly ${name}:`).exec(source)?.[1];
    assert.equal(Number(documented), DEFAULT_HTTP1_LIMITS[name], name);
  }
});

Deno.test("limits on both sides of their range", () => {
  const ranges: [keyof Http1Limits, number, number][] = [
    ["maxRequestLineLength", 16, 2 ** 30 - 1],
    ["maxHeadLength", 2, 2 ** 30 - 1],
    ["maxSentHeadLength", 256, 2 ** 30 - 1],
    ["maxHeaderFields", 1, 2 ** 53 - 1],
    ["maxDiscardedBody", 0, 2 ** 53 - 1],
    ["idleTimeoutMs", 1, 2 ** 31 - 1],
  ];
  for (const [name, min, max] of ranges) {
    assert.equal(resolveLimits({ [name]: min })[name], min);
    assert.equal(resolveLimits({ [name]: max })[name], max);
    const message = (value: number) =>
      `Cannot set the limit ${name} to ${value}: it is a whole number from ${min} to ${max}`;
    assert.throws(() => resolveLimits({ [name]: min - 1 }), { message: message(min - 1) });
    assert.throws(() => resolveLimits({ [name]: max + 1 }), { message: message(max + 1) });
  }
});

const HOST = "host: a\r\n";
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`;
const CHUNKED = `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n`;

/** The first input is within a limit, the second above by one. */
function assertLimit(limits: PeerOptions["limits"], passes: string, exceeds: string, fault: Fault): void {
  for (const size of [Infinity, 1, 3]) {
    const peer = new Peer({ limits, onEnd: answerText("ok") });
    peer.send(passes, size);
    assert.match(peer.output, /ok$/);
    assert(!peer.connection.isClosed);
    const other = new Peer({ limits, onEnd: answerText("ok") });
    other.send(exceeds, size);
    assert.equal(other.log.at(-1), `close ${fault.reason} (local, ${fault.status})`);
  }
}

Deno.test("the longest request line", () => {
  const request = (length: number) => `GET /${"a".repeat(length - 14)} HTTP/1.1\r\n${HOST}\r\n`;
  assertLimit({ maxRequestLineLength: 40 }, request(40), request(41), Faults.REQUEST_LINE_TOO_LONG);
  assertLimit({}, request(8192), request(8193), Faults.REQUEST_LINE_TOO_LONG);
  assertLimit({}, GET, "a".repeat(8194), Faults.REQUEST_LINE_TOO_LONG);
});

Deno.test("the largest head", () => {
  const request = (length: number) => `GET / HTTP/1.1\r\n${HOST}x: ${"a".repeat(length - HOST.length - 5)}\r\n\r\n`;
  assertLimit({ maxHeadLength: 100 }, request(100), request(101), Faults.HEAD_TOO_LARGE);
  assertLimit({}, request(65_536), request(65_537), Faults.HEAD_TOO_LARGE);
  const endless = `GET / HTTP/1.1\r\n${HOST}x: ${"a".repeat(70_000)}`;
  assertLimit({ maxRequestLineLength: 16 }, GET, endless, Faults.HEAD_TOO_LARGE);
  const trailers = (length: number) => `${CHUNKED}0\r\nx: ${"a".repeat(length - 5)}\r\n\r\n`;
  assertLimit({ maxHeadLength: 100 }, trailers(100), trailers(101), Faults.HEAD_TOO_LARGE);
});

Deno.test("the most fields", () => {
  const request = (count: number) => `GET / HTTP/1.1\r\n${HOST}${"x:\r\n".repeat(count - 1)}\r\n`;
  assertLimit({ maxHeaderFields: 3 }, request(3), request(4), Faults.TOO_MANY_FIELDS);
  assertLimit({}, request(128), request(129), Faults.TOO_MANY_FIELDS);
  const trailers = (count: number) => `${CHUNKED}0\r\n${"x:\r\n".repeat(count)}\r\n`;
  assertLimit({ maxHeaderFields: 3 }, trailers(3), trailers(4), Faults.TOO_MANY_FIELDS);
});

Deno.test("the longest chunk extensions", () => {
  const chunks = (one: number, other: number) =>
    `${CHUNKED}1;${"a".repeat(one)}\r\nx\r\n1 ;${"b".repeat(other - 2)}\r\nx\r\n0\r\n\r\n`;
  assertLimit({ maxChunkExtensions: 20 }, chunks(10, 10), chunks(10, 11), Faults.CHUNK_EXTENSIONS_TOO_LONG);
  assertLimit(
    {},
    chunks(16_000, 384) + chunks(16_384, 2).replace("1 ;", "1;"),
    chunks(16_000, 385),
    Faults.CHUNK_EXTENSIONS_TOO_LONG,
  );
});

Deno.test("a body that nobody releases is not read on", () => {
  const peer = new Peer({ limits: { maxUnreleasedBody: 100 }, releases: false });
  const request = `POST / HTTP/1.1\r\n${HOST}content-length: 200\r\n\r\n`;
  let rest = peer.send(`${request}${"x".repeat(99)}`);
  assert.equal(rest.length, 0);
  assert.equal(peer.connection.wantsInput, true, "one more");
  rest = peer.send("x".repeat(101));
  assert.equal(rest.length, 100);
  assert.equal(peer.connection.wantsInput, false);
  assert.equal(peer.connection.handleInput(rest as Uint8Array, 0, 0), 0);
  peer.exchange.release(49);
  assert.equal(peer.connection.wantsInput, false);
  peer.exchange.release(1);
  assert.equal(peer.connection.wantsInput, true);
  assert.equal(peer.onOutputCalls, 1);
  rest = peer.send(rest);
  assert.equal(rest.length, 50);
  peer.exchange.release(100);
  assert.equal(peer.send(rest).length, 0);
  assert.deepEqual(peer.log, ["POST /", `data ${"x".repeat(200)}`, "end"]);
  assert.throws(() => peer.exchange.release(51), RangeError);
  peer.exchange.release(50);
});

Deno.test("a queue that is full, and has room again", () => {
  const peer = new Peer({ limits: { maxSendQueue: 1000 } });
  peer.send(GET);
  peer.exchange.respond([{ name: ":status", value: "200" }]);
  peer.flush();
  assert.equal(peer.exchange.write(new Uint8Array(993)), true); // With "03e1" CRLF
  assert.equal(peer.exchange.write(new Uint8Array(1)), false);
  assert.equal(peer.exchange.reserve(1), -1);
  assert.throws(() => peer.exchange.write(new Uint8Array(1)), RangeError);
  peer.flush();
  assert.equal(peer.log.at(-1), "writable");
  assert.equal(peer.exchange.write(new Uint8Array(1)), true);
  assert.equal(peer.exchange.write(new Uint8Array(1000)), false);
  peer.exchange.end(new Uint8Array(1)); // The last is taken all the same.
  assert.equal(peer.exchange.ended, true);
});

Deno.test("a peer that does not read is not read", () => {
  const peer = new Peer({ limits: { maxSendQueue: 100 }, onEnd: answerText("x".repeat(80)) });
  const input = octets(GET.repeat(3));
  assert.equal(peer.connection.handleInput(input, 0), GET.length);
  assert.equal(peer.connection.wantsInput, false);
  peer.flush();
  assert.equal(peer.connection.wantsInput, true);
  assert.equal(peer.connection.handleInput(input, 0, GET.length), 2 * GET.length);
});

Deno.test("A turn has so many requests, pieces of a body, or bytes of new heads", () => {
  const begin = "POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const newHeads = (count: number) =>
    Array.from({ length: count }, (_, index) => `GET /${index} HTTP/1.1\r\nHost: a\r\nx: ${"y".repeat(4000)}\r\n\r\n`)
      .join("");
  for (
    const [text, min, max] of [
      [GET.repeat(2000), GET.length * 1000, GET.length * 1024],
      [begin + "1\r\nx\r\n".repeat(10_000), 4000 * 6, 4100 * 6],
      [newHeads(100), 60_000, 70_000],
    ] as const
  ) {
    const peer = new Peer({ limits: { maxSendQueue: 1 << 22 }, onEnd: answerText("ok") });
    const input = octets(text);
    const first = peer.connection.handleInput(input, 0);
    assert(first >= min && first <= max, `${first}`);
    assert(peer.connection.isTurnOver && peer.connection.wantsInput);
    const second = peer.connection.handleInput(input, 0, first);
    assert(second > first, "a new turn");
  }
});

Deno.test("Many small reads end a turn, too, and a few requests do not", () => {
  const peer = new Peer({ onEnd: answerText("ok") });
  for (let count = 0; count < 50; count++) {
    peer.send(octets(GET));
    assert(!peer.connection.isTurnOver);
  }
  let reads = 50;
  while (!peer.connection.isTurnOver) {
    peer.connection.handleInput(octets("G"), 0); // No end to a target.
    reads++;
  }
  assert(reads > 100 && reads <= 128, `${reads}`);
});

Deno.test("the largest head, and the largest trailers, that are sent", () => {
  const head = (length: number) => [
    { name: ":status", value: "200" },
    { name: "x", value: "a".repeat(length - "HTTP/1.1 200 OK\r\nx: \r\n".length) },
  ];
  const trailers = (length: number) => [{ name: "x", value: "a".repeat(length - "x: \r\n".length) }];
  const message = "Cannot send a field section of 301 bytes: maxSentHeadLength is 300";
  const peer = new Peer({
    limits: { maxSentHeadLength: 300 },
    onEnd: (exchange) => {
      const interim = [{ name: ":status", value: "103" }, ...head(310).slice(1)];
      assert.throws(() => exchange.sendInformation(interim), RangeError);
      assert.throws(() => exchange.respond(head(301)), { message });
      exchange.respond(head(300));
      assert.throws(() => exchange.endWithTrailers(trailers(301)), { message });
      exchange.endWithTrailers(trailers(300));
    },
  });
  peer.send(`GET / HTTP/1.1\r\n${HOST}te: trailers\r\n\r\n`);
  assert.match(peer.output, /^HTTP\/1\.1 200 OK\r\nx: a{278}\r\n[^]*\r\n0\r\nx: a{295}\r\n\r\n$/);
  assert.equal(DEFAULT_HTTP1_LIMITS.maxSentHeadLength, 65_536);
});
