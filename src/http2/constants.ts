/** The numbers of RFC 9113, by the RFC's own names. This module performs no I/O. */

/** Frame types (RFC 9113 §6). */
export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Frame flags (RFC 9113 §6). The same bit means one thing or another, depending on the frame type. */
export const FrameFlag = {
  /** DATA, HEADERS */
  END_STREAM: 0x1,
  /** SETTINGS, PING */
  ACK: 0x1,
  /** HEADERS, PUSH_PROMISE, CONTINUATION */
  END_HEADERS: 0x4,
  /** DATA, HEADERS, PUSH_PROMISE */
  PADDED: 0x8,
  /** HEADERS */
  PRIORITY: 0x20,
} as const;
export type FrameFlag = (typeof FrameFlag)[keyof typeof FrameFlag];

/** Error codes of RST_STREAM and GOAWAY (RFC 9113 §7). A peer may send any other 32-bit number as well. */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** Identifiers of settings (RFC 9113 §6.5.2, RFC 8441 §3), without the prefix `SETTINGS_`. */
export const SettingId = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
  ENABLE_CONNECT_PROTOCOL: 0x8,
} as const;
export type SettingId = (typeof SettingId)[keyof typeof SettingId];

/** What a client sends first, before its SETTINGS (RFC 9113 §3.4). */
export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** Octets of a frame header: length, type, flags, stream identifier (RFC 9113 §4.1). */
export const FRAME_HEADER_SIZE = 9;

/** The highest stream identifier: the bit above it is reserved (RFC 9113 §4.1). */
export const MAX_STREAM_ID = 0x7fff_ffff;

/** The largest flow-control window, in octets (RFC 9113 §6.9.1). */
export const MAX_WINDOW_SIZE = 0x7fff_ffff;

/** The smallest and the largest SETTINGS_MAX_FRAME_SIZE, in octets (RFC 9113 §6.5.2). */
export const MIN_MAX_FRAME_SIZE = 0x4000;
export const MAX_MAX_FRAME_SIZE = 0xff_ffff;

/** What holds as long as no SETTINGS frame says otherwise (RFC 9113 §6.5.2). The settings not named here are unlimited. */
export const DEFAULT_HEADER_TABLE_SIZE = 4096;
export const DEFAULT_ENABLE_PUSH = 1;
/** Also the connection's window at the beginning, which no setting changes (RFC 9113 §6.9.2). */
export const DEFAULT_INITIAL_WINDOW_SIZE = 65_535;
export const DEFAULT_MAX_FRAME_SIZE = MIN_MAX_FRAME_SIZE;

const ERROR_NAMES: readonly string[] = Object.keys(ErrorCode);

/** The name of an error code, such as `CANCEL`; of an unknown one its number, such as `0x1f`. */
export function errorName(code: number): string {
  return ERROR_NAMES[code] ?? `0x${code.toString(16)}`;
}
