/**
 * One stream: what its owner sees of a request and the means to answer it, or of a call and its answer.
 *
 * This module performs no I/O.
 */
import {
  type HeaderField,
  type HttpCall,
  type HttpExchange,
  NO_HANDLER,
  type RefusalError,
  type ResponseHead,
} from "../http/mod.ts";
import { ErrorCode } from "./constants.ts";
import type { Http2StreamError } from "./errors.ts";
import type { ReceiveWindow, SendWindow } from "./flow_window.ts";
import type { Sender } from "./sender.ts";
import type { SendQueue } from "./send_queue.ts";
import { isLocallyClosed, isRemotelyClosed, stateName, StreamState } from "./stream_state.ts";

/**
 * What happens on a stream, called from within `Connection.handleInput`, `pollOutput` or `handleTimeout`. The stream is given each time,
 * so that one object can handle all of them: an object for each call costs more than the call.
 */
export interface StreamHandler {
  /** Client: an interim response (1xx). Any number of them come before the response. */
  onInformation?(stream: Http2Stream, head: ResponseHead): void;
  /** Client: the response. With `endStream` nothing follows. */
  onResponse?(stream: Http2Stream, head: ResponseHead, endStream: boolean): void;
  /**
   * Octets of the body, from `start` to `end` of a buffer that is valid during the call only: copy what must stay.
   * {@linkcode Http2Stream.release} them when they were dealt with. With `endStream` nothing follows; then there may be no octets.
   */
  onData(stream: Http2Stream, buffer: Uint8Array, start: number, end: number, endStream: boolean): void;
  /** The trailers, after which nothing follows. */
  onTrailers(stream: Http2Stream, fields: readonly HeaderField[]): void;
  /** The queue has room again, after {@linkcode Http2Stream.write} had said false. */
  onWritable(stream: Http2Stream): void;
  /** The stream ended before its time: reset by the peer, by us for a fault of the peer, or with its connection. Nothing follows. */
  onReset(stream: Http2Stream, error: Http2StreamError): void;
  /** Server: the request keeps too much, or comes too slowly: answer it now. If that does not free what it keeps, the stream is reset. */
  onRefused?(stream: Http2Stream, error: RefusalError): void;
}

/** What a stream asks of its connection. */
export interface StreamHost {
  readonly sender: Sender;
  resetStream(stream: Http2Stream, code: number): void;
  releaseData(stream: Http2Stream, length: number): void;
  spendWork(work: number): void;
  schedule<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T>;
  keepBytes(stream: Http2Stream, bytes: number): void;
}

const EMPTY = new Uint8Array(0);

/** Whether a head is one of an interim response, 1xx. Of heads that are malformed it does not matter. */
function isInterim(fields: readonly HeaderField[]): boolean {
  return fields[0]?.value.charCodeAt(0) === 0x31;
}

/**
 * A stream of a connection. Commands that its state does not allow throw a `TypeError` that names it; what the peer does never throws.
 * After a reset, by whomever, commands do nothing: whoever is answering may hear of it later.
 */
export class Http2Stream implements HttpExchange, HttpCall {
  /** Who is told what happens. Set it in `onRequest`, or right after `openStream`; until then received octets are dropped. */
  handler: StreamHandler = NO_HANDLER;
  /** For the owner's use. */
  context: unknown = undefined;

  readonly id: number;
  readonly #host: StreamHost;

  /** @internal Of the table of streams. */
  nextInBucket: Http2Stream | undefined = undefined;
  /** @internal Where it is on the wire: what is queued has not happened yet. */
  state: StreamState = StreamState.IDLE;
  /** @internal */
  readonly sendWindow: SendWindow;
  /** @internal */
  readonly receiveWindow: ReceiveWindow;
  /** @internal Octets the owner has and did not release. */
  held = 0;
  /** @internal Octets of the body so far. */
  receivedLength = 0;
  /** @internal As announced; -1 when it was not, and 0 when there can be no body, whatever was announced. */
  expectedLength = -1;
  /** @internal Whether the head of the message was received: what comes next are trailers. */
  headReceived = false;
  /** @internal Whether ours was sent. */
  headSent = false;
  /** @internal Whether the request was HEAD: its response has no body, whatever its content-length. */
  isHead = false;

  /** @internal What is to be sent when windows allow; undefined when nothing is. */
  queue: SendQueue | undefined = undefined;
  /** @internal Whether the end was given, and what it is to carry. */
  ended = false;
  /** @internal */
  trailers: readonly HeaderField[] | undefined = undefined;
  /** @internal Whether `write` said false. */
  isFull = false;
  /** Whether the rest of the request is expected. */
  awaitsRequest = true;
  /** @internal Bytes that it had sent, and received, and that are used up by the rates of the limits; -1 when it is not known to wait for the peer. */
  usedResponse = -1;
  /** @internal */
  usedRequest = -1;
  /** @internal Bytes that the owner keeps for the request. */
  kept = 0;
  /** @internal Bytes of the request's field block, if they are counted. */
  blockLength = 0;

