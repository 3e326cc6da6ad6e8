/** The client's side of an HTTP/1.1 connection for tests: octets in as text, what happened as lines, octets out as text. */
import { Buffer } from "node:buffer";
import type { ExchangeHandler, HeaderField } from "../../src/http/mod.ts";
import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  type Http1Error,
  type Http1Exchange,
  type Http1RequestHead,
} from "../../src/http1/mod.ts";

/** Octets of a text, one for each character. */
export function octets(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** Options of {@linkcode Peer}. */
export interface PeerOptions extends Partial<Omit<ConnectionOptions, "handler">> {
  /** Called in `onRequest`. By default nothing is answered. */
  readonly onRequest?: (exchange: Http1Exchange, head: Http1RequestHead, endStream: boolean) => void;
  /** Called when a request has ended, also without a body. */
  readonly onEnd?: (exchange: Http1Exchange, head: Http1RequestHead) => void;
  /** Whether received octets are released at once. @default true */
  readonly releases?: boolean;
  /** Called after the octets of a body were logged. */
  readonly onData?: (exchange: Http1Exchange, length: number) => void;
}

/** A connection, and what is seen of it on both sides. */
export class Peer implements ExchangeHandler {
  readonly connection: Connection;
  /** What happened, such as "POST /echo", "data abc", "end", "trailers a: b", "reset ...", "close ...". Data that follows data is joined. */
  readonly log: string[] = [];
  readonly exchanges: Http1Exchange[] = [];
  readonly heads: Http1RequestHead[] = [];
  /** The output so far. */
  output = "";
  nowMs: number;
  onOutputCalls = 0;
  readonly #options: PeerOptions;

  constructor(options: PeerOptions = {}) {
    this.#options = options;
    const { onRequest: _onRequest, onEnd: _onEnd, releases: _releases, onData: _onData, ...rest } = options;
    this.nowMs = options.nowMs ?? 0;
    this.connection = createConnection({
      ...rest,
      nowMs: this.nowMs,
      handler: {
        onRequest: (exchange, head, endStream) => this.#onRequest(exchange, head, endStream),
        onOutput: () => void this.onOutputCalls++,
        onRefused: (error) => {
          this.log.push(`refused ${error.reason}`);
          this.connection.close(0xb, error.message);
          this.connection.handleClosed();
        },
        onClose: (error) => this.log.push(`close ${error?.message ?? "clean"}`),
      },
    });
  }

  get exchange(): Http1Exchange {
    return this.exchanges.at(-1)!;
  }

  /** Gives octets, in chunks of `size`, as a driver would, and takes the output. Gives what was not taken. */
  send(input: string | Uint8Array, size = Infinity): Uint8Array {
    const all = typeof input === "string" ? octets(input) : input;
    for (let position = 0; position < all.length;) {
      const chunk = all.slice(position, Math.min(all.length, position + size));
      let start = 0;
      while (start < chunk.length) {
        const end = this.connection.handleInput(chunk, this.nowMs, start);
        this.flush();
        if (end === start && !(this.connection.wantsInput && end < chunk.length)) {
          break;
        }
        start = end;
        if (!this.connection.wantsInput) {
          break;
        }
      }
      position += start;
      if (start < chunk.length) {
        return all.subarray(position);
      }
    }
    return new Uint8Array(0);
  }

  flush(): string {
    for (let taken = this.connection.pollOutput(); taken !== undefined; taken = this.connection.pollOutput()) {
      this.output += Buffer.from(taken).toString("latin1");
      this.connection.releaseOutput(taken);
    }
    return this.output;
  }

  /** Lets time go by, up to the next deadline and over it. */
  wait(durationMs: number): void {
    this.nowMs += durationMs;
    this.connection.handleTimeout(this.nowMs);
    this.flush();
  }

  #onRequest(exchange: Http1Exchange, head: Http1RequestHead, endStream: boolean): void {
    this.exchanges.push(exchange);
    this.heads.push(head);
    this.log.push(`${head.method} ${head.path}`);
    exchange.handler = this;
    exchange.context = head;
    this.#options.onRequest?.(exchange, head, endStream);
    if (endStream) {
      this.#end(exchange);
    }
  }

  #end(exchange: Http1Exchange): void {
    this.log.push("end");
    this.#options.onEnd?.(exchange, exchange.context as Http1RequestHead);
  }

  onData(exchange: Http1Exchange, buffer: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (end > start) {
      const text = Buffer.from(buffer.subarray(start, end)).toString("latin1");
      if (this.log.at(-1)?.startsWith("data ")) {
        this.log[this.log.length - 1] += text;
      } else {
        this.log.push(`data ${text}`);
      }
    }
    if (this.#options.releases ?? true) {
      exchange.release(end - start);
    }
    this.#options.onData?.(exchange, end - start);
    if (endStream) {
      this.#end(exchange);
    }
  }

  onTrailers(exchange: Http1Exchange, fields: readonly HeaderField[]): void {
    this.log.push(`trailers ${fields.map(({ name, value }) => `${name}: ${value}`).join(", ")}`);
    this.#end(exchange);
  }

  onWritable(): void {
    this.log.push("writable");
  }

  onReset(_exchange: Http1Exchange, error: Http1Error): void {
    this.log.push(`reset ${error.message}`);
  }
}

/** Answers with 200 and a text, of which the length is said. */
export function answerText(text: string): (exchange: Http1Exchange) => void {
  return (exchange) => {
    exchange.respond([{ name: ":status", value: "200" }]);
    exchange.end(octets(text));
  };
}
