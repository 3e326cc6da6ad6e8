/**
 * What ends a connection or an exchange, as an object: for those who wait for something that will not come any more.
 * The engine reports faults of the peer, it does not throw them. This module performs no I/O.
 */

/** Who ended it: "peer" hung up, "local" is this side, whatever its reason. */
export type ErrorOrigin = "local" | "peer";

/**
 * Why something ended, in numbers of HTTP/2 (RFC 9113 §7), so that nobody above has to know which of the two it was. HTTP/1.1 itself has
 * no words for it: the peer only sees that the connection ends.
 */
export const EndCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  CANCEL: 0x8,
  ENHANCE_YOUR_CALM: 0xb,
} as const;
export type EndCode = (typeof EndCode)[keyof typeof EndCode];

/** A connection, and the exchange that was going on, ended with an error. */
export class Http1Error extends Error {
  override readonly name = "Http1Error";
  /** An {@linkcode EndCode}, or what `reset` or `close` was called with. */
  readonly code: number;
  readonly origin: ErrorOrigin;
  /** What the peer was told, if it was told anything. */
  readonly status: number | undefined;
  /** As in HTTP/2. Always false: HTTP/1.1 cannot say it. */
  readonly isUnprocessed = false;

  /** @param message What happened, without code and origin. */
  constructor(code: number, message: string, origin: ErrorOrigin, status?: number) {
    super(`${message} (${origin}${status === undefined ? "" : `, ${status}`})`);
    this.code = code;
    this.origin = origin;
    this.status = status;
  }
}
