/** Calls to `Samples` as they are on the wire, made octet by octet and not by the code under test, and a server that answers them. */
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { ConnectionInfo, HeaderField, RequestHead } from "../../src/http/mod.ts";
import { nodeCompressions } from "../../src/rpc/node/mod.ts";
import { DeadlineWheel } from "../../src/rpc/deadline_wheel.ts";
import { createRpcHandler, type RpcHandler, type RpcOptions } from "../../src/rpc/mod.ts";
import { concat, uint32 } from "./frame_builder.ts";
import { Samples } from "./sample_service.ts";
import { ScriptedExchange, type ScriptedExchangeOptions } from "./scripted_exchange.ts";
import { VirtualClock } from "./virtual_clock.ts";

export const PROTOCOLS = ["connect", "grpc", "grpc-web"] as const;
export type Protocol = (typeof PROTOCOLS)[number];
export const CODECS = ["proto", "json"] as const;
export type Codec = (typeof CODECS)[number];
export const METHODS = ["Unary", "ClientStream", "ServerStream", "Bidi"] as const;
export type Method = (typeof METHODS)[number] | "Get";

/** All that {@linkcode METHODS} have in each protocol. */
export const CALLS: readonly { readonly protocol: Protocol; readonly method: Method }[] = PROTOCOLS.flatMap((
  protocol,
) => METHODS.map((method) => ({ protocol, method })));

/** What the server says of compression when it has all of them. */
export const COMPRESSION_NAMES = "gzip,br,zstd,deflate";

export const HTTP2: ConnectionInfo = { httpVersion: "2", peer: undefined, isTls: false, tlsPeerName: undefined };
export const HTTP1: ConnectionInfo = { ...HTTP2, httpVersion: "1.1" };

const encoder = new TextEncoder();

/** What peers compress with. Brotli with its default takes seconds for a bomb. */
export const COMPRESS: Readonly<Record<string, (data: Uint8Array) => Uint8Array>> = {
  gzip: (data) => gzipSync(data),
  br: (data) => brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  zstd: (data) => zstdCompressSync(data),
  deflate: (data) => deflateSync(data),
};

/** Which field says how the messages of a request, or an answer, are compressed. */
export function encodingField(protocol: Protocol, method: Method): string {
  return protocol !== "connect"
    ? "grpc-encoding"
    : isEnveloped(protocol, method)
    ? "connect-content-encoding"
    : "content-encoding";
}

/** Which field says what compressions its sender takes. */
export function acceptField(protocol: Protocol, method: Method): string {
  return protocol !== "connect"
    ? "grpc-accept-encoding"
    : isEnveloped(protocol, method)
    ? "connect-accept-encoding"
    : "accept-encoding";
}

/** Whether messages are in envelopes. */
export function isEnveloped(protocol: Protocol, method: Method): boolean {
  return protocol !== "connect" || (method !== "Unary" && method !== "Get");
}

/** The content type of a call and of its answer. */
export function contentType(protocol: Protocol, codec: Codec, method: Method): string {
  return `application/${
    protocol !== "connect" ? `${protocol}+` : isEnveloped(protocol, method) ? "connect+" : ""
  }${codec}`;
}

/** A `Sample` of nothing but a text, of up to 127 octets in the binary format. */
export function sampleOctets(codec: Codec, text: string): Uint8Array {
  const octets = encoder.encode(text);
  if (codec === "json") {
    return encoder.encode(text === "" ? "{}" : `{"text":${JSON.stringify(text)}}`);
  }
  return octets.length === 0 ? octets : concat(new Uint8Array([0x0a, octets.length]), octets);
}

/** An envelope. @param length What it says, if that is not the truth. */
export function envelope(content: Uint8Array, flags = 0, length = content.length): Uint8Array {
  return concat(new Uint8Array([flags]), uint32(length), content);
}

/** Texts as the content of a request or an answer. */
export function contentOf(protocol: Protocol, codec: Codec, method: Method, texts: readonly string[]): Uint8Array {
  const messages = texts.map((text) => sampleOctets(codec, text));
  return concat(...(isEnveloped(protocol, method) ? messages.map((message) => envelope(message)) : messages));
}

/** Takes envelopes apart: flags, and content as text. @throws {RangeError} One is cut short. */
export function readEnvelopes(octets: Uint8Array): [flags: number, text: string][] {
  const found: [number, string][] = [];
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  for (let start = 0; start < octets.length;) {
    const end = start + 5 + view.getUint32(start + 1);
    if (end > octets.length) {
      throw new RangeError("The last envelope is cut short");
    }
    found.push([octets[start]!, new TextDecoder().decode(octets.subarray(start + 5, end))]);
    start = end;
  }
  return found;
}

