/**
 * The third carrier of exchanges, beside HTTP/2 and HTTP/1.1: a `Request` and the `Response` to it, by nothing but web standards.
 *
 * An answer that is complete in the turn in which it began is one `Response` of octets; another one is a stream. Both ways have back-pressure.
 */
import {
  type ConnectionInfo,
  type ExchangeHandler,
  type HeaderField,
  type HttpExchange,
  NO_HANDLER,
  type ServeExchange,
} from "../http/mod.ts";
import { FetchRequestHead } from "./fetch_request_head.ts";
import { responseFieldsOf, statusOf } from "./fetch_response_head.ts";
import { TurnOutput } from "./turn_output.ts";

/** Content of a request that is read at once, in bytes: as much as a stream of HTTP/2 may have unread. */
const WHOLE_BYTES = 65_536;
/** Content of an answer that waits to be taken, in bytes. */
const QUEUE_BYTES = 65_536;
/** To listen to a request's signal costs 1 us on Deno: a call that is over after so many microtasks does not. */
const MICROTASKS_UNWATCHED = 4;

const EMPTY = new Uint8Array(0);

/**
 * Has a request answered by what serves exchanges.
 *
 * The request's content is read when `serve` has returned, and only if the answer is not complete then: at once if its content-length, which the
 * runtime holds it to, says that it is small; else in pieces, each after the one before was released. What is left when the answer ends is cancelled.
 * A reset before the `Response` is there makes it a 500 without content, and later the failure of its stream.
 *
 * @param connection What is known of the connection. By default that TLS was used if the URL says so, and HTTP/1.1, which promises least.
 * @param head The request's head, if somebody has looked at it before.
 */
export function serveFetch(
  serve: ServeExchange,
  request: Request,
  connection?: ConnectionInfo,
  head: FetchRequestHead = new FetchRequestHead(request),
): Response | Promise<Response> {
  const { contentLength } = head;
  // `body` makes a stream, and is not touched where it can be done without.
  const isSmall = contentLength !== undefined && contentLength <= WHOLE_BYTES;
  const isBodyless = contentLength === 0 || head.method === "GET" || head.method === "HEAD" ||
    (!isSmall && request.body === null);
  const exchange = new FetchExchange(request);
  serve(exchange, head, isBodyless, connection ?? unknownConnection(head.scheme === "https"));
  return exchange.begin(isBodyless, isSmall);
}

/** Another one for each request: by which connections they came nobody knows, so they must not count as those of one. */
function unknownConnection(isTls: boolean): ConnectionInfo {
  return { httpVersion: "1.1", peer: undefined, isTls, tlsPeerName: undefined };
}

/**
 * A request and its answer. Commands that do not fit throw a `TypeError` or `RangeError`; what the caller does never throws. After a reset, by
 * whomever, commands do nothing: whoever is answering may hear of it later.
 */
class FetchExchange implements HttpExchange {
  handler: ExchangeHandler = NO_HANDLER;
  context: unknown = undefined;
  headSent = false;
  isClosed = false;
  /** It makes no difference: the runtime has the connection, and its limits. */
  awaitsRequest = true;

  readonly #request: Request;
  /** Octets the owner has and did not release. */
  #held = 0;
  /** When the request comes in pieces. */
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #onAbort: (() => void) | undefined;

  #hasEnded = false;
  #status = 0;
  #fields: [string, string][] = [];
  /** False where HTTP has no content, as in the answer to HEAD. */
  #hasContent = true;
  /** What was written and not yet handed on. */
  readonly #output = new TurnOutput();
  #isFlushing = false;
  /** Whether `write` said false. */
  #isFull = false;
  /** Of the answer, when it goes out in pieces. */
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #response: Response | undefined;
  /** When somebody waits for the response. */
  #resolve: ((response: Response) => void) | undefined;

  constructor(request: Request) {
    this.#request = request;
  }

  /** Reads the request's content, if there is any. */
  begin(isBodyless: boolean, isSmall: boolean): Response | Promise<Response> {
    if (this.#response !== undefined) {
      return this.#response;
    }
    const response = new Promise<Response>((resolve) => this.#resolve = resolve);
    if (isBodyless) {
      this.#watchLater(MICROTASKS_UNWATCHED);
    } else if (isSmall) {
      this.#request.arrayBuffer().then(
        (content) => this.#receiveAll(new Uint8Array(content)),
        (error) => this.#loseRequest(error),
      );
    } else {
      this.#watchLater(MICROTASKS_UNWATCHED);
      this.#openReader();
    }
    return response;
  }

  /** False: a `Response` has none. */
  get canSendTrailers(): boolean {
    return false;
  }

