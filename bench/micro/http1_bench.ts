/** What the engine costs for each request, without sockets: a head and 12 octets in, a head and 12 octets out. */
import type { ExchangeHandler, HeaderField } from "../../src/http/mod.ts";
import { createConnection, type Http1Exchange } from "../../src/http1/mod.ts";

const BATCH = 32;

const HEAD: readonly HeaderField[] = Object.freeze([
  { name: ":status", value: "200" },
  { name: "content-type", value: "application/proto" },
]);

const echo: ExchangeHandler = {
  onData(exchange, buffer, start, end, endStream) {
    if (!exchange.headSent) {
      exchange.respond(HEAD);
    }
    const offset = exchange.reserve(end - start);
    const output = exchange.outputBuffer;
    for (let index = start; index < end; index++) {
      output[offset + index - start] = buffer[index]!;
    }
    exchange.commit(end - start);
    exchange.release(end - start);
    if (endStream) {
      exchange.end();
    }
  },
  onTrailers: () => {},
  onWritable: () => {},
  onReset: (_exchange, error) => {
    throw error;
  },
};

function request(framing: string, body: string): Uint8Array {
  const text =
    "POST /edgewire.v1.Greeter/SayHello HTTP/1.1\r\nHost: localhost:50051\r\nUser-Agent: connect-go/1.21\r\n" +
    `Content-Type: application/proto\r\nAccept-Encoding: gzip\r\nConnect-Protocol-Version: 1\r\n${framing}\r\n\r\n${body}`;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** A connection that answers one request after the other. */
class Exchange {
  readonly #connection = createConnection({
    nowMs: 0,
    date: () => "Sun, 06 Nov 1994 08:49:37 GMT",
    handler: {
      onRequest: (exchange: Http1Exchange) => void (exchange.handler = echo),
      onOutput: () => {},
      onClose: () => {},
    },
  });

  run(input: Uint8Array): void {
    const connection = this.#connection;
    for (let position = 0; position < input.length;) {
      position = connection.handleInput(input, 0, position);
    }
    connection.pollTimeout();
    connection.releaseOutput(connection.pollOutput()!);
  }
}

const REPEATED = request("Content-Length: 12", "hello, world");
const CHUNKED = request("Transfer-Encoding: chunked", "c\r\nhello, world\r\n0\r\n\r\n");
/** More heads than are remembered. */
const DIFFERENT = Array.from(
  { length: BATCH },
  (_, index) => request(`X-Request-Id: ${index}\r\nContent-Length: 12`, "hello, world"),
);

const repeated = new Exchange();
Deno.bench(`${BATCH} unary requests, each as the one before`, () => {
  for (let count = 0; count < BATCH; count++) {
    repeated.run(REPEATED);
  }
});
const different = new Exchange();
Deno.bench(`${BATCH} unary requests, each with another field`, () => {
  for (const input of DIFFERENT) {
    different.run(input);
  }
});
const chunked = new Exchange();
Deno.bench(`${BATCH} unary requests in chunks`, () => {
  for (let count = 0; count < BATCH; count++) {
    chunked.run(CHUNKED);
  }
});
