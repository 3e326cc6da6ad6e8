/** Carries calls by `fetch`: in browsers, on edges, in Deno and Node. There are no trailers, so no gRPC. */
import type { CallHandler, HeaderField, HttpClient, WaitingCall } from "../../http/mod.ts";
import { FetchCall } from "./fetch_call.ts";

/** Options of {@linkcode createFetchClient}. */
export interface FetchClientOptions {
  /** What is called in the place of the runtime's own. @default globalThis.fetch */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/**
 * Makes a client that calls `fetch` for each call. What `fetch` knows of redirects, credentials and origins is left to it.
 *
 * Requests with one message work everywhere, streams of messages where `fetch` can stream requests: Deno, Node, Chromium over HTTP/2. In browsers
 * the response begins when the request has ended.
 *
 * ```ts
 * import { createFetchClient, createTransport } from "@edgewire/edgewire/fetch";
 *
 * const httpClient = createFetchClient({
 *   fetch: (input, init) => fetch(input, { ...init, credentials: "include" }),
 * });
 * const transport = createTransport({ baseUrl: "https://example.com", httpClient });
 * ```
 */
export function createFetchClient(options: FetchClientOptions = {}): HttpClient {
  return new FetchClient(options.fetch ?? ((input, init) => globalThis.fetch(input, init)));
}

class FetchClient implements HttpClient {
  readonly origin = undefined;
  readonly hasTrailers = false;
  readonly canStreamRequests = canStreamRequests();
  readonly #fetch: typeof globalThis.fetch;
  readonly #calls = new Set<FetchCall>();
  #isClosed = false;
  #onIdle: (() => void) | undefined = undefined;

  constructor(fetch: typeof globalThis.fetch) {
    this.#fetch = fetch;
  }

  open(fields: readonly HeaderField[], handler: CallHandler, endStream = false): WaitingCall | undefined {
    if (this.#isClosed) {
      handler.onUnreachable(new Error("Cannot begin a call: the client is closed"));
      return undefined;
    }
    const call = new FetchCall(this.#fetch, fields, handler, () => {
      this.#calls.delete(call);
      if (this.#calls.size === 0) {
        this.#onIdle?.();
      }
    });
    this.#calls.add(call);
    handler.onOpen(call);
    if (endStream) {
      call.end();
    }
    return undefined;
  }

  async shutdown(): Promise<void> {
    this.#isClosed = true;
    if (this.#calls.size > 0) {
      await new Promise<void>((resolve) => this.#onIdle = resolve);
    }
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const call of this.#calls) {
      call.lose(new Error("The client was closed"));
    }
    return Promise.resolve();
  }
}

/**
 * Whether requests can be streamed (https://developer.chrome.com/docs/capabilities/web-apis/fetch-streaming-requests#feature_detection): who cannot
 * makes a text of the stream, or takes streams in requests that it then does not send, and does not look at `duplex`. Deno does not either.
 */
function canStreamRequests(): boolean {
  let hasReadDuplex = false;
  const init = {
    method: "POST",
    body: new ReadableStream(),
    get duplex() {
      hasReadDuplex = true;
      return "half";
    },
  };
  try {
    const isText = new Request("http://localhost/", init).headers.has("content-type");
    return !isText && (hasReadDuplex || "Deno" in globalThis);
  } catch {
    return false;
  }
}
