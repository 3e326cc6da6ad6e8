/**
 * Takes turns at what keeps the thread busy: operations on files, and the work on what they read.
 *
 * Deno looks at sockets when the thread has nothing to do, or after 61 rounds of its event loop. Each operation on a file that has ended is work for
 * one more round, so that 128 files that are read at once keep it from its sockets for 61 rounds of 10 ms. With one operation at a time the
 * thread is idle while that goes on, and hears of its sockets.
 */
import type { Clock } from "../clock.ts";
import { EVENT_LOOP_CLOCK } from "./event_loop_clock.ts";
import type { StoreCaller } from "../file_store.ts";
import { WaitingCallers, type WaitingLimits } from "../waiting_callers.ts";

/** Options of {@linkcode Turns}. */
export interface TurnsOptions extends WaitingLimits {
  /** What takes turns, as errors say it. */
  readonly what: string;
  /** How many have their turn at a time. @default 1 */
  readonly atOnce?: number | undefined;
  /**
   * How many operations go on at a time, with those whose turn has passed because the disk is slow. @default `atOnce`
   */
  readonly maxOperations?: number | undefined;
  /** @default the system's */
  readonly clock?: Clock | undefined;
}

/** How long an operation has its turn, in milliseconds, up to twice as long: a disk that takes longer does not keep the thread busy. */
const TURN_MS = 2;

/**
 * How long turns follow each other before all wait, and how long that is, in milliseconds. The disk may be so fast that an operation has ended before the
 * thread comes to rest; then this is the rest.
 */
const WORK_MS = 4;
const REST_MS = 1;

/** The turn of an operation. */
export interface Turn {
  /** The operation has ended. The turn ends as soon as the thread has nothing to do: by then its result has been worked on, or waits for a client. */
  complete(): void;
  /** Ends it now. It may be called more than once. */
  end(): void;
}

/** See the top of the file. */
export class Turns {
  readonly #atOnce: number;
  readonly #maxOperations: number;
  readonly #clock: Clock;
  readonly #waiting: WaitingCallers<Turn>;
  /** The turns that last, and the round in which each began. */
  readonly #holders = new Map<Turn, number>();
  /** Those turns of which the operation has ended. */
  readonly #completed = new Set<Turn>();
  #cancelEnding: (() => void) | undefined;
  #operations = 0;
  #round = 0;
  #restedMs: number;
  #isResting = false;
  #cancelRound: (() => void) | undefined;

  constructor({ what, atOnce = 1, maxOperations = atOnce, clock = EVENT_LOOP_CLOCK, ...limits }: TurnsOptions) {
    this.#atOnce = atOnce;
    this.#maxOperations = maxOperations;
    this.#clock = clock;
    this.#restedMs = clock.nowMs();
    this.#waiting = new WaitingCallers(what, limits);
  }

  /**
   * Takes a turn, when it comes. There is no promise where that is at once.
   *
   * @throws {ConnectError} `resource_exhausted`: too many wait. Or the reason that the caller's signal aborts with.
   */
  take(caller: StoreCaller): Turn | Promise<Turn> {
    if (this.#hasRoom && this.#waiting.size === 0) {
      return this.#begin();
    }
    const turn = this.#waiting.wait(caller);
    this.#watch();
    if (this.#completed.size > 0) {
      this.#endCompletedSoon();
    }
    return turn;
  }

  /** Has an operation done in a turn. @throws {ConnectError} As {@linkcode take}; what the operation throws. */
  async run<T>(caller: StoreCaller, operation: () => Promise<T>): Promise<T> {
    const taken = this.take(caller);
    const turn = taken instanceof Promise ? await taken : taken;
    try {
      return await operation();
    } finally {
      turn.end();
    }
  }

  get #hasRoom(): boolean {
    return !this.#isResting && this.#holders.size < this.#atOnce && this.#operations < this.#maxOperations;
  }

  #begin(): Turn {
    let isRunning = true;
    const turn: Turn = {
      complete: () => {
        isRunning = false;
        this.#operations--;
        if (this.#holders.has(turn)) {
          this.#completed.add(turn);
          if (this.#waiting.size > 0) {
            this.#endCompletedSoon();
          }
        }
      },
      end: () => {
        if (isRunning) {
          isRunning = false;
          this.#operations--;
        }
        this.#completed.delete(turn);
        this.#holders.delete(turn);
        this.#serve();
      },
    };
    this.#operations++;
    this.#holders.set(turn, this.#round);
    return turn;
  }

  /** Ends these turns when the thread has nothing to do: a reader that has one then waits for its client. */
  #endCompletedSoon(): void {
    this.#cancelEnding ??= this.#clock.schedule(() => {
      this.#cancelEnding = undefined;
      [...this.#completed].forEach((turn) => turn.end());
    }, 0);
  }

  #serve(): void {
    if (this.#completed.size === 0) {
      this.#cancelEnding?.();
      this.#cancelEnding = undefined;
    }
    while (this.#hasRoom && this.#waiting.size > 0) {
      if (this.#clock.nowMs() - this.#restedMs >= WORK_MS) {
        this.#rest();
      } else {
        this.#waiting.serve(() => this.#begin());
      }
    }
    if (this.#waiting.size === 0) {
      this.#cancelRound?.();
      this.#cancelRound = undefined;
    }
  }

  #rest(): void {
    this.#isResting = true;
    this.#clock.schedule(() => {
      this.#isResting = false;
      this.#restedMs = this.#clock.nowMs();
      this.#serve();
    }, REST_MS);
  }

  /** Ends turns that last too long, as long as callers wait. */
  #watch(): void {
    this.#cancelRound ??= this.#clock.schedule(() => {
      this.#cancelRound = undefined;
      for (const [turn, round] of this.#holders) {
        if (round < this.#round) {
          this.#completed.delete(turn);
          this.#holders.delete(turn);
        }
      }
      this.#round++;
      this.#serve();
      if (this.#waiting.size > 0) {
        this.#watch();
      }
    }, TURN_MS);
  }
}
