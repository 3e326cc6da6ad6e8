/**
 * Every limit of an HTTP/2 connection: what it stops, and whose default it borrows. Exceeding one is an error with a name, never a crash.
 * Limits of messages, of connections in number and of TLS belong to other rooms. This module performs no I/O.
 */
import { changeLimits, type LimitChanges, type LimitRanges, MAX_COUNT, MAX_TIMEOUT_MS } from "../http/mod.ts";
import { MAX_MAX_FRAME_SIZE, MAX_WINDOW_SIZE, MIN_MAX_FRAME_SIZE } from "./constants.ts";

/** The limits of one connection. All are whole numbers. */
export interface Http2Limits {
  /**
   * Streams the peer may have open, announced as SETTINGS_MAX_CONCURRENT_STREAMS; those above are refused. Bounds what one
   * connection can set to work at a time, also by Rapid Reset (CVE-2023-44487), if a stream counts until its handler has ended.
   * Envoy advises 100 at the edge, Go has 250.
   *
   * @default 128
   */
  readonly maxConcurrentStreams: number;
  /**
   * Octets of a frame's payload, announced as SETTINGS_MAX_FRAME_SIZE. Bounds what is buffered for a frame in pieces and what comes
   * between two frames of other streams. RFC 9113's own default.
   *
   * @default 16384
   */
  readonly maxFrameSize: number;
  /**
   * Octets of a field section when decoded, 32 added for each field (RFC 9113 §10.5.1), announced as SETTINGS_MAX_HEADER_LIST_SIZE.
   * Stops the HPACK bomb, a few octets that name large entries of the table again and again (CVE-2016-6581). Our own choice: hyper
   * has 16 KiB, Go 1 MiB.
   *
   * @default 65536
   */
  readonly maxHeaderListSize: number;
  /**
   * Bytes of a field section that we send, counted as {@linkcode maxHeaderListSize} is. Where the peer announces a smaller
   * SETTINGS_MAX_HEADER_LIST_SIZE, that holds, but not below 256, which every answer needs. A larger head is not sent: a server answers with a shorter
   * one, a client's call fails. Stops requests that come back in the head or the trailers of their response, and metadata without a bound. As much as
   * we take ourselves.
   *
   * @default 65536
   */
  readonly maxSentHeaderListSize: number;
  /**
   * Fields of a section, pieces of `cookie` counted one by one. Stops the HPACK bomb of many small fields, of which the memory is not
   * in their octets (CVE-2026-49975), and empty names (CVE-2019-9516). Node's default.
   *
   * @default 128
   */
  readonly maxHeaderFields: number;
  /**
   * Octets of a field block as it arrives. Stops the CONTINUATION flood of large frames (CVE-2024-27316, CVE-2023-45288). As
   * large as the decoded list may be: HPACK makes no honest block larger.
   *
   * @default 65536
   */
  readonly maxHeaderBlockSize: number;
  /**
   * CONTINUATION frames of a field block. Stops the CONTINUATION flood of small and empty frames (CVE-2024-27316,
   * CVE-2024-28182, CVE-2023-45288). nghttp2's default.
   *
   * @default 8
   */
  readonly maxContinuations: number;
  /**
   * Octets of the HPACK tables, ours, which is announced as SETTINGS_HEADER_TABLE_SIZE, and the one we encode with, whatever the peer
   * announces. Stops a peer that has us keep and search large tables for it. RFC 9113's own default.
   *
   * @default 4096
   */
  readonly maxHeaderTableSize: number;
  /**
   * Entries of a SETTINGS frame. Stops large SETTINGS frames, which cost more to apply than to send (CVE-2020-11080). nghttp2's default.
   *
   * @default 32
   */
  readonly maxSettingsEntries: number;
  /**
   * Frames in a row, of the whole connection, that carry nothing and end nothing: DATA, HEADERS, CONTINUATION. Stops the empty
   * frames flood (CVE-2019-9518). hyper's default, though it does not start again after a frame with content.
   *
   * @default 100
   */
  readonly maxEmptyFrames: number;
  /**
   * RST_STREAM frames that the peer may send at once. Cuts Rapid Reset (CVE-2023-44487) short. A cancelled call costs the server no more than a completed
   * one, and the handlers that cancelled calls leave running have a limit of their own (`maxAbandonedCalls`). So this limit only has to end a connection
   * that does nothing but reset, and must not end one whose deadlines pass: with nghttp2's 1000, and 33 a second, grpc-go lost its connection and every
   * call on it. Our own choice.
   *
   * @default 10000
   */
  readonly resetBurst: number;
  /**
   * RST_STREAM frames per second that the peer may send in the long run. As {@linkcode resetBurst}. Our own choice: twice the rate of a grpc-go client that
   * makes 5000 calls a second, all of which pass their deadline.
   *
   * @default 10000
   */
  readonly resetsPerSecond: number;
  /**
   * Stream errors at once: RST_STREAM frames that the peer's faults make us send, and requests that are refused because of their number or of their
   * fields. Stops MadeYouReset (CVE-2025-8671) and the reset flood (CVE-2019-9514). nghttp2's default for resets.
   *
   * @default 1000
   */
  readonly streamErrorBurst: number;
  /**
   * Stream errors per second in the long run. As {@linkcode streamErrorBurst}. nghttp2's default for resets.
   *
   * @default 33
   */
  readonly streamErrorsPerSecond: number;
  /**
   * Frames at once that carry no message: PING and its acknowledgement, SETTINGS, GOAWAY, interim responses, unknown types, field blocks of streams
   * that are gone. Each stream allows ten more, each DATA frame with content, of either side, one more. Stops floods of frames that the protocol allows,
   * also from a peer that reads all acknowledgements (CVE-2019-9512, CVE-2019-9515). nghttp2's default for what it calls glitches.
   *
   * @default 10000
   */
  readonly overheadBurst: number;
  /**
   * Frames per second, in the long run, that carry no message. As {@linkcode overheadBurst}. nghttp2's default for glitches.
   *
   * @default 330
   */
  readonly overheadPerSecond: number;
  /**
   * Answers to PING, SETTINGS and faults that are not sent yet, at which nothing more is read. Stops the PING and SETTINGS
   * floods of a peer that reads no answers (CVE-2019-9512, CVE-2019-9515). grpc-go's default.
   *
   * @default 100
   */
  readonly pauseAtUnsentControlFrames: number;
  /**
   * Answers that are not sent yet, above which the connection is closed: the second line behind
   * {@linkcode pauseAtUnsentControlFrames}. nghttp2's default.
   *
   * @default 1000
   */
  readonly maxUnsentControlFrames: number;
  /**
   * PRIORITY frames for each stream that was opened, and for none. Stops the resource loop (CVE-2019-9513). Envoy's default.
   *
   * @default 100
   */
  readonly maxPriorityFramesPerStream: number;
  /**
   * WINDOW_UPDATE frames for each DATA frame that was sent, twice, as there are two windows. Stops floods of frames that open
   * windows nobody used (CVE-2019-9511 is one of their uses). Envoy's default.
   *
   * @default 10
   */
  readonly maxWindowUpdatesPerData: number;
  /**
   * Octets the peer may send on a stream before they are dealt with, announced as SETTINGS_INITIAL_WINDOW_SIZE. Bounds
   * what a stream has us keep. Go's and hyper's default; Envoy advises 64 KiB at the edge. Every WINDOW_UPDATE is a write of its own:
   * with half as much an upload costs 15 % more CPU, with a quarter 30 %.
   *
   * @default 1048576
   */
  readonly streamWindowSize: number;
  /**
   * Octets the peer may send on all streams together before they are dealt with. Bounds what a connection has us keep. Our own
   * choice: four streams that nobody reads leave the others nothing. Go, hyper and Envoy at the edge have 1 MiB, which one does.
   *
   * @default 4194304
   */
  readonly connectionWindowSize: number;
  /**
   * Octets that wait to be sent on a stream, above which whoever writes is told to wait. Stops a peer that asks much and opens no
   * window: internal data buffering (CVE-2019-9517), data dribble (CVE-2019-9511). Our own choice.
   *
   * @default 65536
   */
  readonly maxStreamSendQueue: number;
  /**
   * Octets that wait to be sent on a connection, above which all who write are told to wait. Stops a peer that opens windows and
   * does not read (CVE-2019-9517). Our own choice.
   *
   * @default 1048576
   */
  readonly maxConnectionSendQueue: number;
  /**
   * Milliseconds from the beginning of a connection to the end of the peer's preface and SETTINGS. Stops Slowloris. Go's default.
   *
   * @default 10000
   */
  readonly handshakeTimeoutMs: number;
  /**
   * Milliseconds from HEADERS to the end of its field block, or from the first octet of a frame to its last but for DATA. Stops
   * Slowloris, and the CONTINUATION flood that takes its time (CVE-2024-27316). Our own choice.
   *
   * @default 10000
   */
  readonly headerBlockTimeoutMs: number;
  /**
   * Milliseconds in which a stream that has something to send may not, because the peer opens no window or does not read, or in which nothing of a
   * request comes that is expected; it is noticed within twice as many. See {@linkcode minResponseRate} and {@linkcode minBodyRate}. Stops data dribble
   * (CVE-2019-9511) and all that pins memory by waiting (CVE-2019-9517, CVE-2026-49975). Our own choice.
   *
   * @default 30000
   */
  readonly stalledStreamTimeoutMs: number;
  /**
   * Servers: bytes per second that the peer has to take of a response that waits for it, in each piece of {@linkcode stalledStreamTimeoutMs}, where
   * what it took before counts for up to three more; 0 for any. A stream whose window is used up is judged by itself, the others by what the connection
   * takes together. Stops data dribble (CVE-2019-9511): a byte of window every now and then. Kestrel's default: a modem of 56 kbit/s has room for 29
   * such streams.
   *
   * @default 240
   */
  readonly minResponseRate: number;
  /**
   * Servers: bytes per second that have to come of a request whose rest is expected, as {@linkcode minResponseRate}; 0 for any. Between the messages of a
   * stream nothing is expected. Stops requests that are begun and never ended (R.U.D.Y.). Kestrel's default.
   *
   * @default 240
   */
  readonly minBodyRate: number;
  /**
   * Milliseconds in which a connection may have no stream. Stops hoards of idle connections. Our own choice.
   *
   * @default 300000
   */
  readonly idleTimeoutMs: number;
}

