/** Connects to HTTP/2 servers: with prior knowledge (h2c), or by TLS and ALPN. */
import type { HeaderField } from "../http/mod.ts";
import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  type Http2Stream,
  type StreamHandler,
} from "../http2/mod.ts";
import { Driver } from "./driver.ts";
import { closeQuietly } from "./sockets.ts";

/** Options of {@linkcode connectHttp2}. */
export interface Http2ClientOptions extends Omit<ConnectionOptions, "role" | "handler" | "nowMs"> {
  readonly hostname: string;
  readonly port: number;
  /** Whether to speak TLS. @default false */
  readonly tls?: boolean | undefined;
  /** Certificates to trust beside the system's, as PEM. */
  readonly caCerts?: string[] | undefined;
  /** Told what happens on the connection. */
  readonly handler?: Pick<ConnectionOptions["handler"], "onCapacity" | "onGoaway"> | undefined;
  /** Told of mistakes in handlers, by which the connection is lost. By default they are logged to the console. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A connection to a server. */
export interface Http2Client {
  readonly connection: Connection;
  /** Resolves when it is over, to what it ended with. Never rejects. */
  readonly closed: Promise<Error | undefined>;
  /** Begins a request, see `Connection.openStream`. */
  openStream(fields: readonly HeaderField[], handler: StreamHandler, endStream?: boolean): Http2Stream;
  /** Lets the streams that are open end, then closes the connection. */
  shutdown(): Promise<void>;
  /** Ends the connection and all its streams now. */
  close(): Promise<void>;
}

/**
 * Connects.
 *
 * @throws {Error} Nobody listens there, the certificate is not trusted, or the server does not speak HTTP/2.
 */
export async function connectHttp2(options: Http2ClientOptions): Promise<Http2Client> {
  const { hostname, port, tls = false, caCerts, handler, onError, ...connectionOptions } = options;
  const socket = tls ? await connectTls(hostname, port, caCerts) : await Deno.connect({ hostname, port });
  if (!tls) {
    (socket as Deno.TcpConn).setNoDelay();
  }
  const { connection, closed } = new Driver(
    socket,
    (hooks) =>
      createConnection({
        ...connectionOptions,
        role: "client",
        nowMs: performance.now(),
        handler: { ...handler, ...hooks },
      }),
    onError ?? ((error) => console.error(error)),
  );
  return {
    connection,
    closed,
    openStream: (fields, handler, endStream) => connection.openStream(fields, handler, endStream),
    shutdown: async () => {
      connection.shutdown();
      await closed;
    },
    close: async () => {
      connection.close();
      await closed;
    },
  };
}

async function connectTls(hostname: string, port: number, caCerts: string[] | undefined): Promise<Deno.TlsConn> {
  const socket = await Deno.connectTls({
    hostname,
    port,
    alpnProtocols: ["h2"],
    ...(caCerts === undefined ? {} : { caCerts }),
  });
  try {
    const { alpnProtocol } = await socket.handshake();
    if (alpnProtocol !== "h2") {
      throw new Error(
        `Cannot speak HTTP/2 with ${hostname}:${port}: the server chose ${alpnProtocol ?? "no protocol"}`,
      );
    }
    return socket;
  } catch (error) {
    closeQuietly(socket);
    throw error;
  }
}
