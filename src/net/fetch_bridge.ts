/** Answers exchanges by a `fetch` handler: what is no RPC, such as a page, or all of a framework. */
import {
  type ConnectionInfo,
  type ExchangeHandler,
  type HeaderField,
  type HttpExchange,
  type RefusalError,
  type RequestHead,
  type ServeExchange,
  Work,
} from "../http/mod.ts";
import { abortGuarded, createGuardedAbort, guardReporter, guardSignal, type MistakeOwner } from "../user_code/mod.ts";

/** A handler as `Deno.serve`, Bun and edges have it. */
export type FetchHandler = (request: Request, connection: ConnectionInfo) => Response | Promise<Response>;

/** Fields about a connection, which are for whoever carries the message (RFC 9110 §7.6.1), and wrong in HTTP/2. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** RFC 9113 §7 */
const INTERNAL_ERROR = 0x2;
const ENHANCE_YOUR_CALM = 0xb;

/** How much of a request that nobody reads is waited for, in milliseconds and bytes. */
const DISCARD_MS = 100;
const DISCARD_BYTES = 262_144;

/** Bytes of a response that are given to the exchange at once: all of a large one would wait there, beside those that the handler has. */
const WRITTEN_TOGETHER = 262_144;

const UNAVAILABLE: readonly HeaderField[] = Object.freeze([
  { name: ":status", value: "500" },
  { name: "content-type", value: "text/plain;charset=UTF-8" },
]);
const UNAVAILABLE_TEXT = new TextEncoder().encode("Internal Server Error\n");
const OVERLOADED: readonly HeaderField[] = Object.freeze([
  { name: ":status", value: "503" },
  { name: "content-type", value: "text/plain;charset=UTF-8" },
]);
const TIMED_OUT: readonly HeaderField[] = Object.freeze([
  { name: ":status", value: "408" },
  { name: "content-type", value: "text/plain;charset=UTF-8" },
]);
const BAD_REQUEST: readonly HeaderField[] = Object.freeze([{ name: ":status", value: "400" }]);

/**
 * Makes a `fetch` handler serve exchanges. Content streams both ways with back-pressure: octets of a request are given back to the peer's window
 * when the handler has read them, a response is read when the peer takes it. The request's signal aborts when the peer goes away.
 *
 * @param onError Told what the handler threw, for which the peer gets a 500 without its text, and what listeners of its request's signal throw.
 */
export function createFetchBridge(handler: FetchHandler, onError: (error: unknown) => void): ServeExchange {
  const report = guardReporter(onError);
  return (exchange, head, endStream, connection) => {
    const fetched = new FetchExchange(exchange, report);
    exchange.context = fetched;
    exchange.handler = FETCH_HANDLER;
    exchange.spendWork(Work.FETCH + head.fields.length * Work.FETCH_FIELD);
    fetched.serve(handler, head, endStream, connection);
  };
}

/** One for all: the exchange knows its {@linkcode FetchExchange}. */
const FETCH_HANDLER: ExchangeHandler = {
  onData: (exchange, buffer, start, end, endStream) => {
    contextOf(exchange).receive(buffer.slice(start, end), endStream);
  },
  onTrailers: (exchange) => contextOf(exchange).receive(undefined, true),
  onWritable: (exchange) => contextOf(exchange).resume(),
  onReset: (exchange, error) => contextOf(exchange).abort(error),
  onRefused: (exchange, error) => contextOf(exchange).refuse(error),
};

function contextOf(exchange: HttpExchange): FetchExchange {
  return exchange.context as FetchExchange;
}

/** A request on its way through a `fetch` handler. */
class FetchExchange implements MistakeOwner {
  readonly #exchange: HttpExchange;
  /** Never throws. */
  readonly #onError: (error: unknown) => void;
  #hasReported = false;
  readonly #abort = createGuardedAbort(this);
  /** Content that was received and not read. The peer's window bounds it. */
  readonly #received: Uint8Array<ArrayBuffer>[] = [];
  /** Bytes of them. */
  #keptBytes = 0;
  #hasEnded = false;
  /** Of the stream that the handler reads, when it waits for content. */
  #waiting: (() => void) | undefined;
  #onWritable: (() => void) | undefined;

