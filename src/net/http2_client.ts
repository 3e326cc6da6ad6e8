/** Connects to HTTP/2 servers: with prior knowledge (h2c), or by TLS and ALPN. */
import { type Connection, type ConnectionOptions, createConnection } from "../http2/mod.ts";
import { dialErrorReason, type DialNetwork, dialSocket, type DialTarget, SYSTEM_NETWORK } from "./dial.ts";
import { Driver } from "./driver.ts";
import { closeQuietly, type Socket } from "./sockets.ts";
import { guardReporter, printMistake } from "../user_code/mod.ts";

const DEFAULT_CONNECT_TIMEOUT_MS = 20_000;

/** Options of {@linkcode connectHttp2}. */
export interface Http2ClientOptions extends DialTarget, Omit<ConnectionOptions, "role" | "handler" | "nowMs"> {
  /** How long it may take until the server's SETTINGS are there, name and TLS included, in milliseconds. @default 20000 */
  readonly connectTimeoutMs?: number | undefined;
  /** Ends the attempt, not the connection that comes of it. */
  readonly signal?: AbortSignal | undefined;
  /** Told what happens on the connection, also before it is there. */
  readonly handler?: Pick<ConnectionOptions["handler"], "onCapacity" | "onGoaway" | "onClose"> | undefined;
  /** Told of mistakes in handlers, by which the connection is lost. By default they are logged to the console. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A connection to a server. */
export interface Http2Client {
  readonly connection: Connection;
  /** Resolves when it is over, to what it ended with. Never rejects. */
  readonly closed: Promise<Error | undefined>;
  /** Lets the streams that are open end, then closes the connection. */
  shutdown(): Promise<void>;
  /** Ends the connection and all its streams now. */
  close(): Promise<void>;
}

/**
 * Connects, to the first of the server's addresses that answers (RFC 8305). The connection is there when the server's SETTINGS are: whoever
 * sends none does not speak HTTP/2, and its limits hold from the first stream on.
 *
 * @param network How to reach it, for tests.
 * @throws {TypeError} There is half a key pair, or one without TLS.
 * @throws {RangeError} A limit is out of its range.
 * @throws {Error} Why not, in a line with host and port: nobody listens there, the certificate is not trusted, it does not speak HTTP/2, it took
 *   too long. `cause` has the details.
 * @throws The signal's reason, when it is aborted.
 */
export async function connectHttp2(
  options: Http2ClientOptions,
  network: DialNetwork = SYSTEM_NETWORK,
): Promise<Http2Client> {
  const { connectTimeoutMs = DEFAULT_CONNECT_TIMEOUT_MS, signal } = options;
  signal?.throwIfAborted();
  const attempt = new AbortController();
  const abort = () => attempt.abort(signal?.reason);
  signal?.addEventListener("abort", abort);
  const stopTimer = network.clock.schedule(
    () => attempt.abort(new Error(`No answer within ${connectTimeoutMs} ms`)),
    connectTimeoutMs,
  );
  try {
    return await beginHttp2(await dialSocket(options, attempt.signal, network), options, attempt.signal);
  } catch (error) {
    if (signal?.aborted || error instanceof TypeError || error instanceof RangeError) {
      throw error;
    }
    const { hostname, port } = options;
    throw new Error(`Cannot connect to ${hostname}:${port}: ${dialErrorReason(error)}`, { cause: error });
  } finally {
    stopTimer();
    signal?.removeEventListener("abort", abort);
  }
}

/** Speaks HTTP/2 on a socket, until the server does. */
async function beginHttp2(socket: Socket, options: Http2ClientOptions, signal: AbortSignal): Promise<Http2Client> {
  const ready = Promise.withResolvers<void>();
  let driver: Driver<Connection>;
  try {
    driver = driveHttp2(socket, options, ready.resolve);
  } catch (error) {
    closeQuietly(socket);
    throw error;
  }
  const { connection, closed } = driver;
  closed.then((error) => ready.reject(driver.brokenBy ?? error ?? new Error("The server closed the connection")));
  const abort = () => {
    ready.reject(signal.reason);
    closeQuietly(socket);
  };
  signal.addEventListener("abort", abort);
  if (signal.aborted) {
    abort();
  }
  try {
    await ready.promise;
  } catch (error) {
    await closed; // Who connects anew does not find this one still there.
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
  return {
    connection,
    closed,
    shutdown: async () => {
      connection.shutdown();
      await closed;
    },
    close: async () => {
      driver.close();
      await closed;
    },
  };
}

function driveHttp2(socket: Socket, options: Http2ClientOptions, onReady: () => void): Driver<Connection> {
  const { limits, keepaliveIntervalMs, keepaliveTimeoutMs, maxAgeMs, handler, onError } = options;
  return new Driver(
    socket,
    (hooks) =>
      createConnection({
        role: "client",
        nowMs: performance.now(),
        limits,
        keepaliveIntervalMs,
        keepaliveTimeoutMs,
        maxAgeMs,
        handler: {
          ...handler,
          ...hooks,
          onReady,
          onClose: (error) => {
            hooks.onClose(error);
            handler?.onClose?.(error);
          },
        },
      }),
    guardReporter(onError ?? printMistake),
  );
}
