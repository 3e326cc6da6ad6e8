/**
 * TLS listeners: by Deno's own, and where clients must show certificates by `node:tls`, since Deno's leaves `requestCert` and `caCerts`
 * unheard: a certificate that was asked for would never be looked at.
 */
import { once } from "node:events";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { Socket } from "./sockets.ts";

/** What both versions of HTTP are called in ALPN, the better one first. */
const PROTOCOLS = ["h2", "http/1.1"];

/** A certificate chain and its private key, as PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Options of {@linkcode listenTls}. */
export interface TlsOptions extends KeyPair {
  readonly hostname: string;
  readonly port: number;
  /** Certificates of those who may sign a client's, as PEM. With it a client without one, or with another's, is refused. */
  readonly clientCa?: string | undefined;
  /** How long a handshake may take, in milliseconds. */
  readonly handshakeTimeoutMs: number;
}

/** A socket after its TLS handshake. */
export interface TlsSocket extends Socket {
  /** Completes the handshake. @throws {Error} The client does not agree, or is refused. */
  handshake(): Promise<{ readonly alpnProtocol: string | null }>;
  /** The common name of the client's certificate, after the handshake; undefined when none was asked for. */
  readonly peerName?: string | undefined;
}

/** Something that accepts TLS sockets, and can change its certificate while it does. */
export interface TlsListener {
  readonly addr: Deno.NetAddr;
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
  return options.clientCa === undefined
    ? new DenoTlsListener(options)
    : await NodeTlsListener.listen(options, options.clientCa);
}

/**
 * By Deno. For another certificate it opens a second listener on the same port before it closes the first one: nobody is refused in between, and
 * connections that were accepted go on.
 */
class DenoTlsListener implements TlsListener {
  readonly addr: Deno.NetAddr;
  #listener: Deno.TlsListener;
  readonly #hostname: string;

  constructor({ hostname, port, cert, key }: TlsOptions) {
    if (port !== 0) {
      // With `reusePort` a port that somebody else has would not be told from a free one.
      Deno.listen({ hostname, port }).close();
    }
    this.#hostname = hostname;
    this.#listener = openListener(hostname, port, { cert, key });
    this.addr = this.#listener.addr as Deno.NetAddr;
  }

  async accept(): Promise<TlsSocket> {
    while (true) {
      const listener = this.#listener;
      try {
        return await listener.accept();
      } catch (error) {
        if (listener === this.#listener) {
          throw error;
        }
      }
    }
  }

  reload(pair: KeyPair): Promise<void> {
    const old = this.#listener;
    this.#listener = openListener(this.#hostname, this.addr.port, pair);
    old.close();
    return Promise.resolve();
  }

  close(): void {
    this.#listener.close();
  }
}

function openListener(hostname: string, port: number, pair: KeyPair): Deno.TlsListener {
  const options = { hostname, port, ...pair, alpnProtocols: PROTOCOLS, reusePort: true };
  return Deno.listenTls(options);
}

/** By Node. */
class NodeTlsListener implements TlsListener {
  readonly addr: Deno.NetAddr;
  readonly #server: Server;
  readonly #clientCa: string;
  readonly #accepted: TLSSocket[] = [];
  #isClosed = false;
  /** Wakes who accepts. */
  #wake: () => void = () => {};

  static async listen(options: TlsOptions, clientCa: string): Promise<NodeTlsListener> {
    const { hostname, port, cert, key, handshakeTimeoutMs } = options;
    const server = createServer({
      cert,
      key,
      ca: clientCa,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: PROTOCOLS,
      handshakeTimeout: handshakeTimeoutMs,
    });
    server.listen(port, hostname);
    await once(server, "listening");
    return new NodeTlsListener(server, clientCa);
  }

  private constructor(server: Server, clientCa: string) {
    const { address, port } = server.address() as { address: string; port: number };
    this.addr = { transport: "tcp", hostname: address, port };
    this.#server = server;
    this.#clientCa = clientCa;
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    server.on("secureConnection", (socket) => {
      socket.on("error", () => {}); // Whoever reads or writes hears of it.
      this.#accepted.push(socket);
      this.#wake();
    });
  }

  async accept(): Promise<TlsSocket> {
    while (!this.#isClosed) {
      const socket = this.#accepted.shift();
      if (socket !== undefined) {
        return new NodeTlsSocket(socket);
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    throw new Deno.errors.BadResource("Listener is closed");
  }

  reload({ cert, key }: KeyPair): Promise<void> {
    this.#server.setSecureContext({ cert, key, ca: this.#clientCa });
    return Promise.resolve();
  }

  close(): void {
    this.#isClosed = true;
    this.#server.close();
    this.#accepted.splice(0).forEach((socket) => socket.destroy());
    this.#wake();
  }
}

/** A socket of Node's with the methods of Deno's. */
class NodeTlsSocket implements TlsSocket {
  readonly remoteAddr: Deno.NetAddr;
  readonly peerName: string | undefined;
  readonly #socket: TLSSocket;
  /** What was read and had no room. */
  #rest: Uint8Array | undefined;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.remoteAddr = {
      transport: "tcp",
      hostname: socket.remoteAddress ?? "",
      port: socket.remotePort ?? 0,
    };
    this.peerName = [socket.getPeerCertificate().subject?.CN].flat()[0];
  }

  handshake(): Promise<{ alpnProtocol: string | null }> {
    return Promise.resolve({ alpnProtocol: this.#socket.alpnProtocol || null });
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const socket = this.#socket;
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
      await anyOf(socket, ["readable", "end", "close", "error"]);
    }
    const length = Math.min(this.#rest.length, buffer.length);
    buffer.set(this.#rest.subarray(0, length));
    this.#rest = length < this.#rest.length ? this.#rest.subarray(length) : undefined;
    return length;
  }

  async write(octets: Uint8Array): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#socket.write(octets, (error) => error ? reject(brokenPipe(error)) : resolve(octets.length));
    return await promise;
  }

  closeWrite(): Promise<void> {
    this.#socket.end();
    return Promise.resolve();
  }

  close(): void {
    this.#socket.destroy();
  }
}

function brokenPipe(error: Error): Error {
  return new Deno.errors.BrokenPipe(error.message);
}

/** Resolves at the first of several events. */
function anyOf(socket: TLSSocket, events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      events.forEach((event) => socket.off(event, done));
      resolve();
    };
    events.forEach((event) => socket.on(event, done));
  });
}
