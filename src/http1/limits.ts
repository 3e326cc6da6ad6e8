/**
 * Every limit of an HTTP/1.1 connection: what it stops, and whose default it borrows. Exceeding one is an answer with a status of its
 * own or the end of the connection, never a crash. Limits of messages, of connections in number and of TLS belong to other rooms.
 *
 * This module performs no I/O.
 */
import { changeLimits, type LimitChanges, type LimitRanges, MAX_COUNT, MAX_TIMEOUT_MS } from "../http/mod.ts";

/** The limits of one connection. All are whole numbers. */
export interface Http1Limits {
  /**
   * Octets of a request line, without its CRLF: 414 above. Stops targets that are long to keep and to compare. What RFC 9112 §3 recommends
   * to support at least, and nginx's default.
   *
   * @default 8192
   */
  readonly maxRequestLineLength: number;
  /**
   * Octets of all field lines of a head, or of a trailer section, with their CRLFs: 431 above. Stops heads that fill the memory. As much
   * as an HTTP/2 header list may have here.
   *
   * @default 65536
   */
  readonly maxHeadLength: number;
  /**
   * Bytes of a status line and its field lines, or of a trailer section, that we send, with their CRLFs. A larger one is not sent: a shorter answer
   * takes its place. Stops requests that come back in the head of their response, and metadata without a bound. As an HTTP/2 header list.
   *
   * @default 65536
   */
  readonly maxSentHeadLength: number;
  /**
   * Fields of a head, or of a trailer section: 431 above. Stops heads of many small fields, of which the memory is not in their
   * octets. As in HTTP/2.
   *
   * @default 128
   */
  readonly maxHeaderFields: number;
  /**
   * Octets of the chunk extensions of one body: 400 above. Stops bodies that are all overhead (CVE-2023-39326). As much as Go
   * allows.
   *
   * @default 16384
   */
  readonly maxChunkExtensions: number;
  /**
   * Octets of a request's body that its owner may have without having dealt with them: above, nothing more is read. Bounds what
   * a request has us keep. Our own choice: a quarter of an HTTP/2 stream's window, because no round trip lies between.
   *
   * @default 262144
   */
  readonly maxUnreleasedBody: number;
  /**
   * Octets of a request's body that are read and dropped after it was answered, so that the connection can be used again: above, it is
   * closed. Stops bodies that nobody wants. As much as Go reads.
   *
   * @default 262144
   */
  readonly maxDiscardedBody: number;
  /**
   * Octets that wait to be sent, above which whoever writes is told to wait, and at which no further request is begun. Stops a peer that
   * asks much and does not read. As of an HTTP/2 stream.
   *
   * @default 65536
   */
  readonly maxSendQueue: number;
  /**
   * Milliseconds from the first octet of a head to its last, from the beginning of the connection to the end of its first head, and from
   * the last chunk to the end of the trailers: 408 above. Stops Slowloris. As in HTTP/2.
   *
   * @default 10000
   */
  readonly headerTimeoutMs: number;
  /**
   * Milliseconds in which so much of a body must arrive that is expected, see {@linkcode minBodyRate}: 408 above. Stops bodies that
   * never end (R.U.D.Y.). Time is looked at in pieces of this length, so that silence is found after one to two of them.
   *
   * @default 30000
   */
  readonly bodyTimeoutMs: number;
  /**
   * Bytes per second that must arrive of a body whose rest is expected, in each piece of {@linkcode bodyTimeoutMs}, where what came before counts for
   * up to three more; 0 for any. Between the messages of a stream nothing is expected. Stops bodies that come a byte at a time. As in HTTP/2.
   *
   * @default 240
   */
  readonly minBodyRate: number;
  /**
   * Milliseconds in which so much of what is being written must be taken, see {@linkcode minResponseRate}. Stops all that pins memory by waiting
   * (CVE-2019-9517). As in HTTP/2.
   *
   * @default 30000
   */
  readonly stalledStreamTimeoutMs: number;
  /**
   * Bytes per second that the peer must take of what is being written, in each piece of {@linkcode stalledStreamTimeoutMs}, where what it took before
   * counts for up to three more; 0 for any. Stops peers that read a byte at a time. As in HTTP/2.
   *
   * @default 240
   */
  readonly minResponseRate: number;
  /**
   * Milliseconds between two requests. Stops hoards of idle connections. As in HTTP/2.
   *
   * @default 300000
   */
  readonly idleTimeoutMs: number;
}

/** What holds where nobody says otherwise. */
export const DEFAULT_HTTP1_LIMITS: Http1Limits = {
  maxRequestLineLength: 8 * 1024,
  maxHeadLength: 64 * 1024,
  maxSentHeadLength: 64 * 1024,
  maxHeaderFields: 128,
  maxChunkExtensions: 16 * 1024,
  maxUnreleasedBody: 256 * 1024,
  maxDiscardedBody: 256 * 1024,
  maxSendQueue: 64 * 1024,
  headerTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  minBodyRate: 240,
  stalledStreamTimeoutMs: 30_000,
  minResponseRate: 240,
  idleTimeoutMs: 5 * 60_000,
};

/** What is kept of a head in pieces is one buffer. */
const MAX_OCTETS = 0x3fff_ffff;

/** Every answer needs a head. */
const MIN_SENT_HEAD_LENGTH = 256;

/** The smallest and the largest value of each limit. */
const RANGES: LimitRanges<Http1Limits> = {
  maxRequestLineLength: [16, MAX_OCTETS],
  maxHeadLength: [2, MAX_OCTETS],
  maxSentHeadLength: [MIN_SENT_HEAD_LENGTH, MAX_OCTETS],
  maxHeaderFields: [1, MAX_COUNT],
  maxChunkExtensions: [0, MAX_COUNT],
  maxUnreleasedBody: [1, MAX_COUNT],
  maxDiscardedBody: [0, MAX_COUNT],
  maxSendQueue: [1, MAX_COUNT],
  headerTimeoutMs: [1, MAX_TIMEOUT_MS],
  bodyTimeoutMs: [1, MAX_TIMEOUT_MS],
  minBodyRate: [0, MAX_COUNT],
  stalledStreamTimeoutMs: [1, MAX_TIMEOUT_MS],
  minResponseRate: [0, MAX_COUNT],
  idleTimeoutMs: [1, MAX_TIMEOUT_MS],
};

/**
 * The default limits with some of them changed.
 *
 * @throws {RangeError} There is no such limit, or it cannot have that value. The message names it.
 */
export function resolveLimits(changes: LimitChanges<Http1Limits> = {}): Http1Limits {
  return changeLimits(DEFAULT_HTTP1_LIMITS, RANGES, changes);
}