  constructor(exchange: HttpExchange, onError: (error: unknown) => void) {
    this.#exchange = exchange;
    this.#onError = onError;
  }

  async serve(handler: FetchHandler, head: RequestHead, endStream: boolean, connection: ConnectionInfo): Promise<void> {
    this.#hasEnded = endStream;
    let request: Request;
    try {
      request = this.#createRequest(head, endStream, connection);
    } catch {
      // Legal in HTTP and not in fetch, such as CONNECT, or an authority that no URL can have.
      this.#answer(BAD_REQUEST, undefined);
      return;
    }
    try {
      await this.#send(await handler(request, connection), head.method === "HEAD");
    } catch (error) {
      this.#fail(error);
    }
    this.#drop();
  }

  /** Content has arrived, or its end. */
  receive(octets: Uint8Array<ArrayBuffer> | undefined, endStream: boolean): void {
    this.#hasEnded = endStream;
    if (octets !== undefined && octets.length > 0) {
      this.#received.push(octets);
      this.#keep(octets.length);
    }
    this.#wake();
  }

  /** The peer takes more. */
  resume(): void {
    this.#onWritable?.();
  }

  /** The peer is gone. */
  abort(error: Error): void {
    this.#drop();
    abortGuarded(this.#abort, error, this);
    this.#wake();
    this.resume();
  }

  /** Only the first mistake is told: others may come of it. */
  report(mistake: unknown): void {
    if (!this.#hasReported) {
      this.#hasReported = true;
      this.#onError(mistake);
    }
  }

  /** The request keeps too much, or comes too slowly. */
  refuse(error: RefusalError): void {
    if (this.#exchange.headSent) {
      this.#exchange.reset(ENHANCE_YOUR_CALM);
    } else {
      this.#exchange.respond(error.reason === "minBodyRate" ? TIMED_OUT : OVERLOADED);
      this.#exchange.end(new TextEncoder().encode(`${error.message}\n`));
    }
    this.abort(error);
  }

  /** Counts bytes that wait for the handler. */
  #keep(more: number): void {
    this.#keptBytes += more;
    this.#exchange.keep(this.#keptBytes);
  }

