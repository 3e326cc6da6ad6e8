/** One call by `fetch`. */
import { abortGuarded, createGuardedAbort, type MistakeOwner, printMistake, thrownText } from "../../user_code/mod.ts";
import type { CallError, CallHandler, HeaderField, HttpCall, ResponseHead } from "../../http/mod.ts";

/** How much of a response may wait to be dealt with before no more of it is read, in bytes. */
const MAX_HELD_BYTES = 65_536;

/** RFC 9113 §7 */
const INTERNAL_ERROR = 0x2;

/**
 * Runtimes decode the content of responses and leave the field that says how it was coded. Deno 2.9.6 decodes these, of whatever else it
 * hands on the octets; all others decode what they say they accept, which is theirs to say.
 */
const DECODED_BY_DENO: ReadonlySet<string> = new Set(["gzip", "br"]);
const IS_DENO = "Deno" in globalThis;

/** Chromium says nothing else of any failure, not even of a request that it would not send in pieces since the server speaks HTTP/1.1. */
const CHROMIUM_REASON = "Failed to fetch";
const HTTP2_HINT = "; browsers send streams of messages by HTTP/2 only, that is, to https URLs";

const EMPTY = new Uint8Array(0);

/** What the Fetch Standard calls for when a request's body is a stream. */
type StreamingRequestInit = RequestInit & { duplex?: "half" };

/** The signal is given to a `fetch` that may be the user's. */
const CONSOLE: MistakeOwner = { report: (mistake) => printMistake(mistake, "A listener of a fetch's signal failed:") };

/** A connection was lost, as far as `fetch` says. */
class FetchCallError extends Error implements CallError {
  readonly code = INTERNAL_ERROR;
  readonly isUnprocessed = false;
  readonly isConnectionLost = true;
}

/** See the top of the file. */
export class FetchCall implements HttpCall {
  readonly #fetch: typeof globalThis.fetch;
  readonly #handler: CallHandler;
  readonly #onClosed: () => void;
  readonly #method: string;
  readonly #origin: string;
  readonly #path: string;
  readonly #headers = new Headers();
  readonly #abort = createGuardedAbort(CONSOLE);
  #isClosed = false;
  /** Of a request that comes in pieces. */
  #content: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined = undefined;
  #isFull = false;
  /** Whether the end was given, or is not wanted any more. */
  #hasSentEnd = false;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined = undefined;
  #held = 0;
  #onReleased: (() => void) | undefined = undefined;

