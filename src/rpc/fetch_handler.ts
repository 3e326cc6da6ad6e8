/** The server side over `fetch`: a `Request` in, a `Response` out, by the same router and protocols as on our own server. */
import type { ConnectionInfo } from "../http/mod.ts";
import { withCors } from "./cors.ts";
import { serveFetch } from "./fetch_exchange.ts";
import { FetchRequestHead } from "./fetch_request_head.ts";
import { createRpcHandler } from "./server/handler.ts";
import type { RpcOptions } from "./server/options.ts";

/**
 * What `Deno.serve`, `export default { fetch }`, Bun and workerd want. Only {@linkcode serve} says by which connection a request came: others give
 * something else as a second argument.
 */
export type FetchHandler = (request: Request, connection?: unknown) => Response | Promise<Response>;

/** Options of {@linkcode createFetchHandler}. */
export interface FetchHandlerOptions extends RpcOptions {
  /** Answers requests that are no calls, also what `corsOrigins` says of them. By default they get a 404. */
  readonly fallback?: FetchHandler | undefined;
}

/**
 * Makes a handler that answers calls of Connect and gRPC-Web, on every runtime that has `fetch` handlers.
 *
 * gRPC itself is refused with 415: it needs HTTP trailers, which a `Response` does not have.
 *
 * ```ts
 * import { createFetchHandler } from "@edgewire/edgewire/fetch";
 * import { Greeter } from "./gen/edgewire/v1/greeter_pb.ts";
 *
 * export default {
 *   fetch: createFetchHandler({
 *     routes: (router) => {
 *       router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) });
 *     },
 *     corsOrigins: ["https://example.com"],
 *   }),
 * };
 * ```
 *
 * @throws {RangeError} A number is none that it can be.
 * @throws {Error} A service is registered twice.
 */
export function createFetchHandler(options: FetchHandlerOptions): FetchHandler {
  const handler = createRpcHandler(options);
  const { fallback, corsOrigins } = options;
  const serve = corsOrigins === undefined ? handler.serve : withCors(handler.serve, corsOrigins);
  return (request, connection) => {
    const head = new FetchRequestHead(request);
    if (fallback !== undefined && !handler.isCall(head)) {
      return fallback(request, connection);
    }
    return serveFetch(serve, request, isConnectionInfo(connection) ? connection : undefined, head);
  };
}

function isConnectionInfo(value: unknown): value is ConnectionInfo {
  return typeof value === "object" && value !== null && "httpVersion" in value && "isTls" in value;
}
