/** The clock of the system, on which no time at all is the rest of what the event loop does now. */
import { clearImmediate, setImmediate } from "node:timers";
import { type Clock, SYSTEM_CLOCK } from "../clock.ts";

/** See the top of the file. A timer of 0 ms would be one of 1 ms. */
export const EVENT_LOOP_CLOCK: Clock = {
  nowMs: SYSTEM_CLOCK.nowMs,
  schedule: (callback, delayMs) => {
    if (delayMs > 0) {
      return SYSTEM_CLOCK.schedule(callback, delayMs);
    }
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  },
};
