/** When a connection has to do something without being told (see `limits.ts`). This module performs no I/O. */
import { minBytesOf, usePeriod } from "../http/mod.ts";
import type { Http1Limits } from "./limits.ts";
import { Timeout } from "./timeout.ts";

/** All that a connection waits for. */
export class Deadlines {
  /** A head or trailers must be there, or on a new connection the first head. */
  readonly head: Timeout;
  /** Some more of the body must be there. */
  readonly body: Timeout;
  /** There must have been a request. */
  readonly idle: Timeout;
  /** The connection is old enough. */
  readonly age: Timeout;
  /** Bytes of the body that each piece of time has to bring. */
  readonly #minOctets: number;
  /** Bytes since the body began, and how many of them are used up. */
  #octets = 0;
  #used = 0;

  constructor(limits: Http1Limits, nowMs: number, maxAgeMs = Infinity) {
    this.head = new Timeout(limits.headerTimeoutMs);
    this.body = new Timeout(limits.bodyTimeoutMs);
    this.idle = new Timeout(limits.idleTimeoutMs);
    this.age = new Timeout(maxAgeMs);
    this.#minOctets = minBytesOf(limits.minBodyRate, limits.bodyTimeoutMs);
    this.head.start(nowMs, true);
    this.age.start(nowMs, true);
  }

  /** The first of all; undefined when there is none. */
  get next(): number | undefined {
    const { head, body, idle, age } = this;
    const next = Math.min(head.atMs, body.atMs, idle.atMs, age.atMs);
    return next === Infinity ? undefined : next;
  }

  /** Some of a head has come. */
  beginHead(nowMs: number): void {
    this.idle.stop();
    if (!this.head.isRunning) {
      this.head.start(nowMs, true);
    }
  }

  endHead(): void {
    this.head.stop();
    this.idle.stop();
  }

  /** A body begins that is wanted. */
  beginBody(nowMs: number): void {
    this.#octets = this.#used = 0;
    this.body.start(nowMs, true);
  }

  /** The rest of the body is wanted again. @param isExact Whether the time is not an old one. */
  resumeBody(nowMs: number, isExact: boolean): void {
    this.#used = this.#octets;
    this.body.start(nowMs, isExact);
  }

  /** Octets of the body have come. */
  received(length: number): void {
    this.#octets += length;
  }

  /** They are under the time of a head instead. */
  beginTrailers(nowMs: number): void {
    this.body.stop();
    if (!this.head.isRunning) {
      this.head.start(nowMs, true);
    }
  }

  endBody(): void {
    this.body.stop();
    this.head.stop();
  }

  /**
   * Whether too little of the body came in the piece of time that has ended. If enough did, the next one begins.
   *
   * @param isAwaited Whether the rest of the body is expected. If not it may take its time, and has all of it when it is.
   */
  isBodyDue(nowMs: number, isAwaited: boolean): boolean {
    if (!this.body.isDue(nowMs)) {
      return false;
    }
    this.body.start(nowMs, true);
    if (!isAwaited) {
      this.#used = this.#octets - this.#minOctets;
      return false;
    }
    this.#used = usePeriod(this.#used, this.#octets, this.#minOctets);
    return this.#used < 0;
  }

  /** Nothing is due any more. */
  close(): void {
    this.head.stop();
    this.body.stop();
    this.idle.stop();
    this.age.stop();
  }
}
