/** The time, for what waits: the system's, or one of a test that goes by when it is told to. */
import { MAX_TIMEOUT_MS } from "../http/mod.ts";

/** A monotonic clock with timers. */
export interface Clock {
  /** Milliseconds since some moment. */
  nowMs(): number;
  /** Calls back once, after so many milliseconds. @returns Takes that back. */
  schedule(callback: () => void, delayMs: number): () => void;
}

/** The system's. */
export const SYSTEM_CLOCK: Clock = {
  nowMs: () => performance.now(),
  schedule: (callback, delayMs) => {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), MAX_TIMEOUT_MS));
    return () => clearTimeout(timer);
  },
};
