/**
 * The body of the request that is going on: what of the octets is its content, who gets it, how much of it is taken at a time, and until when.
 *
 * This module performs no I/O.
 */
import { BodyBudget } from "./body_budget.ts";
import { BodyReader } from "./body_reader.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Http1Exchange } from "./exchange.ts";
import type { Fault } from "./faults.ts";
import type { Http1Limits } from "./limits.ts";
import type { ParsedHead } from "./request_head.ts";

/** One body after the other. That of an exchange that is over is read for nobody, so that the connection can be used again. */
export class RequestBody {
  readonly #reader: BodyReader;
  readonly #budget: BodyBudget;
  readonly #deadlines: Deadlines;

  constructor(limits: Http1Limits, deadlines: Deadlines) {
    this.#reader = new BodyReader(limits);
    this.#budget = new BodyBudget(limits);
    this.#deadlines = deadlines;
  }

  /** Whether the owner has so much of it that nothing more is read. */
  get isPaused(): boolean {
    return this.#budget.isPaused;
  }

  /** Whether all of it was read. */
  get isDone(): boolean {
    return this.#reader.isDone;
  }

  /** What is wrong with it, after {@linkcode read}. */
  get fault(): Fault | undefined {
    return this.#reader.fault;
  }

  /** Octets that are kept. */
  get bufferedLength(): number {
    return this.#reader.bufferedLength;
  }

  /** Octets that are still to come; undefined when nobody knows. */
  get knownLength(): number | undefined {
    return this.#reader.knownLength;
  }

  /** Begins the body that a head announces. */
  begin(parsed: ParsedHead, nowMs: number): void {
    this.#budget.begin();
    if (parsed.isChunked) {
      this.#reader.beginChunked();
    } else {
      this.#reader.beginContent(parsed.head.contentLength!);
    }
    this.#deadlines.beginBody(nowMs);
  }

  /** Takes octets, as many as its owner may have. Gives where it stopped. Then the owner gets them, or nobody. */
  read(exchange: Http1Exchange, chunk: Uint8Array, start: number, nowMs: number): number {
    const reader = this.#reader;
    const position = reader.read(chunk, start, exchange.isClosed ? Infinity : this.#budget.roomOf(exchange.held));
    this.#deadlines.received(position - start);
    if (reader.isDone) {
      this.#deadlines.endBody();
    } else if (reader.isInTrailers) {
      this.#deadlines.beginTrailers(nowMs);
    }
    return position;
  }

  /** Gives the owner what was read. */
  deliver(exchange: Http1Exchange, chunk: Uint8Array): void {
    const { dataStart, dataEnd, isDone, trailers } = this.#reader;
    exchange.held += dataEnd - dataStart;
    // Before it is told, so that it is right when the octets are released at once.
    if (!isDone && this.#budget.hold(exchange.held)) {
      this.#deadlines.body.stop();
    }
    if (isDone && trailers !== undefined) {
      exchange.handler.onTrailers(exchange, trailers);
    } else if (dataEnd > dataStart || isDone) {
      exchange.handler.onData(exchange, chunk, dataStart, dataEnd, isDone);
    }
  }

  /** Counts octets that nobody wanted; false when they are too many. */
  discard(length: number): boolean {
    return this.#budget.discard(length);
  }

  /** The owner has released octets. Gives whether that ends a pause. @param isExact Whether the time is not an old one. */
  release(exchange: Http1Exchange, length: number, nowMs: number, isExact: boolean): boolean {
    exchange.held -= length;
    const resumes = this.#budget.release(exchange.held);
    if (resumes) {
      this.#deadlines.resumeBody(nowMs, isExact);
    }
    return resumes;
  }

  /** From now on nobody wants it. @param isExact Whether the time is not an old one. */
  abandon(exchange: Http1Exchange, nowMs: number, isExact: boolean): void {
    exchange.held = 0;
    this.#budget.isPaused = false;
    if (!this.#deadlines.body.isRunning) {
      this.#deadlines.resumeBody(nowMs, isExact);
    }
  }
}
