/** The composition root: the services, the page and the limits, put together for Deno. Tests start what it makes. */
import { type ConnectRouter, createClient } from "@connectrpc/connect";
import { Hash } from "../gen/edgewire/v1/hash_codec.ts";
import { Health as HealthProtocol } from "../gen/grpc/health/v1/health_codec.ts";
import { createHttp2Client } from "./net/mod.ts";
import { accessLog, createReflectionRoutes, Health, loadTelemetry, logFault, logger, servicesOf } from "./ops/mod.ts";
import {
  type CallObserver,
  connectionKey,
  createInProcessTransport,
  createTransport,
  type Protocol,
} from "./rpc/mod.ts";
import { createNativeHasher } from "./services/deno/mod.ts";
import { type FileStore, peerKey, registerHash, registerServices } from "./services/mod.ts";
import type { ServiceOptions } from "./serve.ts";
import { createSite } from "./site.ts";

/** Options of {@linkcode createApp}. */
export interface AppOptions {
  /** Where File keeps its files. */
  readonly store: FileStore;
  /** The server whose Hash service File calls. By default this one, without a network in between. */
  readonly hashUrl?: string | undefined;
  /** How it is called. gRPC needs a server with HTTP/2. @default "connect" */
  readonly hashProtocol?: Protocol | undefined;
  /** The directory of the page, an absolute path. @default `web/` of this checkout */
  readonly siteDirectory?: string | undefined;
  /** The origins of pages that may call, beside the server's own page; `*` for all. None by default. */
  readonly corsOrigins?: readonly string[] | undefined;
  /** When it aborts, so do the signals of all calls under way. */
  readonly shutdownSignal?: AbortSignal | undefined;
  /** Told of each call, beside the log and OpenTelemetry. None by default. */
  readonly observers?: readonly CallObserver[] | undefined;
  /** The largest message to receive or send, in bytes. @default 4 MiB */
  readonly maxMessageBytes?: number | undefined;
}

/** The program without the network. */
export interface App {
  /** What it answers: for `serve`, or for tests that need no sockets. */
  readonly service: ServiceOptions;
  /** Whether calls are taken: until {@linkcode drain}. */
  isReady(): boolean;
  /** Says by `grpc.health.v1.Health` that no calls are taken any more. */
  drain(): void;
  /** Ends its connections to others. The store stays open. */
  close(): Promise<void>;
}

/** @throws {Error} The Hash server's URL is none. */
export async function createApp(options: AppOptions): Promise<App> {
  const { hashUrl, hashProtocol = "connect", maxMessageBytes, shutdownSignal } = options;
  const telemetry = await loadTelemetry();
  // Connect and gRPC-Web go by fetch, for servers that have HTTP/1.1 only.
  const hashClient = hashUrl !== undefined && hashProtocol === "grpc"
    ? createHttp2Client({ baseUrl: hashUrl })
    : undefined;
  const hashTransport = hashUrl === undefined
    ? createInProcessTransport((router) => registerHash(router, createNativeHasher), { onError: logFault })
    : createTransport({
      baseUrl: hashUrl,
      protocol: hashProtocol,
      httpClient: hashClient,
      interceptors: telemetry && [telemetry.traceCalls(hashProtocol, hashClient === undefined)],
    });
  const hash = createClient(Hash, hashTransport);
  const addServices = (router: ConnectRouter) =>
    registerServices(router, {
      store: options.store,
      createHasher: createNativeHasher,
      peerOf: ({ values }) => peerKey(values.get(connectionKey)?.peer?.hostname),
      hash,
      hashUrl: hashUrl && new URL(hashUrl).origin,
    });
  const services = servicesOf(addServices);
  const health = new Health(services);
  const describe = createReflectionRoutes([...services, HealthProtocol]);
  return {
    service: {
      routes: (router) => {
        addServices(router);
        health.routes(router);
        describe(router);
      },
      fallback: createSite(options.siteDirectory ?? `${import.meta.dirname}/../web`),
      observers: [
        ...telemetry === undefined ? [] : [telemetry.observer],
        ...options.observers ?? [],
        ...logger.isEnabledFor("debug") ? [accessLog] : [],
      ],
      maxMessageBytes,
      shutdownSignal,
      corsOrigins: options.corsOrigins,
      onError: logFault,
    },
    isReady: () => health.get("") === true,
    drain: () => health.shutdown(),
    close: async () => await hashClient?.close(),
  };
}
