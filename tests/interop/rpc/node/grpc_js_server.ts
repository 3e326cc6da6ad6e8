/** The service of `echo.proto` on grpc-js. */
import type { EventEmitter } from "node:events";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  type Deadline,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { createEchoService, ECHOED, EchoFailure } from "../echo_service.ts";
import type { GrpcJsSchema } from "./grpc_js_schema.ts";

/** What every kind of call has. */
interface ServerCall extends EventEmitter {
  readonly metadata: Metadata;
  sendMetadata(metadata: Metadata): void;
  getDeadline(): Deadline;
}

/** A call that has a stream of answers. */
interface AnsweredStream extends ServerCall {
  write(answer: JsonObject): boolean;
  end(trailers?: Metadata): void;
}

/** How a call ended: without a code it failed by a mistake of the service. */
interface CallEnd {
  readonly code?: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** Makes a server that has the service, but does not listen yet. */
export function createGrpcJsServer(schema: GrpcJsSchema): Server {
  const echo = createEchoService();

  /** Resolves when the call is over, to how it failed if it did. */
  const answer = async (
    method: string,
    call: ServerCall,
    requests: AsyncIterable<JsonObject>,
    onAnswer: (answer: JsonObject) => void,
  ): Promise<CallEnd | undefined> => {
    call.sendMetadata(pick(call.metadata, ECHOED.headers));
    const abort = new AbortController();
    call.on("cancelled", () => abort.abort());
    try {
      for await (const json of echo(method, requests, { timeoutMs: timeoutOf(call), signal: abort.signal })) {
        onAnswer(json);
      }
      return undefined;
    } catch (error) {
      const metadata = trailersOf(call);
      if (!(error instanceof EchoFailure)) {
        return { details: String(error), metadata };
      }
      metadata.set("grpc-status-details-bin", schema.encodeDetail(error.code, error.message, error.detail));
      return { code: error.code, details: error.message, metadata };
    }
  };

  const answerAll = async (
    method: string,
    call: AnsweredStream,
    requests: AsyncIterable<JsonObject>,
  ) => {
    const failure = await answer(method, call, requests, (json) => call.write(json));
    if (failure === undefined) {
      call.end(trailersOf(call));
    } else {
      call.emit("error", failure);
    }
  };

  const answerOne = async (
    method: string,
    call: ServerCall,
    requests: AsyncIterable<JsonObject>,
    onEnd: Parameters<handleUnaryCall<JsonObject, JsonObject>>[1],
  ) => {
    let only: JsonObject = {};
    const failure = await answer(method, call, requests, (json) => only = json);
    if (failure === undefined) {
      onEnd(null, only, trailersOf(call));
    } else {
      onEnd(failure);
    }
  };

  const handlerOf = (name: string, requestStream: boolean, responseStream: boolean) => {
    const unary: handleUnaryCall<JsonObject, JsonObject> = (call, onEnd) =>
      answerOne(name, call, just(call.request), onEnd);
    const serverStream: handleServerStreamingCall<JsonObject, JsonObject> = (call) =>
      answerAll(name, call, just(call.request));
    const clientStream: handleClientStreamingCall<JsonObject, JsonObject> = (call, onEnd) =>
      answerOne(name, call, call, onEnd);
    const bidiStream: handleBidiStreamingCall<JsonObject, JsonObject> = (call) =>
      // By itself a stream would end its answers when the requests end.
      answerAll(name, call, call.iterator({ destroyOnReturn: false }));
    return requestStream ? (responseStream ? bidiStream : clientStream) : (responseStream ? serverStream : unary);
  };

  const implementation: UntypedServiceImplementation = {};
  for (const [name, { requestStream, responseStream }] of Object.entries(schema.methods)) {
    if (name === "Unimplemented") {
      continue;
    }
    implementation[name] = handlerOf(name, requestStream, responseStream);
  }
  const server = new Server();
  server.addService(schema.methods, implementation);
  return server;
}

function trailersOf({ metadata }: ServerCall): Metadata {
  return pick(metadata, ECHOED.trailers);
}

function pick(metadata: Metadata, names: readonly string[]): Metadata {
  const picked = new Metadata();
  for (const name of names) {
    for (const value of metadata.get(name)) {
      picked.add(name, value);
    }
  }
  return picked;
}

/** What is left of a call's deadline, which grpc-js says as a time. */
function timeoutOf(call: ServerCall): number | undefined {
  const deadline = Number(call.getDeadline());
  return deadline === Infinity ? undefined : Math.round(deadline - Date.now());
}

async function* just(request: JsonObject) {
  yield request;
}
