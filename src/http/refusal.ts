/** Why a server ends a request or a response that the protocol has nothing against. This module performs no I/O. */

/** What is exceeded. */
export type RefusalReason = "maxBufferedBytes" | "maxConnectionBufferedBytes" | "minBodyRate";

/** A request or a response is ended, since it keeps too much or comes too slowly. */
export class RefusalError extends Error {
  /** Tells it from other errors. */
  override readonly name = "RefusalError";
  /** The limit by its name. */
  readonly reason: RefusalReason;

  /** @internal */
  constructor(reason: RefusalReason, message: string) {
    super(message);
    this.reason = reason;
  }

  /** @internal Says that a connection keeps too much. @param maxBytes What it may keep. */
  static ofConnection(maxBytes: number): RefusalError {
    const message =
      `The connection has more bytes wait than maxConnectionBufferedBytes, ${maxBytes}, and this has the most`;
    return new RefusalError("maxConnectionBufferedBytes", message);
  }

  /** @internal Says that all connections keep too much. @param maxBytes What they may keep. */
  static ofServer(maxBytes: number): RefusalError {
    const message = `The server has more bytes wait than maxBufferedBytes, ${maxBytes}, and this has the most`;
    return new RefusalError("maxBufferedBytes", message);
  }

  /** @internal Says that a request comes too slowly. @param bytesPerSecond How fast it has to come. */
  static ofRate(bytesPerSecond: number): RefusalError {
    return new RefusalError(
      "minBodyRate",
      `The request came more slowly than minBodyRate, ${bytesPerSecond} bytes per second`,
    );
  }
}
