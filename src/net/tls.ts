/**
 * TLS listeners, by `node:tls`. Deno's own is faster, but leaves `requestCert` and `caCerts` unheard, so that a certificate that was asked
 * for would never be looked at; it cannot close a connection within its handshake, whose descriptor stays for as long as the peer likes; and for
 * another certificate it needs another socket, and closing the old one resets who waits to be accepted.
 *
 * `node:net` accepts, and hands each connection to a server of `node:tls` that does not listen: connections above a limit cost no handshake, and
 * other certificates are another such server. TLS over a socket that `Deno.listen` accepted would have to go through a stream of JavaScript, which
 * costs 20 to 40 % of the CPU time of small requests.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer as createTcpServer, type Server as TcpServer, type Socket as TcpSocket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from "node:tls";
import type { Listener } from "./accept_loop.ts";
import { isTrusted, parseAuthorities } from "./client_authority.ts";
import { descriptorShortage } from "./descriptors.ts";
import { closeQuietly, type Socket } from "./sockets.ts";

/** What the versions of HTTP are called in ALPN, the better ones first. */
const PROTOCOLS = ["h2", "http/1.1", "http/1.0"];

/**
 * How often a listener that has not been able to accept is tried again, in milliseconds. When `accept` fails for want of descriptors, Deno 2.9.6 drops the
 * error and never looks at the listening socket again, unless it is told to.
 */
const RETRY_MS = 1000;

/** Bytes that are encrypted at a time. */
const MAX_WRITE = 65_536;

/** A certificate chain and its private key, as PEM. */
export interface KeyPair {
  /** The certificate, then those that lead to one that is trusted. */
  readonly cert: string;
  /** Not encrypted. */
  readonly key: string;
}

/** A certificate chain and its private key, as PEM, and who clients must be. */
export interface TlsServerOptions extends KeyPair {
  /** Certificates of those who may sign a client's, as PEM. With it a client without one, or with another's, is refused. */
  readonly clientCa?: string | undefined;
}

/** Options of {@linkcode listenTls}. */
export interface TlsOptions extends TlsServerOptions {
  readonly hostname: string;
  readonly port: number;
  /** Whether others, who say so too, may listen on the same port. */
  readonly reusePort: boolean;
  /** How long a handshake may take, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** How many connections may wait to be accepted. */
  readonly backlog: number;
}

/** A socket before and after its TLS handshake. */
export interface TlsSocket extends Socket {
  /** Completes the handshake. To be called once. @throws {Error} The client does not agree, or is refused, or the socket was closed. */
  handshake(): Promise<{ readonly alpnProtocol: string | null }>;
  /** The common name of the client's certificate, after the handshake; undefined when none was asked for. */
  readonly peerName?: string | undefined;
}

/** A listener that can change its certificates while it accepts. */
export interface TlsListener extends Listener {
  readonly addr: Deno.NetAddr;
  /** Accepts a connection, of which the handshake is still to come. @throws {Error} There are no descriptors, or the listener is closed. */
  accept(): Promise<TlsSocket>;
  /**
   * Takes other certificates for connections from now on, also for those that resume a session.
   *
   * @throws {Error} Certificate and key are no pair, or the authority is none.
   */
  reload(certificates: TlsServerOptions): void;
}

/**
 * Listens for TLS.
 *
 * @throws {Error} The address cannot be listened on, certificate and key are not a pair, or the authority is none.
 */
export async function listenTls(options: TlsOptions): Promise<TlsListener> {
  const { hostname, port, reusePort, handshakeTimeoutMs, backlog } = options;
  const handshakes = createHandshakes(options, handshakeTimeoutMs);
  const server = createTcpServer({ pauseOnConnect: true });
  server.listen({ port, host: hostname, backlog, reusePort });
  await once(server, "listening");
  return new NodeTlsListener(server, backlog, handshakes, handshakeTimeoutMs);
}

/** A server of `node:tls` that gets its connections by hand. */
interface Handshakes {
  readonly server: TlsServer;
  /** Whose certificates clients must have; undefined when they need none. */
  readonly authorities: readonly X509Certificate[] | undefined;
}

function createHandshakes(certificates: TlsServerOptions, handshakeTimeoutMs: number): Handshakes {
  assertCertificates(certificates);
  const { cert, key, clientCa } = certificates;
  const server = createTlsServer({
    cert,
    key,
    ...(clientCa !== undefined ? { ca: clientCa, requestCert: true, rejectUnauthorized: true } : {}),
    ALPNProtocols: PROTOCOLS,
    handshakeTimeout: handshakeTimeoutMs,
  });
  return { server, authorities: clientCa === undefined ? undefined : parseAuthorities(clientCa) };
}

