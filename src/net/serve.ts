/**
 * Listens, and hands each request to a `fetch` handler.
 *
 * Stop-gap: `Deno.serve` carries the bytes, and this is the only file that touches it.
 */

/** Options of {@linkcode serve}. */
export interface ServeOptions {
  /** The address or host name to listen on. @default "127.0.0.1" */
  readonly host?: string | undefined;
  /** The port to listen on; 0 for any that is free. @default 50051 */
  readonly port?: number | undefined;
}

/** A server that listens. */
export interface Server {
  /** Where it listens: `http://127.0.0.1:50051`. */
  readonly url: string;
  /** Stops listening, and waits for the requests under way to end. */
  shutdown(): Promise<void>;
}

/** The lecture's port. */
export const DEFAULT_PORT = 50051;

/** Only programs on the same machine can reach it. */
export const DEFAULT_HOST = "127.0.0.1";

/**
 * Serves HTTP/1.1 and HTTP/2 without TLS on one port.
 *
 * @throws {Error} The address is in use, is not one of this machine, or may not be used.
 */
export function serve(
  handler: (request: Request) => Response | Promise<Response>,
  options: ServeOptions = {},
): Server {
  const hostname = options.host ?? DEFAULT_HOST;
  const port = options.port ?? DEFAULT_PORT;
  const listen = (): Deno.HttpServer<Deno.NetAddr> => {
    try {
      return Deno.serve({ hostname, port, onListen: () => {} }, (request) => handler(request));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Cannot listen on ${hostAndPort(hostname, port)}: ${reason}`, { cause: error });
    }
  };
  const server = listen();
  return {
    url: `http://${hostAndPort(hostname, server.addr.port)}`,
    shutdown: () => server.shutdown(),
  };
}

function hostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
