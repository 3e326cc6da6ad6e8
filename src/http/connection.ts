/**
 * What drives an engine asks of it, be it for HTTP/2 or HTTP/1.1: octets and times go in, octets come out. This module performs no I/O.
 */

/** A connection without its socket. Times are milliseconds of one monotonic clock. */
export interface HttpConnection {
  /** Whether it is over: nothing goes in any more, and when the last output is written the socket can be closed. */
  readonly isClosed: boolean;
  /** Whether reading makes sense now. Ask again after {@linkcode releaseOutput}, and after commands of the owner. */
  readonly wantsInput: boolean;
  readonly hasOutput: boolean;
  /** Whether the driver should serve other connections before the next {@linkcode handleInput}, which begins a new turn. */
  readonly isTurnOver: boolean;
  /** In pieces of which time, in milliseconds, the peer has to take {@linkcode minWriteBytes} of what is being written, if that is still going on. */
  readonly writeTimeoutMs: number;
  readonly minWriteBytes: number;
  /**
   * Takes octets that were received. They are the caller's again after the call.
   *
   * @param start Where in the chunk to begin.
   * @returns Where it stopped: the end, or earlier when its turn is over, or when it does not want more for now. The
   *   rest is to be given again then.
   */
  handleInput(chunk: Uint8Array, nowMs: number, start?: number): number;
  /** Does what is due. */
  handleTimeout(nowMs: number): void;
  /** The peer will send nothing more. */
  handleEof(): void;
  /** When `handleTimeout` is to be called; undefined for never. It may be called too early, too. */
  pollTimeout(): number | undefined;
  /** All there is to write now, the caller's until it is given to {@linkcode releaseOutput}; undefined when there is nothing. */
  pollOutput(): Uint8Array | undefined;
  /** Gives output back that was written, in the order in which it was polled. */
  releaseOutput(output: Uint8Array): void;
  /** The socket is closed: the output is forgotten, polled or not. What a write still has may be given back, and need not. */
  handleClosed(): void;
  /** Lets what was begun end, then ends the connection. */
  shutdown(): void;
  /** Ends the connection now, and all that goes on with it. */
  close(code?: number, message?: string): void;
}
