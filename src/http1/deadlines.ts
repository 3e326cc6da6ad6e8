/** When a connection has to do something without being told (see `limits.ts`). This module performs no I/O. */
import type { Http1Limits } from "./limits.ts";
import { Timeout } from "./timeout.ts";

/** All that a connection waits for. */
export class Deadlines {
  /** A head or trailers must be there, or on a new connection the first head. */
  readonly head: Timeout;
  /** Some more of the body must be there. */
  readonly body: Timeout;
  /** Some of the output must have been written. */
  readonly stall: Timeout;
  /** There must have been a request. */
  readonly idle: Timeout;
  /** The connection is old enough. */
  readonly age: Timeout;
  /** Octets that each piece of time has to bring. */
  readonly #minOctets: number;
  /** Octets since it began. */
  #octets = 0;

  constructor(limits: Http1Limits, nowMs: number, maxAgeMs = Infinity) {
    this.head = new Timeout(limits.headerTimeoutMs);
    this.body = new Timeout(limits.bodyTimeoutMs);
    this.stall = new Timeout(limits.stalledStreamTimeoutMs);
    this.idle = new Timeout(limits.idleTimeoutMs);
    this.age = new Timeout(maxAgeMs);
    this.#minOctets = Math.max(1, limits.minBodyRate * limits.bodyTimeoutMs / 1000);
    this.head.start(nowMs, true);
    this.age.start(nowMs, true);
  }

  /** The first of all; undefined when there is none. */
  get next(): number | undefined {
    const { head, body, stall, idle, age } = this;
    const next = Math.min(head.atMs, body.atMs, stall.atMs, idle.atMs, age.atMs);
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

  /** A body is wanted from now on. @param isExact Whether the time is not an old one. */
  beginBody(nowMs: number, isExact: boolean): void {
    this.#octets = 0;
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

  /** Whether too little of the body came in the piece of time that has ended. If enough did, the next one begins. */
  isBodyDue(nowMs: number): boolean {
    if (!this.body.isDue(nowMs)) {
      return false;
    }
    if (this.#octets < this.#minOctets) {
      return true;
    }
    this.beginBody(nowMs, true);
    return false;
  }

  /** Nothing is due any more but that the output is written. */
  close(): void {
    this.head.stop();
    this.body.stop();
    this.idle.stop();
    this.age.stop();
    this.stall.stop();
  }
}
