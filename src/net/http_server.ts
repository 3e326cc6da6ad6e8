/**
 * The front door: listens, finds out what each connection speaks, and has it driven. HTTP/1.1 and HTTP/2 with prior knowledge share a port, told
 * apart by their first octets; on TLS, ALPN decides.
 */
import { ByteBudget, type ConnectionInfo, type HttpConnection, type ServeExchange } from "../http/mod.ts";
import { createConnection as createHttp1Connection } from "../http1/mod.ts";
import { createConnection as createHttp2Connection } from "../http2/mod.ts";
import { AcceptLoop, type Listener } from "./accept_loop.ts";
import { resolveBudget } from "./buffer_limits.ts";
import { endDetail, endReason } from "./connection_end.ts";
import { limitConnections, prepareForShortage } from "./descriptors.ts";
import { Driver, type DriverHooks } from "./driver.ts";
import { trustForwarded } from "./forwarded.ts";
import type { ListenOptions } from "./listen_options.ts";
import { readProxyHeader } from "./proxy_protocol.ts";
import { sniff } from "./sniff.ts";
import { closeQuietly, hostAndPort, type Socket } from "./sockets.ts";
import { assertCertificates, listenTls, type TlsListener, type TlsServerOptions, type TlsSocket } from "./tls.ts";
import { TurnQueue } from "./turns.ts";
import { guardReporter, printMistake } from "../user_code/mod.ts";

/**
 * How many connections may wait to be accepted, as the system allows at most. A burst of more than the usual 511 would lose some, and clients that
 * wait for us to speak would wait for ever.
 */
const BACKLOG = 4096;

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;

/** How many connections there may be. */
export const DEFAULT_MAX_CONNECTIONS = 10_000;

/** How far connection ages are apart, so that clients that came together do not come again together: up to a tenth more or less. */
const AGE_JITTER = 0.1;

/** Options of {@linkcode serveHttp}. */
export interface HttpServerOptions extends Omit<ListenOptions, "host" | "port" | "allowedHosts"> {
  /** The addresses to listen on: host names, IP addresses. @default ["127.0.0.1"] */
  readonly hostnames?: readonly string[] | undefined;
  /** The port to listen on; 0 for any that is free. @default 0 */
  readonly port?: number | undefined;
  /**
   * Puts something between a listener and what serves its connections. `address` is the one that it is bound to, undefined for a Unix socket. By
   * default there is nothing.
   */
  readonly guard?: ((serve: ServeExchange, address: string | undefined) => ServeExchange) | undefined;
  /** Told of mistakes in handlers, by which a connection is lost. By default they are logged to the console. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A server that listens. */
export interface HttpServer {
  /** Where it listens, the first address first. */
  readonly addresses: readonly { readonly hostname: string; readonly port: number }[];
  /** How many connections there are. */
  readonly connectionCount: number;
  /** How many there may be: what was asked for, or what the process has file descriptors for. */
  readonly maxConnections: number;
  /** Why connections are not accepted, as far as it is a listener's fault: which listener, and its error. Undefined when they are. */
  readonly fault: string | undefined;
  /** How many bytes of requests and responses wait, as far as they are counted. */
  readonly bufferedBytes: number;
  /** Stops listening, lets the requests under way end, and resolves when all connections are closed. */
  shutdown(): Promise<void>;
  /** Stops listening and ends all connections and requests now. */
  close(): Promise<void>;
  /**
   * Takes other certificates for connections from now on; those that there are go on. Without `clientCa` the authority stays that there is.
   *
   * @throws {Error} Certificate and key are no pair, or the authority is none, or there is no TLS.
   */
  reloadTls(certificates: TlsServerOptions): Promise<void>;
}

/**
 * Serves HTTP/1.1 and HTTP/2. `serve` gets each request when its head is there; it must not throw.
 *
 * @throws {Error} An address cannot be listened on, or certificate and key are not a pair.
 */
export async function serveHttp(serve: ServeExchange, options: HttpServerOptions = {}): Promise<HttpServer> {
  const { hostnames = ["127.0.0.1"], tls, unixPath, handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = options;
  prepareForShortage();
  if (options.proxyProtocol && tls !== undefined) {
    throw new TypeError("Cannot read the PROXY protocol in front of TLS: let the balancer end TLS");
  }
  const reusePort = options.portSharing !== undefined;
  const listeners: Listener[] = [];
  let { port = 0 } = options;
  try {
    for (const hostname of hostnames) {
      if (options.portSharing === "claim") {
        claimPort(hostname, port);
      }
      const address = { hostname, port, reusePort }; // Deno's types do not have the last one.
      const listener: Listener & Pick<TlsListener, "addr"> = tls === undefined
        ? Deno.listen({ ...address, tcpBacklog: BACKLOG })
        : await listenTls({ ...address, ...tls, handshakeTimeoutMs, backlog: BACKLOG });
      listeners.push(listener);
      port = listener.addr.port; // All addresses have the port that the first one got.
    }
  } catch (error) {
    listeners.forEach(closeQuietly);
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot listen on ${hostAndPort(hostnames[listeners.length]!, port)}: ${reason}`, { cause: error });
  }
  if (unixPath !== undefined) {
    try {
      listeners.push(Deno.listen({ transport: "unix", path: unixPath }));
    } catch (error) {
      listeners.forEach(closeQuietly);
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Cannot listen on ${unixPath}: ${reason}`, { cause: error });
    }
  }
  const served = options.trustForwarded ? trustForwarded(serve) : serve;
  const resolved = {
    ...options,
    handshakeTimeoutMs,
    onError: guardReporter(options.onError ?? printMistake),
    onConnectionEnd: options.onConnectionEnd && guardReporter(options.onConnectionEnd),
  };
  return new ListeningServer(listeners, served, resolved, await TurnQueue.open());
}

