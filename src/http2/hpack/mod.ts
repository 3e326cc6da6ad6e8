/** HPACK, the header compression of HTTP/2 (RFC 7541), complete, in both directions. It performs no I/O. */
export { HpackDecoder } from "./decoder.ts";
export { HpackEncoder } from "./encoder.ts";
export { HeaderListTooLargeError, HpackError } from "./errors.ts";
