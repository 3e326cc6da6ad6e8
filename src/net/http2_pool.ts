/**
 * HTTP/2 connections to one origin, made when they are needed: one as long as it has room for streams, then more.
 *
 * A stream that finds no room waits its turn. One dial at a time is under way, whoever waits; after one that failed the server is left alone for
 * a while (`backoff.ts`). A connection that the server ends, or that grew old, gets no new streams, and those that it has may end.
 */
import type { CallHandler, HeaderField, HttpClient, LimitChanges, WaitingCall } from "../http/mod.ts";
import type { Http2Limits, Http2Stream } from "../http2/mod.ts";
import { Backoff, type BackoffOptions } from "./backoff.ts";
import { type Clock, SYSTEM_CLOCK } from "./clock.ts";
import { connectHttp2, type Http2Client, type Http2ClientOptions } from "./http2_client.ts";

const DEFAULT_MAX_CONNECTIONS = 4;

/** Three quarters of all there are (RFC 9113 §5.1.1): long before they run out, so that nobody meets the end. */
const RETIRE_AT_STREAM_ID = 0.75 * 2 ** 31;

/**
 * Makes one connection.
 *
 * @param handler To be told what happens on it.
 * @param signal Ends the attempt.
 */
export type DialHttp2 = (
  handler: NonNullable<Http2ClientOptions["handler"]>,
  signal: AbortSignal,
) => Promise<Http2Client>;

/**
 * Options of {@linkcode createHttp2Client}. Those of connections hold for each; `limits.idleTimeoutMs` closes those that nobody needs, after 5
 * minutes by default.
 */
export interface Http2PoolOptions {
  /** Where the server is: `http:` for prior knowledge, `https:` for TLS. Only the origin matters. */
  readonly baseUrl: string | URL;
  /** Certificates to trust beside the system's, as PEM. */
  readonly caCerts?: readonly string[] | undefined;
  /** The certificate chain to show to a server that asks for one, as PEM. With {@linkcode key}. */
  readonly cert?: string | undefined;
  /** The private key of {@linkcode cert}, as PEM. */
  readonly key?: string | undefined;
  /** How long it may take until the server's SETTINGS are there, name and TLS included, in milliseconds. @default 20000 */
  readonly connectTimeoutMs?: number | undefined;
  /** How many connections may take new streams at a time. Those that only end their streams come on top. @default 4 */
  readonly maxConnections?: number | undefined;
  /** Whether calls wait for a server that cannot be reached, as long as they may take. @default false */
  readonly waitForReady?: boolean | undefined;
  /** How long a server that could not be reached is left alone. */
  readonly backoff?: BackoffOptions | undefined;
  /** Limits that are not the default ones. */
  readonly limits?: LimitChanges<Http2Limits> | undefined;
  /** After how long a silence the server is asked for a sign of life, in milliseconds. Never by default. */
  readonly keepaliveIntervalMs?: number | undefined;
  /** How long it may take to give one. @default 20000 */
  readonly keepaliveTimeoutMs?: number | undefined;
  /** Told of mistakes in handlers, by which a connection is lost. By default they are logged to the console. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A client of one server: its connections, made when they are needed. */
export interface Http2Pool extends HttpClient {
  /** Connections that there are, also those that only end their streams. */
  readonly connectionCount: number;
  /** Calls that wait for a connection, or for room on one. */
  readonly waitingCount: number;
}

/**
 * Makes a client of HTTP/2 for one server, which is a pool of connections. It connects with the first call.
 *
 * ```ts
 * import { createHttp2Client, createTransport } from "@edgewire/edgewire";
 *
 * const httpClient = createHttp2Client({ baseUrl: "http://localhost:50051" });
 * const transport = createTransport({ protocol: "grpc", httpClient });
 * ```
 *
 * @throws {TypeError} The URL is none of HTTP.
 * @throws {RangeError} A number is out of its range.
 */
export function createHttp2Client(options: Http2PoolOptions): Http2Pool {
  return new ConnectionPool(options);
}

/** What tests have in the place of the network, the time and chance. */
export interface PoolSurroundings {
  /** How to connect. By default it is `connectHttp2`. */
  readonly dial?: DialHttp2;
  readonly clock?: Clock;
  /** From 0 to below 1. */
  readonly random?: () => number;
  /** The stream with which a connection retires. */
  readonly retireAtStreamId?: number;
}

/** A request to be. */
interface Waiter {
  readonly fields: readonly HeaderField[];
  readonly handler: CallHandler;
  readonly endStream: boolean;
}

/** See the top of the file. */
export class ConnectionPool implements Http2Pool {
  readonly hasTrailers = true;
  readonly canStreamRequests = true;
  /** As in `https://example.com:8443`. */
  readonly origin: string;
  readonly #dial: DialHttp2;
  readonly #maxConnections: number;
  readonly #waitForReady: boolean;
  readonly #retireAtStreamId: number;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  /** The oldest first: it gets streams as long as it has room, so that those beyond need become idle. */
  readonly #clients = new Set<Http2Client>();
  /** In the order in which they came. */
  readonly #waiters = new Set<Waiter>();
  #dialing: Promise<void> | undefined;
  readonly #dialAbort = new AbortController();
  /** What the last dial failed with, and until when there is no other. */
  #lastError: unknown;
  #retryAtMs = -Infinity;
  #stopRetryTimer: (() => void) | undefined;
  #isClosed = false;

