/** Logs connections that were closed for abuse, with the peer's address and the reason. */
import { logger } from "./logging.ts";

/** Lines per second: a peer that was closed may reconnect at once. */
const LINES_PER_SECOND = 5;

/** A connection that has ended, as `serve` reports it. */
export interface EndedConnection {
  readonly reason: string;
  readonly detail: string | undefined;
  readonly peer: { readonly hostname: string; readonly port: number } | undefined;
}

/**
 * Returns a function that logs those of the given connections that were closed for abuse.
 *
 * @param nowMs The clock, in milliseconds.
 */
export function abuseLog(nowMs: () => number = () => performance.now()): (end: EndedConnection) => void {
  let secondEndsAtMs = -Infinity;
  let lines = 0;
  let unlogged = 0;
  return ({ reason, detail, peer }) => {
    if (reason !== "ENHANCE_YOUR_CALM") {
      return;
    }
    const now = nowMs();
    if (now >= secondEndsAtMs) {
      secondEndsAtMs = now + 1000;
      lines = 0;
    }
    if (++lines > LINES_PER_SECOND) {
      unlogged++;
      return;
    }
    logger.warn("Closed the connection of {peer}: {detail} ({unlogged} more since the last line)", {
      peer: peer === undefined ? "a Unix socket" : `${peer.hostname}:${peer.port}`,
      detail,
      unlogged,
    });
    unlogged = 0;
  };
}
