/** What all transports do, wherever their calls go: put a call together, and run it through interceptors. */
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ContextValues,
  createContextValues,
  type Interceptor,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from "@connectrpc/connect";
import { unsendableError } from "./call_errors.ts";
import { type CallRequest, createCallRequest } from "./call_request.ts";
import { completeMessages, interceptStream, interceptUnary } from "./interceptors.ts";

/** Makes calls. They fail with a `ConnectError`. */
export interface Caller {
  /** The URL of a method, for interceptors. */
  urlOf(method: DescMethod): string;
  callUnary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: CallRequest,
    message: MessageShape<I>,
  ): Promise<UnaryResponse<I, O>>;
  callStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    request: CallRequest,
    messages: AsyncIterable<MessageInitShape<I>>,
  ): Promise<StreamResponse<I, O>>;
}

/** What a transport adds to a {@linkcode Caller}. */
export interface CallerOptions {
  readonly interceptors?: readonly Interceptor[] | undefined;
  readonly defaultTimeoutMs?: number | undefined;
}

/** Makes a transport of a caller. */
export function transportOf(caller: Caller, options: CallerOptions): Transport {
  return new CallerTransport(caller, options);
}

class CallerTransport implements Transport {
  readonly #caller: Caller;
  readonly #interceptors: readonly Interceptor[];
  readonly #defaultTimeoutMs: number | undefined;

  constructor(caller: Caller, { interceptors, defaultTimeoutMs }: CallerOptions) {
    this.#caller = caller;
    this.#interceptors = interceptors ?? [];
    this.#defaultTimeoutMs = defaultTimeoutMs;
  }

  /** Not `async`: a promise less for each call. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeadersInit | undefined,
    input: MessageInitShape<I>,
    contextValues?: ContextValues,
  ): Promise<UnaryResponse<I, O>> {
    try {
      const caller = this.#caller;
      const message = create(method.input, input);
      const request = createCallRequest(signal, timeoutMs, header, contextValues, this.#defaultTimeoutMs);
      return this.#interceptors.length === 0 ? caller.callUnary(method, request, message) : interceptUnary(
        this.#interceptors,
        request,
        { ...this.#describe(method, contextValues), stream: false, message },
        (own) => caller.callUnary(method, changedRequest(request, own.header, own.signal), own.message),
      );
    } catch (error) {
      return Promise.reject(unsendableError(error));
    }
  }

  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeadersInit | undefined,
    input: AsyncIterable<MessageInitShape<I>>,
    contextValues?: ContextValues,
  ): Promise<StreamResponse<I, O>> {
    try {
      const caller = this.#caller;
      const request = createCallRequest(signal, timeoutMs, header, contextValues, this.#defaultTimeoutMs);
      return this.#interceptors.length === 0 ? await caller.callStream(method, request, input) : await interceptStream(
        this.#interceptors,
        request,
        {
          ...this.#describe(method, contextValues),
          stream: true,
          message: completeMessages(method.input, input),
        },
        (own) => caller.callStream(method, changedRequest(request, own.header, own.signal), own.message),
      );
    } catch (error) {
      throw unsendableError(error);
    }
  }

  /** What interceptors see of every call. They see POST, as with connect-es, also of what will be a GET. */
  #describe<M extends DescMethod>(method: M, contextValues = createContextValues()) {
    return { service: method.parent, method, requestMethod: "POST", url: this.#caller.urlOf(method), contextValues };
  }
}

/** A call as its interceptors left it. The signal stands for the deadline, too, which the server is still told. */
function changedRequest(request: CallRequest, header: Headers, signal: AbortSignal): CallRequest {
  return { ...request, header, signals: [signal] };
}

/** The message of a request that has one. @throws {ConnectError} `unimplemented`: it has none, or more. */
export async function onlyMessage<I extends DescMessage>(
  { input: schema, name }: DescMethodStreaming<I>,
  messages: AsyncIterable<MessageInitShape<I>>,
): Promise<MessageShape<I>> {
  let only: MessageShape<I> | undefined;
  for await (const init of messages) {
    if (only !== undefined) {
      throw new ConnectError(`${name} takes one message, and there is another`, Code.Unimplemented);
    }
    only = create(schema, init);
  }
  if (only === undefined) {
    throw new ConnectError(`${name} takes one message, and there is none`, Code.Unimplemented);
  }
  return only;
}
