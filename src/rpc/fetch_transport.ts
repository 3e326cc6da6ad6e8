/**
 * Client transports over `fetch`: Connect and gRPC-Web, all four kinds of streams.
 *
 * Stop-gap: connect-es owns the protocols; this file gives them a `fetch` that can stream requests, where the runtime's can.
 */
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import type { UniversalClientFn, UniversalClientRequest, UniversalClientResponse } from "@connectrpc/connect/protocol";
import { createTransport as createConnectTransport } from "@connectrpc/connect/protocol-connect";
import { createTransport as createGrpcWebTransport } from "@connectrpc/connect/protocol-grpc-web";
import { DEFAULT_MAX_MESSAGE_BYTES } from "./message_limit.ts";

/** The protocols a client can speak over `fetch`. gRPC itself needs trailers, which `fetch` does not have. */
export type FetchProtocol = "connect" | "grpc-web";

/** Options of {@linkcode createTransport}. */
export interface TransportOptions {
  /** The server's URL, with the path its services are mounted at, if any: `http://localhost:50051`. */
  readonly baseUrl: string;
  /** @default "connect" */
  readonly protocol?: FetchProtocol | undefined;
  /** Whether messages are sent in the protobuf binary format or in JSON. @default true */
  readonly useBinaryFormat?: boolean | undefined;
  /** Whether calls without side effects are sent as HTTP GET (Connect only). @default false */
  readonly useHttpGet?: boolean | undefined;
  /** The largest message to send or receive, in bytes. @default 4 MiB */
  readonly maxMessageBytes?: number | undefined;
  /** How long a call may take that does not say it itself, in milliseconds. None by default. */
  readonly defaultTimeoutMs?: number | undefined;
  /** The first is the outermost. None by default. */
  readonly interceptors?: Interceptor[] | undefined;
  /** What carries the requests. @default globalThis.fetch */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** `RequestInit` with what the Fetch Standard calls for when a request's body is a stream. */
type StreamingRequestInit = RequestInit & { duplex?: "half" };

/**
 * Makes a transport for generated clients: `createClient(Greeter, createTransport({ baseUrl }))`.
 *
 * A server that cannot be reached is a `ConnectError` with code `unavailable` that names the URL.
 *
 * @throws {TypeError} When `baseUrl` is not an `http:` or `https:` URL.
 */
export function createTransport(options: TransportOptions): Transport {
  const { protocol } = new URL(options.baseUrl);
  if (protocol !== "http:" && protocol !== "https:") {
    throw new TypeError(`Cannot use "${options.baseUrl}" as a base URL: the scheme must be http or https`);
  }
  const create = options.protocol === "grpc-web" ? createGrpcWebTransport : createConnectTransport;
  const fetch = options.fetch ?? globalThis.fetch;
  const maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  const over = (httpClient: UniversalClientFn) =>
    create({
      httpClient,
      baseUrl: options.baseUrl,
      useBinaryFormat: options.useBinaryFormat ?? true,
      useHttpGet: options.useHttpGet ?? false,
      interceptors: options.interceptors ?? [],
      acceptCompression: [],
      sendCompression: null,
      compressMinBytes: maxMessageBytes,
      readMaxBytes: maxMessageBytes,
      writeMaxBytes: maxMessageBytes,
      ...(options.defaultTimeoutMs === undefined ? {} : { defaultTimeoutMs: options.defaultTimeoutMs }),
    });
  const whole = over((request) => send(fetch, request, wholeBody));
  const streaming = over((request) => send(fetch, request, streamedBody));
  return {
    unary: whole.unary,
    // A single request message is sent whole: not every runtime can stream a request, and all can do without.
    stream: (method, ...rest) => (method.methodKind === "server_streaming" ? whole : streaming).stream(method, ...rest),
  };
}

async function send(
  fetch: typeof globalThis.fetch,
  request: UniversalClientRequest,
  bodyInit: (body: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) => Promise<StreamingRequestInit>,
): Promise<UniversalClientResponse> {
  const body = request.body === undefined ? {} : await bodyInit(request.body, request.signal);
  const init: StreamingRequestInit = {
    method: request.method,
    headers: request.header,
    signal: request.signal ?? null,
    ...body,
  };
  let response: Response;
  try {
    response = await fetch(request.url, init);
  } catch (error) {
    request.signal?.throwIfAborted();
    throw unreachable(request.url, error);
  }
  return {
    status: response.status,
    header: response.headers,
    body: receivedBody(response, request.url),
    trailer: new Headers(),
  };
}

async function wholeBody(body: AsyncIterable<Uint8Array>): Promise<StreamingRequestInit> {
  const chunks: BlobPart[] = [];
  for await (const chunk of body) {
    chunks.push(chunk as Uint8Array<ArrayBuffer>);
  }
  return { body: new Uint8Array(await new Blob(chunks).arrayBuffer()) };
}

function streamedBody(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<StreamingRequestInit> {
  const iterator = body[Symbol.asyncIterator]();
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      // Over HTTP/2, Deno's fetch resets the stream of a cancelled request only if its body fails.
      signal?.addEventListener("abort", () => controller.error(signal.reason), { once: true });
    },
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (signal?.aborted) {
        return;
      }
      if (done) {
        controller.close();
      } else {
        controller.enqueue(value);
      }
    },
    async cancel() {
      await iterator.return?.();
    },
  }, { highWaterMark: 0 });
  return Promise.resolve({ body: stream, duplex: "half" });
}

async function* receivedBody(response: Response, url: string): AsyncGenerator<Uint8Array> {
  try {
    // A generator, so that whoever stops early cancels the response and frees its connection.
    yield* response.body ?? [];
  } catch (error) {
    if (error instanceof TypeError) {
      throw unreachable(url, error);
    }
    throw error;
  }
}

/** `fetch` reports every network error as a TypeError, and says the reason last in the innermost cause. */
function unreachable(url: string, error: unknown): ConnectError {
  let cause = error;
  while (cause instanceof Error && cause.cause !== undefined) {
    cause = cause.cause;
  }
  const reason = (cause instanceof Error ? cause.message : String(cause)).split(": ").at(-1);
  return new ConnectError(
    `cannot reach ${new URL(url).origin}: ${reason}`,
    Code.Unavailable,
    undefined,
    undefined,
    error,
  );
}
