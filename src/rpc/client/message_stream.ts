/** The messages of a response with several, as whoever made the call takes them. */
import type { DescMessage, DescMethodStreaming, Message, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type StreamResponse } from "@connectrpc/connect";
import type { Compression } from "../compression.ts";
import { ENVELOPE_HEAD_LENGTH } from "../envelope.ts";
import { connectErrorOf } from "../thrown_error.ts";
import { abortError } from "./call_errors.ts";
import type { CallPlan } from "./call_plan.ts";
import type { CallRequest } from "./call_request.ts";
import type { CallObserver, ClientCall } from "./client_call.ts";
import { decodeMessage, decompressMessage } from "./message_decoder.ts";
import { asHeaders, type CallEnd, type Metadata } from "./wire_format.ts";

/** A message that was not taken yet. */
interface Waiting {
  /** Decoded, or still compressed: what it will be is known when it is taken, so that no more than one is ever there. */
  readonly message: Message | Uint8Array;
  readonly compression: Compression | undefined;
  /** Octets on the wire. */
  readonly length: number;
}

interface Taker<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: ConnectError): void;
}

/**
 * See the top of the file. Who stops before the end, by `return`, cancels the call. The server sends on as far as messages are taken.
 */
export class MessageStream<I extends DescMessage, O extends DescMessage>
  implements CallObserver, AsyncIterableIterator<MessageShape<O>, undefined> {
  readonly #plan: CallPlan;
  readonly #method: DescMethodStreaming<I, O>;
  readonly #request: CallRequest;
  readonly #response = Promise.withResolvers<StreamResponse<I, O>>();
  readonly #trailer = new Headers();
  #call: ClientCall | undefined = undefined;
  /** Those from {@linkcode #first} on. */
  #waiting: Waiting[] = [];
  #first = 0;
  #waitingLength = 0;
  #takers: Taker<MessageShape<O>>[] = [];
  /** Whether the first message, or the end, is being decompressed. */
  #isBusy = false;
  #end: { readonly error: ConnectError | undefined } | undefined = undefined;
  #readEnd: (() => Promise<CallEnd>) | undefined = undefined;

  constructor(plan: CallPlan, method: DescMethodStreaming<I, O>, request: CallRequest) {
    this.#plan = plan;
    this.#method = method;
    this.#request = request;
  }

  /** Begins the call. Resolves when the response has begun. */
  start(call: ClientCall): Promise<StreamResponse<I, O>> {
    this.#call = call;
    call.start();
    return this.#response.promise;
  }

  // What the call says.

  get waitingLength(): number {
    return this.#waitingLength;
  }

  receiveHeader(header: Metadata): void {
    const method = this.#method;
    this.#response.resolve({
      stream: true,
      service: method.parent,
      method,
      header: asHeaders(header),
      trailer: this.#trailer,
      message: this,
    });
  }

  receiveMessage(
    buffer: Uint8Array,
    start: number,
    end: number,
    isOwned: boolean,
    compression: Compression | undefined,
  ): void {
    const message = compression === undefined
      ? decodeMessage(this.#plan, buffer, start, end, isOwned)
      : isOwned
      ? buffer
      : new Uint8Array(buffer.subarray(start, end));
    const length = ENVELOPE_HEAD_LENGTH + end - start;
    this.#waiting.push({ message, compression, length });
    this.#waitingLength += length;
    this.#serve();
  }

  receiveEnd({ error, trailer }: CallEnd): void {
    asHeaders(trailer).forEach((value, name) => this.#trailer.append(name, value));
    this.#end ??= { error };
    if (error !== undefined) {
      this.#response.reject(error);
    }
    this.#serve();
  }

  receiveCompressedEnd(octets: Uint8Array, compression: Compression, read: (octets: Uint8Array) => CallEnd): void {
    this.#readEnd = async () => read(await decompressMessage(this.#plan, octets, compression));
    this.#serve();
  }

  // What whoever made the call says.

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<MessageShape<O>, undefined>> {
    const aborted = this.#request.signals.find((signal) => signal.aborted);
    if (aborted !== undefined && this.#waiting.length > 0) {
      this.#drop({ error: abortError(aborted) }); // Also when the call had ended: not to whoever takes its messages.
    }
    return new Promise((resolve, reject) => {
      this.#takers.push({ resolve, reject });
      this.#serve();
    });
  }

  return(): Promise<IteratorResult<MessageShape<O>, undefined>> {
    this.#drop({ error: undefined });
    this.#call?.fail(new ConnectError("no more of the response was wanted", Code.Canceled));
    this.#serve();
    return Promise.resolve({ done: true, value: undefined });
  }

  #drop(end: { readonly error: ConnectError | undefined }): void {
    this.#waiting = [];
    this.#first = 0;
    this.#waitingLength = 0;
    this.#readEnd = undefined;
    this.#end = end;
  }

  /** Gives what there is to those who wait for it, in its order. */
  #serve(): void {
    while (this.#takers.length > 0 && !this.#isBusy) {
      const waiting = this.#take();
      if (waiting !== undefined) {
        this.#give(waiting);
      } else if (this.#readEnd !== undefined) {
        this.#isBusy = true;
        this.#decompressEnd(this.#readEnd);
      } else if (this.#end !== undefined) {
        this.#giveEnd(this.#end.error);
      } else {
        return;
      }
    }
  }

  #take(): Waiting | undefined {
    const waiting = this.#waiting[this.#first];
    if (waiting === undefined) {
      return undefined;
    }
    if (++this.#first === this.#waiting.length) {
      this.#waiting = [];
      this.#first = 0;
    }
    this.#waitingLength -= waiting.length;
    this.#call?.release();
    return waiting;
  }

  #give({ message, compression }: Waiting): void {
    if (message instanceof Uint8Array) {
      this.#isBusy = true;
      this.#decompress(message, compression!);
    } else {
      this.#takers.shift()?.resolve({ done: false, value: message as MessageShape<O> });
    }
  }

  async #decompress(octets: Uint8Array, compression: Compression): Promise<void> {
    try {
      const message = await decompressMessage(this.#plan, octets, compression);
      const value = decodeMessage(this.#plan, message, 0, message.length, true) as MessageShape<O>;
      this.#takers.shift()?.resolve({ done: false, value });
    } catch (error) {
      const reason = connectErrorOf(error, Code.Internal);
      this.#drop({ error: reason });
      this.#call?.fail(reason);
    }
    this.#isBusy = false;
    this.#serve();
  }

  async #decompressEnd(readEnd: () => Promise<CallEnd>): Promise<void> {
    this.#readEnd = undefined;
    try {
      this.receiveEnd(await readEnd());
    } catch (error) {
      this.receiveEnd({ error: connectErrorOf(error, Code.Internal), trailer: [] });
    }
    this.#isBusy = false;
    this.#serve();
  }

  /** An error is given once; after that, as after the end, there is nothing. */
  #giveEnd(error: ConnectError | undefined): void {
    const taker = this.#takers.shift();
    this.#end = { error: undefined };
    if (error === undefined) {
      taker?.resolve({ done: true, value: undefined });
    } else {
      taker?.reject(error);
    }
  }
}
