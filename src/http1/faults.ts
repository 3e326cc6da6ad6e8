/**
 * What is refused, and how: each fault of a peer has one status and one line that names it, never what the peer sent. The connection
 * ends with it. `docs/http1.md` is this table for readers. This module performs no I/O.
 */

/** A fault of the peer. */
export interface Fault {
  /** What is answered, as long as nothing was; 0 when the connection ends without an answer. */
  readonly status: number;
  /** The body of the answer, without its line feed. */
  readonly reason: string;
}

/** Every fault there is. */
export const Faults = {
  // The request line (RFC 9112 §3).
  BAD_REQUEST_LINE: { status: 400, reason: "Request line is not method, target and version with one space between" },
  BAD_METHOD: { status: 400, reason: "Method has a character that is not allowed" },
  BAD_TARGET: { status: 400, reason: "Request target is none that the method may have" },
  BAD_AUTHORITY: { status: 400, reason: "Authority of the request target is malformed" },
  /** Whoever speaks another protocol would take an answer for something else: a client of HTTP/2 for a frame. */
  NOT_HTTP: { status: 0, reason: "Not HTTP" },
  BAD_VERSION: { status: 400, reason: "HTTP version is malformed" },
  VERSION_NOT_SUPPORTED: { status: 505, reason: "HTTP version is neither 1.1 nor 1.0" },
  REQUEST_LINE_TOO_LONG: { status: 414, reason: "Request line is too long" },
  // Lines (RFC 9112 §2.2, §5).
  BARE_LF: { status: 400, reason: "LF without CR" },
  BARE_CR: { status: 400, reason: "CR without LF" },
  OBS_FOLD: { status: 400, reason: "Field line begins with whitespace" },
  SPACE_BEFORE_COLON: { status: 400, reason: "Whitespace between field name and colon" },
  BAD_FIELD_NAME: { status: 400, reason: "Field name is empty or has a character that is not allowed" },
  BAD_FIELD_VALUE: { status: 400, reason: "Field value has a character that is not allowed" },
  HEAD_TOO_LARGE: { status: 431, reason: "Header fields are too large" },
  TOO_MANY_FIELDS: { status: 431, reason: "Too many header fields" },
  // What fields say (RFC 9112 §3.2, §6; RFC 9110 §8.6, §10.1.1).
  NO_HOST: { status: 400, reason: "No field host" },
  TWO_HOSTS: { status: 400, reason: "More than one field host" },
  BAD_HOST: { status: 400, reason: "Field host is malformed" },
  BAD_CONTENT_LENGTH: { status: 400, reason: "Field content-length is not a number" },
  TWO_CONTENT_LENGTHS: { status: 400, reason: "More than one content-length" },
  CONTENT_TOO_LARGE: { status: 413, reason: "Content is too large to be counted" },
  LENGTH_AND_ENCODING: { status: 400, reason: "Both content-length and transfer-encoding" },
  TWO_TRANSFER_ENCODINGS: { status: 400, reason: "More than one field transfer-encoding" },
  ENCODING_IN_HTTP_1_0: { status: 400, reason: "Transfer-encoding in HTTP/1.0" },
  UNKNOWN_TRANSFER_ENCODING: { status: 501, reason: "Transfer-encoding is not chunked" },
  CONTENT_IN_CONNECT: { status: 400, reason: "CONNECT with content" },
  UNKNOWN_EXPECTATION: { status: 417, reason: "Expectation is not 100-continue" },
  // Bodies (RFC 9112 §7.1).
  BAD_CHUNK_SIZE: { status: 400, reason: "Chunk size is malformed" },
  BAD_CHUNK_EXTENSION: { status: 400, reason: "Chunk extension is malformed" },
  CHUNK_EXTENSIONS_TOO_LONG: { status: 400, reason: "Chunk extensions are too long" },
  BAD_CHUNK_END: { status: 400, reason: "Chunk does not end with CRLF" },
  FORBIDDEN_TRAILER: { status: 400, reason: "Trailer field that belongs in the head" },
  // Time.
  HEAD_TIMEOUT: { status: 408, reason: "Head or trailers did not arrive in time" },
  BODY_TIMEOUT: { status: 408, reason: "Body did not arrive in time" },
  TOO_MUCH_DISCARDED: { status: 0, reason: "Too much content after the answer" },
} as const satisfies Readonly<Record<string, Fault>>;

/** Whether something that was parsed is a fault instead. */
export function isFault(result: object): result is Fault {
  return "reason" in result;
}