/** What holds where nobody says otherwise. */
export const DEFAULT_HTTP2_LIMITS: Http2Limits = {
  maxConcurrentStreams: 128,
  maxFrameSize: MIN_MAX_FRAME_SIZE,
  maxHeaderListSize: 64 * 1024,
  maxSentHeaderListSize: 64 * 1024,
  maxHeaderFields: 128,
  maxHeaderBlockSize: 64 * 1024,
  maxContinuations: 8,
  maxHeaderTableSize: 4096,
  maxSettingsEntries: 32,
  maxEmptyFrames: 100,
  resetBurst: 10_000,
  resetsPerSecond: 10_000,
  streamErrorBurst: 1000,
  streamErrorsPerSecond: 33,
  overheadBurst: 10_000,
  overheadPerSecond: 330,
  pauseAtUnsentControlFrames: 100,
  maxUnsentControlFrames: 1000,
  maxPriorityFramesPerStream: 100,
  maxWindowUpdatesPerData: 10,
  streamWindowSize: 1024 * 1024,
  connectionWindowSize: 4 * 1024 * 1024,
  maxStreamSendQueue: 64 * 1024,
  maxConnectionSendQueue: 1024 * 1024,
  handshakeTimeoutMs: 10_000,
  headerBlockTimeoutMs: 10_000,
  stalledStreamTimeoutMs: 30_000,
  minResponseRate: 240,
  minBodyRate: 240,
  idleTimeoutMs: 5 * 60_000,
};

