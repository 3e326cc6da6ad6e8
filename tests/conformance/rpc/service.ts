/** The service by which connectconformance judges servers: it does what the requests ask for, and says what it saw of them. */
import { setTimeout as delay } from "node:timers/promises";
import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import {
  ConformanceService,
  type Payload,
  PayloadSchema,
  type RequestInfo,
  RequestInfoSchema,
  type StreamDefinition,
  type UnaryDefinition,
} from "./messages.ts";
import { addFields, connectErrorOf, fieldsOf } from "./metadata.ts";

const { unary, idempotentUnary, clientStream, serverStream, bidiStream } = ConformanceService.method;

/** Adds the service to a router. Not `Unimplemented`: that is its point. */
export function conformanceRoutes(router: ConnectRouter): void {
  router.service(ConformanceService, {
    unary: (request, context) => answerOnce(request.responseDefinition, pack(unary.input, [request]), context),
    idempotentUnary: (request, context) =>
      answerOnce(request.responseDefinition, pack(idempotentUnary.input, [request]), context),
    async clientStream(messages, context) {
      const requests = await Array.fromAsync(messages);
      return await answerOnce(requests[0]?.responseDefinition, pack(clientStream.input, requests), context);
    },
    async *serverStream(request, context) {
      addMetadata(request.responseDefinition, context);
      yield* answerRest(request.responseDefinition, 0, requestInfo(pack(serverStream.input, [request]), context));
    },
    async *bidiStream(messages, context) {
      let definition: StreamDefinition | undefined;
      let isFullDuplex: boolean | undefined;
      let requests: Any[] = [];
      let sent = 0;
      for await (const request of messages) {
        if (isFullDuplex === undefined) {
          isFullDuplex = request.fullDuplex;
          definition = request.responseDefinition;
          addMetadata(definition, context);
        }
        requests.push(...pack(bidiStream.input, [request]));
        if (!isFullDuplex) {
          continue;
        }
        const data = definition?.responseData[sent];
        if (data === undefined) {
          break;
        }
        await delay(definition?.responseDelayMs);
        const info = sent === 0 ? requestInfo(requests, context) : create(RequestInfoSchema, { requests });
        yield { payload: payload(data, info) };
        sent++;
        requests = [];
      }
      yield* answerRest(definition, sent, requestInfo(requests, context));
    },
  });
}

async function answerOnce(
  definition: UnaryDefinition | undefined,
  requests: Any[],
  context: HandlerContext,
): Promise<{ payload: Payload }> {
  addMetadata(definition, context);
  const info = requestInfo(requests, context);
  if (definition?.response.case === "error") {
    const error = definition.response.value;
    error.details.push(anyPack(RequestInfoSchema, info));
    throw connectErrorOf(error);
  }
  await delay(definition?.responseDelayMs);
  return { payload: payload(definition?.response.value ?? new Uint8Array(0), info) };
}

/** The responses that have not been sent, and how the stream ends. Only the first of all responses has the request. */
async function* answerRest(
  definition: StreamDefinition | undefined,
  sent: number,
  info: RequestInfo,
): AsyncGenerator<{ payload: Payload }> {
  if (definition === undefined) {
    return;
  }
  const { responseData, responseDelayMs, error } = definition;
  for (let index = sent; index < responseData.length; index++) {
    await delay(responseDelayMs);
    yield { payload: payload(responseData[index]!, index === 0 ? info : undefined) };
  }
  if (error !== undefined) {
    if (responseData.length === 0) {
      error.details.push(anyPack(RequestInfoSchema, info));
    }
    throw connectErrorOf(error);
  }
}

function addMetadata(definition: UnaryDefinition | StreamDefinition | undefined, context: HandlerContext): void {
  addFields(context.responseHeader, definition?.responseHeaders ?? []);
  addFields(context.responseTrailer, definition?.responseTrailers ?? []);
}

function payload(data: Uint8Array<ArrayBuffer>, info: RequestInfo | undefined): Payload {
  return create(PayloadSchema, { data, ...info === undefined ? {} : { requestInfo: info } });
}

function requestInfo(requests: Any[], context: HandlerContext): RequestInfo {
  const timeoutMs = context.timeoutMs();
  return create(RequestInfoSchema, {
    requests,
    requestHeaders: fieldsOf(context.requestHeader),
    ...timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.trunc(timeoutMs)) },
    ...context.requestMethod === "GET"
      ? { connectGetInfo: { queryParams: fieldsOf(new URL(context.url).searchParams) } }
      : {},
  });
}

function pack<Desc extends DescMessage>(schema: Desc, requests: MessageShape<Desc>[]): Any[] {
  return requests.map((request) => anyPack(schema, request));
}