  /** Does nothing: a `Response` is never an interim one. @throws {TypeError} The response was sent, or it is none. */
  sendInformation(fields: readonly HeaderField[]): void {
    if (this.headSent) {
      throw misuse("an interim response", "the response was sent");
    }
    const status = statusOf(fields);
    if (!(status >= 100 && status < 200)) {
      throw misuse("an interim response", `its status is ${fields[0]?.value}`);
    }
  }

  /** @throws {TypeError} The head was sent already, or its status is none that a `Response` can have. */
  respond(fields: readonly HeaderField[], endStream = false): void {
    if (this.headSent) {
      throw misuse("a head", "the head was sent");
    }
    const status = statusOf(fields);
    if (!(status >= 200 && status < 600)) {
      throw misuse("a head", `its status is ${fields[0]?.value}`);
    }
    if (this.isClosed) {
      return;
    }
    this.headSent = true;
    this.#status = status;
    this.#fields = responseFieldsOf(fields);
    this.#hasContent = this.#request.method !== "HEAD" && status !== 204 && status !== 205 && status !== 304;
    if (endStream) {
      this.end();
    } else {
      this.#flushLater();
    }
  }

  /**
   * Sends content, which is copied at once. It is dropped where there is none, as in the answer to HEAD.
   *
   * @returns False when the queue is full: send no more before `onWritable`.
   * @throws {TypeError} There is no head yet, or the end was sent.
   * @throws {RangeError} The queue was full already.
   */
  write(chunk: Uint8Array, start = 0, end: number = chunk.length): boolean {
    if (!this.#isSendable("content")) {
      return true;
    }
    if (this.#isFull && start < end) {
      throw new RangeError("Cannot send content in answer to a request: its queue is full");
    }
    this.#append(chunk, start, end);
    this.#isFull = !this.#hasRoom;
    return !this.#isFull;
  }

  end(chunk: Uint8Array = EMPTY): void {
    if (!this.#isSendable("content")) {
      return;
    }
    if (this.#response === undefined && this.#output.length === 0 && isUnshared(chunk)) {
      this.#answer(chunk);
    } else {
      this.#append(chunk, 0, chunk.length);
      if (this.#response === undefined) {
        this.#answer(this.#output.peek()); // "a copy of the bytes" (Fetch Standard, extract a body)
      } else {
        this.#hasEnded = true;
        this.#enqueue();
        this.#controller?.close();
      }
    }
    this.#hasEnded = true;
    this.#close("The answer has ended");
  }

  /** @throws {TypeError} There are no trailers in `fetch`. */
  endWithTrailers(): void {
    if (this.#isSendable("trailers")) {
      throw misuse("trailers", "a Response has none");
    }
  }

  reserve(bound: number): number {
    if (!this.#isSendable("content") || !this.#hasContent || !this.#hasRoom || bound > QUEUE_BYTES) {
      return -1;
    }
    this.#output.makeRoom(bound);
    return this.#output.length;
  }

  commit(length: number): void {
    this.#output.length += length;
    this.#flushLater();
  }

  get outputBuffer(): Uint8Array {
    return this.#output.buffer;
  }

  reset(): void {
    if (!this.isClosed) {
      this.#fail(new Error("The exchange was reset"));
    }
  }

  /** @throws {RangeError} They were not received, or released before. */
  release(length: number): void {
    if (!(length >= 0 && length <= this.#held)) {
      if (this.isClosed) {
        return;
      }
      throw new RangeError(`Cannot release ${length} octets of a request: it holds ${this.#held}`);
    }
    this.#held -= length;
    if (length > 0 && this.#held === 0 && this.#reader !== undefined && !this.isClosed) {
      this.#read(this.#reader);
    }
  }

  spendWork(): void {} // The runtime schedules requests.

  /** Does it at once: the runtime schedules requests. */
  schedule<T>(_bytes: number, work: () => T): T {
    return work();
  }

  /** Does nothing: the runtime bounds what a request may keep. */
  keep(): void {}

  #receiveAll(content: Uint8Array): void {
    if (this.isClosed) {
      return;
    }
    this.#held = content.length;
    this.handler.onData(this, content, 0, content.length, true);
    if (!this.isClosed) {
      this.#watchLater(MICROTASKS_UNWATCHED);
    }
  }

