/** The server of `deno task serve` in one thread: the app on a port. */
import { Code, ConnectError } from "@connectrpc/connect";
import { type AppOptions, createApp } from "./app.ts";
import { abuseLog, createRefusalLog, type LogLevel, logListenerFault, type Metrics } from "./ops/mod.ts";
import { serve } from "./serve.ts";
import type { FileStore } from "./services/mod.ts";
import type { Serving, WorkerSettings } from "./workers/mod.ts";

/** What the server is started with, in whatever thread: plain data. */
export interface ServingSettings extends WorkerSettings {
  readonly app: Omit<AppOptions, "store" | "shutdownSignal" | "observers">;
  /** How many handlers of a connection may still run after their call has ended. */
  readonly maxAbandonedCalls?: number | undefined;
  /** How many calls may be under way in each thread. */
  readonly maxOpenCalls?: number | undefined;
  readonly log: LogLevel;
  /** Whether calls and connections are counted. */
  readonly hasMetrics: boolean;
}

/**
 * Starts the server in this thread.
 *
 * @param metrics Counts for it. By default nothing does.
 * @throws {Error} An address cannot be listened on, or certificate and key are no pair; the Hash server's URL is none.
 */
export async function startServing(settings: ServingSettings, store: FileStore, metrics?: Metrics): Promise<Serving> {
  const shutdown = new AbortController();
  const app = await createApp({
    ...settings.app,
    store,
    shutdownSignal: shutdown.signal,
    observers: metrics && [metrics],
  });
  const logAbuse = abuseLog();
  const server = await serve({
    ...app.service,
    ...settings.listen,
    maxAbandonedCalls: settings.maxAbandonedCalls,
    maxOpenCalls: settings.maxOpenCalls,
    onListenerFault: logListenerFault,
    onConnectionEnd: (end) => {
      metrics?.countConnectionEnd(end);
      logAbuse(end);
    },
    onRefused: createRefusalLog(),
  });
  metrics?.readConnections(() => server.connectionCount);
  metrics?.readBufferedBytes(() => server.bufferedBytes);
  return {
    url: server.url,
    maxConnections: server.maxConnections,
    connectionCount: () => Promise.resolve(server.connectionCount),
    notReadyReason: () => Promise.resolve(app.isReady() ? server.fault : "the server is shutting down"),
    metrics: async () => metrics === undefined ? [] : [await metrics.snapshot()],
    drain: () => app.drain(),
    cutShort: () => shutdown.abort(new ConnectError("the server is shutting down", Code.Unavailable)),
    shutdown: async () => {
      await server.shutdown();
      await app.close();
    },
    close: () => server.close(),
    reloadTls: (certificates) => server.reloadTls(certificates),
  };
}
