/** Runs calls through interceptors, as connect-es' clients do: https://connectrpc.com/docs/web/interceptors */
import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import {
  Code,
  type ConnectError,
  type Interceptor,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { connectErrorOf } from "../thrown_error.ts";
import type { CallRequest } from "./call_request.ts";
import { CallSignal } from "./call_signal.ts";

type Next = ReturnType<Interceptor>;

/** What of a call its interceptors may exchange. */
type Changeable = "header" | "signal" | "message" | "contextValues";

/**
 * Makes a unary call through interceptors.
 *
 * @param interceptors The first is the outermost.
 * @param send Makes the call as they left it.
 */
export async function interceptUnary<I extends DescMessage, O extends DescMessage>(
  interceptors: readonly Interceptor[],
  request: CallRequest,
  described: Omit<UnaryRequest<I, O>, "signal" | "header">,
  send: (request: Pick<UnaryRequest<I, O>, Changeable>) => Promise<UnaryResponse<I, O>>,
): Promise<UnaryResponse<I, O>> {
  const signal = new CallSignal(request);
  try {
    const next = chain(interceptors, (intercepted) => send(intercepted as UnaryRequest<I, O>));
    const header = request.header ?? new Headers();
    return await next({ ...described, header, signal: signal.signal }) as UnaryResponse<I, O>;
  } catch (error) {
    throw errorOf(error, signal);
  } finally {
    signal.end();
  }
}

/** As {@linkcode interceptUnary}, for all other methods. The signal aborts when the last message was taken. */
export async function interceptStream<I extends DescMessage, O extends DescMessage>(
  interceptors: readonly Interceptor[],
  request: CallRequest,
  described: Omit<StreamRequest<I, O>, "signal" | "header">,
  send: (request: Pick<StreamRequest<I, O>, Changeable>) => Promise<StreamResponse<I, O>>,
): Promise<StreamResponse<I, O>> {
  const signal = new CallSignal(request);
  try {
    const next = chain(interceptors, (intercepted) => send(intercepted as StreamRequest<I, O>));
    const header = request.header ?? new Headers();
    const response = await next({ ...described, header, signal: signal.signal }) as StreamResponse<I, O>;
    return { ...response, message: untilEnd(response.message, signal) };
  } catch (error) {
    const reason = errorOf(error, signal);
    signal.end(reason);
    throw reason;
  }
}

function chain(interceptors: readonly Interceptor[], last: Next): Next {
  return interceptors.reduceRight((next, interceptor) => interceptor(next), last);
}

/** What a call is over with counts before what became of that on its way through interceptors. */
function errorOf(error: unknown, { signal }: CallSignal): ConnectError {
  return signal.aborted ? connectErrorOf(signal.reason, Code.Canceled) : connectErrorOf(error);
}

async function* untilEnd<T>(messages: AsyncIterable<T>, signal: CallSignal): AsyncGenerator<T, undefined> {
  try {
    yield* messages;
  } catch (error) {
    throw errorOf(error, signal);
  } finally {
    signal.end();
  }
}

/** The messages of a request as interceptors see them: each complete, whatever the caller has left out. */
export async function* completeMessages<I extends DescMessage>(
  schema: I,
  messages: AsyncIterable<MessageInitShape<I>>,
): AsyncGenerator<MessageShape<I>> {
  for await (const message of messages) {
    yield create(schema, message);
  }
}
