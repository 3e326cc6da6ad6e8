/** One thing that is due at some time. This module performs no I/O. */

/**
 * A time of the caller's clock, in milliseconds. What is begun by a command of the owner, between two calls of the driver, begins at the time
 * of the last of them, which may be long ago: then it is not due before the driver has said once more how late it is.
 */
export class Timeout {
  /** When it is due; Infinity for never. */
  atMs = Infinity;
  readonly #durationMs: number;
  #isExact = true;

  /** @param durationMs How long it takes. */
  constructor(durationMs: number) {
    this.#durationMs = durationMs;
  }

  get isRunning(): boolean {
    return this.atMs !== Infinity;
  }

  /** Begins, from the beginning if it has begun. @param isExact Whether the time is not an old one. */
  start(nowMs: number, isExact: boolean): void {
    this.atMs = nowMs + this.#durationMs;
    this.#isExact = isExact;
  }

  stop(): void {
    this.atMs = Infinity;
  }

  /** Whether it is due. The time is exact. */
  isDue(nowMs: number): boolean {
    if (this.atMs > nowMs) {
      return false;
    }
    if (!this.#isExact) {
      this.start(nowMs, true);
      return false;
    }
    return true;
  }
}
