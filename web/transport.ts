/** What carries the page's calls: Connect or gRPC-Web over the browser's `fetch`. The page and its worker both use it. */
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";

/** The protocols a browser can speak. */
export type Protocol = "connect" | "grpc-web";

/** The protocols' names, the default first. */
export const PROTOCOL_LABELS: Readonly<Record<Protocol, string>> = { "connect": "Connect", "grpc-web": "gRPC-Web" };

/** Options of {@linkcode createPageTransport}. */
export interface PageTransportOptions {
  readonly baseUrl: string;
  readonly protocol: Protocol;
  /** The first is the outermost. None by default. */
  readonly interceptors?: readonly Interceptor[];
}

/** Makes a transport that says `unavailable` when the server cannot be reached, or is lost in the middle of a call. */
export function createPageTransport({ baseUrl, protocol, interceptors = [] }: PageTransportOptions): Transport {
  const create = protocol === "connect" ? createConnectTransport : createGrpcWebTransport;
  return create({ baseUrl, useBinaryFormat: true, interceptors: [...interceptors, reportLostServer] });
}

const reportLostServer: Interceptor = (next) => async (request) => {
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: reportLoss(response.message) } : response;
  } catch (error) {
    throw asUnavailable(error);
  }
};

async function* reportLoss<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw asUnavailable(error);
  }
}

/** A network failure is a TypeError to `fetch`, whatever happened: https://fetch.spec.whatwg.org/#fetch-method */
function asUnavailable(error: unknown): unknown {
  return error instanceof TypeError
    ? new ConnectError("the server cannot be reached", Code.Unavailable, undefined, undefined, error)
    : error;
}
