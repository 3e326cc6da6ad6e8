/** The answer to a unary call, on its way to a promise. */
import type { DescMessage, DescMethodUnary, Message, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type UnaryResponse } from "@connectrpc/connect";
import type { Compression } from "../compression.ts";
import type { CallPlan } from "./call_plan.ts";
import type { CallObserver } from "./client_call.ts";
import { decodeMessage, decompressMessage } from "./message_decoder.ts";
import { asHeaders, type CallEnd, failedEnd, type Metadata } from "./wire_format.ts";

/** See the top of the file. */
export class UnaryResult<I extends DescMessage, O extends DescMessage> implements CallObserver {
  readonly waitingLength = 0;
  readonly #plan: CallPlan;
  readonly #method: DescMethodUnary<I, O>;
  readonly #resolve: (response: UnaryResponse<I, O>) => void;
  readonly #reject: (error: ConnectError) => void;
  #header: Metadata = [];
  #message: Message | Promise<Message> | undefined = undefined;

  constructor(
    plan: CallPlan,
    method: DescMethodUnary<I, O>,
    resolve: (response: UnaryResponse<I, O>) => void,
    reject: (error: ConnectError) => void,
  ) {
    this.#plan = plan;
    this.#method = method;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  receiveHeader(header: Metadata): void {
    this.#header = header;
  }

  receiveMessage(
    buffer: Uint8Array,
    start: number,
    end: number,
    isOwned: boolean,
    compression: Compression | undefined,
  ): void {
    if (this.#message !== undefined) {
      throw new ConnectError("the response has more than one message", Code.Unimplemented);
    }
    if (compression === undefined) {
      this.#message = decodeMessage(this.#plan, buffer, start, end, isOwned);
      return;
    }
    this.#message = this.#decompress(isOwned ? buffer : new Uint8Array(buffer.subarray(start, end)), compression);
    this.#message.catch(() => {}); // What it fails with counts only if the call succeeds.
  }

  async #decompress(octets: Uint8Array, compression: Compression): Promise<Message> {
    const message = await decompressMessage(this.#plan, octets, compression);
    return decodeMessage(this.#plan, message, 0, message.length, true);
  }

  receiveEnd({ error, trailer }: CallEnd): void {
    const message = this.#message;
    if (error !== undefined) {
      this.#reject(error);
    } else if (message === undefined) {
      const missing = new ConnectError("the response has no message", Code.Unimplemented);
      failedEnd(missing, this.#header, trailer);
      this.#reject(missing);
    } else if (message instanceof Promise) {
      message.then((message) => this.#resolve(this.#response(message, trailer)), this.#reject);
    } else {
      this.#resolve(this.#response(message, trailer));
    }
  }

  receiveCompressedEnd(octets: Uint8Array, compression: Compression, read: (octets: Uint8Array) => CallEnd): void {
    decompressMessage(this.#plan, octets, compression).then((octets) => this.receiveEnd(read(octets)), this.#reject);
  }

  /** Its own properties, for those who copy it; most are never read. */
  #response(message: Message, trailer: Metadata): UnaryResponse<I, O> {
    const header = this.#header;
    const method = this.#method;
    return {
      stream: false,
      service: method.parent,
      method,
      message: message as MessageShape<O>,
      get header() {
        return asHeaders(header);
      },
      get trailer() {
        return asHeaders(trailer);
      },
    };
  }
}