  /**
   * @param onClosed Told when it is over.
   * @throws {TypeError} A field may not be sent.
   */
  constructor(
    fetch: typeof globalThis.fetch,
    fields: readonly HeaderField[],
    handler: CallHandler,
    onClosed: () => void,
  ) {
    this.#fetch = fetch;
    this.#handler = handler;
    this.#onClosed = onClosed;
    const pseudo = new Map<string, string>();
    for (const { name, value } of fields) {
      if (name.startsWith(":")) {
        pseudo.set(name, value);
      } else if (name !== "accept-encoding" || IS_DENO) {
        this.#headers.append(name, value);
      }
    }
    this.#method = pseudo.get(":method") ?? "";
    this.#origin = `${pseudo.get(":scheme")}://${pseudo.get(":authority")}`;
    this.#path = pseudo.get(":path") ?? "";
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(chunk: Uint8Array, start = 0, end: number = chunk.length): boolean {
    if (this.#isClosed || this.#hasSentEnd) {
      return true;
    }
    if (this.#content === undefined) {
      this.#run({ body: this.#stream(), duplex: "half" });
    }
    if (start < end) {
      this.#isFull = true; // Until it is asked for the next one.
      this.#content?.enqueue(chunk.slice(start, end) as Uint8Array<ArrayBuffer>);
    }
    return !this.#isFull;
  }

  end(chunk: Uint8Array = EMPTY, start = 0, end: number = chunk.length): void {
    if (this.#isClosed || this.#hasSentEnd) {
      return;
    }
    this.#hasSentEnd = true;
    if (this.#content === undefined) {
      const body = chunk.slice(start, end) as Uint8Array<ArrayBuffer>;
      this.#run(this.#method === "GET" ? {} : { body });
      return;
    }
    if (start < end) {
      this.#content.enqueue(chunk.slice(start, end) as Uint8Array<ArrayBuffer>);
    }
    this.#content.close();
  }

  reset(): void {
    if (!this.#isClosed) {
      this.#close(new DOMException("The call was cancelled", "AbortError"));
    }
  }

  release(length: number): void {
    this.#held -= length;
    if (this.#held < MAX_HELD_BYTES) {
      this.#onReleased?.();
      this.#onReleased = undefined;
    }
  }

  /** Ends it as if the connection were lost. */
  lose(reason: unknown): void {
    if (!this.#isClosed) {
      this.#close(reason);
      this.#handler.onReset(this, new FetchCallError(reasonOf(reason), { cause: reason }));
    }
  }

  #stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({
      start: (content) => {
        this.#content = content;
      },
      pull: () => {
        if (this.#isFull) {
          this.#isFull = false;
          this.#handler.onWritable(this);
        }
      },
      cancel: () => {
        this.#hasSentEnd = true;
      },
    }, { highWaterMark: 0 });
  }

  async #run(body: StreamingRequestInit): Promise<void> {
    let response: Response;
    try {
      response = await this.#fetch(this.#origin + this.#path, {
        method: this.#method,
        headers: this.#headers,
        signal: this.#abort.signal,
        ...body,
      });
    } catch (error) {
      if (!this.#isClosed) {
        this.#close(error);
        const reason = reasonOf(error);
        const hint = this.#content !== undefined && reason === CHROMIUM_REASON ? HTTP2_HINT : "";
        const message = `Cannot reach ${this.#origin}: ${reason}${hint}`;
        this.#handler.onUnreachable(new Error(message, { cause: error }));
      }
      return;
    }
    if (this.#isClosed) {
      response.body?.cancel().catch(() => {}); // It may have failed itself.
      return;
    }
    this.#handler.onResponse(this, responseHead(response), false);
    try {
      await this.#read(response.body);
    } catch (error) {
      this.lose(error);
    }
  }

  async #read(body: ReadableStream<Uint8Array> | null): Promise<void> {
    this.#reader = body?.getReader();
    for (let part = await this.#reader?.read(); part?.value !== undefined; part = await this.#reader?.read()) {
      if (this.#isClosed) {
        return;
      }
      this.#held += part.value.length;
      this.#handler.onData(this, part.value, 0, part.value.length, false);
      while (this.#held >= MAX_HELD_BYTES && !this.#isClosed) {
        await new Promise<void>((resolve) => this.#onReleased = resolve);
      }
    }
    if (this.#isClosed) {
      return;
    }
    if (this.#hasSentEnd) {
      this.#isClosed = true;
      this.#onClosed();
    }
    this.#handler.onData(this, EMPTY, 0, 0, true);
  }

  /** Ends it in both directions. */
  #close(reason: unknown): void {
    this.#isClosed = true;
    abortGuarded(this.#abort, reason, CONSOLE);
    if (!this.#hasSentEnd) {
      this.#content?.error(reason); // Deno 2.9.6 resets a stream of HTTP/2 only if the request's body fails.
    }
    this.#reader?.cancel(reason).catch(() => {}); // It may have failed itself.
    this.#onReleased?.();
    this.#onClosed();
  }
}

function responseHead({ status, headers }: Response): ResponseHead {
  const coding = headers.get("content-encoding");
  const isDecoded = coding !== null && (!IS_DENO || DECODED_BY_DENO.has(coding.toLowerCase()));
  const fields: HeaderField[] = [];
  headers.forEach((value, name) => {
    if (!isDecoded || (name !== "content-encoding" && name !== "content-length")) {
      fields.push({ name, value });
    }
  });
  return { status, fields, contentLength: undefined };
}

/** `fetch` reports every network error as a TypeError, and says the reason last in the innermost cause. */
function reasonOf(error: unknown): string {
  let cause = error;
  try {
    while (cause instanceof Error && cause.cause !== undefined) {
      cause = cause.cause;
    }
  } catch {
    // What a `fetch` of the user failed with may be anything.
  }
  return thrownText(cause).split(": ").at(-1) ?? "";
}
