import assert from "node:assert/strict";
import { octets, Peer } from "../support/http1_peer.ts";
import { fuzzSeed, Random } from "../support/random.ts";

const ROUNDS = 100_000;

const HELLO = octets("hello");
const HEAD_200 = Object.freeze([{ name: ":status", value: "200" }]);
const END = Object.freeze([{ name: "x-end", value: "1" }]);

const REQUESTS = [
  "GET /a?b HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n",
  "POST /a HTTP/1.1\r\nHost: a:80\r\nContent-Length: 7\r\nte: trailers\r\n\r\nabcdefg",
  "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0a\r\n0123456789\r\n0\r\nt: u\r\n\r\n",
  "HEAD http://b/x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
  "PUT /c HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nxy",
  "GET / HTTP/1.0\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nhost: [::1]\r\nconnection: close\r\n\r\n",
].map(octets);

/** What mutations put in: what matters to a parser. */
const PIECES = [
  "\r\n",
  "\n",
  "\r",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "\0",
  "\x80",
  "0",
  "1",
  "f",
  "HTTP/1.1",
  "Content-Length: 3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Host: b\r\n",
  "0\r\n\r\n",
  "\r\n\r\n",
  "GET / HTTP/1.1\r\n",
].map(octets);

function mutated(random: Random): Uint8Array {
  let octetList: number[] = [];
  for (let count = 1 + random.below(3); count > 0; count--) {
    octetList.push(...random.pick(REQUESTS));
  }
  for (let count = random.below(4); count > 0; count--) {
    const at = random.below(octetList.length);
    const piece = [...random.pick(PIECES)];
    switch (random.below(5)) {
      case 0:
        octetList[at] = random.below(256);
        break;
      case 1:
        octetList.splice(at, 1 + random.below(4));
        break;
      case 2:
        octetList.splice(at, piece.length, ...piece);
        break;
      case 3:
        octetList = octetList.slice(0, at + 1);
        break;
      default:
        octetList.splice(at, 0, ...piece);
    }
  }
  return Uint8Array.from(octetList);
}

/** Checks that the output is nothing but whole responses, as a client would read them. */
function assertResponses(output: string, methods: readonly string[]): void {
  let answered = 0;
  for (let position = 0; position < output.length;) {
    const headEnd = output.indexOf("\r\n\r\n", position);
    assert(headEnd >= 0);
    const [statusLine, ...fields] = output.slice(position, headEnd).split("\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine!)?.[1]);
    assert(status >= 100);
    position = headEnd + 4;
    if (status === 100) {
      continue;
    }
    const field = (name: string) => fields.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    if (methods[answered++] === "HEAD") {
      continue;
    }
    const length = field("content-length");
    if (length !== undefined) {
      position += Number(length);
    } else if (field("transfer-encoding") === "chunked") {
      for (let size = -1; size !== 0;) {
        const end = output.indexOf("\r\n", position);
        if (end < 0) {
          return; // Cut off by a fault of the request.
        }
        size = Number.parseInt(output.slice(position, end), 16);
        assert(size >= 0);
        position = end + 2 + (size === 0 ? 0 : size + 2);
      }
      if (output.startsWith("x-end: 1\r\n", position)) {
        position += 10;
      }
      assert.equal(output.slice(position, position + 2), "\r\n");
      position += 2;
    } else {
      return; // It ends with the connection.
    }
    assert(position <= output.length);
  }
}

/** Sends the same octets in chunks of some sizes. Gives how many requests there were. */
function runRound(random: Random, input: Uint8Array, sizes: readonly number[]): number {
  const behaviour = random.below(3);
  let accepted = 0;
  const logs = sizes.map((size) => {
    const peer = new Peer({
      limits: { maxRequestLineLength: 200, maxHeadLength: 500, maxHeaderFields: 10 },
      onRequest: (exchange) => {
        if (behaviour === 0) {
          exchange.respond(HEAD_200);
        }
      },
      onEnd: (exchange) => {
        if (behaviour !== 0) {
          exchange.respond(HEAD_200);
        }
        exchange.write(HELLO);
        exchange.endWithTrailers(END);
      },
    });
    peer.send(input, size);
    assert(peer.connection.bufferedLength <= 4000);
    assertResponses(peer.output, peer.heads.map(({ method }) => method));
    accepted += peer.heads.length;
    peer.connection.handleEof();
    assert.equal(peer.log.filter((entry) => entry.startsWith("close ")).length, 1);
    assert.equal(peer.connection.pollTimeout(), undefined);
    // Whether a fault is told depends on what of the answer was taken by then.
    return peer.log.map((entry) => behaviour === 0 ? entry.replace(/, \d{3}\)$/, ")") : entry).join("\n");
  });
  // An answer before the body ends the connection if the client may still wait for 100 (Continue): that is a matter of pieces.
  if (behaviour !== 0 || !/expect/i.test(String.fromCharCode(...input))) {
    assert.equal(logs.at(-1), logs[0]);
  }
  return accepted;
}

Deno.test("requests with mutations: nothing throws, all is bounded, and pieces make no difference", () => {
  const seed = fuzzSeed();
  const random = new Random(seed);
  let accepted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const input = mutated(random);
    try {
      accepted += runRound(random, input, round % 2 === 0 ? [Infinity, 1 + random.below(20)] : [Infinity]);
    } catch (error) {
      const shown = JSON.stringify(String.fromCharCode(...input));
      throw new Error(`EDGEWIRE_FUZZ_SEED=${seed}, round ${round}: ${shown}`, { cause: error });
    }
  }
  assert(accepted > ROUNDS, "the mutations leave something to accept");
});