/**
 * The system lets all who share ports, of the same user, listen on the same one, whatever program they are: this asks for it as one who does not
 * share. Between that and listening another program has no more than microseconds.
 *
 * @throws {Error} Somebody listens on it.
 */
function claimPort(hostname: string, port: number): void {
  if (port !== 0) { // The system gives no port that somebody has.
    Deno.listen({ hostname, port }).close();
  }
}

class ListeningServer implements HttpServer {
  readonly addresses: HttpServer["addresses"];
  readonly maxConnections: number;
  readonly #listeners: readonly Listener[];
  readonly #loops: readonly AcceptLoop[];
  readonly #options: HttpServerOptions;
  #tls: TlsServerOptions | undefined;
  readonly #turns: TurnQueue;
  readonly #budget: ByteBudget;
  readonly #drivers = new Set<Driver>();
  /** Sockets of which it is not known what they speak. */
  readonly #strangers = new Set<Socket>();
  readonly #unixPath: string | undefined;
  readonly #tasks = new Set<Promise<void>>();
  #isListening = true;

  constructor(listeners: readonly Listener[], serve: ServeExchange, options: HttpServerOptions, turns: TurnQueue) {
    this.addresses = listeners.flatMap(({ addr }) =>
      addr.transport === "tcp" ? [{ hostname: addr.hostname, port: addr.port }] : []
    );
    this.#listeners = listeners;
    this.#options = options;
    this.#turns = turns;
    this.#budget = new ByteBudget(resolveBudget(options), { onRefused: options.onRefused });
    this.#unixPath = options.unixPath;
    this.#tls = options.tls;
    const { onListenerFault = (fault: string) => console.error(fault) } = options;
    const { maxConnections = DEFAULT_MAX_CONNECTIONS } = options;
    this.maxConnections = options.portSharing === undefined ? limitConnections(maxConnections) : maxConnections;
    this.#loops = listeners.map((listener) => {
      const { addr } = listener;
      const served = options.guard?.(serve, addr.transport === "tcp" ? addr.hostname : undefined) ?? serve;
      return new AcceptLoop(listener, {
        onSocket: (socket) => this.#accept(socket, served),
        onFault: (error) => onListenerFault(faultText(listener, error)),
      });
    });
    this.#loops.forEach(({ ended }) => this.#track(ended));
  }

  get fault(): string | undefined {
    const index = this.#loops.findIndex(({ fault }) => fault !== undefined);
    return index < 0 ? undefined : faultText(this.#listeners[index]!, this.#loops[index]!.fault!);
  }

  get connectionCount(): number {
    return this.#drivers.size + this.#strangers.size;
  }

  get bufferedBytes(): number {
    return this.#budget.bytes;
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

  // deno-lint-ignore require-await -- What is wrong with the certificates rejects.
  async reloadTls(certificates: TlsServerOptions): Promise<void> {
    if (this.#tls === undefined) {
      throw new Error("Cannot reload a certificate: the server speaks no TLS");
    }
    const { clientCa = this.#tls.clientCa } = certificates;
    const tls = { ...certificates, clientCa };
    assertCertificates(tls);
    for (const listener of this.#listeners) {
      (listener as Partial<TlsListener>).reload?.(tls); // A Unix socket has none.
    }
    this.#tls = tls;
  }

  #stopListening(): void {
    if (this.#isListening && this.#unixPath !== undefined) {
      try {
        Deno.removeSync(this.#unixPath);
      } catch {
        // Somebody else did.
      }
    }
    this.#isListening = false;
    this.#loops.forEach((loop) => loop.stop());
    this.#strangers.forEach(closeQuietly);
  }

  async #ended(): Promise<void> {
    while (this.#tasks.size + this.#drivers.size > 0) {
      await Promise.all([...this.#tasks, ...Array.from(this.#drivers, ({ closed }) => closed)]);
    }
    this.#turns.close();
  }

  #track(task: Promise<void>): void {
    this.#tasks.add(task);
    task.then(() => this.#tasks.delete(task));
  }

  #accept(socket: Socket, serve: ServeExchange): void {
    if (this.connectionCount >= this.maxConnections) {
      closeQuietly(socket);
      this.#options.onConnectionEnd?.({
        httpVersion: undefined,
        reason: "full",
        detail: undefined,
        peer: peerOf(socket),
      });
    } else {
      this.#track(this.#serveSocket(socket, serve));
    }
  }

  /** Ends when it is known what a socket speaks: a function that waits for as long as a connection lives costs it 0.6 KiB. */
  async #serveSocket(socket: Socket, serve: ServeExchange): Promise<void> {
    const greeting = await this.#meet(socket);
    if (greeting === undefined) {
      closeQuietly(socket);
      this.#options.onConnectionEnd?.({
        httpVersion: undefined,
        reason: "unknown",
        detail: undefined,
        peer: peerOf(socket),
      });
      return;
    }
    this.#drive(socket, greeting, serve);
  }

  #drive(socket: Socket, { isHttp2, chunk, peer }: Greeting, serve: ServeExchange): void {
    const { onError = printMistake } = this.#options;
    const info = connectionInfo(socket, isHttp2, peer);
    const driver = new Driver<HttpConnection>(
      socket,
      (hooks) => isHttp2 ? this.#connectHttp2(hooks, info, serve) : this.#connectHttp1(hooks, info, serve),
      onError,
      chunk,
      this.#turns,
    );
    this.#drivers.add(driver);
    if (!this.#isListening) {
      driver.connection.shutdown();
    }
    driver.closed.then((error) => {
      this.#drivers.delete(driver);
      this.#options.onConnectionEnd?.({
        httpVersion: info.httpVersion,
        reason: endReason(error),
        detail: endDetail(error),
        peer: info.peer,
      });
    });
  }

  /** Finds out what a socket speaks. Undefined when it says nothing in time, or nothing that we know. */
  async #meet(socket: Socket): Promise<Greeting | undefined> {
    this.#strangers.add(socket);
    const timer = setTimeout(
      () => closeQuietly(socket),
      this.#options.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS,
    );
    try {
      if (isTls(socket)) {
        const { alpnProtocol } = await socket.handshake();
        return { isHttp2: alpnProtocol === "h2" };
      }
      if ("setNoDelay" in socket) {
        (socket as Deno.TcpConn).setNoDelay();
      }
      const proxy = this.#options.proxyProtocol ? await readProxyHeader(socket) : undefined;
      const sniffed = await sniff(socket, proxy?.rest);
      return sniffed && { ...sniffed, peer: proxy?.peer };
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
      this.#strangers.delete(socket);
    }
  }

  #connectHttp2(hooks: DriverHooks, info: ConnectionInfo, serve: ServeExchange): HttpConnection {
    const { http2, maxConnectionAgeMs, keepaliveIntervalMs = 2 * 60 * 60 * 1000 } = this.#options;
    return createHttp2Connection({
      role: "server",
      nowMs: performance.now(),
      limits: http2,
      budget: this.#budget,
      keepaliveIntervalMs,
      maxAgeMs: maxConnectionAgeMs && jittered(maxConnectionAgeMs),
      handler: {
        onRequest: (stream, head, endStream) => serve(stream, head, endStream, info),
        ...hooks,
      },
    });
  }

  #connectHttp1(hooks: DriverHooks, info: ConnectionInfo, serve: ServeExchange): HttpConnection {
    const { http1, maxConnectionAgeMs } = this.#options;
    return createHttp1Connection({
      nowMs: performance.now(),
      limits: http1,
      budget: this.#budget,
      maxAgeMs: maxConnectionAgeMs && jittered(maxConnectionAgeMs),
      scheme: info.isTls ? "https" : "http",
      date: currentDate,
      handler: {
        onRequest: (exchange, head, endStream) => serve(exchange, head, endStream, info),
        ...hooks,
      },
    });
  }
}

