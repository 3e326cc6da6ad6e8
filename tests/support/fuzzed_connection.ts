/** Feeds a server connection with what may be anything, as a driver would, and throws when it does what it may not. */
import assert from "node:assert/strict";
import type { RequestHead } from "../../src/http/mod.ts";
import {
  createConnection,
  DEFAULT_HTTP2_LIMITS,
  type Http2Limits,
  type Http2Stream,
  type StreamHandler,
} from "../../src/http2/mod.ts";
import { FrameWalker } from "./frame_walker.ts";
import { answer } from "./http2_echo.ts";
import type { Random } from "./random.ts";

/** Limits that short streams reach. */
const TIGHT: Partial<Http2Limits> = {
  maxConcurrentStreams: 2,
  maxHeaderListSize: 600,
  maxHeaderFields: 12,
  maxHeaderBlockSize: 400,
  maxContinuations: 2,
  maxSettingsEntries: 4,
  maxEmptyFrames: 3,
  resetBurst: 4,
  pauseAtUnsentControlFrames: 4,
  maxUnsentControlFrames: 20,
  maxPriorityFramesPerStream: 3,
  streamWindowSize: 200,
  maxStreamSendQueue: 100,
  maxConnectionSendQueue: 300,
};

/** What one stream of octets came to. */
export interface FuzzResult {
  /** How it ended; undefined when it ended well. */
  readonly error: string | undefined;
  readonly requests: number;
  readonly walker: FrameWalker;
  /** All output, if it was asked for. */
  readonly output: Uint8Array[];
}

function isLong(path: string): boolean {
  return /^\/bytes\/\d{5,}$/.test(path);
}

/** Watches one stream: what is told to its owner comes in an order that makes sense. */
class WatchedHandler implements StreamHandler {
  readonly #handler: StreamHandler;
  #isOver: boolean;

  constructor(handler: StreamHandler, endStream: boolean) {
    this.#handler = handler;
    this.#isOver = endStream;
  }

