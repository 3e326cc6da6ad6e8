/** What the engine costs for each request, without sockets: HEADERS and 12 octets in, HEADERS, DATA and trailers out. */
import { createConnection } from "../../src/http2/mod.ts";
import { FrameWriter } from "../../src/http2/frame_writer.ts";
import { HpackEncoder } from "../../src/http2/hpack/mod.ts";
import type { StreamHandler } from "../../src/http2/stream.ts";

const BATCH = 32;

const REQUEST = Object.freeze([
  { name: ":method", value: "POST" },
  { name: ":scheme", value: "http" },
  { name: ":path", value: "/edgewire.v1.Greeter/SayHello" },
  { name: ":authority", value: "localhost:50051" },
  { name: "content-type", value: "application/grpc" },
  { name: "te", value: "trailers" },
]);
const HEAD = Object.freeze([{ name: ":status", value: "200" }, { name: "content-type", value: "application/grpc" }]);
const TRAILERS = Object.freeze([{ name: "grpc-status", value: "0" }]);

const echo: StreamHandler = {
  onData(stream, buffer, start, end, endStream) {
    stream.respond(HEAD);
    const offset = stream.reserve(end - start);
    const output = stream.outputBuffer;
    for (let index = start; index < end; index++) {
      output[offset + index - start] = buffer[index]!;
    }
    stream.commit(end - start);
    stream.release(end - start);
    if (endStream) {
      stream.endWithTrailers(TRAILERS);
    }
  },
  onTrailers: () => {},
  onWritable: () => {},
  onReset: (_stream, error) => {
    throw error;
  },
};

/** A connection and its peer's output, request after request. */
class Exchange {
  readonly #writer = new FrameWriter();
  readonly #encoder = new HpackEncoder();
  #streamId = 1;
  readonly #connection = createConnection({
    role: "server",
    nowMs: 0,
    handler: { onRequest: (stream) => void (stream.handler = echo), onOutput: () => {}, onClose: () => {} },
  });

  constructor() {
    this.#writer.writePreface();
    this.#writer.writeSettings([]);
    this.#writer.writeWindowUpdate(0, 0x7fff_0000);
    this.#writer.writeSettingsAck();
  }

  run(): void {
    const writer = this.#writer;
    for (let count = 0; count < BATCH; count++, this.#streamId += 2) {
      const offset = writer.beginHeaders(this.#streamId, this.#encoder.bound(REQUEST));
      writer.endHeaders(this.#encoder.encode(REQUEST, writer.buffer, offset), false);
      const at = writer.reserveData(this.#streamId, 12);
      writer.buffer.fill(7, at, at + 12);
      writer.commitData(12, true);
    }
    const input = writer.take()!;
    for (let position = 0; position < input.length;) {
      position = this.#connection.handleInput(input, 0, position);
    }
    writer.release(input);
    const output = this.#connection.pollOutput()!;
    this.#connection.releaseOutput(output);
  }

  get isWorthwhile(): boolean {
    return this.#streamId < 0x3fff_0000 && !this.#connection.isClosed;
  }
}

let exchange = new Exchange();
Deno.bench(`engine: ${BATCH} unary calls, the client's frames included`, () => {
  if (!exchange.isWorthwhile) {
    exchange = new Exchange();
  }
  exchange.run();
});
