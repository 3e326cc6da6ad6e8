/**
 * Edgewire: RPC services for Deno and the edge, spoken to by every Connect, gRPC and gRPC-Web client.
 *
 * A service is written against the types of connect-es and served by {@linkcode serve}, or wherever a `fetch` handler runs:
 *
 * ```ts
 * import { createFetchHandler, serve } from "@edgewire/edgewire";
 * import type { ConnectRouter } from "@connectrpc/connect";
 * import { Greeter } from "./gen/edgewire/v1/greeter_pb.ts";
 *
 * const routes = (router: ConnectRouter) => {
 *   router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) });
 * };
 *
 * const server = await serve({ routes, port: 50051 }); // Deno
 * export default { fetch: createFetchHandler({ routes }) }; // edges
 * ```
 *
 * @module
 */
export { createAdminHandler, loadMetrics, loadTelemetry, type Metrics, type Telemetry } from "./src/ops/mod.ts";
export { createHttp2Client, type Http2Pool, type Http2PoolOptions, type Server } from "./src/net/mod.ts";
export { serve, type ServeOptions, type ServiceOptions } from "./src/serve.ts";
export {
  type CallObserver,
  type CallWatch,
  type Compression,
  connectionKey,
  createFetchClient,
  createFetchHandler,
  createInProcessTransport,
  createTransport,
  DEFAULT_MAX_MESSAGE_BYTES,
  type EndedCall,
  type FetchClientOptions,
  type FetchHandler,
  type FetchHandlerOptions,
  type InheritedCall,
  inheritedCallKey,
  type InProcessTransportOptions,
  type MessageWriter,
  type ObservedCall,
  type Protocol,
  type RpcOptions,
  type TransportOptions,
  writing,
  type WritingImpl,
} from "./src/rpc/mod.ts";
