/** The server: calls by the RPC room, all else by a `fetch` handler, on the sockets of the net room. */
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { useClosures } from "./codec/closures/mod.ts";
import type { ServeExchange } from "./http/mod.ts";
import {
  createFetchBridge,
  defaultMaxOpenCalls,
  listen,
  type ListenOptions,
  type Server,
  withRoomFor,
} from "./net/mod.ts";
import {
  createRpcHandler,
  DEFAULT_MAX_OPEN_CALLS,
  type FetchHandler,
  printFault,
  refuseCall,
  type RpcOptions,
  withCors,
} from "./rpc/mod.ts";
import { nodeCompressions, useBufferForText } from "./rpc/node/mod.ts";
import { guardReporter } from "./user_code/mod.ts";

useBufferForText();
useClosures();

/** What a server answers, wherever it listens. */
export interface ServiceOptions extends Omit<RpcOptions, "onError"> {
  /** Answers requests that are no calls: a site, a framework. By default they get a 404. */
  readonly fallback?: FetchHandler | undefined;
  /**
   * Told what handlers throw that is no `ConnectError`, and what listeners of their signals throw, with the context of the call if it was one, and of
   * mistakes by which a connection is lost. By default they are logged to the console.
   */
  readonly onError?: ((error: unknown, context: HandlerContext | undefined) => void) | undefined;
}

/** Options of {@linkcode serve}. */
export interface ServeOptions extends ServiceOptions, ListenOptions {}

/**
 * Serves Connect, gRPC and gRPC-Web over HTTP/1.1 and HTTP/2, without TLS or, given a certificate, with it, on one port.
 *
 * ```ts
 * import { serve } from "@edgewire/edgewire";
 * import { Greeter } from "./gen/edgewire/v1/greeter_pb.ts";
 *
 * const server = await serve({
 *   routes: (router) => {
 *     router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) });
 *   },
 *   port: 50051,
 * });
 * console.log(server.url);
 * ```
 *
 * @throws {Error} An address is in use, is not one of this machine, or may not be used; certificate and key are no pair; a service is registered
 *   twice.
 * @throws {TypeError} One of the allowed hosts or origins is none.
 * @throws {RangeError} A number is none that it can be.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const { maxMessageBytes = 0, maxResponseBytes = 0 } = options;
  const onError = guardReporter(options.onError ?? printFault);
  return await listen(createServeExchange(options, onError), {
    ...options,
    ...withRoomFor(Math.max(maxMessageBytes, maxResponseBytes), options),
    onError: (error) => onError(error, undefined),
    refuse: (exchange, head, reason) =>
      refuseCall(exchange, head, new ConnectError(reason, Code.PermissionDenied), `Forbidden: ${reason}\n`),
  });
}

function createServeExchange(
  options: ServiceOptions,
  onError: NonNullable<ServiceOptions["onError"]>,
): ServeExchange {
  const { fallback, corsOrigins, compressions = nodeCompressions } = options;
  const maxOpenCalls = options.maxOpenCalls ?? defaultMaxOpenCalls(DEFAULT_MAX_OPEN_CALLS);
  const handler = createRpcHandler({ ...options, maxOpenCalls, compressions, onError });
  let serve = handler.serve;
  if (fallback !== undefined) {
    const bridge = createFetchBridge(fallback, (error) => onError(error, undefined));
    serve = (exchange, head, endStream, connection) =>
      (handler.isCall(head) ? handler.serve : bridge)(exchange, head, endStream, connection);
  }
  return corsOrigins === undefined ? serve : withCors(serve, corsOrigins);
}
