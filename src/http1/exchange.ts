/**
 * One exchange: what its owner sees of a request, and the means to answer it. Its methods are those of an HTTP/2 stream.
 *
 * This module performs no I/O.
 */
import {
  type ExchangeHandler,
  FieldSectionTooLargeError,
  type HeaderField,
  type HttpExchange,
  NO_HANDLER,
} from "../http/mod.ts";
import { EndCode } from "./errors.ts";
import type { Http1Limits } from "./limits.ts";
import type { ParsedHead } from "./request_head.ts";
import { type ResponseHead, responseHeadOf, trailersOf } from "./response_head.ts";
import type { ResponseWriter } from "./response_writer.ts";

/** What an exchange asks of its connection. */
export interface ExchangeHost {
  readonly writer: ResponseWriter;
  readonly outputBuffer: Uint8Array;
  beginAnswer(exchange: Http1Exchange, head: ResponseHead, endStream: boolean): void;
  sendInformation(exchange: Http1Exchange, head: ResponseHead): void;
  readonly limits: Http1Limits;
  /** Whether the queue is not full. */
  readonly hasRoom: boolean;
  /** There is output. */
  signalOutput(): void;
  endAnswer(exchange: Http1Exchange, trailers: Uint8Array | undefined): void;
  /** Ends the exchange and the connection. What was sent of an answer cannot be told from a whole one but by that. */
  resetExchange(exchange: Http1Exchange, code: number, message: string): void;
  releaseData(exchange: Http1Exchange, length: number): void;
  spendWork(work: number): void;
  schedule<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T>;
  keepBytes(exchange: Http1Exchange, bytes: number): void;
}

const EMPTY = new Uint8Array(0);

/**
 * A request and its answer. Commands that do not fit throw a `TypeError` or `RangeError`; what the peer does never throws. After a reset, by
 * whomever, commands do nothing: whoever is answering may hear of it later.
 */
export class Http1Exchange implements HttpExchange {
  /** Who is told what happens. Set it in `onRequest`; until then received octets are dropped. */
  handler: ExchangeHandler = NO_HANDLER;
  /** For the owner's use. */
  context: unknown = undefined;
  /** The number of the request on its connection, from 1 on. */
  readonly id: number;

  readonly #host: ExchangeHost;

  /** @internal */
  readonly parsed: ParsedHead;
  /** Whether the rest of the request is expected. */
  awaitsRequest = true;
  /** @internal Octets the owner has and did not release. */
  held = 0;
  /** @internal Bytes that the owner keeps for the request. */
  kept = 0;
  /** @internal Whether our head was written. */
  headSent = false;
  /** @internal Whether the end of the answer was given. */
  ended = false;
  /** @internal Whether it is over: answered to the end, or reset. */
  isClosed = false;
  /** Whether nothing more will be received. */
  isRemotelyClosed: boolean;
  /** @internal Whether `write` said false. */
  isFull = false;

  /** @internal */
  constructor(host: ExchangeHost, id: number, parsed: ParsedHead) {
    this.#host = host;
    this.id = id;
    this.parsed = parsed;
    this.isRemotelyClosed = parsed.isBodyless;
  }

  /** Whether everything was sent, or the exchange is gone. */
  get isLocallyClosed(): boolean {
    return this.ended || this.isClosed;
  }

  /** Whether the client says that it takes trailers (`te: trailers`) and has HTTP/1.1. They need a body in chunks, too. */
  get canSendTrailers(): boolean {
    return this.parsed.takesTrailers;
  }

  /**
   * Sends an interim response, such as `[{ name: ":status", value: "103" }, ...]`. Clients of HTTP/1.0, which know none, get none.
   *
   * @throws {TypeError} The response was sent, it is none, or a field may not be sent.
   */
  sendInformation(fields: readonly HeaderField[]): void {
    if (this.headSent) {
      throw this.#misuse("an interim response", "the response was sent");
    }
    const head = responseHeadOf(fields);
    if (head.status >= 200) {
      throw this.#misuse("an interim response", `its status is ${head.status}`);
    }
    this.#checkHeadLength(head.octets);
    if (!this.isClosed) {
      this.#host.sendInformation(this, head);
    }
  }

  /**
   * Sends the response's head, `:status` first. The octets of a frozen array are made once. How the body is delimited, the date and what
   * becomes of the connection are added.
   *
   * @throws {TypeError} The head was sent already, or a field may not be sent.
   * @throws {FieldSectionTooLargeError} It is larger than the limit.
   */
  respond(fields: readonly HeaderField[], endStream = false): void {
    if (this.headSent) {
      throw this.#misuse("a head", "the head was sent");
    }
    const head = responseHeadOf(fields);
    if (head.status < 200) {
      throw this.#misuse("a head", `its status is ${head.status}`);
    }
    // "Any 2xx (Successful) response indicates that the sender (and all inbound proxies) will switch to tunnel mode" (RFC 9110 §9.3.6)
    if (this.parsed.head.method === "CONNECT" && head.status < 300) {
      throw this.#misuse("a head", "there are no tunnels");
    }
    this.#checkHeadLength(head.octets);
    if (!this.isClosed) {
      this.headSent = true;
      this.#host.beginAnswer(this, head, endStream);
      if (endStream) {
        this.#end(undefined);
      }
    }
  }