/** Node takes any text for certificates, and refuses all clients then. @throws {Error} Certificate and key are no pair, or the authority is none. */
export function assertCertificates({ cert, key, clientCa }: TlsServerOptions): void {
  const certificate = parsed("certificate", () => new X509Certificate(cert));
  const privateKey = parsed("private key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error("The private key is not that of the certificate");
  }
  if (clientCa !== undefined) {
    parsed("client CA", () => parseAuthorities(clientCa));
  }
}

function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new Error(`Cannot read the ${what}: it is no PEM of one`, { cause: error });
  }
}

class NodeTlsListener implements TlsListener {
  readonly addr: Deno.NetAddr;
  readonly #server: TcpServer;
  readonly #backlog: number;
  readonly #handshakeTimeoutMs: number;
  #handshakes: Handshakes;
  /** Those whose handshakes go on, by the peer's address and port. */
  readonly #greeting = new Map<string, NodeTlsSocket>();
  readonly #accepted: NodeTlsSocket[] = [];
  readonly #retryTimer: ReturnType<typeof setInterval>;
  #isClosed = false;
  /** What is wrong with accepting, for the next call of `accept`. */
  #fault: Error | undefined;
  /** Wakes who accepts. */
  #wake: () => void = () => {};

  constructor(server: TcpServer, backlog: number, handshakes: Handshakes, handshakeTimeoutMs: number) {
    const { address, port } = server.address() as { address: string; port: number };
    this.addr = { transport: "tcp", hostname: address, port };
    this.#server = server;
    this.#backlog = backlog;
    this.#handshakes = this.#listenTo(handshakes);
    this.#handshakeTimeoutMs = handshakeTimeoutMs;
    server.on("connection", (tcp) => this.#take(tcp));
    server.on("error", (error) => this.#fail(error));
    this.#retryTimer = setInterval(() => this.#retry(), RETRY_MS);
    Deno.unrefTimer(this.#retryTimer as unknown as number);
  }

  async accept(): Promise<TlsSocket> {
    while (!this.#isClosed) {
      const socket = this.#accepted.shift();
      if (socket !== undefined) {
        return socket;
      }
      const fault = this.#fault;
      if (fault !== undefined) {
        this.#fault = undefined;
        throw fault;
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    throw new Deno.errors.BadResource("Listener is closed");
  }

  reload(certificates: TlsServerOptions): void {
    this.#handshakes = this.#listenTo(createHandshakes(certificates, this.#handshakeTimeoutMs));
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#retryTimer);
    this.#server.close();
    this.#accepted.splice(0).forEach(closeQuietly);
    this.#wake();
  }

  #listenTo(handshakes: Handshakes): Handshakes {
    const { server, authorities } = handshakes;
    server.on("secureConnection", (socket) => {
      if (authorities !== undefined && socket.isSessionReused() && !isTrusted(socket, authorities)) {
        socket.destroy();
      } else {
        this.#greeting.get(peerOf(socket))?.begin(socket);
      }
    });
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    return handshakes;
  }

  #take(tcp: TcpSocket): void {
    tcp.setNoDelay();
    tcp.on("error", () => {}); // Whoever reads or writes hears of it.
    tcp.once("close", this.#lookAgain); // There is a free descriptor.
    if (tcp.remoteAddress === undefined) {
      tcp.destroy(); // The peer reset the connection before it was accepted.
      return;
    }
    this.#accepted.push(new NodeTlsSocket(tcp, (socket) => this.#begin(tcp, socket)));
    this.#wake();
  }

  #begin(tcp: TcpSocket, socket: NodeTlsSocket): void {
    const peer = peerOf(tcp);
    const { server, authorities } = this.#handshakes;
    socket.hasClientCertificate = authorities !== undefined;
    this.#greeting.set(peer, socket);
    tcp.once("close", () => this.#greeting.delete(peer));
    server.emit("connection", tcp);
  }

  #fail(error: Error): void {
    this.#fault = error;
    this.#wake();
  }

  /** Tells the caller of `accept` when it cannot succeed. */
  #retry(): void {
    const shortage = descriptorShortage();
    if (shortage !== undefined) {
      this.#fail(shortage);
    }
    this.#lookAgain();
  }

  /** Has Deno look at the listening socket. As listen(2) on a socket that listens already, it changes nothing else. */
  readonly #lookAgain = (): void => {
    (this.#server as unknown as { _handle?: { listen?(backlog: number): number } })._handle?.listen?.(this.#backlog);
  };
}

function peerOf({ remoteAddress, remotePort }: TcpSocket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** A socket of Node's with the methods of Deno's. */
class NodeTlsSocket implements TlsSocket {
  readonly remoteAddr: Deno.NetAddr;
  /** Whether the client had to show a certificate. Known when the handshake begins. */
  hasClientCertificate = false;
  readonly #tcp: TcpSocket;
  readonly #begin: (socket: NodeTlsSocket) => void;
  readonly #secured = Promise.withResolvers<TLSSocket>();
  #tls: TLSSocket | undefined;
  /** Wakes who reads. */
  #wake: () => void = () => {};
  #isReading = false;
  #isPaused = false;
  /** What was read and had no room. */
  #rest: Uint8Array | undefined;

  /** @param begin Begins the handshake. */
  constructor(tcp: TcpSocket, begin: (socket: NodeTlsSocket) => void) {
    this.#tcp = tcp;
    this.#begin = begin;
    this.remoteAddr = { transport: "tcp", hostname: tcp.remoteAddress ?? "", port: tcp.remotePort ?? 0 };
    this.#secured.promise.catch(() => {}); // Nobody may have asked.
    tcp.once(
      "close",
      () => this.#secured.reject(new Deno.errors.ConnectionReset("The connection ended in its handshake")),
    );
  }

  /** The handshake has ended well. */
  begin(tls: TLSSocket): void {
    this.#tls = tls;
    (tls as InternalTlsSocket)._readableState.highWaterMark = Infinity; // It must not pause by itself: see below.
    // Once and for all: adding and removing them for each read costs a third of the CPU time of a small HTTP/1.1 request.
    for (const event of ["end", "close", "error"]) {
      tls.on(event, () => this.#wake());
    }
    tls.on("readable", () => this.#isReading ? this.#wake() : this.#pause());
    this.#secured.resolve(tls);
  }

  get peerName(): string | undefined {
    return this.hasClientCertificate ? [this.#tls?.getPeerCertificate().subject?.CN].flat()[0] : undefined;
  }

  async handshake(): Promise<{ alpnProtocol: string | null }> {
    this.#begin(this);
    return { alpnProtocol: (await this.#secured.promise).alpnProtocol || null };
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const socket = this.#tls ?? await this.#secured.promise;
    this.#resume();
    while (this.#rest === undefined) {
      this.#rest = socket.read() as Uint8Array | null ?? undefined;
      if (this.#rest !== undefined) {
        break;
      }
      if (socket.errored !== null) {
        throw new Deno.errors.ConnectionReset(socket.errored.message);
      }
      if (socket.readableEnded || socket.destroyed) {
        return null;
      }
      this.#isReading = true;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#isReading = false;
    }
    const length = Math.min(this.#rest.length, buffer.length);
    buffer.set(this.#rest.subarray(0, length));
    this.#rest = length < this.#rest.length ? this.#rest.subarray(length) : undefined;
    return length;
  }

  /**
   * Has the peer wait: the caller does not read. `TLSSocket` cannot do that. On Deno 2.9.6 it goes on reading from the system and decrypts all that comes,
   * 200 MB in a trial; and when it is resumed with more data than its high-water mark, it loses the end that came behind them.
   */
  #pause(): void {
    this.#isPaused = true;
    (this.#tls as InternalTlsSocket)._handle?._nativeTcpHandle?.readStop?.();
  }

  #resume(): void {
    if (this.#isPaused) {
      this.#isPaused = false;
      (this.#tls as InternalTlsSocket)._handle?._nativeTcpHandle?.readStart?.();
    }
  }

  /** Takes a part of what is much: else all of it would be encrypted at once, and nothing be known to have been taken before all was. */
  async write(octets: Uint8Array): Promise<number> {
    const socket = this.#tls ?? await this.#secured.promise;
    const part = octets.length > MAX_WRITE ? octets.subarray(0, MAX_WRITE) : octets;
    return await new Promise((resolve, reject) => {
      socket.write(part, (error) => error ? reject(brokenPipe(error)) : resolve(part.length));
    });
  }

  closeWrite(): Promise<void> {
    this.#tls?.end();
    return Promise.resolve();
  }

  close(): void {
    (this.#tls ?? this.#tcp).destroy();
  }
}

/** What of Node's and Deno's sockets is not public. */
interface InternalTlsSocket extends TLSSocket {
  readonly _readableState: { highWaterMark: number };
  readonly _handle?: { readonly _nativeTcpHandle?: { readStart?(): number; readStop?(): number } } | null;
}

function brokenPipe(error: Error): Error {
  return new Deno.errors.BrokenPipe(error.message);
}
