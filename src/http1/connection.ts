/**
 * The server's side of an HTTP/1.1 connection (RFC 9112) without sockets and clocks: octets and times go in, events and octets come
 * out, at once and always the same for the same input.
 *
 * Whoever drives it feeds it with `handleInput`, `handleTimeout` and `handleEof`, writes what `pollOutput` gives and wakes it when
 * `pollTimeout` says: as an HTTP/2 connection. Whatever a peer does is input and never throws: it becomes an answer with a status of its
 * own, the end of the connection, and an event. What its owner must not do throws at once. This module performs no I/O.
 */
import type { ByteBudget, HttpConnection, LimitChanges, RefusalError } from "../http/mod.ts";
import type { Http1Error } from "./errors.ts";
import type { Http1Exchange } from "./exchange.ts";
import type { Http1Limits } from "./limits.ts";
import type { Http1RequestHead } from "./request_head.ts";

/** What happens on a connection. Called from within `handleInput`, `handleTimeout`, `handleEof`, or, as said, from commands. */
export interface ConnectionHandler {
  /**
   * A request has begun. Set `exchange.handler`. Equal requests may share their head. The next one begins when this one was received, and
   * answered, to the end.
   *
   * A client that waits for 100 (Continue) gets it when this returns without an answer.
   *
   * @param endStream Whether it has neither content nor trailers: nothing follows.
   */
  onRequest(exchange: Http1Exchange, head: Http1RequestHead, endStream: boolean): void;
  /**
   * There is output, or {@linkcode Connection.wantsInput} has become true, because of a command that was given from outside of the calls
   * above: poll soon, and go on reading.
   */
  onOutput(): void;
  /** Does costly work now, or when other connections were served (`HttpExchange.schedule`). Without it all work is done now. */
  schedule?<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T>;
  /** The connection keeps more than it may, which no answer would change: close it, and its socket, since the peer may read nothing. */
  onRefused?(error: RefusalError): void;
  /** The connection is over; the exchange that was going on has been told. Write what `pollOutput` still gives, then close the socket. */
  onClose(error: Http1Error | undefined): void;
}

/** Options of a connection. */
export interface ConnectionOptions {
  readonly handler: ConnectionHandler;
  /** The time when it begins, in milliseconds of a monotonic clock. */
  readonly nowMs: number;
  /** What requests have as their scheme unless they say it themselves. @default "http" */
  readonly scheme?: "http" | "https" | undefined;
  /**
   * Gives the time for `date` (RFC 9110 §5.6.7), at best the same string for a second; it is given the time of the input that is being handled, if
   * one is. Without it there is no such field.
   */
  readonly date?: ((nowMs: number | undefined) => string) | undefined;
  /** Limits that are not the default ones. */
  readonly limits?: LimitChanges<Http1Limits> | undefined;
  /** Counts what the connection keeps, with that of others. By default nothing does. */
  readonly budget?: ByteBudget | undefined;
  /** After how long the connection shuts down, so that clients spread over servers anew, in milliseconds. Never by default. */
  readonly maxAgeMs?: number | undefined;
}

/** See the top of the file. `createConnection` makes one. */
export interface Connection extends HttpConnection {
  readonly limits: Http1Limits;
  /** Exchanges that are not over: one or none. */
  readonly streamCount: number;
  /** Octets of output and of input in pieces. */
  readonly bufferedLength: number;
  /** Whether no request comes after the one that is going on. */
  readonly isDraining: boolean;
}
