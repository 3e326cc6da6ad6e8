/** Logs what is refused because too much waits: one line for many, since those who attack decide how many there are. */
import { logger } from "./logging.ts";

/** How far apart lines are, in milliseconds. */
const PAUSE_MS = 10_000;

/** Makes what logs refusals. @param nowMs A monotonic clock. */
export function createRefusalLog(nowMs: () => number = () => performance.now()): (error: Error) => void {
  let loggedAtMs = -Infinity;
  let count = 0;
  return ({ message }) => {
    count++;
    if (nowMs() - loggedAtMs < PAUSE_MS) {
      return;
    }
    loggedAtMs = nowMs();
    logger.warn("Refused {count} calls since the last such line: {reason}", { count, reason: message });
    count = 0;
  };
}
