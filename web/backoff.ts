/** When to try again after a failure, and when to give up. */
import { Code, ConnectError } from "@connectrpc/connect";

/** Waits; rejects with the signal's reason when it aborts. */
export type Wait = (delayMs: number, signal: AbortSignal) => Promise<void>;

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 15_000;

/** About a minute in all: longer than a server takes to restart, shorter than anyone watches a bar that stands still. */
const MAX_ATTEMPTS = 8;

/** The failures in a row of one transfer. */
export class Backoff {
  readonly #transientCodes: readonly Code[];
  #failures = 0;

  /** `transientCodes` are those that another attempt may help against. */
  constructor(transientCodes: readonly Code[] = [Code.Unavailable, Code.DeadlineExceeded]) {
    this.#transientCodes = transientCodes;
  }

  /** Notes that the transfer moved on. */
  reset(): void {
    this.#failures = 0;
  }

  /**
   * Notes a failure, and tells how long to wait before the next attempt, in milliseconds.
   *
   * @throws `error` itself, when another attempt would not help or there were enough.
   */
  next(error: unknown): number {
    const isTransient = error instanceof ConnectError && this.#transientCodes.includes(error.code);
    if (!isTransient || this.#failures >= MAX_ATTEMPTS) {
      throw error;
    }
    return Math.min(FIRST_DELAY_MS * 2 ** this.#failures++, MAX_DELAY_MS);
  }
}

/** {@linkcode Wait} by the clock. */
export function waitByClock(delayMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = () => {
    clearTimeout(timer);
    reject(signal.reason);
  };
  const timer = setTimeout(() => {
    signal.removeEventListener("abort", stop);
    resolve();
  }, delayMs);
  if (signal.aborted) {
    stop();
  } else {
    signal.addEventListener("abort", stop, { once: true });
  }
  return promise;
}
