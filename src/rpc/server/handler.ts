/** The server side of RPC: answers exchanges that are calls, whatever carries them. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { HeaderField, HttpExchange, RequestHead, ServeExchange } from "../../http/mod.ts";
import { errorToJson } from "../error_json.ts";
import { statusFields } from "../grpc_status.ts";
import { CALL_HANDLER, ServerCall } from "./call.ts";
import { Negotiator, type Refusal, textRefusal } from "./negotiation.ts";
import { OpenCalls } from "./open_calls.ts";
import { resolveOptions, type RpcOptions } from "./options.ts";
import { Router } from "./router.ts";

/** RFC 9113 §7: nothing was done with the request, it may be sent again. */
const REFUSED_STREAM = 0x7;

const encoder = new TextEncoder();

/** Options of {@linkcode createRpcHandler}. */
export interface RpcHandlerOptions extends RpcOptions {
  /** Answers what is no call of one of the services. By default it gets a 404. */
  readonly fallback?: ServeExchange | undefined;
}

/**
 * Makes a handler that answers Connect, gRPC and gRPC-Web.
 *
 * @throws {RangeError} A number is none that it can be.
 * @throws {Error} Two services have the same name.
 */
export function createRpcHandler(options: RpcHandlerOptions): ServeExchange {
  const resolved = resolveOptions(options);
  const router = new Router(resolved);
  options.routes(router);
  const negotiator = new Negotiator(resolved);
  const openCalls = new OpenCalls(resolved.maxAbandonedCalls);
  const { shutdownSignal, fallback } = options;
  shutdownSignal?.addEventListener("abort", () => openCalls.cutAll(shutdownError(shutdownSignal)), { once: true });

  return (exchange, head, endStream, connection) => {
    const { path } = head;
    let registered = router.find(path);
    let query: string | undefined;
    if (registered === undefined) {
      const mark = path.indexOf("?");
      if (mark >= 0 && !Negotiator.isGrpc(head)) { // gRPC's paths have no query.
        registered = router.find(path.slice(0, mark));
        query = path.slice(mark + 1);
      }
      if (registered === undefined) {
        const isKnown = router.hasService(path.split("/", 2)[1] ?? "");
        return isKnown || Negotiator.isGrpc(head) || fallback === undefined
          ? answerUnknown(exchange, head)
          : fallback(exchange, head, endStream, connection);
      }
    }
    const plan = negotiator.negotiate(registered, head, query, exchange, connection);
    if ("status" in plan) {
      return refuse(exchange, plan);
    }
    if (openCalls.isOverloadedBy(connection)) {
      return exchange.reset(REFUSED_STREAM);
    }
    const call = new ServerCall(exchange, plan, head, connection, resolved, openCalls);
    exchange.context = call;
    exchange.handler = CALL_HANDLER;
    if (plan.refusal !== undefined) {
      call.fail(plan.refusal);
    } else if (shutdownSignal?.aborted) {
      call.fail(shutdownError(shutdownSignal));
    } else {
      call.begin(endStream);
    }
  };
}

function shutdownError({ reason }: AbortSignal): ConnectError {
  return reason instanceof ConnectError ? reason : new ConnectError("the server is shutting down", Code.Unavailable);
}

/** There is no such method. */
function answerUnknown(exchange: HttpExchange, head: RequestHead): void {
  const error = new ConnectError(`no method ${head.path}`, Code.Unimplemented);
  if (Negotiator.isGrpc(head) && head.method === "POST") {
    const contentType = head.fields.find(({ name }) => name === "content-type")!;
    exchange.respond([{ name: ":status", value: "200" }, contentType, ...statusFields(error)], true);
    return;
  }
  const isCall = head.fields.some(({ name, value }) =>
    name === "content-type" && /^application\/(connect\+)?(json|proto)/.test(value)
  );
  refuse(
    exchange,
    isCall
      ? { status: 404, text: JSON.stringify(errorToJson(error)), fields: JSON_TYPE }
      : textRefusal(404, `Not found: ${head.path}\n`),
  );
}

const JSON_TYPE: readonly HeaderField[] = [{ name: "content-type", value: "application/json" }];

function refuse(exchange: HttpExchange, { status, fields, text }: Refusal): void {
  exchange.respond([{ name: ":status", value: String(status) }, ...fields]);
  exchange.end(encoder.encode(text));
}