  constructor(options: Http2PoolOptions, surroundings: PoolSurroundings = {}) {
    const { baseUrl, maxConnections = DEFAULT_MAX_CONNECTIONS, waitForReady = false } = options;
    const { retireAtStreamId = RETIRE_AT_STREAM_ID, clock = SYSTEM_CLOCK, random } = surroundings;
    const { protocol, origin, hostname, port } = new URL(baseUrl);
    if (protocol !== "http:" && protocol !== "https:") {
      throw new TypeError(`Cannot connect to ${baseUrl}: the URL is neither of http nor of https`);
    }
    if (!Number.isInteger(maxConnections) || maxConnections < 1) {
      throw new RangeError(`Cannot set maxConnections to ${maxConnections}: it is a whole number from 1`);
    }
    this.origin = origin;
    const tls = protocol === "https:";
    const target = { ...options, hostname, port: port === "" ? (tls ? 443 : 80) : Number(port), tls };
    this.#dial = surroundings.dial ?? ((handler, signal) => connectHttp2({ ...target, handler, signal }));
    this.#maxConnections = maxConnections;
    this.#waitForReady = waitForReady;
    this.#retireAtStreamId = retireAtStreamId;
    this.#clock = clock;
    this.#backoff = new Backoff(options.backoff, random);
  }

  get connectionCount(): number {
    return this.#clients.size;
  }

  get waitingCount(): number {
    return this.#waiters.size;
  }

  /** Most calls find room at once, and need no promise. */
  open(fields: readonly HeaderField[], handler: CallHandler, endStream = false): WaitingCall | undefined {
    const client = this.#waiters.size === 0 && !this.#isClosed ? this.#findRoom() : undefined;
    if (client !== undefined) {
      handler.onOpen(this.#openOn(client, fields, handler, endStream));
      return undefined;
    }
    if (this.#isClosed) {
      handler.onUnreachable(closedError());
      return undefined;
    }
    const waiter: Waiter = { fields, handler, endStream };
    this.#waiters.add(waiter);
    this.#advance();
    return this.#waiters.has(waiter) ? { abandon: () => this.#abandon(waiter) } : undefined;
  }

  async shutdown(): Promise<void> {
    this.#stop();
    for (const { connection } of this.#clients) {
      connection.shutdown();
    }
    await this.#ended();
  }

  async close(): Promise<void> {
    this.#stop();
    for (const client of this.#clients) {
      client.close();
    }
    await this.#ended();
  }

  #stop(): void {
    this.#isClosed = true;
    this.#dialAbort.abort(closedError());
    this.#failWaiters(closedError());
    this.#advance();
  }

