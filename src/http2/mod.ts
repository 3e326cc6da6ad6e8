/** HTTP/2 (RFC 9113, RFC 7541), both roles, as an object without sockets and clocks. This room performs no I/O. */
export type { Connection, ConnectionHandler, ConnectionOptions } from "./connection.ts";
export { ErrorCode, errorName } from "./constants.ts";
export { createConnection } from "./engine.ts";
export { type ErrorOrigin, Http2ConnectionError, Http2StreamError } from "./errors.ts";
export { DEFAULT_HTTP2_LIMITS, type Http2Limits } from "./limits.ts";
export type { Http2Stream, StreamHandler } from "./stream.ts";
