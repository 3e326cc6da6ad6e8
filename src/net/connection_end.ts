/** How connections end, in words that metrics can count by. */
import type { ConnectionInfo } from "../http/mod.ts";
import { Http1Error } from "../http1/mod.ts";
import { errorName, Http2ConnectionError } from "../http2/mod.ts";

/** A connection that is over. */
export interface ConnectionEnd {
  /** Undefined when it said nothing. */
  readonly httpVersion: "1.1" | "2" | undefined;
  /**
   * Why, one of few:
   *
   * - `done`: as it should.
   * - `peer`: the peer ended it in the middle of something, or was lost.
   * - the name of an error code of HTTP/2 (RFC 9113 §7), or a status of HTTP/1.1: what the peer was told. `ENHANCE_YOUR_CALM`, 408, 414 and 431 are
   *   limits.
   * - `full`: there were as many connections as may be.
   * - `unknown`: it did not say in time what it speaks, or not what we do.
   */
  readonly reason: string;
  /** The text of the error, such as the limit that the peer exceeded; undefined without an error. */
  readonly detail: string | undefined;
  /** The peer's address; undefined for a Unix socket. */
  readonly peer: ConnectionInfo["peer"];
}

/** @param error What the connection ended with. */
export function endReason(error: Error | undefined): string {
  if (error === undefined) {
    return "done";
  }
  if (error instanceof Http2ConnectionError) {
    return error.origin === "peer" ? "peer" : errorName(error.code);
  }
  if (error instanceof Http1Error && error.origin === "local") {
    return error.status === undefined ? errorName(error.code) : String(error.status);
  }
  return "peer";
}

/** Returns the text of an error that a connection ended with. */
export function endDetail(error: Error | undefined): string | undefined {
  return error instanceof Http2ConnectionError ? error.reason : error?.message;
}