/** A call, as a peer would make it. */
export interface CallOptions {
  readonly protocol?: Protocol;
  /** @default "proto" */
  readonly codec?: Codec;
  readonly method?: Method;
  /** More fields, or, with undefined, one fewer: `{ "content-type": undefined }`. */
  readonly fields?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly httpMethod?: string;
  readonly path?: string;
  readonly contentLength?: number;
  readonly connection?: ConnectionInfo;
  readonly exchange?: ScriptedExchangeOptions;
}

/** The head of a call. By default of gRPC, binary, unary. */
export function requestHead(options: CallOptions = {}): RequestHead {
  const { protocol = "grpc", codec = "proto", method = "Unary", httpMethod = "POST" } = options;
  const fields = { "content-type": contentType(protocol, codec, method), ...options.fields };
  const list: HeaderField[] = [];
  for (const [name, values] of Object.entries(fields)) {
    for (const value of values === undefined ? [] : [values].flat()) {
      list.push({ name, value });
    }
  }
  return {
    method: httpMethod,
    scheme: "http",
    authority: "test",
    path: options.path ?? `/test.v1.Samples/${method}`,
    fields: list,
    contentLength: options.contentLength,
    memo: undefined,
  };
}

/** Options of {@linkcode RpcScene}: those of the server, and its implementation instead of routes. */
export type RpcSceneOptions = Omit<RpcOptions, "routes"> & { readonly routes?: RpcOptions["routes"] };

/** A server with `Samples`. */
export class RpcScene {
  readonly handler: RpcHandler;
  /** What was told to `onError`. */
  readonly errors: unknown[] = [];
  /** What deadlines go by. */
  readonly clock = new VirtualClock();

  constructor(samples: Partial<ServiceImpl<typeof Samples>>, options: RpcSceneOptions = {}) {
    this.handler = createRpcHandler({
      routes: (router) => router.service(Samples, samples),
      compressions: nodeCompressions,
      onError: (error) => this.errors.push(error),
      ...options,
    }, new DeadlineWheel(this.clock));
  }

  /** Begins a call. What it has to say is for the test to push; with `endStream` nothing. */
  begin(options: CallOptions = {}, endStream = false, head: RequestHead = requestHead(options)): ScriptedExchange {
    const exchange = new ScriptedExchange(options.exchange);
    if (endStream) {
      exchange.hasNoContent();
    }
    this.handler.serve(exchange, head, endStream, options.connection ?? HTTP2);
    return exchange;
  }

  /** Makes a whole call, and waits for the end of its answer. */
  async call(options: CallOptions, content: Uint8Array, size = Infinity): Promise<ScriptedExchange> {
    const exchange = this.begin(options);
    exchange.push(content, { endStream: true, size });
    await exchange.ended;
    return exchange;
  }
}

/** Each method says its text twice, streams each of theirs. */
export const ECHO: ServiceImpl<typeof Samples> = {
  get: ({ text }) => ({ text: text + text }),
  unary: ({ text }) => ({ text: text + text }),
  async clientStream(requests) {
    let all = "";
    for await (const { text } of requests) {
      all += text;
    }
    return { text: all + all };
  },
  async *serverStream({ text }) {
    yield { text };
    yield { text };
  },
  async *bidi(requests) {
    for await (const { text } of requests) {
      yield { text: text + text };
    }
  },
};

/** Some methods of `Samples`. */
export type Impl = Partial<ServiceImpl<typeof Samples>>;

/** Makes one call, and tells what was answered and told. */
export async function callOne(
  samples: Impl,
  options: CallOptions = {},
  server: RpcSceneOptions = {},
): Promise<{ exchange: ScriptedExchange; errors: readonly unknown[] }> {
  const scene = new RpcScene(samples, server);
  const { protocol = "grpc", codec = "proto", method = "Unary" } = options;
  const exchange = await scene.call(options, contentOf(protocol, codec, method, ["a"]));
  return { exchange, errors: scene.errors };
}

/** The same thing done by a method of each kind, before anything is answered. */
export function each(action: (context: HandlerContext) => void): Impl {
  return {
    unary: (_request, context) => (action(context), {}),
    clientStream: (_requests, context) => Promise.resolve().then(() => (action(context), {})),
    async *serverStream(_request, context) {
      await Promise.resolve();
      action(context);
      yield {};
    },
    async *bidi(_requests, context) {
      action(context);
      yield {};
    },
  };
}