  /** @internal */
  constructor(host: StreamHost, id: number, sendWindow: SendWindow, receiveWindow: ReceiveWindow) {
    this.#host = host;
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }

  /** Whether nothing more will be received. */
  get isRemotelyClosed(): boolean {
    return isRemotelyClosed(this.state);
  }

  /** Whether everything was sent, or the stream is gone. */
  get isLocallyClosed(): boolean {
    return isLocallyClosed(this.state);
  }

  /** Whether it is over, in whatever way. */
  get isClosed(): boolean {
    return this.state >= StreamState.CLOSED;
  }

  /** Always. */
  get canSendTrailers(): boolean {
    return true;
  }

  /** Server: sends an interim response, such as `[{ name: ":status", value: "103" }, ...]`. */
  sendInformation(fields: readonly HeaderField[]): void {
    if (this.headSent) {
      throw this.#misuse("an interim response", "the response was sent");
    }
    if (!isInterim(fields)) {
      throw this.#misuse("an interim response", `status ${fields[0]?.value} is none`);
    }
    if (!this.isClosed) {
      this.#host.sender.sendInformation(this, fields);
    }
  }

  /**
   * Server: sends the response's head, pseudo-header field `:status` first. A frozen array that is used again and again is encoded fastest.
   *
   * @throws {TypeError} The head was sent already, a field may not be sent, or the status is one of {@linkcode sendInformation}.
   */
  respond(fields: readonly HeaderField[], endStream = false): void {
    if (this.headSent) {
      throw this.#misuse("HEADERS", "the head was sent");
    }
    if (isInterim(fields)) {
      throw this.#misuse("HEADERS", `status ${fields[0]?.value} is no response`);
    }
    if (!this.isClosed) {
      this.#host.sender.sendHeaders(this, fields, endStream);
    }
  }

  /**
   * Sends octets of the body, which are copied at once.
   *
   * @returns False when the queue is full: send no more before `onWritable`.
   * @throws {TypeError} There is no head yet, or the end was sent.
   * @throws {RangeError} The queue was full already.
   */
  write(chunk: Uint8Array, start = 0, end: number = chunk.length): boolean {
    return !this.#isSendable("DATA") || this.#host.sender.sendData(this, chunk, start, end, false);
  }

  /** As {@linkcode write}, and ends the stream: it makes no difference that the queue is full. */
  end(chunk: Uint8Array = EMPTY, start = 0, end: number = chunk.length): void {
    if (this.#isSendable("DATA")) {
      this.#host.sender.sendData(this, chunk, start, end, true);
    }
  }

  /** Ends the stream with trailers. */
  endWithTrailers(fields: readonly HeaderField[]): void {
    if (this.#isSendable("trailers")) {
      this.#host.sender.sendHeaders(this, fields, true);
    }
  }

  /**
   * Room for octets of the body in the output itself, so that they need not be copied there.
   *
   * @param bound How many there may be, at most.
   * @returns Where in {@linkcode outputBuffer} they go, to be followed by {@linkcode commit} before any other command of the connection;
   *   -1 when they have to wait: `write` them then.
   */
  reserve(bound: number): number {
    return this.#isSendable("DATA") ? this.#host.sender.reserveData(this, bound) : -1;
  }

  /** Sends the first `length` of the octets that there was room for. */
  commit(length: number): void {
    this.#host.sender.commitData(this, length);
  }

  /** Where {@linkcode reserve} makes room. Another one after each command. */
  get outputBuffer(): Uint8Array {
    return this.#host.sender.outputBuffer;
  }

  /** Ends the stream at once, in both directions. What is queued is dropped. */
  reset(code: number = ErrorCode.CANCEL): void {
    if (!this.isClosed) {
      this.#host.resetStream(this, code);
    }
  }

  /**
   * Says that octets of the body were dealt with: the peer may send as many again.
   *
   * @throws {RangeError} They were not received, or released before.
   */
  release(length: number): void {
    if (!(length >= 0 && length <= this.held)) {
      if (this.isClosed) {
        return; // The connection took them back when the stream ended.
      }
      throw new RangeError(`Cannot release ${length} octets of stream ${this.id}: it holds ${this.held}`);
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

  /** @internal Bytes that are free when it is reset. */
  get bufferedBytes(): number {
    return this.kept + this.blockLength + (this.queue?.length ?? 0);
  }

  /** False when the stream was reset: whoever is answering may not know yet. */
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
    return new TypeError(`Cannot send ${what} on stream ${this.id}: ${why}, the stream is ${stateName(this.state)}`);
  }
}