  /**
   * Sends octets of the body, which are copied at once. They are dropped where there is no body, as in the answer to HEAD.
   *
   * @returns False when the queue is full: send no more before `onWritable`.
   * @throws {TypeError} There is no head yet, or the end was sent.
   * @throws {RangeError} The queue was full already, or there is more than content-length said.
   */
  write(chunk: Uint8Array, start = 0, end: number = chunk.length): boolean {
    if (!this.#isSendable("a body")) {
      return true;
    }
    if (this.isFull && start < end) {
      throw new RangeError(`Cannot send a body in answer to request ${this.id}: its queue is full`);
    }
    this.#checkLength(end - start);
    this.#host.writer.write(chunk, start, end, false);
    this.#host.signalOutput();
    this.isFull = !this.#host.hasRoom;
    return !this.isFull;
  }

  /**
   * As {@linkcode write}, and ends the exchange: it makes no difference that the queue is full.
   *
   * @throws {RangeError} There is more than content-length said, or less.
   */
  end(chunk: Uint8Array = EMPTY): void {
    if (this.#isSendable("a body")) {
      this.#checkLength(chunk.length);
      this.#host.writer.write(chunk, 0, chunk.length, true);
      this.#end(undefined);
    }
  }

  /**
   * Ends the exchange with trailers. They are dropped where the client does not say that it takes them (RFC 9110 §6.5.1: `te: trailers`), or where
   * the body is not in chunks.
   */
  endWithTrailers(fields: readonly HeaderField[]): void {
    if (!this.#isSendable("trailers")) {
      return;
    }
    const trailers = trailersOf(fields);
    this.#checkHeadLength(trailers);
    const isWanted = trailers.length > 0 && this.parsed.takesTrailers && this.#host.writer.takesTrailers;
    this.#end(isWanted ? trailers : undefined);
  }

  /**
   * Room for octets of the body in the output itself, so that they need not be copied there.
   *
   * @param bound How many there may be, at most.
   * @returns Where in {@linkcode outputBuffer} they go, to be followed by {@linkcode commit} before any other command of the connection;
   *   -1 when they have to wait: `write` them then.
   */
  reserve(bound: number): number {
    return this.#isSendable("a body") && this.#host.hasRoom ? this.#host.writer.reserve(bound) : -1;
  }

  /** Sends the first `length` of the octets that there was room for. @throws {RangeError} There is more than content-length said. */
  commit(length: number): void {
    this.#checkLength(length);
    this.#host.writer.commit(length);
    this.#host.signalOutput();
  }

  /** Where {@linkcode reserve} makes room. Another one after each command. */
  get outputBuffer(): Uint8Array {
    return this.#host.outputBuffer;
  }

  /** Ends the exchange at once, in both directions, and the connection with it. */
  reset(code: number = EndCode.CANCEL): void {
    if (!this.isClosed) {
      this.#host.resetExchange(this, code, "The exchange was reset");
    }
  }

  /**
   * Says that octets of the body were dealt with: as many more may be read.
   *
   * @throws {RangeError} They were not received, or released before.
   */
  release(length: number): void {
    if (length > this.held) {
      if (this.isClosed) {
        return; // The connection took them back when the exchange ended.
      }
      throw new RangeError(`Cannot release ${length} octets of request ${this.id}: it holds ${this.held}`);
    }
    this.#host.releaseData(this, length);
  }

  /** Counts work beyond that of a call. */
  spendWork(work: number): void {
    this.#host.spendWork(work);
  }

  /** Does work that may take the thread for milliseconds: at once, or when other connections were served in between. */
  schedule<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T> {
    return this.#host.schedule(bytes, work, isFurther);
  }

  /** Says how many bytes the owner keeps for the request from now on. */
  keep(bytes: number): void {
    this.#host.keepBytes(this, bytes);
  }

  #end(trailers: Uint8Array | undefined): void {
    const missing = this.#host.writer.contentLeft;
    if (missing > 0 && missing !== Infinity) {
      const message =
        `Cannot end the answer to request ${this.id}: ${missing} octets of its content-length are missing`;
      this.#host.resetExchange(this, EndCode.INTERNAL_ERROR, message);
      throw new RangeError(message);
    }
    this.#host.endAnswer(this, trailers);
  }

  #checkHeadLength({ length }: Uint8Array): void {
    const { maxSentHeadLength } = this.#host.limits;
    if (length > maxSentHeadLength) {
      throw new FieldSectionTooLargeError(length, maxSentHeadLength, "maxSentHeadLength");
    }
  }

  #checkLength(length: number): void {
    if (length > this.#host.writer.contentLeft) {
      throw new RangeError(`Cannot send a body in answer to request ${this.id}: it is longer than its content-length`);
    }
  }

  /** False when the exchange was reset: whoever is answering may not know yet. */
  #isSendable(what: string): boolean {
    if (this.ended) {
      throw this.#misuse(what, "its end was sent");
    }
    if (this.isClosed) {
      return false;
    }
    if (!this.headSent) {
      throw this.#misuse(what, "the head was not sent");
    }
    return true;
  }

  #misuse(what: string, why: string): TypeError {
    return new TypeError(`Cannot send ${what} in answer to request ${this.id}: ${why}`);
  }
}