  #take(): Uint8Array<ArrayBuffer> | undefined {
    const octets = this.#received.shift();
    if (octets !== undefined) {
      this.#keep(-octets.length);
    }
    return octets;
  }

  /** Drops what waits: the handler does not read it. */
  #drop(): void {
    this.#received.length = 0;
    if (this.#keptBytes > 0) {
      this.#keep(-this.#keptBytes);
    }
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }

  #createRequest(head: RequestHead, endStream: boolean, connection: ConnectionInfo): Request {
    const headers = new Headers();
    for (const { name, value } of head.fields) {
      if (name === "cookie" && headers.has("cookie")) {
        headers.set("cookie", `${headers.get("cookie")}; ${value}`); // RFC 9113 §8.2.3
      } else {
        headers.append(name, value);
      }
    }
    const scheme = connection.isTls ? "https" : "http";
    const path = head.path === "*" ? "" : head.path;
    const request = new Request(`${scheme}://${head.authority || "localhost"}${path}`, {
      method: head.method,
      headers,
      signal: this.#abort.signal,
      body: endStream || head.method === "GET" || head.method === "HEAD" ? null : this.#content(),
    });
    guardSignal(request.signal, this); // It is another one than ours.
    return request;
  }

  #content(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({
      pull: async (controller) => {
        while (this.#received.length === 0 && !this.#hasEnded && !this.#abort.signal.aborted) {
          await new Promise<void>((resolve) => this.#waiting = resolve);
        }
        const octets = this.#take();
        if (octets !== undefined) {
          controller.enqueue(octets);
          this.#exchange.release(octets.length);
        } else if (this.#hasEnded) {
          controller.close();
        } else {
          controller.error(this.#abort.signal.reason);
        }
      },
    }, { highWaterMark: 0 });
  }

  async #send(response: Response, isHead: boolean): Promise<void> {
    const exchange = this.#exchange;
    if (response.bodyUsed || response.body?.locked) {
      throw new TypeError("Cannot send a response of which the body was used");
    }
    const fields: HeaderField[] = [{ name: ":status", value: String(response.status) }];
    // By an iterator Deno makes the whole list anew for each step.
    response.headers.forEach((value, name) => {
      if (!CONNECTION_FIELDS.has(name)) {
        fields.push({ name, value });
      }
    });
    const { body } = response;
    if (body === null || isHead) {
      body?.cancel().catch(() => {}); // It may have failed itself, and take for ever.
      await this.#discard();
      exchange.respond(fields, true);
      return;
    }
    const reader = body.getReader();
    if (this.#abort.signal.aborted) {
      reader.cancel(this.#abort.signal.reason).catch(() => {});
      return;
    }
    this.#abort.signal.addEventListener("abort", () => reader.cancel(this.#abort.signal.reason).catch(() => {}));
    exchange.respond(fields);
    const length = response.headers.get("content-length");
    try {
      await this.#sendBody(reader, length === null ? undefined : Number(length));
    } catch (error) {
      reader.cancel(error).catch(() => {}); // It may have failed itself.
      throw error;
    }
    await this.#discard();
    if (!this.#abort.signal.aborted) {
      exchange.end();
    }
  }

  /**
   * Reads and drops what is still to come of a request that the handler did not read to its end. An answer that ends first makes HTTP/2 reset the
   * request, which not every client takes for an answer, and hides from clients what was wrong with it.
   */
  async #discard(): Promise<void> {
    const timer = setTimeout(() => {
      this.#hasEnded = true;
      this.#wake();
    }, DISCARD_MS);
    for (let discarded = 0; discarded <= DISCARD_BYTES && !this.#abort.signal.aborted;) {
      const octets = this.#take();
      if (octets !== undefined) {
        discarded += octets.length;
        this.#exchange.release(octets.length);
      } else if (this.#hasEnded) {
        break;
      } else {
        await new Promise<void>((resolve) => this.#waiting = resolve);
      }
    }
    clearTimeout(timer);
  }

  /** @param length How many octets were promised. */
  async #sendBody(reader: ReadableStreamDefaultReader<Uint8Array>, length: number | undefined): Promise<void> {
    const { signal } = this.#abort;
    let sent = 0;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (!(part.value instanceof Uint8Array)) {
        throw new TypeError("Cannot send a response of which the body is not octets");
      }
      sent += part.value.length;
      if (sent > (length ?? Infinity)) {
        throw new RangeError(`Cannot send more octets than the ${length} of content-length`);
      }
      for (let start = 0; start < part.value.length && !signal.aborted; start += WRITTEN_TOGETHER) {
        const end = Math.min(start + WRITTEN_TOGETHER, part.value.length);
        if (!this.#exchange.write(part.value, start, end) && !signal.aborted) {
          await new Promise<void>((resolve) => this.#onWritable = resolve);
        }
      }
    }
    if (sent < (length ?? 0) && !signal.aborted) {
      throw new RangeError(`Cannot end a response after ${sent} of the ${length} octets of content-length`);
    }
  }

  #fail(error: unknown): void {
    if (this.#abort.signal.aborted) {
      return; // What a handler does that was told to stop.
    }
    this.report(error);
    if (this.#exchange.headSent) {
      this.#exchange.reset(INTERNAL_ERROR);
    } else {
      this.#answer(UNAVAILABLE, UNAVAILABLE_TEXT);
    }
  }

  /** Answers without the handler. */
  #answer(fields: readonly HeaderField[], content: Uint8Array | undefined): void {
    const exchange = this.#exchange;
    try {
      exchange.respond(fields, content === undefined);
      if (content !== undefined) {
        exchange.end(content);
      }
    } catch (mistake) {
      // What is around the exchange adds fields, and the peer may take less than those.
      exchange.reset(INTERNAL_ERROR);
      this.report(mistake);
    }
  }
}
