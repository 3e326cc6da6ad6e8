/** Calls servers: a connect-es `Transport` for Connect, gRPC and gRPC-Web, over whatever carries requests. */
import type {
  DescMessage,
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import {
  Code,
  ConnectError,
  type Interceptor,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from "@connectrpc/connect";
import { checkWholeNumber, type HeaderField, type HttpClient, MAX_COUNT } from "../../http/mod.ts";
import { type Compression, createWebCompressions } from "../compression.ts";
import { binaryCodec, type BinaryOptions, jsonCodec, type JsonOptions } from "../message_codec.ts";
import {
  checkMessageBytes,
  DEFAULT_COMPRESS_MIN_BYTES,
  DEFAULT_MAX_MESSAGE_BYTES,
  defaultMaxDecodedBytes,
} from "../message_limits.ts";
import { unsendableError } from "./call_errors.ts";
import type { CallPlan } from "./call_plan.ts";
import type { CallRequest } from "./call_request.ts";
import { type Caller, onlyMessage, transportOf } from "./caller.ts";
import { ClientCall } from "./client_call.ts";
import { connectStreamFormat } from "./connect_stream_format.ts";
import { connectUnaryFormat } from "./connect_unary_format.ts";
import { createFetchClient } from "./fetch_client.ts";
import { grpcFormat } from "./grpc_format.ts";
import { grpcWebFormat } from "./grpc_web_format.ts";
import { MessageEncoder } from "./message_encoder.ts";
import { MessageStream } from "./message_stream.ts";
import { WholeBody } from "./request_body.ts";
import { StreamedBody } from "./request_stream.ts";
import { UnaryResult } from "./unary_result.ts";
import type { WireFormat } from "./wire_format.ts";

/** A protocol that servers may be called by. */
export type Protocol = "connect" | "grpc" | "grpc-web";

/** Options of {@linkcode createTransport}. */
export interface TransportOptions {
  /** The server's URL, with the path that its services are mounted at, if any. By default that of `httpClient`. */
  readonly baseUrl?: string | URL | undefined;
  /** What the server is called by. @default "connect" */
  readonly protocol?: Protocol | undefined;
  /** What carries the requests. gRPC needs one of `createHttp2Client`. @default `createFetchClient()` */
  readonly httpClient?: HttpClient | undefined;
  /** Whether messages are sent in the protobuf binary format or in JSON. @default true */
  readonly useBinaryFormat?: boolean | undefined;
  /** Whether unary calls without side effects are sent as HTTP GET (Connect only). @default false */
  readonly useHttpGet?: boolean | undefined;
  /** The first is the outermost. None by default. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  /** The largest message to send, and to receive before and after decompression, in bytes. @default 4 MiB */
  readonly maxMessageBytes?: number | undefined;
  /**
   * What a received message may take in memory once it is decoded, in bytes, by an estimate, as for servers: beyond it a call is `resource_exhausted`. By
   * default 4 times `maxMessageBytes`, that is, 16 MiB.
   */
  readonly maxDecodedBytes?: number | undefined;
  /** How long a call may take that does not say it itself, in milliseconds. None by default. */
  readonly defaultTimeoutMs?: number | undefined;
  /** How responses may be compressed, the best first. @default `createWebCompressions()` */
  readonly acceptCompressions?: readonly Compression[] | undefined;
  /** How messages are compressed that are sent. None by default. */
  readonly sendCompression?: Compression | undefined;
  /** From how many bytes on they are. @default 1024 */
  readonly compressMinBytes?: number | undefined;
  /** How messages are read and written in JSON. */
  readonly jsonOptions?: JsonOptions | undefined;
  /** How messages are read and written in the binary format. */
  readonly binaryOptions?: BinaryOptions | undefined;
}

/**
 * Makes a transport for generated clients.
 *
 * ```ts
 * import { createClient } from "@connectrpc/connect";
 * import { createTransport } from "@edgewire/edgewire/fetch";
 * import { Greeter } from "./gen/edgewire/v1/greeter_pb.ts";
 *
 * const greeter = createClient(Greeter, createTransport({ baseUrl: "http://localhost:50051" }));
 * console.log((await greeter.sayHello({ name: "World" })).message);
 * ```
 *
 * A call that fails does so with a `ConnectError`, whatever the reason. A request that a server surely did nothing with is sent again by itself, up to
 * three times, if no message was taken from a stream of the caller's yet. Nothing else is sent twice.
 *
 * @throws {TypeError} The URL is none of HTTP, or what carries the requests does not do for the protocol.
 * @throws {RangeError} A number is none that it can be.
 */
export function createTransport(options: TransportOptions): Transport {
  return transportOf(new RemoteCaller(options), options);
}

class RemoteCaller implements Caller {
  readonly #options: TransportOptions;
  readonly #client: HttpClient;
  readonly #baseUrl: URL;
  readonly #protocol: Protocol;
  readonly #maxMessageBytes: number;
  readonly #maxDecodedBytes: number;
  readonly #compressMinBytes: number;
  readonly #acceptCompressions: readonly Compression[];
  readonly #plans = new Map<DescMethod, CallPlan>();

  constructor(options: TransportOptions) {
    const { protocol = "connect", httpClient = createFetchClient() } = options;
    if (protocol === "grpc" && !httpClient.hasTrailers) {
      throw new TypeError(
        "Cannot use gRPC over fetch, which has no trailers: use createHttp2Client, Connect or gRPC-Web",
      );
    }
    this.#options = options;
    this.#client = httpClient;
    this.#protocol = protocol;
    this.#baseUrl = checkBaseUrl(options.baseUrl ?? httpClient.origin);
    this.#maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    this.#maxDecodedBytes = options.maxDecodedBytes ?? defaultMaxDecodedBytes(this.#maxMessageBytes);
    this.#compressMinBytes = options.compressMinBytes ?? DEFAULT_COMPRESS_MIN_BYTES;
    this.#acceptCompressions = options.acceptCompressions ?? createWebCompressions();
    checkMessageBytes("maxMessageBytes", this.#maxMessageBytes);
    checkWholeNumber("maxDecodedBytes", this.#maxDecodedBytes, 0, MAX_COUNT);
    checkWholeNumber("compressMinBytes", this.#compressMinBytes, 0, MAX_COUNT);
  }

  urlOf(method: DescMethod): string {
    return this.#baseUrl.origin + this.#pathOf(method);
  }

  callUnary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: CallRequest,
    message: MessageShape<I>,
  ): Promise<UnaryResponse<I, O>> {
    const plan = this.#planOf(method);
    return new Promise((resolve, reject) => {
      const result = new UnaryResult(plan, method, resolve, reject);
      new ClientCall(plan, request, new WholeBody(plan, message), result).start();
    });
  }

  async callStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    request: CallRequest,
    messages: AsyncIterable<MessageInitShape<I>>,
  ): Promise<StreamResponse<I, O>> {
    const plan = this.#planOf(method);
    const responses = new MessageStream(plan, method, request);
    if (method.methodKind === "server_streaming") {
      const body = new WholeBody(plan, await onlyMessage(method, messages));
      return await responses.start(new ClientCall(plan, request, body, responses));
    }
    if (!this.#client.canStreamRequests) {
      throw new ConnectError(
        `fetch cannot send a stream of messages here, and ${method.name} takes one`,
        Code.Unimplemented,
      );
    }
    const body = new StreamedBody(plan, messages, (error) => call.fail(unsendableError(error)));
    const call = new ClientCall(plan, request, body, responses);
    return await responses.start(call);
  }

  #planOf(method: DescMethod): CallPlan {
    let plan = this.#plans.get(method);
    if (plan === undefined) {
      plan = this.#createPlan(method);
      this.#plans.set(method, plan);
    }
    return plan;
  }

  #createPlan(method: DescMethod): CallPlan {
    const { useBinaryFormat = true, useHttpGet = false, sendCompression, binaryOptions, jsonOptions } = this.#options;
    const format = this.#formatOf(method);
    const codecOf = (schema: DescMessage) =>
      useBinaryFormat ? binaryCodec(schema, binaryOptions) : jsonCodec(schema, jsonOptions);
    const codecName = useBinaryFormat ? "proto" : "json";
    return {
      client: this.#client,
      origin: this.#baseUrl.origin,
      method,
      format,
      encoder: new MessageEncoder({
        codec: codecOf(method.input),
        isEnveloped: format.isEnveloped,
        maxMessageBytes: this.#maxMessageBytes,
        compression: sendCompression,
        compressMinBytes: this.#compressMinBytes,
      }),
      output: codecOf(method.output),
      readerOptions: {
        codecName,
        maxMessageBytes: this.#maxMessageBytes,
        maxDecodedBytes: this.#maxDecodedBytes,
        acceptCompressions: this.#acceptCompressions,
      },
      isGet: useHttpGet && format === connectUnaryFormat &&
        method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
      timedHeads: new Map(),
      head: Object.freeze(this.#headOf(method, format, codecName)),
      compressionName: sendCompression?.name,
    };
  }

  #pathOf(method: DescMethod): string {
    return `${this.#baseUrl.pathname.replace(/\/$/, "")}/${method.parent.typeName}/${method.name}`;
  }

  #formatOf(method: DescMethod): WireFormat {
    switch (this.#protocol) {
      case "connect":
        return method.methodKind === "unary" ? connectUnaryFormat : connectStreamFormat;
      case "grpc":
        return grpcFormat;
      case "grpc-web":
        return grpcWebFormat;
    }
  }

  #headOf(method: DescMethod, format: WireFormat, codecName: "proto" | "json"): HeaderField[] {
    const { protocol, host } = this.#baseUrl;
    const accepted = this.#acceptCompressions.map(({ name }) => name).join(",");
    const { sendCompression } = this.#options;
    return [
      { name: ":method", value: "POST" },
      { name: ":scheme", value: protocol.slice(0, -1) },
      { name: ":authority", value: host },
      { name: ":path", value: this.#pathOf(method) },
      ...format.headFields(codecName),
      ...accepted === "" ? [] : [{ name: format.acceptEncodingField, value: accepted }],
      ...format.isEnveloped && sendCompression !== undefined
        ? [{ name: format.encodingField, value: sendCompression.name }]
        : [],
    ];
  }
}

function checkBaseUrl(baseUrl: string | URL | undefined): URL {
  if (baseUrl === undefined) {
    throw new TypeError("Cannot call a server without baseUrl: fetch has no server of its own");
  }
  const url = new URL(baseUrl);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(`Cannot use "${baseUrl}" as a base URL: the scheme must be http or https`);
  }
  return url;
}
