/** A server in memory that answers calls as a test says, right or wrong, and the client of it. Our own engine carries both. */
import assert from "node:assert/strict";
import type { ExchangeHandler, HttpExchange, RequestHead } from "../../src/http/mod.ts";
import { type Connection, createConnection, type Http2Limits, type Http2Stream } from "../../src/http2/mod.ts";
import { connectHttp2 } from "../../src/net/http2_client.ts";
import { ConnectionPool } from "../../src/net/http2_pool.ts";
import type { Http2Pool } from "../../src/net/mod.ts";
import { FakeSocket, settle } from "./fake_socket.ts";
import { concat } from "./frame_builder.ts";
import { fieldList, type Fields } from "./test_peer.ts";

/** One call as the server sees it. */
export class ScriptedCall {
  readonly head: RequestHead;
  readonly #stream: Http2Stream;
  readonly #content: Uint8Array[] = [];
  /** Octets that came, of which none is given back before {@linkcode release}. */
  held = 0;
  hasEnded = false;
  /** What it was reset with by the client; undefined when it was not. */
  resetWith: string | undefined = undefined;

  constructor(stream: Http2Stream, head: RequestHead, endStream: boolean) {
    this.#stream = stream;
    this.head = head;
    this.hasEnded = endStream;
    const handler: ExchangeHandler = {
      onData: (_exchange: HttpExchange, buffer, start, end, endStream) => {
        this.#content.push(buffer.slice(start, end));
        this.held += end - start;
        this.hasEnded ||= endStream;
      },
      onTrailers: () => assert.fail("Clients send no trailers"),
      onWritable: () => {},
      onReset: (_exchange, error) => this.resetWith = /\(([A-Z_0-9]+), \w+\)$/.exec(error.message)?.[1] ?? "",
    };
    stream.handler = handler;
  }

  /** The content so far. */
  get content(): Uint8Array {
    return concat(...this.#content);
  }

  /** All values of a field of the request. */
  fields(name: string): readonly string[] {
    return this.head.fields.filter((field) => field.name === name).map(({ value }) => value);
  }

  /** Lets the client send as much again. */
  release(): void {
    this.#stream.release(this.held);
    this.held = 0;
  }

  respond(fields: Fields, endStream = false): this {
    this.#stream.respond(fieldList(fields), endStream);
    return this;
  }

  /** Octets of the response's content. @returns Whether more may be sent. */
  write(...chunks: readonly Uint8Array[]): boolean {
    return this.#stream.write(concat(...chunks));
  }

  end(...chunks: readonly Uint8Array[]): void {
    this.#stream.end(concat(...chunks));
  }

  endWithTrailers(fields: Fields): void {
    this.#stream.endWithTrailers(fieldList(fields));
  }

  reset(code: number): void {
    this.#stream.reset(code);
  }
}

/** What a server takes less or more of than others. */
type Changes = { readonly [Name in keyof Http2Limits]?: number };

/** See the top of the file. */
export class ScriptedServer implements AsyncDisposable {
  readonly client: Http2Pool;
  /** Those that have begun, in their order, over all connections. */
  readonly calls: ScriptedCall[] = [];
  readonly connections: Connection[] = [];
  /** Called with each call when it has begun. */
  onCall: (call: ScriptedCall) => void = () => {};
  /** What the next dials fail with. */
  readonly dialErrors: Error[] = [];
  readonly #sockets: FakeSocket[] = [];
  #waiting: (() => void) | undefined = undefined;

  constructor(limits: Changes = {}) {
    this.client = new ConnectionPool({ baseUrl: "http://server:1" }, {
      random: () => 0,
      dial: (handler, signal) => {
        const target = { hostname: "server", port: 1, handler, signal };
        return connectHttp2(target, {
          clock: { nowMs: () => performance.now(), schedule: () => () => {} },
          resolve: () => Promise.resolve(["10.0.0.1"]),
          open: () => this.#accept(limits),
        });
      },
    });
  }

  /** The call of a number, when it has begun. */
  async call(index = 0): Promise<ScriptedCall> {
    while (this.calls[index] === undefined) {
      await new Promise<void>((resolve) => this.#waiting = resolve);
    }
    await settle(3);
    return this.calls[index]!;
  }

  /** Cuts all connections. */
  cut(): void {
    this.#sockets.forEach((socket) => socket.end());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    assert.ok(this.#sockets.every(({ isClosed }) => isClosed), "No socket is left");
  }

  #accept(limits: Changes): Promise<FakeSocket> {
    const error = this.dialErrors.shift();
    if (error !== undefined) {
      return Promise.reject(error);
    }
    const socket = new FakeSocket();
    const connection = createConnection({
      role: "server",
      nowMs: performance.now(),
      limits,
      handler: {
        onRequest: (stream, head, endStream) => {
          const call = new ScriptedCall(stream, head, endStream);
          this.calls.push(call);
          this.#waiting?.();
          this.onCall(call);
        },
        onOutput: () => queueMicrotask(flush), // Of what is just being written, too.
        onClose: () => socket.end(),
      },
    });
    const flush = () => {
      for (let output = connection.pollOutput(); output !== undefined; output = connection.pollOutput()) {
        socket.give(output.slice());
        connection.releaseOutput(output);
      }
    };
    const write = socket.write.bind(socket);
    socket.write = async (octets) => {
      const length = await write(octets);
      for (let position = 0; position < length && !connection.isClosed;) {
        position = connection.handleInput(octets.subarray(0, length), performance.now(), position);
      }
      flush();
      return length;
    };
    socket.closeWrite = () => {
      connection.handleEof();
      socket.end();
      return Promise.resolve();
    };
    flush();
    this.#sockets.push(socket);
    this.connections.push(connection);
    return Promise.resolve(socket);
  }
}
