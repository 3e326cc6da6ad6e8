/** How the implementation of a method is called: at once, or through interceptors. */
import type {
  DescMessage,
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  Message,
  MessageInitShape,
} from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type HandlerContext,
  type Interceptor,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { type WritingImpl, writingImplOf } from "./message_writer.ts";
import { responseMessage, responseStream } from "./response_message.ts";

/** A message, or what one can be made of. */
export type MessageInit = MessageInitShape<DescMessage>;

/** A message where the method takes or gives one; where it takes or gives a stream, all of them. */
export type Invoke = (
  input: Message | AsyncIterable<Message>,
  context: HandlerContext,
) => MessageInit | AsyncIterable<MessageInit> | Promise<MessageInit | AsyncIterable<MessageInit>>;

/** How a method is called. */
export interface Invocation {
  readonly invoke: Invoke;
  /** For server streams that push; undefined for others, and when interceptors want to see the messages. */
  readonly writing: WritingImpl<Message, MessageInit> | undefined;
}

type Next = ReturnType<Interceptor>;
type RpcRequest = UnaryRequest | StreamRequest;
type RpcResponse = UnaryResponse | StreamResponse;

/** @param implementation What the user wrote, bound to its object. */
export function createInvocation(
  method: DescMethod,
  implementation: (...args: never[]) => unknown,
  interceptors: readonly Interceptor[],
): Invocation {
  const direct = implementation as Invoke;
  if (interceptors.length === 0) {
    return { invoke: direct, writing: writingImplOf(implementation) as Invocation["writing"] };
  }
  return { invoke: (input, context) => intercept(method, direct, interceptors, input, context), writing: undefined };
}

function isSingleInput({ methodKind }: DescMethod): boolean {
  return methodKind === "unary" || methodKind === "server_streaming";
}

async function intercept(
  method: DescMethod,
  direct: Invoke,
  interceptors: readonly Interceptor[],
  input: Message | AsyncIterable<Message>,
  context: HandlerContext,
): Promise<MessageInit | AsyncIterable<MessageInit>> {
  const call = async (request: RpcRequest): Promise<RpcResponse> => {
    const { method } = request;
    const single = request.stream && isSingleInput(method) ? await onlyMessage(request.message) : request.message;
    const output = await direct(single, contextFor(context, request));
    return responseOf(method, output, context);
  };
  const innermost: Next = (request) => {
    const response = call(request);
    response.catch(() => {}); // An interceptor may have failed, or answered itself, and not wait for it any more.
    return response;
  };
  const outermost = interceptors.reduceRight<Next>((next, interceptor) => interceptor(next), innermost);
  const response = await outermost(requestOf(method, input, context));
  copyFields(response.header, context.responseHeader);
  if (response.stream && method.methodKind !== "client_streaming") {
    return withTrailer(response, context);
  }
  const output = response.stream ? await onlyMessage(response.message) : response.message;
  copyFields(response.trailer, context.responseTrailer);
  return output;
}

function requestOf(
  method: DescMethod,
  input: Message | AsyncIterable<Message>,
  context: HandlerContext,
): RpcRequest {
  const common = {
    service: method.parent,
    requestMethod: context.requestMethod,
    url: context.url,
    signal: context.signal,
    header: context.requestHeader,
    contextValues: context.values,
  };
  if (method.methodKind === "unary") {
    return { ...common, stream: false, method: method as DescMethodUnary, message: input as Message };
  }
  const messages = method.methodKind === "server_streaming"
    ? single(input as Message)
    : input as AsyncIterable<Message>;
  return { ...common, stream: true, method: method as DescMethodStreaming, message: messages };
}

/** What interceptors changed of a request holds for the implementation. */
function contextFor(context: HandlerContext, request: RpcRequest): HandlerContext {
  return {
    service: request.service,
    method: request.method,
    protocolName: context.protocolName,
    requestMethod: request.requestMethod,
    url: request.url,
    signal: request.signal,
    timeoutMs: context.timeoutMs,
    requestHeader: request.header,
    responseHeader: context.responseHeader,
    responseTrailer: context.responseTrailer,
    values: request.contextValues,
  };
}

function responseOf(
  method: RpcRequest["method"],
  output: unknown,
  context: HandlerContext,
): RpcResponse {
  const common = { service: method.parent, header: context.responseHeader, trailer: context.responseTrailer };
  switch (method.methodKind) {
    case "unary":
      return { ...common, stream: false, method, message: responseMessage(method, output) };
    case "client_streaming":
      return { ...common, stream: true, method, message: single(responseMessage(method, output)) };
    default:
      return { ...common, stream: true, method, message: created(method, responseStream(method, output)) };
  }
}

async function* single<T>(message: T): AsyncGenerator<T> {
  yield message;
}

async function* created(
  method: DescMethod,
  messages: AsyncIterable<unknown> | Iterable<unknown>,
): AsyncGenerator<Message> {
  for await (const message of messages) {
    yield responseMessage(method, message);
  }
}

async function* withTrailer(response: StreamResponse, context: HandlerContext): AsyncGenerator<Message> {
  yield* response.message;
  copyFields(response.trailer, context.responseTrailer);
}

async function onlyMessage(messages: AsyncIterable<Message>): Promise<Message> {
  let only: Message | undefined;
  for await (const message of messages) {
    if (only !== undefined) {
      throw new ConnectError("more than one message where there has to be one", Code.Unimplemented);
    }
    only = message;
  }
  if (only === undefined) {
    throw new ConnectError("no message where there has to be one", Code.Unimplemented);
  }
  return only;
}

function copyFields(from: Headers, to: Headers): void {
  if (from !== to) {
    from.forEach((_value, name) => to.delete(name));
    from.forEach((value, name) => to.append(name, value)); // Of set-cookie there may be several.
  }
}
