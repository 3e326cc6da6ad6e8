/**
 * What ends a connection or a stream, as an object: for those who wait for something that will not come any more.
 * The engine reports faults of the peer, it does not throw them. This module performs no I/O.
 */
import { errorName } from "./constants.ts";

/** Who ended it: "peer" sent GOAWAY or RST_STREAM or hung up, "local" is this side, whatever its reason. */
export type ErrorOrigin = "local" | "peer";

/** A connection ended with an error (RFC 9113 §5.4.1). */
export class Http2ConnectionError extends Error {
  override readonly name = "Http2ConnectionError";
  /** As in GOAWAY; an {@linkcode ErrorCode} or, from a peer, any other 32-bit number. */
  readonly code: number;
  readonly origin: ErrorOrigin;
  /** What happened, without code and origin. */
  readonly reason: string;

  constructor(code: number, reason: string, origin: ErrorOrigin) {
    super(`${reason} (${errorName(code)}, ${origin})`);
    this.reason = reason;
    this.code = code;
    this.origin = origin;
  }
}

/** A stream ended before its time (RFC 9113 §5.4.2). */
export class Http2StreamError extends Error {
  override readonly name = "Http2StreamError";
  readonly streamId: number;
  /** As in RST_STREAM; an {@linkcode ErrorCode} or, from a peer, any other 32-bit number. */
  readonly code: number;
  readonly origin: ErrorOrigin;
  /** Whether the peer says that it did nothing with the request, so that it may safely be sent again (RFC 9113 §8.7). */
  readonly isUnprocessed: boolean;
  /** Whether it ended with its connection. */
  readonly isConnectionLost: boolean;

  /** @param message What happened, without stream, code and origin. */
  constructor(
    streamId: number,
    code: number,
    message: string,
    origin: ErrorOrigin,
    { isUnprocessed = false, isConnectionLost = false, cause }: {
      readonly isUnprocessed?: boolean;
      readonly isConnectionLost?: boolean;
      readonly cause?: Error | undefined;
    } = {},
  ) {
    super(`Stream ${streamId}: ${message} (${errorName(code)}, ${origin})`, cause && { cause });
    this.streamId = streamId;
    this.code = code;
    this.origin = origin;
    this.isUnprocessed = isUnprocessed;
    this.isConnectionLost = isConnectionLost;
  }
}
