/**
 * TLS listeners, by `node:tls`. Deno's own is faster, but leaves `requestCert` and `caCerts` unheard, so that a certificate that was asked
 * for would never be looked at; it cannot close a connection within its handshake, whose descriptor stays for as long as the peer likes; and for
 * another certificate it needs another socket, and closing the old one resets who waits to be accepted.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { Socket as TcpSocket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { closeQuietly, type Socket } from "./sockets.ts";

/** What the versions of HTTP are called in ALPN, the better ones first. */
const PROTOCOLS = ["h2", "http/1.1", "http/1.0"];

/** Bytes that are encrypted at a time. */
const MAX_WRITE = 65_536;

/** A certificate chain and its private key, as PEM. */
export interface KeyPair {
  /** The certificate, then those that lead to one that is trusted. */
  readonly cert: string;
  /** Not encrypted. */
  readonly key: string;
}

/** Options of {@linkcode listenTls}. */
export interface TlsOptions extends KeyPair {
  readonly hostname: string;
  readonly port: number;
  /** Whether others, who say so too, may listen on the same port. */
  readonly reusePort: boolean;
  /** Certificates of those who may sign a client's, as PEM. With it a client without one, or with another's, is refused. */
  readonly clientCa?: string | undefined;
  /** How long a handshake may take, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** How many connections may wait to be accepted. */
  readonly backlog: number;
}

/** A socket before and after its TLS handshake. */
export interface TlsSocket extends Socket {
  /** Completes the handshake. @throws {Error} The client does not agree, or is refused, or the socket was closed. */
  handshake(): Promise<{ readonly alpnProtocol: string | null }>;
  /** The common name of the client's certificate, after the handshake; undefined when none was asked for. */
  readonly peerName?: string | undefined;
}

/** Something that accepts TLS sockets, and can change its certificate while it does. */
export interface TlsListener {
  readonly addr: Deno.NetAddr;
  /** A socket, of which the handshake may be still to come. */
  accept(): Promise<TlsSocket>;
  close(): void;
  /** Takes another key pair for connections from now on. @throws {Error} It is none. */
  reload(pair: KeyPair): Promise<void>;
}

/**
 * Listens for TLS.
 *
 * @throws {Error} The address cannot be listened on, or certificate and key are not a pair.
 */
export async function listenTls(options: TlsOptions): Promise<TlsListener> {
  const { hostname, port, reusePort, cert, key, clientCa, handshakeTimeoutMs, backlog } = options;
  assertKeyPair({ cert, key });
  const server = createServer({
    cert,
    key,
    ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
    ALPNProtocols: PROTOCOLS,
    handshakeTimeout: handshakeTimeoutMs,
  });
  server.listen({ port, host: hostname, backlog, reusePort });
  await once(server, "listening");
  return new NodeTlsListener(server, clientCa);
}

/** Node takes any text for a pair, and refuses all clients then. @throws {Error} They are not. */
export function assertKeyPair({ cert, key }: KeyPair): void {
  const certificate = parsed("certificate", () => new X509Certificate(cert));
  const privateKey = parsed("private key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error("The private key is not that of the certificate");
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
  readonly #server: Server;
  readonly #clientCa: string | undefined;
  /** Those whose handshakes go on, by the peer's address and port. */
  readonly #greeting = new Map<string, NodeTlsSocket>();
  readonly #accepted: NodeTlsSocket[] = [];
  #isClosed = false;
  /** Wakes who accepts. */
  #wake: () => void = () => {};

  constructor(server: Server, clientCa: string | undefined) {
    const { address, port } = server.address() as { address: string; port: number };
    this.addr = { transport: "tcp", hostname: address, port };
    this.#server = server;
    this.#clientCa = clientCa;
    server.on("connection", (socket) => this.#begin(socket));
    server.on("secureConnection", (socket) => this.#greeting.get(peerOf(socket))?.begin(socket));
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    server.on("error", () => {}); // A connection could not be accepted. There will be others.
  }

  async accept(): Promise<TlsSocket> {
    while (!this.#isClosed) {
      const socket = this.#accepted.shift();
      if (socket !== undefined) {
        return socket;
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    throw new Deno.errors.BadResource("Listener is closed");
  }

  // deno-lint-ignore require-await -- What is wrong with the pair rejects.
  async reload({ cert, key }: KeyPair): Promise<void> {
    assertKeyPair({ cert, key });
    this.#server.setSecureContext({ cert, key, ...(this.#clientCa === undefined ? {} : { ca: this.#clientCa }) });
  }

  close(): void {
    this.#isClosed = true;
    this.#server.close();
    this.#accepted.splice(0).forEach(closeQuietly);
    this.#wake();
  }

  #begin(tcp: TcpSocket): void {
    tcp.setNoDelay();
    tcp.on("error", () => {}); // Whoever reads or writes hears of it.
    const peer = peerOf(tcp);
    const socket = new NodeTlsSocket(tcp, this.#clientCa !== undefined);
    this.#greeting.set(peer, socket);
    tcp.once("close", () => this.#greeting.delete(peer));
    this.#accepted.push(socket);
    this.#wake();
  }
}

function peerOf({ remoteAddress, remotePort }: TcpSocket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** A socket of Node's with the methods of Deno's. */
class NodeTlsSocket implements TlsSocket {
  readonly remoteAddr: Deno.NetAddr;
  readonly #tcp: TcpSocket;
  readonly #secured = Promise.withResolvers<TLSSocket>();
  readonly #hasClientCertificate: boolean;
  #tls: TLSSocket | undefined;
  /** Wakes who reads. */
  #wake: () => void = () => {};
  /** What was read and had no room. */
  #rest: Uint8Array | undefined;

  constructor(tcp: TcpSocket, hasClientCertificate: boolean) {
    this.#tcp = tcp;
    this.#hasClientCertificate = hasClientCertificate;
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
    // Once and for all: adding and removing them for each read costs a third of the CPU time of a small HTTP/1.1 request.
    for (const event of ["readable", "end", "close", "error"]) {
      tls.on(event, () => this.#wake());
    }
    this.#secured.resolve(tls);
  }

  get peerName(): string | undefined {
    return this.#hasClientCertificate ? [this.#tls?.getPeerCertificate().subject?.CN].flat()[0] : undefined;
  }

  async handshake(): Promise<{ alpnProtocol: string | null }> {
    return { alpnProtocol: (await this.#secured.promise).alpnProtocol || null };
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const socket = this.#tls ?? await this.#secured.promise;
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
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const length = Math.min(this.#rest.length, buffer.length);
    buffer.set(this.#rest.subarray(0, length));
    this.#rest = length < this.#rest.length ? this.#rest.subarray(length) : undefined;
    return length;
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

function brokenPipe(error: Error): Error {
  return new Deno.errors.BrokenPipe(error.message);
}
