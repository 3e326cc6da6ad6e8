/** Calls services in the same process: messages are handed over as they are, without octets and HTTP. */
import type {
  DescMessage,
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type HandlerContext,
  type Interceptor,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from "@connectrpc/connect";
import { guardReporter } from "../../user_code/mod.ts";
import { printFault } from "../server/options.ts";
import { type RegisteredMethod, Router } from "../server/router.ts";
import type { CallRequest } from "./call_request.ts";
import { type Caller, onlyMessage, transportOf } from "./caller.ts";
import { LOCAL_AUTHORITY, LOCAL_SCHEME, LocalCall, type OnHandlerError } from "./local_call.ts";

/** Options of {@linkcode createInProcessTransport}. */
export interface InProcessTransportOptions {
  /** Of the caller; the first is the outermost. None by default. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  /** How long a call may take that does not say it itself, in milliseconds. None by default. */
  readonly defaultTimeoutMs?: number | undefined;
  /** Told what handlers throw that is no `ConnectError`. Callers are told `internal` without a text. By default it is logged to the console. */
  readonly onError?: ((error: unknown, context: HandlerContext) => void) | undefined;
}

/**
 * Makes a transport to services of the same process. To both sides a call is what it would be over a network: it has a deadline and can be
 * cancelled, messages are taken as they are wanted, errors that are no `ConnectError` are not told. Messages are not copied.
 *
 * ```ts
 * import { createClient } from "@connectrpc/connect";
 * import { createInProcessTransport } from "@edgewire/edgewire/fetch";
 * import { Greeter } from "./gen/edgewire/v1/greeter_pb.ts";
 *
 * const transport = createInProcessTransport((router) => {
 *   router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) });
 * });
 * console.log((await createClient(Greeter, transport).sayHello({ name: "World" })).message);
 * ```
 *
 * @param routes Adds the services.
 * @throws {Error} A service is registered twice.
 */
export function createInProcessTransport(
  routes: (router: ConnectRouter) => void,
  options: InProcessTransportOptions = {},
): Transport {
  const router = new Router({ interceptors: [], jsonOptions: undefined, binaryOptions: undefined });
  routes(router);
  return transportOf(new LocalCaller(router, guardReporter(options.onError ?? printFault)), options);
}

class LocalCaller implements Caller {
  readonly #router: Router;
  readonly #onError: OnHandlerError;

  constructor(router: Router, onError: OnHandlerError) {
    this.#router = router;
    this.#onError = onError;
  }

  urlOf(method: DescMethod): string {
    return `${LOCAL_SCHEME}://${LOCAL_AUTHORITY}/${method.parent.typeName}/${method.name}`;
  }

  async callUnary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: CallRequest,
    input: MessageShape<I>,
  ): Promise<UnaryResponse<I, O>> {
    const call = this.#begin(method, request);
    const message = await call.reply(input) as MessageShape<O>;
    return { ...describe(method, call), stream: false, method, message };
  }

  async callStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    request: CallRequest,
    messages: AsyncIterable<MessageInitShape<I>>,
  ): Promise<StreamResponse<I, O>> {
    const input = method.methodKind === "server_streaming" ? await onlyMessage(method, messages) : messages;
    const call = this.#begin(method, request);
    const output = method.methodKind === "client_streaming"
      ? single(await call.reply(input))
      : await call.respond(input);
    return { ...describe(method, call), stream: true, method, message: output as AsyncIterable<MessageShape<O>> };
  }

  #begin(method: DescMethod, request: CallRequest): LocalCall {
    return new LocalCall(this.#lookup(method), request, this.#onError);
  }

  /** @throws {ConnectError} `unimplemented`: there is no such method. */
  #lookup(method: DescMethod): RegisteredMethod {
    const registered = this.#router.lookup(method);
    if (registered === undefined) {
      throw new ConnectError(`no method /${method.parent.typeName}/${method.name}`, Code.Unimplemented);
    }
    return registered;
  }
}

function describe({ parent }: DescMethod, { context }: LocalCall) {
  return { service: parent, header: context.responseHeader, trailer: context.responseTrailer };
}

async function* single<T>(message: T): AsyncGenerator<T, undefined> {
  yield message;
}
