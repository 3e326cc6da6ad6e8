/**
 * Edgewire: RPC services for Deno and the edge, spoken to by every Connect and gRPC-Web client.
 *
 * A service is written against the types of connect-es and served by {@linkcode serve}, or wherever a `fetch` handler runs:
 *
 * ```ts
 * import { createFetchHandler, serve } from "@edgewire/edgewire";
 * import { Greeter } from "./gen/edgewire/v1/greeter_pb.ts";
 *
 * const handler = createFetchHandler({
 *   routes: (router) => router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) }),
 * });
 * const server = await serve(handler, { port: 50051 });
 * ```
 *
 * @module
 */
export { serve, type ServeOptions, type Server } from "./src/net/mod.ts";
export {
  connectionKey,
  createFetchHandler,
  createTransport,
  DEFAULT_MAX_MESSAGE_BYTES,
  type FetchHandler,
  type FetchHandlerOptions,
  type FetchProtocol,
  type TransportOptions,
} from "./src/rpc/mod.ts";
