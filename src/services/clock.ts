/** Time, as far as waiting goes: tests have one of their own. */

/** A clock that goes on evenly, and calls back. */
export interface Clock {
  nowMs(): number;
  /** Calls back after so many milliseconds, unless the result is called before. */
  schedule(callback: () => void, delayMs: number): () => void;
}

/** The clock of the system. */
export const SYSTEM_CLOCK: Clock = {
  nowMs: () => performance.now(),
  schedule: (callback, delayMs) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
