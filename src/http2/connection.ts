/**
 * An HTTP/2 connection (RFC 9113) without sockets and clocks: octets and times go in, events and octets come out, at once and always the
 * same for the same input.
 *
 * Whoever drives it feeds it with `handleInput`, `handleTimeout` and `handleEof`, writes what `pollOutput` gives and wakes it when
 * `pollTimeout` says. Whatever a peer does is input and never throws: it becomes RST_STREAM or GOAWAY, and an event. What its owner must
 * not do throws at once. This module performs no I/O.
 */
import type { ByteBudget, HeaderField, HttpConnection, LimitChanges, RefusalError, RequestHead } from "../http/mod.ts";
import type { Http2ConnectionError } from "./errors.ts";
import type { Http2Limits } from "./limits.ts";
import type { Http2Stream, StreamHandler } from "./stream.ts";

/** Which side of the connection we are. */
export type Role = "client" | "server";

/** What happens on a connection. Called from within `handleInput`, `handleTimeout`, `handleEof`, or, as said, from commands. */
export interface ConnectionHandler {
  /**
   * Server: a request has begun. Set `stream.handler`. Equal requests may share their head.
   *
   * @param endStream Whether it has neither content nor trailers: nothing follows.
   */
  onRequest?(stream: Http2Stream, head: RequestHead, endStream: boolean): void;
  /** There is output, because of a command that was given from outside of the calls above: poll it soon. */
  onOutput(): void;
  /** The peer's first SETTINGS are there: it speaks HTTP/2, and its limits are known. */
  onReady?(): void;
  /** Client: a stream may be opened again, after `canOpenStream` was false because there were too many. */
  onCapacity?(): void;
  /** The peer takes no streams above this one any more. Those that are lost with that have been told. */
  onGoaway?(lastStreamId: number, code: number): void;
  /** Does costly work now, or when other connections were served (`HttpExchange.schedule`). Without it all work is done now. */
  schedule?<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T>;
  /** The connection keeps more than it may, and not for a stream: close it, and its socket, since the peer may read nothing. */
  onRefused?(error: RefusalError): void;
  /** The connection is over; all streams have been told. Write what `pollOutput` still gives, then close the socket. */
  onClose(error: Http2ConnectionError | undefined): void;
}

/** Options of a connection. */
export interface ConnectionOptions {
  readonly role: Role;
  readonly handler: ConnectionHandler;
  /** The time when it begins, in milliseconds of a monotonic clock. */
  readonly nowMs: number;
  /** Limits that are not the default ones. */
  readonly limits?: LimitChanges<Http2Limits> | undefined;
  /** Counts what the connection keeps, with that of others. By default nothing does. */
  readonly budget?: ByteBudget | undefined;
  /** After how long a silence the peer is asked for a sign of life, in milliseconds. Never by default. */
  readonly keepaliveIntervalMs?: number | undefined;
  /** How long it may take to give one. @default 20000 */
  readonly keepaliveTimeoutMs?: number | undefined;
  /** After how long the connection shuts down, so that clients spread over servers anew, in milliseconds. Never by default. */
  readonly maxAgeMs?: number | undefined;
}

/** See the top of the file. `createConnection` makes one. */
export interface Connection extends HttpConnection {
  readonly role: Role;
  readonly limits: Http2Limits;
  /** Streams that are not over. */
  readonly streamCount: number;
  /** Octets of output and of queues. */
  readonly bufferedLength: number;
  /** Client: whether {@linkcode openStream} would open one. */
  readonly canOpenStream: boolean;
  /** Whether no new streams come, by whose decision ever. */
  readonly isDraining: boolean;

  /**
   * Client: begins a request.
   *
   * @param fields Pseudo-header fields first.
   * @param endStream Whether it has neither content nor trailers.
   * @throws {RangeError} There can be no stream now, see {@linkcode canOpenStream}.
   * @throws {TypeError} We are the server, or a field may not be sent.
   */
  openStream(fields: readonly HeaderField[], handler: StreamHandler, endStream?: boolean): Http2Stream;
  /**
   * Ends the connection when its streams have ended (RFC 9113 §6.8): a server says first that it will, and after a round trip from which
   * stream on, so that none is lost that was on its way.
   */
  shutdown(): void;
}
