/** Lets pages of other origins call (CORS, Fetch Standard §3.2), whatever carries the exchanges. */
import { cors } from "@connectrpc/connect";
import {
  type ExchangeHandler,
  fieldValue,
  type HeaderField,
  type HttpExchange,
  NO_HANDLER,
  type RequestHead,
  type ServeExchange,
} from "../http/mod.ts";
import { AllowedOrigins } from "./allowed_origins.ts";
import { respondWithFirst } from "./refusal_head.ts";

/** How long a browser may keep the answer to a preflight, in seconds: as long as Chromium does at most. */
const MAX_AGE_S = 2 * 60 * 60;

/** `authorization` is for who checks it; what else calls send are fields of the protocols. */
const PREFLIGHT_FIELDS: readonly HeaderField[] = [
  { name: "access-control-allow-methods", value: cors.allowedMethods.join(", ") },
  { name: "access-control-allow-headers", value: [...cors.allowedHeaders, "Authorization"].join(", ") },
  { name: "access-control-max-age", value: String(MAX_AGE_S) },
];

/** The names for who does not know `*`, which shows all fields to requests without credentials: there are no others here. */
const EXPOSED: HeaderField = {
  name: "access-control-expose-headers",
  value: [...cors.exposedHeaders, "*"].join(", "),
};

const VARY: HeaderField = { name: "vary", value: "origin" };

/**
 * Makes a server that answers preflights for Connect and gRPC-Web, and lets pages of some origins see all other answers. Requests without an origin
 * are not touched. Credentials (cookies) are never allowed.
 *
 * A preflight for another origin gets a 403; other requests of it are answered without the fields by which a browser would show the answer.
 *
 * @param origins As in `https://example.com`, without a path; `*` for all, the one of pages without an origin (`null`) included.
 * @throws {TypeError} One of them is no origin.
 */
export function withCors(serve: ServeExchange, origins: readonly string[]): ServeExchange {
  const allowed = new AllowedOrigins(origins);
  const { allowsAll } = allowed;
  return (exchange, head, endStream, connection) => {
    const origin = fieldValue(head.fields, "origin");
    if (origin === undefined) {
      serve(exchange, head, endStream, connection);
      return;
    }
    const isAllowed = allowed.allows(origin);
    // Caches have to tell the answers of several origins apart.
    const fields = allowsAll ? [] : [VARY];
    if (isAllowed) {
      fields.push({ name: "access-control-allow-origin", value: allowsAll ? "*" : origin });
    }
    if (isPreflight(head)) {
      const status = { name: ":status", value: isAllowed ? "204" : "403" };
      const preflight = isAllowed ? [status, ...fields, ...PREFLIGHT_FIELDS] : [status, ...fields];
      respondWithFirst(exchange, [preflight], true);
      return;
    }
    if (isAllowed) {
      fields.push(EXPOSED);
    }
    serve(fields.length === 0 ? exchange : new CorsExchange(exchange, fields), head, endStream, connection);
  };
}

/** A "CORS-preflight request" (Fetch Standard §3.2.2). */
function isPreflight(head: RequestHead): boolean {
  return head.method === "OPTIONS" && fieldValue(head.fields, "access-control-request-method") !== undefined;
}

/** One for all: the exchange below knows the one above. */
const UPWARDS: ExchangeHandler = {
  onData: (exchange, buffer, start, end, endStream) => {
    const above = aboveOf(exchange);
    above.handler.onData(above, buffer, start, end, endStream);
  },
  onTrailers: (exchange, fields) => {
    const above = aboveOf(exchange);
    above.handler.onTrailers(above, fields);
  },
  onWritable: (exchange) => {
    const above = aboveOf(exchange);
    above.handler.onWritable(above);
  },
  onReset: (exchange, error) => {
    const above = aboveOf(exchange);
    above.handler.onReset(above, error);
  },
  onRefused: (exchange, error) => {
    const above = aboveOf(exchange);
    if (above.handler.onRefused === undefined) {
      exchange.reset();
    } else {
      above.handler.onRefused(above, error);
    }
  },
};

function aboveOf(exchange: HttpExchange): CorsExchange {
  return exchange.context as CorsExchange;
}

/** An exchange whose answer has some fields more. */
class CorsExchange implements HttpExchange {
  handler: ExchangeHandler = NO_HANDLER;
  context: unknown = undefined;
  readonly #below: HttpExchange;
  readonly #fields: readonly HeaderField[];

  constructor(below: HttpExchange, fields: readonly HeaderField[]) {
    this.#below = below;
    this.#fields = fields;
    below.context = this;
    below.handler = UPWARDS;
  }

  get headSent(): boolean {
    return this.#below.headSent;
  }

  get isClosed(): boolean {
    return this.#below.isClosed;
  }

  get awaitsRequest(): boolean {
    return this.#below.awaitsRequest;
  }

  set awaitsRequest(awaits: boolean) {
    this.#below.awaitsRequest = awaits;
  }

  get canSendTrailers(): boolean {
    return this.#below.canSendTrailers;
  }

  get outputBuffer(): Uint8Array {
    return this.#below.outputBuffer;
  }

  sendInformation(fields: readonly HeaderField[]): void {
    this.#below.sendInformation(fields);
  }

  respond(fields: readonly HeaderField[], endStream?: boolean): void {
    this.#below.respond([...fields, ...this.#fields], endStream);
  }

  write(chunk: Uint8Array, start?: number, end?: number): boolean {
    return this.#below.write(chunk, start, end);
  }

  end(chunk?: Uint8Array): void {
    this.#below.end(chunk);
  }

  endWithTrailers(fields: readonly HeaderField[]): void {
    this.#below.endWithTrailers(fields);
  }

  reserve(bound: number): number {
    return this.#below.reserve(bound);
  }

  commit(length: number): void {
    this.#below.commit(length);
  }

  reset(code?: number): void {
    this.#below.reset(code);
  }

  release(length: number): void {
    this.#below.release(length);
  }

  spendWork(work: number): void {
    this.#below.spendWork(work);
  }

  schedule<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T> {
    return this.#below.schedule(bytes, work, isFurther);
  }

  keep(bytes: number): void {
    this.#below.keep(bytes);
  }
}
