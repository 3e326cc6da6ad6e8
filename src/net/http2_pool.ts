/**
 * HTTP/2 connections to one origin, made when they are needed: one as long as it has room for streams, then more.
 *
 * A stream that finds no room waits its turn. One dial at a time is under way, whoever waits; after one that failed the server is left alone for
 * a while (`backoff.ts`). A connection that the server ends, or that grew old, gets no new streams, and those that it has may end.
 */
import type { CallHandler, HeaderField, HttpClient, WaitingCall } from "../http/mod.ts";
import type { Http2Stream, StreamHandler } from "../http2/mod.ts";
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
export interface Http2PoolOptions
  extends Omit<Http2ClientOptions, "hostname" | "port" | "tls" | "handler" | "signal" | "maxAgeMs"> {
  /** Where the server is: `http:` for prior knowledge, `https:` for TLS. Only the origin matters. */
  readonly baseUrl: string | URL;
  /** How many connections may take new streams at a time. Those that only end their streams come on top. @default 4 */
  readonly maxConnections?: number | undefined;
  readonly backoff?: BackoffOptions | undefined;
  /** @internal The stream with which a connection retires. */
  readonly retireAtStreamId?: number | undefined;
  /** @internal How to connect. By default it is `connectHttp2`. */
  readonly dial?: DialHttp2 | undefined;
  /** @internal */
  readonly clock?: Clock | undefined;
  /** @internal From 0 to below 1. */
  readonly random?: (() => number) | undefined;
}

/** How one stream waits for its connection. */
export interface OpenStreamOptions {
  /** Ends the waiting, not the stream. */
  readonly signal?: AbortSignal | undefined;
  /** Whether to wait for a server that cannot be reached, as long as it takes. @default false */
  readonly waitForReady?: boolean | undefined;
}

/** See the top of the file. */
export interface Http2Pool extends HttpClient {
  /** As in `:scheme`. */
  readonly scheme: "http" | "https";
  /** As in `:authority`. */
  readonly authority: string;
  /** Connections that there are, also those that only end their streams. */
  readonly connectionCount: number;
  /** Streams that wait for a connection, or for room on one. */
  readonly waitingCount: number;

  /**
   * Begins a request when there is room for it, see also {@linkcode open}, which makes no promise. Its handler may hear of it before the promise resolves. A stream that is lost with
   * `isUnprocessed` may be opened again: the pool itself sends nothing twice.
   *
   * @param fields Pseudo-header fields first.
   * @param endStream Whether it has neither content nor trailers.
   * @throws {TypeError} A field may not be sent.
   * @throws {Error} The server could not be reached, or not shortly before, and the stream does not wait for that; or the pool is closed.
   * @throws The signal's reason, when it is aborted.
   */
  openStream(
    fields: readonly HeaderField[],
    handler: StreamHandler,
    endStream?: boolean,
    options?: OpenStreamOptions,
  ): Promise<Http2Stream>;
}

/**
 * Makes a client of HTTP/2 for one server, which is a pool of connections. It connects with the first call.
 *
 * ```ts
 * const transport = createTransport({ protocol: "grpc", httpClient: createHttp2Client({ baseUrl: "http://localhost:50051" }) });
 * ```
 *
 * @throws {TypeError} The URL is none of HTTP.
 * @throws {RangeError} A number is out of its range.
 */
export function createHttp2Client(options: Http2PoolOptions): Http2Pool {
  return new Pool(options);
}

/** A stream to be. */
interface Waiter {
  readonly fields: readonly HeaderField[];
  readonly handler: StreamHandler;
  readonly endStream: boolean;
  readonly waitForReady: boolean;
  opened(stream: Http2Stream): void;
  failed(reason: unknown): void;
}

class Pool implements Http2Pool {
  readonly hasTrailers = true;
  readonly canStreamRequests = true;
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly #dial: DialHttp2;
  readonly #maxConnections: number;
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

