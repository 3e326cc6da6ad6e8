/**
 * The seam between what carries requests and what makes them: one request and what comes back for it, be it an HTTP/2 stream or a `fetch`. The
 * mirror image of `exchange.ts`. This module performs no I/O.
 */
import type { HeaderField } from "./header_field.ts";

/** The head of a response that is well-formed. Equal responses of a connection may share their fields. */
export interface ResponseHead {
  /** 100 to 999, not 101. */
  readonly status: number;
  /** The fields without `:status`, in their order. */
  readonly fields: readonly HeaderField[];
  /** Octets of content; undefined when it is not said. */
  readonly contentLength: number | undefined;
}

/** Why a call ended before its time. */
export interface CallError extends Error {
  /** As in RST_STREAM (RFC 9113 §7); of a connection that ended as in GOAWAY. */
  readonly code: number;
  /** Whether the server surely did nothing with the request, so that it may be sent again (RFC 9113 §8.7). */
  readonly isUnprocessed: boolean;
  /** Whether the connection ended, and the call with it: nobody said a word about this call. */
  readonly isConnectionLost: boolean;
}

/** What happens to a call. Each method is called from within the carrier, and must not throw. */
export interface CallHandler {
  /** There is a connection, and the head is on its way: now content can be sent. Mostly from within {@linkcode HttpClient.open}. */
  onOpen(call: HttpCall): void;
  /** There is no connection, and none could be made: the call never began, and nothing follows. */
  onUnreachable(error: unknown): void;
  /** The response has begun. With `endStream` nothing follows. */
  onResponse(call: HttpCall, head: ResponseHead, endStream: boolean): void;
  /**
   * Octets of the response's content, from `start` to `end` of a buffer that is valid during the call only: copy what must stay.
   * {@linkcode HttpCall.release} them when they were dealt with. With `endStream` nothing follows; then there may be no octets.
   */
  onData(call: HttpCall, buffer: Uint8Array, start: number, end: number, endStream: boolean): void;
  /** The response's trailers, after which nothing follows. */
  onTrailers(call: HttpCall, fields: readonly HeaderField[]): void;
  /** There is room again, after {@linkcode HttpCall.write} had said false. */
  onWritable(call: HttpCall): void;
  /** The call ended before its time, and nothing follows. Also after the response's end, when it is about the request. */
  onReset(call: HttpCall, error: CallError): void;
}

/** One request, seen from the client. After a reset, by whomever, commands do nothing. */
export interface HttpCall {
  /** Whether it is over, in whatever way. */
  readonly isClosed: boolean;
  /**
   * Sends a piece of content, which is copied at once. An empty one says that the content will come in pieces.
   *
   * @returns False when the queue is full: send no more before `onWritable`.
   * @throws {RangeError} The queue was full already.
   */
  write(chunk: Uint8Array, start?: number, end?: number): boolean;
  /** Ends the request, after a last piece of content if there is one, which is copied at once. */
  end(chunk?: Uint8Array, start?: number, end?: number): void;
  /** Ends the call at once, in both directions. The code is one of HTTP/2 (RFC 9113 §7). @default CANCEL */
  reset(code?: number): void;
  /** Says that so many octets of the response's content were dealt with: the server may send as many again. */
  release(length: number): void;
}

/** A call that waits for a connection. */
export interface WaitingCall {
  /** Gives it up. Its handler hears nothing more. */
  abandon(): void;
}

/** What calls are made with: connections to one server. */
export interface HttpClient {
  /** Where the server is, as in `https://example.com:8443`; undefined when each request says it itself, by `:scheme` and `:authority`. */
  readonly origin: string | undefined;
  /** Whether trailers of responses are handed on, which gRPC needs. */
  readonly hasTrailers: boolean;
  /** Whether requests may come in pieces, by {@linkcode HttpCall.write}. */
  readonly canStreamRequests: boolean;
  /**
   * Begins a request, at once if a connection has room for it.
   *
   * @param fields Pseudo-header fields first. A list that is frozen and given again and again is sent fastest.
   * @param endStream Whether it has no content.
   * @returns The call as long as it waits; undefined when its handler has been told already.
   * @throws {TypeError} A field may not be sent.
   */
  open(fields: readonly HeaderField[], handler: CallHandler, endStream?: boolean): WaitingCall | undefined;
  /** Begins no more calls, and lets those that are open end. */
  shutdown(): Promise<void>;
  /** Ends all calls and connections now. */
  close(): Promise<void>;
}
