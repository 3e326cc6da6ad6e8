/**
 * A connection and a raw peer of it, which sends what it likes and sees each frame that it gets, as a line. What happens on the
 * connection and its streams is written down, as lines too.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { HeaderField, RefusalError } from "../../src/http/mod.ts";
import { errorName } from "../../src/http2/constants.ts";
import { HpackEncoder } from "../../src/http2/hpack/mod.ts";
import {
  type Connection,
  type ConnectionHandler,
  type ConnectionOptions,
  createConnection,
  type Http2Stream,
  type StreamHandler,
} from "../../src/http2/mod.ts";
import { concat, type FrameOptions, headers, PREFACE, settings, settingsAck } from "./frame_builder.ts";
import { FrameText, type TextFrame } from "./frame_text.ts";

/** Fields in short: `{ ":status": "200" }`. */
export type Fields = Readonly<Record<string, string>> | readonly HeaderField[];

/** A request that has nothing special. */
export const REQUEST = { ":method": "POST", ":scheme": "http", ":path": "/", ":authority": "a" };

/** Fields as the connection takes them. */
export function fieldList(fields: Fields): readonly HeaderField[] {
  return Array.isArray(fields) ? fields : Object.entries(fields).map(([name, value]) => ({ name, value }));
}

/** Options of {@linkcode TestPeer}. */
export interface TestPeerOptions extends Partial<Omit<ConnectionOptions, "role" | "handler">> {
  /** Called in addition to what is written down. */
  readonly handler?: Partial<ConnectionHandler>;
  readonly streamHandler?: Partial<StreamHandler>;
  /** Whether octets are released as soon as they are received. @default true */
  readonly releases?: boolean;
  /** Whether SETTINGS are exchanged first. @default true */
  readonly handshake?: boolean;
  /** The peer's settings, in the handshake. */
  readonly settings?: readonly (readonly [id: number, value: number])[];
  /** Octets given at a time. @default Infinity */
  readonly chunkLength?: number;
}

/** The peer of a connection in a given role. */
export class TestPeer {
  readonly connection: Connection;
  /** What happened: `request 1 POST /`, `data 1 "abc" end`, `reset 1 CANCEL peer`, `close NO_ERROR local`. */
  readonly events: string[] = [];
  /** Streams of the connection, by number. */
  readonly streams = new Map<number, Http2Stream>();
  nowMs: number;

  readonly #role: "client" | "server";
  readonly #options: TestPeerOptions;
  readonly #encoder = new HpackEncoder();
  readonly #text: FrameText;
  readonly #frames: TextFrame[] = [];
  readonly #streamHandler: StreamHandler;

  /** @param role What the connection is; the peer is the other. */
  constructor(role: "client" | "server", options: TestPeerOptions = {}) {
    this.#role = role;
    this.#options = options;
    this.#text = new FrameText(role);
    this.nowMs = options.nowMs ?? 1000;
    this.#streamHandler = this.#recorder();
    const { handler } = options;
    const { streamHandler: _s, releases: _r, handshake: _h, settings: _t, chunkLength: _c, ...rest } = options;
    this.connection = createConnection({
      ...rest,
      role,
      nowMs: this.nowMs,
      handler: {
        onRequest: (stream, head, endStream) => {
          this.#note("request", stream, `${head.method} ${head.path}${endStream ? " end" : ""}`);
          this.streams.set(stream.id, stream);
          stream.handler = this.#streamHandler;
          handler?.onRequest?.(stream, head, endStream);
        },
        onOutput: () => handler?.onOutput?.(),
        onRefused: (error) => {
          this.events.push(`refused ${error.reason}`);
          handler?.onRefused?.(error);
        },
        onReady: () => handler?.onReady?.(),
        onCapacity: () => {
          this.events.push("capacity");
          handler?.onCapacity?.();
        },
        onGoaway: (lastStreamId, code) => {
          this.events.push(`goaway ${lastStreamId} ${errorName(code)}`);
          handler?.onGoaway?.(lastStreamId, code);
        },
        onClose: (error) => {
          this.events.push(error === undefined ? "close" : `close ${errorName(error.code)} ${error.origin}`);
          handler?.onClose?.(error);
        },
      },
    });
    if (options.handshake ?? true) {
      this.shakeHands();
    }
  }

