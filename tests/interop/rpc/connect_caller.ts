/** Makes calls through a transport of connect-es' kind: ours, connect-node's, and in a page. */
import { type DescMethodStreaming, fromJson } from "@bufbuild/protobuf";
import { ConnectError, type Transport } from "@connectrpc/connect";
import type { Call, Caller, CallError } from "./call.ts";
import { type EchoSchema, toJsonObject } from "./echo_schema.ts";
import { Turns } from "./turns.ts";

/** See the top of the file. */
export function createConnectCaller(transport: Transport, schema: EchoSchema): Caller {
  return async (call, signal) => {
    const method = schema.methods.get(call.method);
    if (method === undefined) {
      throw new Error(`Cannot call ${call.method}: echo.proto has no such method`);
    }
    const abort = new AbortController();
    const signals = AbortSignal.any([abort.signal, ...signal === undefined ? [] : [signal]]);
    const header = new Headers(call.metadata?.map(([name, value]) => [name, value]));
    const answers = [];
    const turns = new Turns();
    let headers = {};
    let trailers = {};
    try {
      if (method.methodKind === "unary") {
        const request = fromJson(method.input, call.requests[0] ?? {});
        const response = await transport.unary(method, signals, call.timeoutMs, header, request);
        answers.push(toJsonObject(method.output, response.message));
        return {
          answers,
          headers: Object.fromEntries(response.header),
          trailers: Object.fromEntries(response.trailer),
        };
      }
      const requests = sendRequests(method, call, turns);
      const response = await transport.stream(method, signals, call.timeoutMs, header, requests);
      headers = Object.fromEntries(response.header);
      for await (const message of response.message) {
        answers.push(toJsonObject(method.output, message));
        turns.next();
        if (answers.length === call.cancelAfter) {
          abort.abort();
        }
      }
      trailers = Object.fromEntries(response.trailer);
      return { answers, headers, trailers };
    } catch (error) {
      const connectError = ConnectError.from(error);
      return {
        answers,
        headers,
        trailers: Object.fromEntries(connectError.metadata),
        error: describeError(connectError, schema),
      };
    }
  };
}

async function* sendRequests(method: DescMethodStreaming, { requests, inTurns = false }: Call, turns: Turns) {
  for (const [index, request] of requests.entries()) {
    if (inTurns) {
      await turns.reach(index);
    }
    yield fromJson(method.input, request);
  }
}

function describeError(error: ConnectError, { detail }: EchoSchema): CallError {
  const details = error.findDetails(detail).map((message) => toJsonObject(detail, message));
  return { code: error.code, message: error.rawMessage, details };
}
