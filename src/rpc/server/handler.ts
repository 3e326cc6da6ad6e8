/** The server side of RPC: answers exchanges that are calls, whatever carries them. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { ConnectionInfo, HttpExchange, RequestHead, ServeExchange } from "../../http/mod.ts";
import { printMistake } from "../../user_code/mod.ts";
import { codeOfHttpStatus } from "../code.ts";
import { type DeadlineWheel, PROCESS_WHEEL } from "../deadline_wheel.ts";
import { quoted } from "../error_text.ts";
import { isConnectError } from "../thrown_error.ts";
import { CALL_HANDLER, ServerCall } from "./call.ts";
import type { CallObserver } from "./call_observer.ts";
import { CallContext } from "./call_context.ts";
import { CallRecord } from "./call_record.ts";
import { Negotiator } from "./negotiation.ts";
import type { CallPlan, ServerProtocol } from "./call_plan.ts";
import { OpenCalls } from "./open_calls.ts";
import { type ResolvedOptions, resolveOptions, type RpcOptions } from "./options.ts";
import { isGrpc, refuse, refuseCall } from "./refusal.ts";
import { type RegisteredMethod, Router } from "./router.ts";

/** RFC 9113 §7: nothing was done with the request, it may be sent again. */
const REFUSED_STREAM = 0x7;

/** Answers calls. */
export interface RpcHandler {
  /** Answers a request that is {@linkcode isCall}, and tells all others that there is nothing. */
  readonly serve: ServeExchange;
  /** Whether a request is for one of the services, or speaks gRPC and wants to be answered in its way. */
  isCall(head: RequestHead): boolean;
}

/**
 * Makes a handler that answers Connect, gRPC and gRPC-Web.
 *
 * @param deadlines Ends calls at their deadlines. @default that of the process
 * @throws {RangeError} A number is none that it can be.
 * @throws {Error} A service is registered twice.
 */
export function createRpcHandler(options: RpcOptions, deadlines: DeadlineWheel = PROCESS_WHEEL): RpcHandler {
  return new Handler(options, deadlines);
}

class Handler implements RpcHandler {
  readonly #options: ResolvedOptions;
  readonly #router: Router;
  readonly #negotiator: Negotiator;
  readonly #openCalls: OpenCalls;
  readonly #shutdownSignal: AbortSignal | undefined;

  constructor(options: RpcOptions, deadlines: DeadlineWheel) {
    this.#options = resolveOptions(options, deadlines);
    this.#router = new Router(this.#options);
    options.routes(this.#router);
    this.#negotiator = new Negotiator(this.#options);
    this.#openCalls = new OpenCalls(this.#options.maxAbandonedCalls);
    const { shutdownSignal } = options;
    this.#shutdownSignal = shutdownSignal;
    shutdownSignal?.addEventListener("abort", () => this.#openCalls.cutAll(shutdownError(shutdownSignal)), {
      once: true,
    });
  }

  isCall(head: RequestHead): boolean {
    return this.#router.find(head.path) !== undefined || this.#router.hasService(serviceOf(head.path)) ||
      isGrpc(head);
  }