  /** Exchanges SETTINGS, and forgets what the connection said in it. */
  shakeHands(): void {
    this.send(...(this.#role === "server" ? [PREFACE] : []), settings(...this.#options.settings ?? []), settingsAck());
    this.take();
  }

  /** Gives octets to the connection, in chunks as the options say. */
  send(...parts: readonly Uint8Array[]): void {
    const bytes = concat(...parts);
    const { chunkLength = Infinity } = this.#options;
    for (let start = 0; start < bytes.length; start += chunkLength) {
      const chunk = bytes.slice(start, start + chunkLength);
      for (let position = 0; position < chunk.length;) {
        const next = this.connection.handleInput(chunk, this.nowMs, position);
        assert.ok(next > position || this.connection.isClosed, "handleInput goes on");
        position = next;
      }
      chunk.fill(0xee); // It is the caller's again.
      this.collect();
    }
  }

  /** A HEADERS frame, encoded in the order of the calls. */
  headers(streamId: number, fields: Fields, options: FrameOptions = {}): Uint8Array {
    return headers(streamId, this.block(fields), options);
  }

  /** A field block. */
  block(fields: Fields): Uint8Array {
    const list = fieldList(fields);
    const buffer = new Uint8Array(this.#encoder.bound(list));
    return buffer.slice(0, this.#encoder.encode(list, buffer, 0));
  }

  /** Opens streams of requests that have not ended. */
  open(...streamIds: readonly number[]): void {
    this.send(...streamIds.map((id) => this.headers(id, REQUEST)));
  }

  /** Client: opens a stream. */
  request(fields: Fields = REQUEST, endStream = false): Http2Stream {
    const stream = this.connection.openStream(fieldList(fields), this.#streamHandler, endStream);
    this.streams.set(stream.id, stream);
    return stream;
  }

  /** The stream of a number. */
  stream(id: number): Http2Stream {
    const stream = this.streams.get(id);
    assert.ok(stream, `There is a stream ${id}`);
    return stream;
  }

  /** Reads what the connection has to say. */
  collect(): void {
    for (let output = this.connection.pollOutput(); output !== undefined; output = this.connection.pollOutput()) {
      this.#frames.push(...this.#text.read(output));
      this.connection.releaseOutput(output);
    }
    assert.equal(this.connection.hasOutput, false, "There is no output that is not given");
  }

  /** All frames that were not taken yet, as lines. */
  take(): string[] {
    return this.takeFrames().map(({ text }) => text);
  }

  takeFrames(): TextFrame[] {
    this.collect();
    return this.#frames.splice(0);
  }

  /** The next frames are these, in this order. */
  wantFrames(...texts: readonly string[]): void {
    this.collect();
    assert.deepEqual(this.#frames.splice(0, texts.length).map(({ text }) => text), texts);
  }

  /** These frames and no more. */
  wantOnly(...texts: readonly string[]): void {
    assert.deepEqual(this.take(), texts);
  }

  /** There are no frames. */
  wantIdle(): void {
    this.wantOnly();
  }

  /** What happened is this, and nothing else, since the last time. */
  wantEvents(...texts: readonly string[]): void {
    assert.deepEqual(this.events.splice(0), texts);
  }

  /** Lets time go by: the connection is called whenever it asked for it. */
  advance(milliseconds: number): void {
    const end = this.nowMs + milliseconds;
    for (let calls = 0;; calls++) {
      assert.ok(calls < 1000, "The timers come to an end");
      const next = this.connection.pollTimeout();
      if (next === undefined || next > end) {
        break;
      }
      this.nowMs = Math.max(this.nowMs, next);
      this.connection.handleTimeout(this.nowMs);
      this.collect();
    }
    this.nowMs = end;
  }

  #note(what: string, stream: Http2Stream, rest: string): void {
    this.events.push(`${what} ${stream.id}${rest === "" ? "" : ` ${rest}`}`);
  }

  #recorder(): StreamHandler {
    const { streamHandler = {}, releases = true } = this.#options;
    return {
      onInformation: (stream, head) => {
        this.#note("information", stream, `${head.status}`);
        streamHandler.onInformation?.(stream, head);
      },
      onResponse: (stream, head, endStream) => {
        this.#note("response", stream, `${head.status}${endStream ? " end" : ""}`);
        streamHandler.onResponse?.(stream, head, endStream);
      },
      onData: (stream, buffer, start, end, endStream) => {
        const text = Buffer.from(buffer.subarray(start, end)).toString("latin1");
        const content = text.length <= 32 ? JSON.stringify(text) : `of ${text.length}`;
        this.#note("data", stream, `${content}${endStream ? " end" : ""}`);
        streamHandler.onData?.(stream, buffer, start, end, endStream);
        if (releases) {
          stream.release(end - start);
        }
      },
      onTrailers: (stream, fields) => {
        this.#note("trailers", stream, fields.map(({ name, value }) => `${name}=${value}`).join(" "));
        streamHandler.onTrailers?.(stream, fields);
      },
      onWritable: (stream) => {
        this.#note("writable", stream, "");
        streamHandler.onWritable?.(stream);
      },
      onReset: (stream, error) => {
        const unprocessed = error.isUnprocessed ? " unprocessed" : "";
        this.#note("reset", stream, `${errorName(error.code)} ${error.origin}${unprocessed}`);
        streamHandler.onReset?.(stream, error);
      },
      ...streamHandler.onRefused && {
        onRefused: (stream: Http2Stream, error: RefusalError) => {
          this.#note("refused", stream, error.reason);
          streamHandler.onRefused!(stream, error);
        },
      },
    };
  }
}
