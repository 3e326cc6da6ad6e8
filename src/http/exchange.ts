/**
 * The seam between what carries requests and what answers them: one request and the means to answer it, be it an HTTP/2 stream or a pair of
 * HTTP/1.1 messages. This module performs no I/O.
 */
import type { HeaderField } from "./header_field.ts";
import type { RefusalError } from "./refusal.ts";

/** The head of a request that is well-formed. Equal requests of a connection may share it. */
export interface RequestHead {
  readonly method: string;
  /** `http` or `https`, as the request says. Empty in CONNECT. */
  readonly scheme: string;
  /** Host and port of the target, as in `:authority` or `Host`. Empty when neither is there. */
  readonly authority: string;
  /** Path and query; `*` in an OPTIONS request for the server itself; empty in CONNECT. */
  readonly path: string;
  /** All other fields, in their order. */
  readonly fields: readonly HeaderField[];
  /** Octets of content; undefined when it is not said. */
  readonly contentLength: number | undefined;
  /** For the use of who serves the request: what follows from its head follows from those that share it, too. */
  memo: unknown;
}

/**
 * What happens on an exchange after its request has begun. The exchange is given each time, so that one object can handle all of them: an
 * object for each call costs more than the call.
 */
export interface ExchangeHandler {
  /**
   * Octets of the request's content, from `start` to `end` of a buffer that is valid during the call only: copy what must stay.
   * {@linkcode HttpExchange.release} them when they were dealt with. With `endStream` nothing follows; then there may be no octets.
   */
  onData(exchange: HttpExchange, buffer: Uint8Array, start: number, end: number, endStream: boolean): void;
  /** The request's trailers, after which nothing follows. */
  onTrailers(exchange: HttpExchange, fields: readonly HeaderField[]): void;
  /** There is room again, after {@linkcode HttpExchange.write} had said false. */
  onWritable(exchange: HttpExchange): void;
  /** The exchange ended before its time, and nothing follows: the peer gave up or did wrong, or the connection is gone. */
  onReset(exchange: HttpExchange, error: Error): void;
  /**
   * The request keeps too much, or comes too slowly: answer it now. If the exchange keeps as much after that, or there is no such method, it is
   * reset.
   */
  onRefused?(exchange: HttpExchange, error: RefusalError): void;
}

/** For exchanges whose request nobody took: drops its content. */
export const NO_HANDLER: ExchangeHandler = {
  onData: (exchange, _buffer, start, end) => exchange.release(end - start),
  onTrailers: () => {},
  onWritable: () => {},
  onReset: () => {},
};

/**
 * One request, seen from the server. Commands that make no sense any more throw a `TypeError` that says why; after a reset they do nothing.
 * Lists of fields that are frozen and given again and again are sent fastest; pseudo-header field `:status` comes first in heads.
 */
export interface HttpExchange {
  /** Who is told what happens. To be set when the request is handed out; until then content is dropped. */
  handler: ExchangeHandler;
  /** For the handler's use. */
  context: unknown;
  /** Whether the response has begun. */
  readonly headSent: boolean;
  /** Whether it is over, in whatever way. */
  readonly isClosed: boolean;
  /**
   * Whether the rest of the request is expected: then it has to come at the rate of the limits, as long as no content waits to be released. To be set to
   * false where the peer may be silent for as long as it likes, as between the messages of a stream.
   */
  awaitsRequest: boolean;
  /** Whether the peer gets what is given to {@linkcode endWithTrailers}. */
  readonly canSendTrailers: boolean;
  /** Sends an interim response (1xx). */
  sendInformation(fields: readonly HeaderField[]): void;
  /** Begins the response. */
  respond(fields: readonly HeaderField[], endStream?: boolean): void;
  /**
   * Sends content, which is copied at once.
   *
   * @returns False when the queue is full: send no more before `onWritable`.
   * @throws {RangeError} The queue was full already.
   */
  write(chunk: Uint8Array, start?: number, end?: number): boolean;
  /** Ends the response, after a last chunk if there is one, which is copied at once, and taken even when the queue is full. */
  end(chunk?: Uint8Array): void;
  /**
   * Ends the response with trailers. Where {@linkcode canSendTrailers} is false they are dropped, or refused by a `TypeError` that says why.
   */
  endWithTrailers(fields: readonly HeaderField[]): void;
  /**
   * Room for at most `bound` octets of content in the output itself: where in {@linkcode outputBuffer} they go, to be followed by
   * {@linkcode commit} at once; -1 when they have to be given to `write`. Behind them nothing is kept in the buffer, it may be overwritten.
   */
  reserve(bound: number): number;
  /** Sends the first `length` of the octets there was room for. */
  commit(length: number): void;
  /** Where `reserve` makes room. Another one after each command. */
  readonly outputBuffer: Uint8Array;
  /** Ends the exchange at once, in both directions. The code is one of HTTP/2 (RFC 9113 §7); HTTP/1.1 closes the connection. */
  reset(code?: number): void;
  /** Says that so many octets of the request's content were dealt with: the peer may send as many again. */
  release(length: number): void;
  /** Counts work beyond that of a call (`turn.ts`), so that the connection's turn ends sooner. */
  spendWork(work: number): void;
  /**
   * Does work that may take the thread for milliseconds, such as to decompress a message: at once, or when other connections were served in between.
   * What the owner holds for the work stays its own to count ({@linkcode keep}).
   *
   * @param bytes How many bytes the work is about.
   * @param isFurther Whether it goes on with what earlier work made, which takes memory: it comes before work that has not begun.
   * @returns What the work returns; a promise of it where the work has to wait. It throws, or rejects with, what the work throws.
   */
  schedule<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T>;
  /**
   * Says how many bytes the owner keeps for the request from now on, in whatever form; 0 when it is done with it, which may be after the exchange. They
   * count for the connection and the server. Within this call the exchange may be refused, or any other.
   */
  keep(bytes: number): void;
}

/** What is known of the connection that a request came by. */
export interface ConnectionInfo {
  /** What it speaks. */
  readonly httpVersion: "1.1" | "2";
  /** Where the peer is; undefined for a Unix socket. */
  readonly peer: { readonly hostname: string; readonly port: number } | undefined;
  /** Whether it is encrypted, as far as is known: a proxy that is believed may say so, too. */
  readonly isTls: boolean;
  /** The common name of the client's certificate; undefined when none was asked for. */
  readonly tlsPeerName: string | undefined;
}

/** Gets each request when its head is there; with `endStream` that is all of it. It must not throw. */
export type ServeExchange = (
  exchange: HttpExchange,
  head: RequestHead,
  endStream: boolean,
  connection: ConnectionInfo,
) => void;
