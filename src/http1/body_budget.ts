/** How much of the body of a request is taken: from an owner who keeps it, and for nobody. This module performs no I/O. */
import type { Http1Limits } from "./limits.ts";

/** The budgets of one request at a time. */
export class BodyBudget {
  /** Whether the owner has so much that nothing more is read. */
  isPaused = false;
  readonly #limits: Http1Limits;
  /** Octets that nobody wanted. */
  #discardedLength = 0;

  constructor(limits: Http1Limits) {
    this.#limits = limits;
  }

  /** Begins a body, of which the owner has nothing. */
  begin(): void {
    this.isPaused = false;
    this.#discardedLength = 0;
  }

  /** How much more the owner may have. Not 0, unless it is paused. */
  roomOf(held: number): number {
    return this.#limits.maxUnreleasedBody - held;
  }

  /** The owner has got some. Gives whether that makes it pause. */
  hold(held: number): boolean {
    return this.isPaused = held >= this.#limits.maxUnreleasedBody;
  }

  /** The owner has released some. Gives whether that ends a pause: at half of the limit, so that not each octet is read for itself. */
  release(held: number): boolean {
    if (!this.isPaused || held > this.#limits.maxUnreleasedBody / 2) {
      return false;
    }
    this.isPaused = false;
    return true;
  }

  /** Counts octets that nobody wants; false when they are too many. */
  discard(length: number): boolean {
    this.#discardedLength += length;
    return this.#discardedLength <= this.#limits.maxDiscardedBody;
  }
}