  async #ended(): Promise<void> {
    await this.#dialing;
    await Promise.all([...this.#clients].map(({ closed }) => closed));
  }

  #abandon(waiter: Waiter): void {
    if (this.#waiters.delete(waiter)) {
      this.#advance(); // Perhaps nobody waits any more.
    }
  }

  #findRoom(): Http2Client | undefined {
    for (const client of this.#clients) {
      if (client.connection.canOpenStream) {
        return client;
      }
    }
    return undefined;
  }

  /** For who waited: it is too late to throw. */
  #openFor({ fields, handler, endStream }: Waiter, client: Http2Client): void {
    let stream: Http2Stream;
    try {
      stream = this.#openOn(client, fields, handler, endStream);
    } catch (error) {
      handler.onUnreachable(error);
      return;
    }
    handler.onOpen(stream);
  }

  #openOn(
    client: Http2Client,
    fields: readonly HeaderField[],
    handler: CallHandler,
    endStream: boolean,
  ): Http2Stream {
    const stream = client.connection.openStream(fields, handler, endStream);
    if (stream.id >= this.#retireAtStreamId) {
      client.connection.shutdown();
    }
    return stream;
  }

  /** Does for those who wait what can be done now. To be called whenever that may have become more. */
  #advance(): void {
    for (const waiter of this.#waiters) {
      const client = this.#findRoom();
      if (client === undefined) {
        break;
      }
      this.#waiters.delete(waiter);
      this.#openFor(waiter, client);
    }
    const usable = this.#usableCount();
    const waitMs = this.#retryAtMs - this.#clock.nowMs();
    if (waitMs > 0 && usable === 0 && !this.#waitForReady) {
      this.#failWaiters(this.#lastError);
    }
    if (this.#waiters.size === 0) {
      this.#stopRetryTimer?.();
      this.#stopRetryTimer = undefined;
    } else if (this.#dialing === undefined && usable < this.#maxConnections) {
      if (waitMs > 0) {
        this.#retryIn(waitMs);
      } else {
        this.#dialing = this.#dialOne();
      }
    }
  }

  /** Connections that take streams, if not right now. */
  #usableCount(): number {
    let count = 0;
    for (const { connection } of this.#clients) {
      if (!connection.isDraining && !connection.isClosed) {
        count++;
      }
    }
    return count;
  }

  #retryIn(waitMs: number): void {
    this.#stopRetryTimer ??= this.#clock.schedule(() => {
      this.#stopRetryTimer = undefined;
      this.#advance();
    }, waitMs);
  }

  #failWaiters(reason: unknown): void {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter);
      waiter.handler.onUnreachable(reason);
    }
  }

  async #dialOne(): Promise<void> {
    const beganAtMs = this.#clock.nowMs();
    try {
      const advance = () => this.#advance();
      const handler = { onCapacity: advance, onGoaway: advance, onClose: advance };
      const client = await this.#dial(handler, this.#dialAbort.signal);
      this.#add(client);
      const { connection } = client;
      if (connection.isDraining || connection.isClosed) {
        // Else a server that sends everybody away at once would be dialed again at once.
        throw new Error(`Cannot open a stream: ${this.origin} takes none`);
      }
      this.#backoff.reset();
      this.#retryAtMs = -Infinity;
    } catch (error) {
      this.#lastError = error;
      this.#retryAtMs = beganAtMs + this.#backoff.next();
      if (this.#usableCount() === 0 && !this.#waitForReady) {
        this.#failWaiters(error); // Also when the backoff is over already.
      }
    }
    this.#dialing = undefined;
    this.#advance();
  }

  #add(client: Http2Client): void {
    this.#clients.add(client);
    client.closed.then(() => this.#clients.delete(client));
    if (this.#isClosed) {
      client.close(); // It was there before it heard that it is not wanted.
    }
  }
}

function closedError(): Error {
  return new Error("Cannot open a stream: the pool is closed");
}
