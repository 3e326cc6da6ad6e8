/** Encodes the messages of requests as their protocol has them: in an envelope or not, compressed or not. */
import type { Message } from "@bufbuild/protobuf";
import type { Compression } from "../compression.ts";
import { COMPRESSED_FLAG, ENVELOPE_HEAD_LENGTH, writeEnvelopeHead } from "../envelope.ts";
import type { MessageCodec } from "../message_codec.ts";
import { tooLongError } from "./wire_format.ts";

/** Options of {@linkcode MessageEncoder}. */
export interface EncoderOptions {
  readonly codec: MessageCodec;
  readonly isEnveloped: boolean;
  readonly maxMessageBytes: number;
  /** None when undefined. */
  readonly compression: Compression | undefined;
  /** From how many bytes on a message is compressed. */
  readonly compressMinBytes: number;
}

/** Bytes of the buffer that all encoders share, and from which on it is not kept. */
const BUFFER_BYTES = 16_384;
const MAX_BUFFER_BYTES = 1 << 20;

let shared = /* @__PURE__ */ new Uint8Array(BUFFER_BYTES);

/** See the top of the file. */
export class MessageEncoder {
  readonly #options: EncoderOptions;
  /** Where a message begins: behind the head of its envelope. */
  readonly #start: number;

  constructor(options: EncoderOptions) {
    this.#options = options;
    this.#start = options.isEnveloped ? ENVELOPE_HEAD_LENGTH : 0;
  }

  /** What {@linkcode encode} has written, from its beginning on. It is overwritten by whoever encodes next. */
  get buffer(): Uint8Array {
    return shared;
  }

  /**
   * Encodes a message, uncompressed, and gives the end in {@linkcode buffer}.
   *
   * @throws {ConnectError} `resource_exhausted`: it is too long.
   * @throws {Error} A field has a value that it cannot have.
   */
  encode(message: Message): number {
    const { codec, maxMessageBytes, isEnveloped } = this.#options;
    const start = this.#start;
    if (shared.length > MAX_BUFFER_BYTES) {
      shared = new Uint8Array(BUFFER_BYTES);
    }
    let end = codec.encodeInto?.(message, shared, start, shared.length) ?? -1;
    if (end < 0) {
      end = this.#put(codec.encode(message));
    }
    if (end - start > maxMessageBytes) {
      throw tooLongError(end - start, maxMessageBytes);
    }
    if (isEnveloped) {
      writeEnvelopeHead(shared, 0, 0, end - start);
    }
    return end;
  }

  /**
   * Compresses what {@linkcode encode} has written up to `end`, if it is to be. In an envelope, what that makes no smaller stays as it is.
   *
   * @returns All that is to be sent for the message, the caller's; undefined when it is sent as it is.
   */
  compress(end: number): Promise<Uint8Array> | undefined {
    const { compression, compressMinBytes } = this.#options;
    return compression === undefined || end - this.#start < compressMinBytes
      ? undefined
      : this.#compress(compression, shared.slice(this.#start, end));
  }

  async #compress(compression: Compression, message: Uint8Array): Promise<Uint8Array> {
    const compressed = await compression.compress(message);
    if (!this.#options.isEnveloped) {
      return compressed;
    }
    const isSmaller = compressed.length < message.length;
    const content = isSmaller ? compressed : message;
    const envelope = new Uint8Array(ENVELOPE_HEAD_LENGTH + content.length);
    writeEnvelopeHead(envelope, 0, isSmaller ? COMPRESSED_FLAG : 0, content.length);
    envelope.set(content, ENVELOPE_HEAD_LENGTH);
    return envelope;
  }

  #put(octets: Uint8Array): number {
    const end = this.#start + octets.length;
    if (end > shared.length) {
      shared = new Uint8Array(end);
    }
    shared.set(octets, this.#start);
    return end;
  }
}
