/** HTTP/1.1 (RFC 9112), the server's side, as an object without sockets and clocks. This room performs no I/O. */
export type { Connection, ConnectionHandler, ConnectionOptions } from "./connection.ts";
export { createConnection } from "./engine.ts";
export { type ErrorOrigin, Http1Error } from "./errors.ts";
export type { Http1Exchange } from "./exchange.ts";
export { type Fault, Faults } from "./faults.ts";
export { DEFAULT_HTTP1_LIMITS, type Http1Limits } from "./limits.ts";
export type { Http1RequestHead } from "./request_head.ts";
export type { HttpVersion } from "./request_line.ts";