  constructor(options: Http2PoolOptions) {
    const { baseUrl, maxConnections = DEFAULT_MAX_CONNECTIONS, retireAtStreamId = RETIRE_AT_STREAM_ID } = options;
    const { protocol, host, hostname, port } = new URL(baseUrl);
    if (protocol !== "http:" && protocol !== "https:") {
      throw new TypeError(`Cannot connect to ${baseUrl}: the URL is neither of http nor of https`);
    }
    if (!Number.isInteger(maxConnections) || maxConnections < 1) {
      throw new RangeError(`Cannot set maxConnections to ${maxConnections}: it is a whole number from 1`);
    }
    const tls = protocol === "https:";
    this.scheme = tls ? "https" : "http";
    this.authority = host;
    const target = { ...options, hostname, port: port === "" ? (tls ? 443 : 80) : Number(port), tls };
    this.#dial = options.dial ?? ((handler, signal) => connectHttp2({ ...target, handler, signal }));
    this.#maxConnections = maxConnections;
    this.#retireAtStreamId = retireAtStreamId;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#backoff = new Backoff(options.backoff, options.random);
  }

  get origin(): string {
    return `${this.scheme}://${this.authority}`;
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
    const waiter: Waiter = {
      fields,
      handler,
      endStream,
      waitForReady: false,
      opened: (stream) => handler.onOpen(stream),
      failed: (reason) => handler.onUnreachable(reason),
    };
    this.#waiters.add(waiter);
    this.#advance();
    return this.#waiters.has(waiter) ? { abandon: () => this.#abandon(waiter) } : undefined;
  }

  openStream(
    fields: readonly HeaderField[],
    handler: StreamHandler,
    endStream = false,
    { signal, waitForReady = false }: OpenStreamOptions = {},
  ): Promise<Http2Stream> {
    if (signal?.aborted) {
      return Promise.reject(signal.reason);
    }
    if (this.#isClosed) {
      return Promise.reject(closedError());
    }
    const { promise, resolve, reject } = Promise.withResolvers<Http2Stream>();
    const waiter: Waiter = { fields, handler, endStream, waitForReady, opened: resolve, failed: reject };
    const client = this.#waiters.size === 0 ? this.#findRoom() : undefined;
    if (client !== undefined) {
      this.#open(client, waiter);
      return promise;
    }
    this.#waiters.add(waiter);
    this.#advance();
    return signal !== undefined && this.#waiters.has(waiter) ? this.#abortable(promise, waiter, signal) : promise;
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
    this.#rejectWaiters(() => true, closedError());
    this.#advance();
  }

  async #ended(): Promise<void> {
    await this.#dialing;
    await Promise.all([...this.#clients].map(({ closed }) => closed));
  }

  #abortable(promise: Promise<Http2Stream>, waiter: Waiter, signal: AbortSignal): Promise<Http2Stream> {
    const abort = () => {
      if (this.#abandon(waiter)) {
        waiter.failed(signal.reason);
      }
    };
    signal.addEventListener("abort", abort);
    return promise.finally(() => signal.removeEventListener("abort", abort));
  }

  /** @returns Whether it was still waiting. */
  #abandon(waiter: Waiter): boolean {
    const wasWaiting = this.#waiters.delete(waiter);
    if (wasWaiting) {
      this.#advance(); // Perhaps nobody waits any more.
    }
    return wasWaiting;
  }

  #findRoom(): Http2Client | undefined {
    for (const client of this.#clients) {
      if (client.connection.canOpenStream) {
        return client;
      }
    }
    return undefined;
  }

  #open(client: Http2Client, waiter: Waiter): void {
    let stream: Http2Stream;
    try {
      stream = this.#openOn(client, waiter.fields, waiter.handler, waiter.endStream);
    } catch (error) {
      waiter.failed(error);
      return;
    }
    waiter.opened(stream);
  }

  #openOn(
    client: Http2Client,
    fields: readonly HeaderField[],
    handler: StreamHandler,
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
      this.#open(client, waiter);
    }
    const usable = this.#usableCount();
    const waitMs = this.#retryAtMs - this.#clock.nowMs();
    if (waitMs > 0 && usable === 0) {
      this.#rejectWaiters((waiter) => !waiter.waitForReady, this.#lastError);
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

  #rejectWaiters(isMeant: (waiter: Waiter) => boolean, reason: unknown): void {
    for (const waiter of this.#waiters) {
      if (isMeant(waiter)) {
        this.#waiters.delete(waiter);
        waiter.failed(reason);
      }
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
        throw new Error(`Cannot open a stream: ${this.authority} takes none`);
      }
      this.#backoff.reset();
      this.#retryAtMs = -Infinity;
    } catch (error) {
      this.#lastError = error;
      this.#retryAtMs = beganAtMs + this.#backoff.next();
      if (this.#usableCount() === 0) {
        this.#rejectWaiters((waiter) => !waiter.waitForReady, error); // Also when the backoff is over already.
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
