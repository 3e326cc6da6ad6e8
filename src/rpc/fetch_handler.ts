/**
 * The server side over `fetch`: a `Request` in, a `Response` out, for Connect and gRPC-Web.
 *
 * Stop-gap: connect-es owns the protocols, and this is the only file that touches its handlers.
 */
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  createContextValues,
  type Interceptor,
} from "@connectrpc/connect";
import {
  type UniversalHandler,
  type UniversalServerRequest,
  universalServerRequestFromFetch,
  universalServerResponseToFetch,
} from "@connectrpc/connect/protocol";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { connectionKey, isConnectionInfo } from "./connection_key.ts";
import { DEFAULT_MAX_MESSAGE_BYTES } from "./message_limit.ts";

/**
 * What `serve`, `Deno.serve`, `export default { fetch }`, Bun and workerd want. Only `serve` says by which connection a request came: others
 * give something else as a second argument.
 */
export type FetchHandler = (request: Request, connection?: unknown) => Response | Promise<Response>;

/** Options of {@linkcode createFetchHandler}. */
export interface FetchHandlerOptions {
  /** Adds the services: `(router) => router.service(Greeter, { ... })`. */
  readonly routes: (router: ConnectRouter) => void;
  /** Answers requests that are not for one of the services. By default they get a 404. */
  readonly fallback?: FetchHandler | undefined;
  /** The largest message to receive or send, in bytes. @default 4 MiB */
  readonly maxMessageBytes?: number | undefined;
  /** The first is the outermost. None by default. */
  readonly interceptors?: Interceptor[] | undefined;
  /** When it aborts, so do the signals of all calls under way. */
  readonly shutdownSignal?: AbortSignal | undefined;
}

/**
 * Makes a handler that answers Connect and gRPC-Web calls.
 *
 * gRPC itself is refused with 415: it needs HTTP trailers, which a `Response` does not have.
 */
export function createFetchHandler(options: FetchHandlerOptions): FetchHandler {
  const maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  const router = createConnectRouter({
    grpc: false,
    readMaxBytes: maxMessageBytes,
    writeMaxBytes: maxMessageBytes,
    interceptors: [...options.interceptors ?? [], reportMalformedMessages],
    jsonOptions: JSON_OPTIONS,
    ...(options.shutdownSignal === undefined ? {} : { shutdownSignal: options.shutdownSignal }),
  });
  options.routes(router);

  const methods = new Map(
    router.handlers.map((method) => [method.requestPath, method]),
  );
  const services = new Set(router.handlers.map((method) => method.service.typeName));

  return async (request, connection) => {
    const { pathname } = new URL(request.url);
    const method = methods.get(pathname);
    if (method !== undefined) {
      const universalRequest = universalServerRequestFromFetch(request, {});
      const response = universalServerResponseToFetch(
        await method({
          ...universalRequest,
          body: untilAborted(universalRequest.body, options.shutdownSignal),
          contextValues: createContextValues().set(
            connectionKey,
            isConnectionInfo(connection) ? connection : undefined,
          ),
        }),
      );
      return response.ok ? response : await explainRefusal(response, request, method);
    }
    const service = pathname.split("/")[1] ?? "";
    if (services.has(service)) {
      return errorResponse(404, new ConnectError(`no method ${pathname}`, Code.Unimplemented));
    }
    return options.fallback?.(request, connection) ?? textResponse(404, `Not found: ${pathname}\n`);
  };
}

/**
 * The same octets until the signal aborts, whose reason it then throws: connect-es tells handlers of it, and one that waits for its caller does
 * not hear that.
 */
function untilAborted(
  body: UniversalServerRequest["body"],
  signal: AbortSignal | undefined,
): UniversalServerRequest["body"] {
  const isStream = typeof body === "object" && body !== null && Symbol.asyncIterator in body;
  return signal === undefined || !isStream ? body : abortable(body as AsyncIterable<Uint8Array>, signal);
}

async function* abortable(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  let rejectNext = (_reason: unknown) => {};
  const onAbort = () => rejectNext(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    while (true) {
      signal.throwIfAborted();
      const { done, value } = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        rejectNext = reject;
        iterator.next().then(resolve, reject);
      });
      if (done) {
        return;
      }
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    iterator.return?.().catch(() => {}); // Not awaited: it waits for what comes next.
  }
}

/** JSON is UTF-8 (RFC 8259 §8.1): text that is not is refused, where connect-es' own decoder would replace it. */
const JSON_OPTIONS = { ignoreUnknownFields: true, textDecoder: new TextDecoder("utf-8", { fatal: true }) };

/**
 * Reports a message that cannot be parsed as what it is, the caller's mistake: connect-es says `internal`.
 * Interceptors see the messages of request streams only; single ones are seen to in {@linkcode explainRefusal}.
 */
const reportMalformedMessages: Interceptor = (next) => (request) => {
  if (!request.stream) {
    return next(request);
  }
  const { message: messages } = request;
  return next({
    ...request,
    message: (async function* () {
      try {
        yield* messages;
      } catch (error) {
        throw error instanceof ConnectError && isMalformedMessage(error.rawMessage)
          ? new ConnectError(error.rawMessage, Code.InvalidArgument, undefined, undefined, error)
          : error;
      }
    })(),
  });
};

function isMalformedMessage(message: string): boolean {
  return message.startsWith("parse binary: ");
}

/** Gives connect-es' answers to bad requests the words (and in one case the code) they lack. */
async function explainRefusal(response: Response, request: Request, method: UniversalHandler): Promise<Response> {
  const contentType = request.headers.get("content-type") ?? "";
  switch (response.status) {
    case 405: {
      const allow = method.allowedMethods.filter((name, index, all) => all.indexOf(name) === index).join(", ");
      return textResponse(405, `Cannot ${request.method} ${method.requestPath}: use ${allow}\n`, { allow });
    }
    case 415:
      return contentType.startsWith("application/grpc") && !contentType.startsWith("application/grpc-web")
        ? textResponse(415, "gRPC needs HTTP trailers, which this server cannot send: use Connect or gRPC-Web\n")
        : textResponse(415, `Unsupported content type "${contentType}": use ${acceptPost(method)}\n`, {
          "accept-post": acceptPost(method),
        });
    case 500: {
      const { code, message } = await response.clone().json().catch(() => ({}));
      return code === "internal" && typeof message === "string" && isMalformedMessage(message)
        ? errorResponse(400, new ConnectError(message, Code.InvalidArgument))
        : response;
    }
    default:
      return response;
  }
}

function acceptPost(method: UniversalHandler): string {
  const connect = method.method.methodKind === "unary"
    ? ["application/json", "application/proto"]
    : ["application/connect+json", "application/connect+proto"];
  return [...connect, "application/grpc-web+json", "application/grpc-web+proto"].join(", ");
}

/** An error of the Connect protocol: https://connectrpc.com/docs/protocol/#error-end-stream */
function errorResponse(status: number, error: ConnectError): Response {
  return Response.json({ code: codeToString(error.code), message: error.rawMessage }, { status });
}

function textResponse(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });
}
