/**
 * Edgewire: RPC services for Deno and the edge, spoken to by every Connect, gRPC and gRPC-Web client.
 *
 * A service is written against the types of connect-es and served by {@linkcode serve}, or wherever a `fetch` handler runs:
 *
 * ```ts
 * import type { ConnectRouter } from "@connectrpc/connect";
 * import { createFetchHandler, serve } from "@edgewire/edgewire";
 * import { Greeter } from "./gen/edgewire/v1/greeter_pb.ts";
 *
 * export const routes = (router: ConnectRouter) => {
 *   router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) });
 * };
 *
 * await serve({ routes, port: 50051 }); // Deno: Connect, gRPC, gRPC-Web
 * export default { fetch: createFetchHandler({ routes }) }; // edges: Connect, gRPC-Web
 * ```
 *
 * Browsers and edges import `@edgewire/edgewire/fetch`, which needs nothing of Deno or Node.
 *
 * @module
 */
export * from "./fetch.ts";
export type { Http1Limits } from "./src/http1/mod.ts";
export type { Http2Limits } from "./src/http2/mod.ts";
export {
  type BackoffOptions,
  type BufferLimits,
  type ConnectionEnd,
  createHttp2Client,
  type Http2Pool,
  type Http2PoolOptions,
  type KeyPair,
  type ListenOptions,
  type RefusalError,
  type RefusalReason,
  type Server,
  type TlsServerOptions,
} from "./src/net/mod.ts";
export {
  type AdminSources,
  createAdminHandler,
  createReflectionRoutes,
  Health,
  loadMetrics,
  loadTelemetry,
  type Metrics,
  type MetricsSnapshot,
  servicesOf,
  type Telemetry,
} from "./src/ops/mod.ts";
export { nodeCompressions } from "./src/rpc/node/mod.ts";
export { serve, type ServeOptions, type ServiceOptions } from "./src/serve.ts";
