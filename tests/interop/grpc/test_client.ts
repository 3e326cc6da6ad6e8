/** Calls of gRPC's test service through a transport: messages are protobuf JSON. */
import { fromJson, type JsonObject, type Message, toBinary } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { TEST_SERVICE, type TestSchema, toJsonObject } from "./test_schema.ts";

/** What a call may have beside its requests. */
export interface TestCallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** An answer. */
export interface TestAnswer {
  readonly message: JsonObject;
  /** How long the message was on the wire, had it not been compressed. */
  readonly length: number;
  readonly headers: Headers;
  readonly trailers: Headers;
}

/** Answers that come one after the other. */
export interface TestStream {
  readonly headers: Headers;
  /** All of them; those that were read already do not come again. */
  readonly answers: AsyncGenerator<Pick<TestAnswer, "message" | "length">, void>;
  /** Once there are no more answers. */
  readonly trailers: Headers;
}

/** Methods are those of {@linkcode TEST_SERVICE}, or paths. */
export interface TestClient {
  /** Makes a unary call. */
  unary(method: string, request: JsonObject, options?: TestCallOptions): Promise<TestAnswer>;
  /** Makes a call of another kind. */
  stream(
    method: string,
    requests: AsyncIterable<JsonObject> | Iterable<JsonObject>,
    options?: TestCallOptions,
  ): Promise<TestStream>;
}

/** See the top of the file. */
export function createTestClient(transport: Transport, schema: TestSchema): TestClient {
  const methodOf = (name: string) => schema.method(name.includes("/") ? name : `${TEST_SERVICE}/${name}`);
  return {
    unary: async (name, request, { metadata, timeoutMs, signal } = {}) => {
      const method = methodOf(name);
      if (method.methodKind !== "unary") {
        throw new Error(`Cannot call ${name}: it is a stream`);
      }
      const input = fromJson(method.input, request);
      const { message, header, trailer } = await transport.unary(method, signal, timeoutMs, metadata, input);
      return { ...read(method, message), headers: header, trailers: trailer };
    },
    stream: async (name, requests, { metadata, timeoutMs, signal } = {}) => {
      const method = methodOf(name);
      if (method.methodKind === "unary") {
        throw new Error(`Cannot call ${name}: it is unary`);
      }
      const messages = async function* () {
        for await (const request of requests) {
          yield fromJson(method.input, request);
        }
      };
      const { message, header, trailer } = await transport.stream(method, signal, timeoutMs, metadata, messages());
      const answers = async function* () {
        for await (const answer of message) {
          yield read(method, answer);
        }
      };
      return { headers: header, answers: answers(), trailers: trailer };
    },
  };
}

function read({ output }: { readonly output: Parameters<typeof toBinary>[0] }, message: Message) {
  return { message: toJsonObject(output, message), length: toBinary(output, message).length };
}