  onData(stream: Http2Stream, buffer: Uint8Array, start: number, end: number, endStream: boolean): void {
    assert.ok(!this.#isOver, "onData after the end");
    assert.ok(0 <= start && start <= end && end <= buffer.length, "onData outside of its buffer");
    this.#isOver = endStream;
    this.#handler.onData(stream, buffer, start, end, endStream);
  }
  onTrailers(stream: Http2Stream, fields: Parameters<StreamHandler["onTrailers"]>[1]): void {
    assert.ok(!this.#isOver, "onTrailers after the end");
    this.#isOver = true;
    this.#handler.onTrailers(stream, fields);
  }
  onWritable(stream: Http2Stream): void {
    this.#handler.onWritable(stream);
  }
  onReset(stream: Http2Stream, error: Parameters<StreamHandler["onReset"]>[1]): void {
    assert.ok(stream.isClosed, "onReset of a stream that is not closed");
    this.#isOver = true;
    this.#handler.onReset(stream, error);
  }
}

/**
 * Feeds one stream of octets, in random chunks, at a time that passes by itself.
 *
 * @param keepOutput Whether the result has the output, too.
 * @throws {Error} The connection threw, or did what it may not.
 */
export function feedConnection(bytes: Uint8Array, random: Random, keepOutput: boolean): FuzzResult {
  const isTight = random.below(4) === 0;
  const limits = isTight ? { ...DEFAULT_HTTP2_LIMITS, ...TIGHT } : DEFAULT_HTTP2_LIMITS;
  const walker = new FrameWalker();
  const output: Uint8Array[] = [];
  let [requests, closes, nowMs, isOver] = [0, 0, 1000, false];
  let error: string | undefined;
  // What goes on for megabytes only costs time. Some of it has to be above the windows.
  const longPath = random.below(16) === 0 ? "/bytes/70000" : "/bytes/3000";
  const connection = createConnection({
    role: "server",
    nowMs,
    limits: isTight ? TIGHT : undefined,
    keepaliveIntervalMs: random.below(4) === 0 ? 1000 : undefined,
    handler: {
      onRequest: (stream: Http2Stream, head: RequestHead, endStream: boolean) => {
        assert.ok(!isOver, "onRequest after onClose");
        requests++;
        check();
        answer(stream, isLong(head.path) ? { ...head, path: longPath } : head, endStream);
        stream.handler = new WatchedHandler(stream.handler, endStream);
      },
      onOutput: () => {},
      onClose: (reason) => {
        closes++;
        isOver = true;
        error = reason?.message;
      },
    },
  });
  // Queues may be exceeded by one write of each stream, the output by answers to what one chunk asks for.
  const maxBuffered = limits.maxConnectionSendQueue + (limits.maxConcurrentStreams + 1) * 16_384 +
    limits.maxHeaderBlockSize + limits.maxFrameSize + 131_072;
  const check = () => {
    // Not `assert`, here and below: it would make its message each time.
    if (connection.streamCount > limits.maxConcurrentStreams) {
      throw new Error(`There are ${connection.streamCount} streams`);
    }
    if (connection.bufferedLength > maxBuffered) {
      throw new Error(`There are ${connection.bufferedLength} octets buffered`);
    }
  };
  const drain = () => {
    for (let turn = 0; connection.hasOutput; turn++) {
      assert.ok(turn < 1000, "output has no end");
      const octets = connection.pollOutput();
      if (octets === undefined) {
        return;
      }
      walker.push(octets);
      if (keepOutput) {
        output.push(octets.slice());
      }
      connection.releaseOutput(octets);
    }
  };
  const pass = (ms: number) => {
    nowMs += ms;
    const timeoutMs = connection.pollTimeout();
    assert.ok(timeoutMs === undefined || !Number.isNaN(timeoutMs), "pollTimeout is not a number");
    if (timeoutMs !== undefined && timeoutMs <= nowMs) {
      connection.handleTimeout(nowMs);
    }
  };
  // Octet by octet takes about a microsecond each. At one of 20 streams it was a third of the whole: 160 us for each stream, 106 without.
  const largest = random.below(bytes.length < 2000 ? 30 : 1000) === 0 ? 1 : random.pick([30, 200, 5000, bytes.length]);
  let longWaitAt = random.below(8) === 0 ? random.below(bytes.length) : Infinity;
  for (let position = 0; position < bytes.length && !connection.isClosed;) {
    const end = Math.min(bytes.length, position + 1 + random.below(largest));
    // The caller's buffer is the caller's again: what the connection keeps of it must be a copy.
    const chunk = bytes.slice(position, end);
    position = end;
    for (let start = 0; start < chunk.length && !connection.isClosed;) {
      const next = connection.handleInput(chunk, nowMs, start);
      if (!connection.isClosed && (next <= start || next > chunk.length)) {
        throw new Error(`handleInput went from ${start} to ${next}`);
      }
      start = next;
    }
    chunk.fill(0xee);
    check();
    if (random.below(3) > 0 || !connection.wantsInput) {
      drain();
    }
    // In one of eight it waits long once, in the others its timeouts do not come near.
    const waits = position >= longWaitAt;
    longWaitAt = waits ? Infinity : longWaitAt;
    pass(waits ? random.below(40_000) : random.below(2));
  }
  finish();
  return { error, requests, walker, output };

  /** The client hangs up, the server shuts down, or nothing happens any more. All have to end. */
  function finish(): void {
    drain();
    const way = random.below(4);
    if (way === 0) {
      connection.shutdown();
    } else if (way === 1) {
      connection.close();
    } else if (way === 2) {
      for (let turn = 0; turn < 20 && !connection.isClosed; turn++) {
        drain();
        pass(60_000);
      }
    }
    drain();
    connection.handleEof();
    drain();
    walker.end();
    assert.ok(connection.isClosed, "not closed at the end");
    assert.equal(closes, 1, "onClose was not called once");
    assert.equal(connection.streamCount, 0, "streams are left");
    assert.equal(connection.bufferedLength, 0, "something is buffered at the end");
    assert.equal(connection.pollTimeout(), undefined, "something is due at the end");
  }
}