  #openReader(): void {
    try {
      // It throws when the program read the content before, or is reading it.
      this.#reader = this.#request.body!.getReader();
    } catch (error) {
      this.#loseRequest(error);
      return;
    }
    this.#read(this.#reader);
  }

  #read(reader: ReadableStreamDefaultReader<Uint8Array>): void {
    reader.read().then((part) => this.#receive(reader, part), (error) => this.#loseRequest(error));
  }

  #receive(reader: ReadableStreamDefaultReader<Uint8Array>, part: ReadableStreamReadResult<Uint8Array>): void {
    if (this.isClosed) {
      return;
    }
    if (part.done) {
      this.#reader = undefined;
      this.handler.onData(this, EMPTY, 0, 0, true);
    } else if (!(part.value instanceof Uint8Array)) {
      this.#loseRequest(new TypeError("Cannot read a body that is not octets"));
    } else if (part.value.length === 0) {
      this.#read(reader);
    } else {
      this.#held = part.value.length;
      this.handler.onData(this, part.value, 0, part.value.length, false);
    }
  }

  /** Listens to the request's signal if the exchange is open after so many microtasks. */
  #watchLater(microtasks: number): void {
    if (microtasks > 0) {
      queueMicrotask(() => {
        if (!this.isClosed) {
          this.#watchLater(microtasks - 1);
        }
      });
      return;
    }
    const { signal } = this.#request;
    // When it has aborted, Deno cancels the stream of the answer, and logs the error of one that has failed before that.
    this.#onAbort = () => queueMicrotask(() => this.#lose(new Error("The caller gave up", { cause: signal.reason })));
    if (signal.aborted) {
      this.#onAbort();
    } else {
      signal.addEventListener("abort", this.#onAbort);
    }
  }

  #loseRequest(cause: unknown): void {
    this.#lose(new Error("The request cannot be read", { cause }));
  }

  #lose(error: Error): void {
    if (!this.isClosed) {
      this.#fail(error);
      this.handler.onReset(this, error);
    }
  }

  #fail(error: Error): void {
    this.#controller?.error(error);
    if (this.#response === undefined) {
      this.#hand(new Response(null, { status: 500 }));
    }
    this.#close(error);
  }

  #close(reason: unknown): void {
    this.isClosed = true;
    this.#output.close();
    this.#reader?.cancel(reason).catch(() => {}); // It may have failed itself.
    if (this.#onAbort !== undefined) {
      this.#request.signal.removeEventListener("abort", this.#onAbort);
    }
  }

  #append(chunk: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length > 0 && this.#hasContent) {
      this.#output.append(chunk, start, end);
      this.#flushLater();
    }
  }

  get #hasRoom(): boolean {
    const room = this.#controller === undefined ? QUEUE_BYTES : this.#controller.desiredSize ?? 0;
    return room > this.#output.length;
  }

  /** At the end of the turn: what is said in it goes out together. */
  #flushLater(): void {
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      queueMicrotask(() => this.#flush());
    }
  }

  #flush(): void {
    this.#isFlushing = false;
    if (this.isClosed) {
      return;
    }
    if (this.#response === undefined) {
      try {
        this.#answer(this.#hasContent ? this.#openStream() : EMPTY);
      } catch (error) {
        this.#lose(new Error("The head cannot be sent", { cause: error }));
        return;
      }
    }
    this.#enqueue();
  }

  #openStream(): ReadableStream<Uint8Array> {
    return new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#resume(),
      cancel: (cause) => this.#lose(new Error("The caller gave up", { cause })),
    }, { highWaterMark: QUEUE_BYTES, size: (chunk) => chunk.length });
  }

  /** Hands on what was written. */
  #enqueue(): void {
    if (this.#output.length > 0) {
      this.#controller?.enqueue(this.#output.take());
    }
  }

  #resume(): void {
    if (this.#isFull && this.#hasRoom && !this.isClosed && !this.#hasEnded) {
      this.#isFull = false;
      this.handler.onWritable(this);
    }
  }

  /** @throws {TypeError} A field may not be sent. */
  #answer(content: BodyInit): void {
    this.#hand(
      new Response(this.#hasContent ? content : null, { status: this.#status, headers: this.#fields }),
    );
  }

  #hand(response: Response): void {
    this.#response = response;
    this.#resolve?.(response);
  }

  /** False when the exchange was reset: whoever is answering may not know yet. */
  #isSendable(what: string): boolean {
    if (this.#hasEnded) {
      throw misuse(what, "its end was sent");
    }
    if (this.isClosed) {
      return false;
    }
    if (!this.headSent) {
      throw misuse(what, "the head was not sent");
    }
    return true;
  }
}

/** Whether a `Response` takes it. */
function isUnshared(chunk: Uint8Array): chunk is Uint8Array<ArrayBuffer> {
  return chunk.buffer instanceof ArrayBuffer;
}

function misuse(what: string, why: string): TypeError {
  return new TypeError(`Cannot send ${what} in answer to a request: ${why}`);
}