  readonly serve: ServeExchange = (exchange, head, endStream, connection) => {
    const plan = this.#negotiator.recall(head) ?? this.#negotiate(exchange, head, connection);
    if (plan === undefined) {
      return;
    }
    const record = this.#record(head, connection, plan.registered, plan.protocol);
    if (this.#openCalls.isOverloadedBy(connection)) {
      exchange.reset(REFUSED_STREAM);
      record?.end(Code.Unavailable);
      return;
    }
    const call = new ServerCall(exchange, plan, head, connection, this.#options, this.#openCalls, record);
    exchange.context = call;
    exchange.handler = CALL_HANDLER;
    if (plan.refusal !== undefined) {
      call.fail(plan.refusal);
    } else if (this.#openCalls.count >= this.#options.maxOpenCalls) {
      call.fail(fullError(this.#options.maxOpenCalls));
    } else if (this.#shutdownSignal?.aborted) {
      call.fail(shutdownError(this.#shutdownSignal));
    } else {
      call.begin(endStream);
    }
  };

  /** @returns Undefined when the request is no call, and was answered. */
  #negotiate(exchange: HttpExchange, head: RequestHead, connection: ConnectionInfo): CallPlan | undefined {
    const { path } = head;
    let registered = this.#router.find(path);
    let query: string | undefined;
    if (registered === undefined) {
      const mark = path.indexOf("?");
      if (mark < 0 || isGrpc(head)) { // gRPC's paths have no query.
        this.#answerUnknown(exchange, head, connection);
        return undefined;
      }
      registered = this.#router.find(path.slice(0, mark));
      query = path.slice(mark + 1);
      if (registered === undefined) {
        this.#answerUnknown(exchange, head, connection);
        return undefined;
      }
    }
    const plan = this.#negotiator.negotiate(registered, head, query, exchange, connection);
    if ("status" in plan) {
      refuse(exchange, head, plan);
      this.#record(head, connection, registered)?.end(codeOfHttpStatus(plan.status));
      return undefined;
    }
    return plan;
  }

  #answerUnknown(exchange: HttpExchange, head: RequestHead, connection: ConnectionInfo): void {
    answerUnknown(exchange, head);
    this.#record(head, connection)?.end(Code.Unimplemented);
  }

  /**
   * Begins to note what is observed of a call; undefined when nobody observes.
   *
   * @param protocol By default what the content type says.
   */
  #record(
    head: RequestHead,
    connection: ConnectionInfo,
    registered?: RegisteredMethod,
    protocol?: ServerProtocol,
  ): CallRecord | undefined {
    const { observers } = this.#options;
    return observers === undefined
      ? undefined
      : this.#observedRecord(observers, head, connection, registered, protocol);
  }

  /** A function of its own: V8 makes room for what its closure uses whenever it is called. */
  #observedRecord(
    observers: readonly CallObserver[],
    head: RequestHead,
    connection: ConnectionInfo,
    registered: RegisteredMethod | undefined,
    protocol: ServerProtocol | undefined,
  ): CallRecord {
    const { name } = protocol ?? this.#negotiator.protocolOf(head) ?? {};
    const report = (mistake: unknown) => this.#reportObserver(mistake, head, connection, registered, name);
    return new CallRecord(observers, head, connection, registered?.method, name, report);
  }

  /** The context is one of its own: the call may not have one yet, or be none. */
  #reportObserver(
    mistake: unknown,
    head: RequestHead,
    connection: ConnectionInfo,
    registered: RegisteredMethod | undefined,
    name = "",
  ): void {
    const { onError, deadlines } = this.#options;
    if (registered === undefined) {
      printMistake(mistake, `An observer failed at ${quoted(head.path)}:`);
      return;
    }
    const host = {
      registered,
      protocolName: name,
      deadlineAtMs: Infinity,
      nowMs: () => deadlines.nowMs(),
      report: () => {},
    };
    onError(mistake, new CallContext(host, head, connection));
  }
}

/** What the client is told whose call would be one too many. */
function fullError(maxOpenCalls: number): ConnectError {
  return new ConnectError(`the server has ${maxOpenCalls} calls under way (maxOpenCalls)`, Code.Unavailable);
}

/** What is between the first slash and the second. */
function serviceOf(path: string): string {
  return path.slice(1, Math.max(path.indexOf("/", 1), 1));
}

function shutdownError({ reason }: AbortSignal): ConnectError {
  return isConnectError(reason) ? reason : new ConnectError("the server is shutting down", Code.Unavailable);
}

/** There is no such method. */
function answerUnknown(exchange: HttpExchange, head: RequestHead): void {
  const path = quoted(head.path);
  const error = new ConnectError(`no method ${path}`, Code.Unimplemented);
  refuseCall(exchange, head, error, `Not found: ${path}\n`, 404);
}
