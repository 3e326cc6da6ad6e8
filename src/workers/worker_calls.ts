/** What the main thread and a worker ask of each other. */
import type { TlsServerOptions } from "../net/mod.ts";
import type { MetricsSnapshot } from "../ops/mod.ts";
import type { ErrorData } from "./error_data.ts";
import type { WorkerSettings } from "./serving.ts";

/** Of a worker. All but `start` wait until it has started. */
export interface WorkerMethods<Settings extends WorkerSettings> {
  /**
   * Starts the server. Called once, and first.
   *
   * @param number From 1.
   * @param store Where a `StoreHost` answers.
   * @returns Where it listens first.
   */
  start(settings: Settings, number: number, store: MessagePort): Promise<string>;
  connectionCount(): Promise<number>;
  notReadyReason(): Promise<string | undefined>;
  metrics(): Promise<readonly MetricsSnapshot[]>;
  drain(): Promise<void>;
  cutShort(): Promise<void>;
  shutdown(): Promise<void>;
  reloadTls(certificates: TlsServerOptions): Promise<void>;
}

/** Of the main thread. */
export interface MainMethods {
  /** The worker cannot go on. */
  crashed(error: ErrorData): void;
}
