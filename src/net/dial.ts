/** Dials a server: resolves its name, and opens a socket to the address that answers first, with TLS and ALPN where that is asked for. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type Clock, SYSTEM_CLOCK } from "./clock.ts";
import { interleaveFamilies, raceAddresses, RaceError } from "./happy_eyeballs.ts";
import { closeQuietly, type Socket } from "./sockets.ts";

/** "Connection Attempt Delay ... RECOMMENDED value ... 250 milliseconds" (RFC 8305 §8). */
const DEFAULT_STAGGER_MS = 250;

/** RFC 6761 §6.3: names of this machine, whatever the DNS says. Servers that have but one of these addresses mostly have the first. */
const LOOPBACK = ["127.0.0.1", "::1"];

/** Whom to dial, and how. */
export interface DialTarget {
  /** A name or an IP address, of version 6 also in brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Whether to speak TLS. @default false */
  readonly tls?: boolean | undefined;
  /** Certificates to trust beside the system's, as PEM. */
  readonly caCerts?: readonly string[] | undefined;
  /** The certificate chain to show to a server that asks for one, as PEM. With {@linkcode key}. */
  readonly cert?: string | undefined;
  /** The private key of {@linkcode cert}, as PEM. */
  readonly key?: string | undefined;
}

/** How to reach the network. By default it is Deno's; tests have their own. */
export interface DialNetwork {
  /** All addresses of a name, those to prefer first. */
  resolve(hostname: string): Promise<readonly string[]>;
  /** Connects to one address, handshake included. */
  open(address: string, target: DialTarget, signal: AbortSignal): Promise<Socket>;
  readonly clock: Clock;
}

/** Deno's sockets, the system's resolver and clock. */
export const SYSTEM_NETWORK: DialNetwork = {
  resolve: async (hostname) => (await lookup(hostname, { all: true, order: "verbatim" })).map(({ address }) => address),
  open: openSocket,
  clock: SYSTEM_CLOCK,
};

/**
 * Opens a socket to the first address that answers. With TLS that is the first one whose handshake succeeds.
 *
 * @throws {TypeError} There is a certificate without its key, or without TLS.
 * @throws {Error} Why none did. {@linkcode dialErrorReason} says it in a line.
 * @throws The signal's reason, when it is aborted.
 */
export async function dialSocket(
  target: DialTarget,
  signal: AbortSignal,
  network: DialNetwork = SYSTEM_NETWORK,
): Promise<Socket> {
  checkTarget(target);
  const hostname = bareHostname(target.hostname);
  const addresses = await abortable(resolveAddresses(hostname, target, network), signal);
  return await raceAddresses(
    interleaveFamilies(addresses),
    (address, signal) => network.open(address, { ...target, hostname }, signal),
    { staggerMs: DEFAULT_STAGGER_MS, clock: network.clock, signal },
  );
}

function checkTarget({ tls = false, cert, key }: DialTarget): void {
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("Cannot dial with half a key pair: a client certificate needs its key");
  }
  if (cert !== undefined && !tls) {
    throw new TypeError("Cannot dial with a client certificate: there is no TLS");
  }
}

async function resolveAddresses(
  hostname: string,
  { cert }: DialTarget,
  network: DialNetwork,
): Promise<readonly string[]> {
  // `Deno.connectTls` alone shows certificates, and takes the name to verify for the one to connect to: it resolves it, and runs a race of
  // its own, for TCP only.
  if (isIP(hostname) !== 0 || cert !== undefined) {
    return [hostname];
  }
  if (/(^|\.)localhost\.?$/i.test(hostname)) {
    return LOOPBACK;
  }
  return await network.resolve(hostname);
}

function bareHostname(hostname: string): string {
  return hostname.startsWith("[") && hostname.endsWith("]") ? hostname.slice(1, -1) : hostname;
}

/** As the promise, but ends with the signal. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  if (signal.aborted) {
    abort();
  }
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", abort));
}

async function openSocket(address: string, target: DialTarget, signal: AbortSignal): Promise<Socket> {
  const { port, cert, key } = target;
  if (cert !== undefined && key !== undefined) {
    const opening = Deno.connectTls({ hostname: address, port, ...tlsOptions(target), cert, key });
    // It has no signal: what comes too late is closed.
    opening.then((socket) => signal.aborted && closeQuietly(socket), () => {});
    return await handshake(await abortable(opening, signal), signal);
  }
  const socket = await Deno.connect({ hostname: address, port, signal });
  try {
    socket.setNoDelay();
    return target.tls
      ? await handshake(await Deno.startTls(socket, { hostname: target.hostname, ...tlsOptions(target) }), signal)
      : socket;
  } catch (error) {
    closeQuietly(socket);
    throw error;
  }
}

function tlsOptions({ caCerts }: DialTarget): { alpnProtocols: string[]; caCerts?: string[] } {
  return { alpnProtocols: ["h2"], ...(caCerts === undefined ? {} : { caCerts: [...caCerts] }) };
}

/** Completes the handshake, which has to end in HTTP/2. */
async function handshake(socket: Deno.TlsConn, signal: AbortSignal): Promise<Deno.TlsConn> {
  const abort = () => closeQuietly(socket);
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    const { alpnProtocol } = await socket.handshake();
    if (alpnProtocol !== "h2") {
      throw new Error(`The server chose ${alpnProtocol ?? "no protocol"} by ALPN, not h2`);
    }
    return socket;
  } catch (error) {
    closeQuietly(socket);
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Why dialing failed, to follow a colon: `connection refused`. */
export function dialErrorReason(error: unknown): string {
  if (error instanceof RaceError) {
    const reasons = error.failures.map(({ address, error }) => ({ address, reason: dialErrorReason(error) }));
    const [first] = reasons;
    if (first === undefined) {
      return "the name has no address";
    }
    return reasons.every(({ reason }) => reason === first.reason)
      ? first.reason
      : reasons.map(({ address, reason }) => `${reason} (${address})`).join("; ");
  }
  return error instanceof Error ? plainMessage(error.message) : String(error);
}

/** Without what the system adds for those who know it: numbers of errors, addresses of manuals, lines. */
function plainMessage(message: string): string {
  return message
    .replace(/ \(os error \d+\)/g, "")
    .replace(/: https?:\S+/g, "")
    .replace(/^failed to lookup address information: .*|^getaddrinfo ENOTFOUND .*/s, "the name is not known")
    .replace(/^peer closed connection without sending TLS close_notify/, "the server closed the connection")
    .replace(/\s+/g, " ")
    .trim()
    .replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
}
