/** A server that runs, in this thread or in several. */
import type { ListenOptions, TlsServerOptions } from "../net/mod.ts";
import type { MetricsSnapshot } from "../ops/mod.ts";

/** See the top of the file. */
export interface Serving {
  /** Where it listens, first of all: `http://127.0.0.1:50051`. */
  readonly url: string;
  /** How many connections there may be: what was asked for, or what the process has file descriptors for. */
  readonly maxConnections: number;
  /** How many connections there are. */
  connectionCount(): Promise<number>;
  /** Says why calls are not taken; undefined when they are. */
  notReadyReason(): Promise<string | undefined>;
  /** What each thread has counted; none where nobody asked for metrics. */
  metrics(): Promise<readonly MetricsSnapshot[]>;
  /** Says by `grpc.health.v1.Health` that no calls are taken any more. */
  drain(): void;
  /** Cancels the calls under way. */
  cutShort(): void;
  /** Stops listening, lets the calls under way end, and resolves when all is over. */
  shutdown(): Promise<void>;
  /** Stops listening and ends all connections and calls now. */
  close(): Promise<void>;
  /**
   * Takes other certificates for connections from now on. Without `clientCa` the authority stays that there is.
   *
   * @throws {Error} Certificate and key are no pair, or the authority is none, or there is no TLS.
   */
  reloadTls(certificates: TlsServerOptions): Promise<void>;
}

/** What a server is started with in another thread: plain data. */
export interface WorkerSettings {
  /** Without functions. */
  readonly listen: Omit<ListenOptions, "onConnectionEnd" | "onListenerFault">;
}
