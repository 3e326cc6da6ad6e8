/** Makes calls by grpc-js, each kind by its own API. */
import { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  type ClientWritableStream,
  type Metadata,
  status,
  type StatusObject,
} from "@grpc/grpc-js";
import type { Call, Caller, CallError, Outcome } from "../call.ts";
import { Turns } from "../turns.ts";
import { type GrpcJsSchema, type JsonMethod, toMetadata, toRecord } from "./grpc_js_schema.ts";

/**
 * Without keepalive pings: grpc-js 1.14 takes a connection for lost on which the server has said GOAWAY when it is time for one.
 *
 * @param address Host and port of the server.
 */
export function createGrpcJsCaller(address: string, credentials: ChannelCredentials, schema: GrpcJsSchema): Caller {
  const client = new Client(address, credentials);
  return async (call, signal) => {
    const method = schema.methods[call.method];
    if (method === undefined) {
      throw new Error(`Cannot call ${call.method}: echo.proto has no such method`);
    }
    const outcome = new OutcomeBuilder(schema);
    const turns = new Turns();
    const onAnswer = (answer: JsonObject) => {
      outcome.answers.push(answer);
      turns.next();
      if (outcome.answers.length === call.cancelAfter) {
        running.cancel();
      }
    };
    const running = start(client, method, call, turns, onAnswer);
    signal?.addEventListener("abort", () => running.cancel());
    return await outcome.of(running, method.responseStream);
  };
}

type RunningCall = EventEmitter & { cancel(): void };

function start(
  client: Client,
  { path, requestStream, responseStream, requestSerialize, responseDeserialize }: JsonMethod,
  call: Call,
  turns: Turns,
  onAnswer: (answer: JsonObject) => void,
): RunningCall {
  const { requests: [request = {}], metadata = [], timeoutMs } = call;
  const codecs = [path, requestSerialize, responseDeserialize] as const;
  const options: CallOptions = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
  const head: [Metadata, CallOptions] = [toMetadata(metadata), options];
  const onEnd = (_error: Error | null, answer?: JsonObject) => {
    if (answer !== undefined) {
      onAnswer(answer);
    }
  };
  if (!requestStream) {
    return responseStream
      ? client.makeServerStreamRequest(...codecs, request, ...head).on("data", onAnswer)
      : client.makeUnaryRequest(...codecs, request, ...head, onEnd);
  }
  const stream = responseStream
    ? client.makeBidiStreamRequest(...codecs, ...head).on("data", onAnswer)
    : client.makeClientStreamRequest(...codecs, ...head, onEnd);
  sendRequests(stream, call, turns);
  return stream;
}

async function sendRequests(stream: ClientWritableStream<object>, { requests, inTurns = false }: Call, turns: Turns) {
  for (const [index, request] of requests.entries()) {
    if (inTurns) {
      await turns.reach(index);
    }
    stream.write(request);
  }
  stream.end();
}

/** Gathers what a call's events say. */
class OutcomeBuilder {
  readonly answers: JsonObject[] = [];
  readonly #schema: GrpcJsSchema;

  constructor(schema: GrpcJsSchema) {
    this.#schema = schema;
  }

  /** Resolves when the call is over and all of its answers were read. */
  async of(call: RunningCall, isStream: boolean): Promise<Outcome> {
    let headers = {};
    call.on("metadata", (metadata: Metadata) => headers = toRecord(metadata));
    call.on("error", () => {}); // The status says it, too.
    const ended = isStream ? new Promise((resolve) => call.on("end", resolve)) : undefined;
    const end = await new Promise<StatusObject>((resolve) => call.on("status", resolve));
    await ended;
    const outcome = { answers: this.answers, headers, trailers: toRecord(end.metadata) };
    return end.code === status.OK ? outcome : { ...outcome, error: this.#errorOf(end) };
  }

  #errorOf({ code, details: message, metadata }: StatusObject): CallError {
    const values = metadata.get("grpc-status-details-bin");
    return { code, message, details: values.flatMap((value) => this.#schema.decodeDetails(Buffer.from(value))) };
  }
}
