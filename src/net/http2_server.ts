/** Listens for HTTP/2: with prior knowledge (h2c, RFC 9113 §3.3), or on TLS by ALPN (§3.2). */
import type { ConnectionHandler } from "../http2/mod.ts";
import { type DriverOptions, Http2Driver } from "./http2_driver.ts";
import { closeQuietly } from "./sockets.ts";

/** How long `accept` is left alone after it failed for want of file descriptors, in milliseconds. */
const ACCEPT_PAUSE_MS = 50;

/** Options of {@linkcode serveHttp2}. */
export interface Http2ServerOptions extends Omit<DriverOptions, "role" | "handler"> {
  /** The address to listen on. @default "127.0.0.1" */
  readonly hostname?: string | undefined;
  /** The port to listen on; 0 for any that is free. @default 0 */
  readonly port?: number | undefined;
  /** Certificate chain and private key, as PEM. With both there is TLS, without there is none. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** How many connections there may be; those above are closed at once. @default 10000 */
  readonly maxConnections?: number | undefined;
}

/** A server that listens. */
export interface Http2Server {
  readonly hostname: string;
  readonly port: number;
  /** How many connections there are. */
  readonly connectionCount: number;
  /** Stops listening, lets the streams that are open end, and resolves when all connections are closed. */
  shutdown(): Promise<void>;
  /** Stops listening and ends all connections and streams now. */
  close(): Promise<void>;
}

/** Serves HTTP/2. `onRequest` gets each request when its head is there; it must not throw. */
export function serveHttp2(
  onRequest: NonNullable<ConnectionHandler["onRequest"]>,
  options: Http2ServerOptions = {},
): Http2Server {
  const { hostname = "127.0.0.1", port = 0, cert, key, maxConnections = 10_000, ...driverOptions } = options;
  const listener = cert !== undefined && key !== undefined
    ? Deno.listenTls({ hostname, port, cert, key, alpnProtocols: ["h2"] })
    : Deno.listen({ hostname, port });
  const server = new ListeningServer(listener, maxConnections, {
    ...driverOptions,
    role: "server",
    handler: { onRequest },
  });
  return server;
}

class ListeningServer implements Http2Server {
  readonly hostname: string;
  readonly port: number;
  readonly #listener: Deno.Listener;
  readonly #maxConnections: number;
  readonly #options: DriverOptions;
  /** Connections, and sockets of which the TLS handshake is going on. */
  readonly #drivers = new Set<Http2Driver>();
  readonly #handshakes = new Set<Deno.Conn>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  #isListening = true;

  constructor(listener: Deno.Listener, maxConnections: number, options: DriverOptions) {
    const { hostname, port } = listener.addr as Deno.NetAddr;
    this.hostname = hostname;
    this.port = port;
    this.#listener = listener;
    this.#maxConnections = maxConnections;
    this.#options = options;
    this.#accepting = this.#acceptAll();
  }

  get connectionCount(): number {
    return this.#drivers.size + this.#handshakes.size;
  }

  async shutdown(): Promise<void> {
    this.#stopListening();
    for (const { connection } of this.#drivers) {
      connection.shutdown();
    }
    await this.#ended();
  }

  async close(): Promise<void> {
    this.#stopListening();
    for (const driver of this.#drivers) {
      driver.close();
    }
    await this.#ended();
  }

  #stopListening(): void {
    this.#isListening = false;
    closeQuietly(this.#listener);
    this.#handshakes.forEach(closeQuietly);
  }

  async #ended(): Promise<void> {
    await this.#accepting;
    await Promise.all(this.#tasks);
  }

  async #acceptAll(): Promise<void> {
    while (this.#isListening) {
      let socket: Deno.Conn;
      try {
        socket = await this.#listener.accept();
      } catch {
        // A client that resets between connecting and being accepted is no reason to stop (NotConnected, os error 107), nor are too
        // many open files (EMFILE), which come back when connections end.
        if (this.#isListening) {
          await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
        }
        continue;
      }
      if (this.connectionCount >= this.#maxConnections) {
        closeQuietly(socket);
        continue;
      }
      const task = this.#serve(socket);
      this.#tasks.add(task);
      task.then(() => this.#tasks.delete(task));
    }
  }

  async #serve(socket: Deno.Conn): Promise<void> {
    if (!await this.#isReady(socket)) {
      closeQuietly(socket);
      return;
    }
    const driver = new Http2Driver(socket, this.#options);
    this.#drivers.add(driver);
    if (!this.#isListening) {
      driver.connection.shutdown();
    }
    await driver.closed;
    this.#drivers.delete(driver);
  }

  /** Makes the socket ready: without Nagle's delay, and with TLS by HTTP/2. */
  async #isReady(socket: Deno.Conn): Promise<boolean> {
    this.#handshakes.add(socket);
    const timer = "handshake" in socket ? setTimeout(() => closeQuietly(socket), HANDSHAKE_TIMEOUT_MS) : undefined;
    try {
      if (!("handshake" in socket)) {
        (socket as Deno.TcpConn).setNoDelay();
        return true;
      }
      return (await (socket as Deno.TlsConn).handshake()).alpnProtocol === "h2";
    } catch {
      return false; // It is gone, or speaks no TLS that we know.
    } finally {
      clearTimeout(timer);
      this.#handshakes.delete(socket);
    }
  }
}

/** How long a TLS handshake may take, in milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
