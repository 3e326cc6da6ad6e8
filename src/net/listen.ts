/** Serves exchanges on every version of HTTP, on one port. */
import type { ServeExchange } from "../http/mod.ts";
import { createHostGuard, type HostGuardOptions } from "./allowed_hosts.ts";
import { watchGarbage } from "./garbage_watch.ts";
import { type HttpServerOptions, serveHttp } from "./http_server.ts";
import type { ListenOptions } from "./listen_options.ts";
import { hostAndPort } from "./sockets.ts";
import type { TlsServerOptions } from "./tls.ts";

/** A server that listens. */
export interface Server {
  /** Where it listens, first of all: `http://127.0.0.1:50051`. */
  readonly url: string;
  /** All the places where it listens. */
  readonly urls: readonly string[];
  /** How many connections there are. */
  readonly connectionCount: number;
  /** How many there may be: what was asked for, or what the process has file descriptors for. */
  readonly maxConnections: number;
  /** Why connections are not accepted, as far as it is a listener's fault: which listener, and its error. Undefined when they are. */
  readonly fault: string | undefined;
  /** How many bytes of requests and responses wait, as far as they are counted: what `maxBufferedBytes` bounds. */
  readonly bufferedBytes: number;
  /** Stops listening, and waits for the requests under way to end. */
  shutdown(): Promise<void>;
  /** Stops listening, and ends the requests under way. */
  close(): Promise<void>;
  /**
   * Takes other certificates for connections from now on. Without `clientCa` the authority stays that there is.
   *
   * @throws {Error} Certificate and key are no pair, or the authority is none, or there is no TLS.
   */
  reloadTls(certificates: TlsServerOptions): Promise<void>;
}

/** The lecture's port. */
export const DEFAULT_PORT = 50051;

/** Only programs on the same machine can reach it. */
export const DEFAULT_HOST = "127.0.0.1";

/**
 * Serves HTTP/1.1 and HTTP/2, both without TLS or, given a certificate, both with it. Requests for hosts that are not allowed are refused before
 * `serve` sees them.
 *
 * @throws {TypeError} One of the allowed hosts is none.
 * @throws {Error} An address is in use, is not one of this machine, or may not be used; certificate and key are no pair.
 */
export async function listen(
  serve: ServeExchange,
  options: ListenOptions & Pick<HttpServerOptions, "onError"> & Pick<HostGuardOptions, "refuse"> = {},
): Promise<Server> {
  const { host, port = DEFAULT_PORT, allowedHosts, refuse, ...rest } = options;
  const hostnames = host === undefined ? defaultHosts() : [host].flat();
  const guard = createHostGuard({ allowedHosts, hostnames, proxyProtocol: rest.proxyProtocol ?? false, refuse });
  const server = await serveHttp(serve, { ...rest, hostnames, port, guard });
  const garbage = watchGarbage(() => server.bufferedBytes);
  const scheme = options.tls === undefined ? "http" : "https";
  const urls = server.addresses.map(({ hostname, port }) => `${scheme}://${hostAndPort(hostname, port)}`);
  return {
    url: urls[0]!,
    urls,
    get connectionCount() {
      return server.connectionCount;
    },
    maxConnections: server.maxConnections,
    get fault() {
      return server.fault;
    },
    get bufferedBytes() {
      return server.bufferedBytes;
    },
    shutdown: async () => {
      await server.shutdown();
      garbage[Symbol.dispose]();
    },
    close: async () => {
      garbage[Symbol.dispose]();
      await server.close();
    },
    reloadTls: (certificates) => server.reloadTls(certificates),
  };
}

/** The address that everybody has, and its twin of IPv6 where a browser may look for `localhost` first. */
function defaultHosts(): string[] {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return [DEFAULT_HOST, "::1"];
  } catch {
    return [DEFAULT_HOST];
  }
}