/** What is known of a socket when it is known what it speaks. */
interface Greeting {
  readonly isHttp2: boolean;
  /** What was read to find out. */
  readonly chunk?: Uint8Array<ArrayBuffer>;
  /** Who is behind the balancer that passes the connection on. */
  readonly peer?: ConnectionInfo["peer"];
}

function faultText({ addr }: Listener, { message }: Error): string {
  const place = "path" in addr ? addr.path : hostAndPort(addr.hostname, addr.port);
  return `Cannot accept connections on ${place}: ${message}`;
}

function isTls(socket: Socket): socket is TlsSocket {
  return "handshake" in socket;
}

function connectionInfo(socket: Socket, isHttp2: boolean, peer: ConnectionInfo["peer"]): ConnectionInfo {
  return {
    httpVersion: isHttp2 ? "2" : "1.1",
    peer: peer ?? peerOf(socket),
    isTls: isTls(socket),
    tlsPeerName: isTls(socket) ? socket.peerName : undefined,
  };
}

function peerOf({ remoteAddr }: Socket): ConnectionInfo["peer"] {
  return "hostname" in remoteAddr ? { hostname: remoteAddr.hostname, port: remoteAddr.port } : undefined;
}

function jittered(ageMs: number): number {
  return ageMs * (1 + AGE_JITTER * (2 * Math.random() - 1));
}

let dateText = "";
let dateExpiresAtMs = -Infinity;

/** The time as the field `Date` has it (RFC 9110 §5.6.7), made once in a second. */
function currentDate(nowMs: number = performance.now()): string {
  if (nowMs >= dateExpiresAtMs) {
    const now = new Date();
    dateText = now.toUTCString();
    dateExpiresAtMs = nowMs + 1000 - now.getMilliseconds();
  }
  return dateText;
}
