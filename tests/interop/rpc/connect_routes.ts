/** The service of `echo.proto` on a router of connect-es' kind: ours and connect-node's. */
import { fromJson, type JsonObject, type Message } from "@bufbuild/protobuf";
import { ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { type EchoSchema, toJsonObject } from "./echo_schema.ts";
import { createEchoService, ECHOED, EchoFailure } from "./echo_service.ts";

/** Makes what adds the service to a router. */
export function createEchoRoutes({ methods, detail }: EchoSchema): (router: ConnectRouter) => void {
  const echo = createEchoService();

  async function* answer(requests: AsyncIterable<Message>, context: HandlerContext) {
    const { method } = context;
    for (const name of ECHOED.headers) {
      copy(context.requestHeader, context.responseHeader, name);
    }
    for (const name of ECHOED.trailers) {
      copy(context.requestHeader, context.responseTrailer, name);
    }
    if (context.requestMethod !== "POST") {
      context.responseHeader.set("x-http-method", context.requestMethod);
    }
    const call = { timeoutMs: context.timeoutMs(), signal: context.signal };
    try {
      for await (const json of echo(method.name, toJsonObjects(context, requests), call)) {
        yield fromJson(method.output, json);
      }
    } catch (error) {
      if (!(error instanceof EchoFailure)) {
        throw error;
      }
      throw new ConnectError(error.message, error.code, undefined, [
        { desc: detail, value: fromJson(detail, error.detail) },
      ]);
    }
  }

  const answerOne = async (requests: AsyncIterable<Message>, context: HandlerContext) => {
    let last: Message | undefined;
    for await (const message of answer(requests, context)) {
      last = message;
    }
    return last ?? fromJson(context.method.output, {});
  };

  return (router) => {
    for (const method of methods.values()) {
      if (method.name === "Unimplemented") {
        continue;
      }
      switch (method.methodKind) {
        case "unary":
          router.rpc(method, (request, context) => answerOne(just(request), context));
          break;
        case "client_streaming":
          router.rpc(method, answerOne);
          break;
        case "server_streaming":
          router.rpc(method, (request, context) => answer(just(request), context));
          break;
        case "bidi_streaming":
          router.rpc(method, answer);
          break;
      }
    }
  };
}

function copy(from: Headers, to: Headers, name: string): void {
  const value = from.get(name);
  if (value !== null) {
    to.set(name, value);
  }
}

async function* just(request: Message) {
  yield request;
}

async function* toJsonObjects(
  { method }: HandlerContext,
  messages: AsyncIterable<Message>,
): AsyncGenerator<JsonObject> {
  for await (const message of messages) {
    yield toJsonObject(method.input, message);
  }
}
