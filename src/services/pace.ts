/**
 * The pace of work that comes in small pieces, each from a socket or the like: after some milliseconds of it the thread rests for one, so that it hears of its
 * other sockets. As long as there is something to read, Deno looks at the others once in 61 rounds of its event loop only.
 */
import { type Clock, SYSTEM_CLOCK } from "./clock.ts";

/** How long work goes on before it rests, and how long that is, in milliseconds. */
const WORK_MS = 4;
const REST_MS = 1;

/**
 * How many pieces one worker alone does before it rests: large ones take so long that the thread is idle between them, and then a rest would only cost
 * time.
 */
const PIECES_ALONE = 256;

/** See the top of the file. */
export class Pace {
  readonly #clock: Clock;
  #workers = 0;
  #pieces = 0;
  #restedMs: number;
  #rest: Promise<void> | undefined;

  constructor(clock = SYSTEM_CLOCK) {
    this.#clock = clock;
    this.#restedMs = clock.nowMs();
  }

  /** Counts a worker until the result is disposed of. */
  join(): Disposable {
    this.#workers++;
    return { [Symbol.dispose]: () => void this.#workers-- };
  }

  /** To be called after each piece. @returns What to wait for before the next one; undefined when it may be done at once. */
  next(): Promise<void> | undefined {
    if (this.#rest !== undefined) {
      return this.#rest;
    }
    if (++this.#pieces < PIECES_ALONE && this.#workers < 2) {
      return undefined;
    }
    if (this.#clock.nowMs() - this.#restedMs < WORK_MS) {
      return undefined;
    }
    return this.#rest = new Promise((resolve) => {
      this.#clock.schedule(() => {
        this.#rest = undefined;
        this.#pieces = 0;
        this.#restedMs = this.#clock.nowMs();
        resolve();
      }, REST_MS);
    });
  }
}
