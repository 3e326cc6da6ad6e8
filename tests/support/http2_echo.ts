/**
 * What the HTTP/2 server answers in conformance, interop and fuzz tests: something for everything that others may want to see of a server.
 *
 * | path        |                                                                                    |
 * | ----------- | ---------------------------------------------------------------------------------- |
 * | `/echo`     | the request's body as it comes, then the request's trailers, if it has any          |
 * | `/trailers` | a short body, then the trailer `x-trailer: end`                                    |
 * | `/bytes/12` | so many octets, each the low octet of its position                                 |
 * | `/reset`    | RST_STREAM with ENHANCE_YOUR_CALM                                                  |
 * | `/early`    | 200 at once, whatever the request's body does                                      |
 * | `/page`     | an empty page for browsers                                                         |
 * | `/wait`     | the head and one octet, the end when the request ends                              |
 * | others      | a short text when the request has ended, with its method and its body's length in fields |
 */
import type { HeaderField } from "../../src/http/mod.ts";
import type { ExchangeHandler, HttpExchange, RequestHead } from "../../src/http/mod.ts";
import { ErrorCode } from "../../src/http2/mod.ts";
import { ascii } from "./frame_builder.ts";

const BODY = ascii("Hello from Edgewire\n");
const OK: readonly HeaderField[] = Object.freeze([
  { name: ":status", value: "200" },
  { name: "content-type", value: "application/octet-stream" },
]);
const END: readonly HeaderField[] = Object.freeze([{ name: "x-trailer", value: "end" }]);
const PAGE: readonly HeaderField[] = Object.freeze([
  { name: ":status", value: "200" },
  { name: "content-type", value: "text/html" },
]);
/** Octets that are written at once, of which the low octets of the positions begin with 0. */
const PIECE = Uint8Array.from({ length: 16_384 }, (_, position) => position);

/** Handles what comes after the head when nothing but the end is of interest. */
function whenEnded(end: (stream: HttpExchange, length: number) => void): ExchangeHandler {
  let total = 0;
  return {
    onData: (stream, _buffer, start, stop, endStream) => {
      total += stop - start;
      stream.release(stop - start);
      if (endStream) {
        end(stream, total);
      }
    },
    onTrailers: (stream) => end(stream, total),
    onWritable: () => {},
    onReset: () => {},
  };
}

/** Sends back what comes; while the queue is full, the client gets no new window. */
class Echo implements ExchangeHandler {
  readonly #waiting: Uint8Array[] = [];
  #isFull = false;
  /** What follows the body; undefined while the end has not come. */
  #trailers: readonly HeaderField[] | undefined;

  onData(stream: HttpExchange, buffer: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (endStream) {
      this.#trailers = [];
    }
    if (end > start) {
      this.#waiting.push(buffer.slice(start, end));
    }
    this.#send(stream);
  }
  onTrailers(stream: HttpExchange, fields: readonly HeaderField[]): void {
    this.#trailers = fields;
    this.#send(stream);
  }
  onWritable(stream: HttpExchange): void {
    this.#isFull = false;
    this.#send(stream);
  }
  onReset(): void {
    this.#waiting.length = 0;
  }

  #send(stream: HttpExchange): void {
    while (!this.#isFull && this.#waiting.length > 0) {
      const chunk = this.#waiting.shift()!;
      this.#isFull = !stream.write(chunk);
      stream.release(chunk.length);
      chunk.fill(0xee); // It is ours again: what waits to be sent must be a copy.
    }
    if (!this.#isFull && this.#waiting.length === 0 && this.#trailers !== undefined) {
      finish(stream, this.#trailers);
      this.#trailers = undefined;
    }
  }
}

function finish(stream: HttpExchange, trailers: readonly HeaderField[]): void {
  if (trailers.length > 0) {
    stream.endWithTrailers(trailers);
  } else {
    stream.end();
  }
}

/** Sends octets as the client takes them. */
class Bytes implements ExchangeHandler {
  #left: number;

  constructor(length: number) {
    this.#left = length;
  }

  onData(stream: HttpExchange, _buffer: Uint8Array, start: number, end: number): void {
    stream.release(end - start);
  }
  onTrailers(): void {}
  onReset(): void {
    this.#left = 0;
  }
  onWritable(stream: HttpExchange): void {
    while (this.#left > 0) {
      const length = Math.min(this.#left, PIECE.length);
      this.#left -= length;
      if (this.#left === 0) {
        stream.end(PIECE.subarray(0, length));
        return;
      }
      if (!stream.write(PIECE, 0, length)) {
        return;
      }
    }
  }
}

/** The head, with the body's length unless it is not known. */
function head(length?: number, ...fields: HeaderField[]): HeaderField[] {
  return [...OK, ...length === undefined ? [] : [{ name: "content-length", value: `${length}` }], ...fields];
}

/** Answers one request. See the top of the file. */
export function answer(stream: HttpExchange, request: RequestHead, endStream: boolean): void {
  const { method, path } = request;
  const length = /^\/bytes\/(\d{1,9})$/.exec(path)?.[1];
  if (method === "HEAD") {
    stream.respond(head(length === undefined ? BODY.length : Number(length)), true);
    return;
  }
  if (length !== undefined) {
    const bytes = new Bytes(Number(length));
    stream.handler = bytes;
    stream.respond(head(Number(length)), length === "0");
    bytes.onWritable(stream);
    return;
  }
  switch (path) {
    case "/echo":
      stream.respond(OK, endStream);
      stream.handler = new Echo();
      return;
    case "/trailers":
      stream.respond(OK);
      stream.write(BODY);
      stream.endWithTrailers(END);
      return;
    case "/reset":
      stream.reset(ErrorCode.ENHANCE_YOUR_CALM);
      return;
    case "/early":
      stream.respond(head(BODY.length));
      stream.end(BODY);
      return;
    case "/page":
      stream.respond(PAGE, true);
      return;
    case "/wait":
      stream.respond(OK);
      stream.write(BODY, 0, 1);
      if (endStream) {
        stream.end();
      } else {
        stream.handler = whenEnded((stream) => stream.end());
      }
      return;
  }
  const end = (stream: HttpExchange, received: number) => {
    stream.respond(
      head(BODY.length, { name: "x-method", value: method }, { name: "x-received", value: `${received}` }),
    );
    stream.end(BODY);
  };
  if (endStream) {
    end(stream, 0);
  } else {
    stream.handler = whenEnded(end);
  }
}