const MAX_UINT32 = 0xffff_ffff;

/** The smallest head that peers are sent without asking what they take: what is announced is advice (RFC 9113 §10.5.1), and an answer needs a status. */
export const MIN_SENT_HEADER_LIST_SIZE = 256;

/** The smallest and the largest value of each limit. What goes into a SETTINGS frame has to fit there. */
const RANGES: LimitRanges<Http2Limits> = {
  maxConcurrentStreams: [1, MAX_UINT32],
  maxFrameSize: [MIN_MAX_FRAME_SIZE, MAX_MAX_FRAME_SIZE],
  maxHeaderListSize: [1, MAX_UINT32],
  maxSentHeaderListSize: [MIN_SENT_HEADER_LIST_SIZE, MAX_UINT32],
  maxHeaderFields: [1, MAX_COUNT],
  maxHeaderBlockSize: [1, MAX_UINT32],
  maxContinuations: [0, MAX_COUNT],
  maxHeaderTableSize: [0, MAX_UINT32],
  maxSettingsEntries: [1, MAX_COUNT],
  maxEmptyFrames: [0, MAX_COUNT],
  resetBurst: [0, MAX_COUNT],
  resetsPerSecond: [0, MAX_COUNT],
  streamErrorBurst: [0, MAX_COUNT],
  streamErrorsPerSecond: [0, MAX_COUNT],
  overheadBurst: [0, MAX_COUNT],
  overheadPerSecond: [0, MAX_COUNT],
  pauseAtUnsentControlFrames: [1, MAX_COUNT],
  maxUnsentControlFrames: [1, MAX_COUNT],
  maxPriorityFramesPerStream: [0, MAX_COUNT],
  maxWindowUpdatesPerData: [1, MAX_COUNT],
  streamWindowSize: [1, MAX_WINDOW_SIZE],
  // No frame makes a connection's window smaller than it begins (RFC 9113 §6.9.2).
  connectionWindowSize: [65_535, MAX_WINDOW_SIZE],
  maxStreamSendQueue: [1, MAX_COUNT],
  maxConnectionSendQueue: [1, MAX_COUNT],
  handshakeTimeoutMs: [1, MAX_TIMEOUT_MS],
  headerBlockTimeoutMs: [1, MAX_TIMEOUT_MS],
  stalledStreamTimeoutMs: [1, MAX_TIMEOUT_MS],
  minResponseRate: [0, MAX_COUNT],
  minBodyRate: [0, MAX_COUNT],
  idleTimeoutMs: [1, MAX_TIMEOUT_MS],
};

const NO_CHANGES: LimitChanges<Http2Limits> = {};

/** What changes led to. The connections of a server have the same ones, and with them one object of limits, not 200 octets each. */
const resolved = new WeakMap<LimitChanges<Http2Limits>, Http2Limits>();

/**
 * The default limits with some of them changed. The same object for the same changes, which must not be changed themselves any more.
 *
 * @throws {RangeError} There is no such limit, or it cannot have that value. The message names it.
 */
export function resolveLimits(changes: LimitChanges<Http2Limits> = NO_CHANGES): Http2Limits {
  const known = resolved.get(changes);
  if (known !== undefined) {
    return known;
  }
  const limits = changeLimits(DEFAULT_HTTP2_LIMITS, RANGES, changes);
  // Else the connection is closed before reading could pause.
  if (limits.pauseAtUnsentControlFrames > limits.maxUnsentControlFrames) {
    throw new RangeError("Cannot set the limit pauseAtUnsentControlFrames above maxUnsentControlFrames");
  }
  resolved.set(changes, limits);
  return limits;
}
