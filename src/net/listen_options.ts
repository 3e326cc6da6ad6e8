/** What can be said about listening. */
import type { LimitChanges, RefusalError } from "../http/mod.ts";
import type { Http1Limits } from "../http1/mod.ts";
import type { Http2Limits } from "../http2/mod.ts";
import type { BufferLimits } from "./buffer_limits.ts";
import type { ConnectionEnd } from "./connection_end.ts";
import type { TlsServerOptions } from "./tls.ts";

/** Where a server listens, and what it bears of those who connect. */
export interface ListenOptions extends BufferLimits {
  /**
   * The addresses or host names to listen on.
   *
   * @default "127.0.0.1" and, where there is IPv6, "::1"
   */
  readonly host?: string | readonly string[] | undefined;
  /** The port to listen on; 0 for any that is free. @default 50051 */
  readonly port?: number | undefined;
  /**
   * Lets other threads listen on the same port, each with a server of its own, among which the system spreads connections. `claim` is for the first
   * one: as without it, nobody may listen on the port yet. The others `join`. Deno wants `"unstable": ["net"]` for it.
   *
   * By default a port is one server's alone.
   */
  readonly portSharing?: "claim" | "join" | undefined;
  /** A Unix socket to listen on, too. There must be nothing at that path; it is removed at the end. None by default. */
  readonly unixPath?: string | undefined;
  /** Whether each connection begins with a header of the PROXY protocol, versions 1 and 2; others are closed. Not with TLS. @default false */
  readonly proxyProtocol?: boolean | undefined;
  /** Whether to believe what `Forwarded`, or `X-Forwarded-For` and `-Proto`, say of the peer. @default false */
  readonly trustForwarded?: boolean | undefined;
  /**
   * The hosts that requests may be for, beside `localhost`, `*.localhost`, loopback addresses, the name of this machine and the names in `host`:
   * `example.com`, or `.example.com` with all below it; `*` for any. Others get 403, or gRPC's `permission_denied`. It stops DNS rebinding, by which
   * a page of any site makes a browser call a server on its own machine.
   *
   * By default only connections to loopback addresses are checked, and with `proxyProtocol` none: other addresses are reachable under names that
   * the server does not know. With it all but those of a Unix socket are checked; requests to addresses that are no loopback ones may be for any
   * IP address.
   */
  readonly allowedHosts?: readonly string[] | undefined;
  /** With it there is TLS, and nothing without. By default there is none. */
  readonly tls?: TlsServerOptions | undefined;
  /**
   * How many connections there may be; those above are closed at once. Without `portSharing` there are fewer if the process has no file
   * descriptors for so many, see `Server.maxConnections`.
   *
   * @default 10000
   */
  readonly maxConnections?: number | undefined;
  /** How long TLS, or the first octets without it, may take, in milliseconds. @default 10000 */
  readonly handshakeTimeoutMs?: number | undefined;
  /** After how long a connection is asked to end, so that clients spread over servers anew, in milliseconds. Never by default. */
  readonly maxConnectionAgeMs?: number | undefined;
  /** After how long a silence HTTP/2 clients are asked for a sign of life, in milliseconds. @default 2 hours */
  readonly keepaliveIntervalMs?: number | undefined;
  /** Limits of HTTP/1.1 that are not the default ones. */
  readonly http1?: LimitChanges<Http1Limits> | undefined;
  /** Limits of HTTP/2 that are not the default ones. */
  readonly http2?: LimitChanges<Http2Limits> | undefined;
  /**
   * Told when a listener cannot accept connections, after it could, for want of file descriptors, say. It is tried again until it can. By default it is
   * logged to the console.
   */
  readonly onListenerFault?: ((fault: string) => void) | undefined;
  /** Told of each request and response that is refused because too much waits. It must not throw. */
  readonly onRefused?: ((refused: RefusalError) => void) | undefined;
  /** Told of each connection that is over, also of those that were not let in. */
  readonly onConnectionEnd?: ((end: ConnectionEnd) => void) | undefined;
}
