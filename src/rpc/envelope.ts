/**
 * Envelopes, in which messages travel in gRPC, gRPC-Web and streams of Connect: an octet of flags, four of length (big-endian), content
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
 */

/** Octets before the content. */
export const ENVELOPE_HEAD_LENGTH = 5;

/** Flag: the content is compressed. */
export const COMPRESSED_FLAG = 0x01;
/** Flag of Connect: the content is the end-stream message. */
export const END_STREAM_FLAG = 0x02;
/** Flag of gRPC-Web: the content is the trailers. */
export const TRAILERS_FLAG = 0x80;

const EMPTY = new Uint8Array(0);

/**
 * Room that is kept for the next content of several chunks, in octets. Room that is not is garbage outside of V8's heap, and V8 is in no hurry to
 * collect that.
 */
const MAX_KEPT_ROOM = 131_072;

/** Gets what an {@linkcode EnvelopeReader} finds. It must not throw. */
export interface EnvelopeHandler {
  /**
   * The content of one envelope, from `start` to `end` of a buffer that is valid during the call only: in place when it came in one piece,
   * else put together.
   */
  onEnvelope(flags: number, buffer: Uint8Array, start: number, end: number): void;
  /** A length above the limit was announced. Nothing was allocated for it, and nothing follows. */
  onTooLarge(length: number): void;
}

/** Takes octets in any chunks, gives envelopes. */
export class EnvelopeReader {
  readonly #handler: EnvelopeHandler;
  readonly #maxBytes: number;
  #isStopped = false;
  /** Of the head of the current envelope: how many octets were read, and what they say. */
  #headLength = 0;
  #flags = 0;
  #length = 0;
  /** The part of the current envelope's content that came in earlier chunks. */
  #content: Uint8Array = EMPTY;
  #contentLength = 0;

  /** @param maxBytes The longest content that is taken. */
  constructor(handler: EnvelopeHandler, maxBytes: number) {
    this.#handler = handler;
    this.#maxBytes = maxBytes;
  }

  /** Whether what was read ends within an envelope. */
  get isMidEnvelope(): boolean {
    return this.#headLength > 0;
  }

  /** Takes octets. They are the caller's again after the call. */
  push(buffer: Uint8Array, start: number, end: number): void {
    let offset = start;
    while (offset < end && !this.#isStopped) {
      offset = this.#readHead(buffer, offset, end);
      if (this.#headLength < ENVELOPE_HEAD_LENGTH) {
        return;
      }
      if (this.#length > this.#maxBytes) {
        this.#isStopped = true;
        this.#handler.onTooLarge(this.#length);
        return;
      }
      offset = this.#readContent(buffer, offset, end);
    }
  }

  /** Takes nothing more: later octets are dropped. Also in the middle of {@linkcode push}. */
  stop(): void {
    this.#isStopped = true;
    this.#content = EMPTY;
  }

  /** @returns Where it stopped. */
  #readHead(buffer: Uint8Array, start: number, end: number): number {
    let offset = start;
    if (this.#headLength === 0 && offset < end) {
      this.#flags = buffer[offset++]!;
      this.#length = 0;
      this.#headLength = 1;
    }
    while (this.#headLength < ENVELOPE_HEAD_LENGTH && offset < end) {
      this.#length = this.#length * 256 + buffer[offset++]!;
      this.#headLength++;
    }
    return offset;
  }

  /** @returns Where it stopped. */
  #readContent(buffer: Uint8Array, start: number, end: number): number {
    const available = Math.min(end - start, this.#length - this.#contentLength);
    const isWhole = this.#contentLength + available === this.#length;
    const contentEnd = start + available;
    if (isWhole && this.#contentLength === 0) {
      this.#headLength = 0;
      this.#handler.onEnvelope(this.#flags, buffer, start, contentEnd);
      return contentEnd;
    }
    this.#keep(buffer, start, contentEnd);
    if (isWhole) {
      const content = this.#content;
      if (content.length > MAX_KEPT_ROOM) {
        this.#content = EMPTY;
      }
      this.#contentLength = 0;
      this.#headLength = 0;
      this.#handler.onEnvelope(this.#flags, content, 0, this.#length);
    }
    return contentEnd;
  }

  /** Room doubles with what arrives, up to the length: what was only announced costs nothing. */
  #keep(buffer: Uint8Array, start: number, end: number): void {
    const needed = this.#contentLength + end - start;
    if (needed > this.#content.length) {
      const grown = new Uint8Array(Math.min(this.#length, Math.max(needed, 2 * this.#content.length)));
      grown.set(this.#content.subarray(0, this.#contentLength));
      this.#content = grown;
    }
    this.#content.set(buffer.subarray(start, end), this.#contentLength);
    this.#contentLength = needed;
  }
}

/** Writes the head of an envelope. */
export function writeEnvelopeHead(buffer: Uint8Array, offset: number, flags: number, length: number): void {
  buffer[offset] = flags;
  buffer[offset + 1] = length >>> 24;
  buffer[offset + 2] = length >>> 16;
  buffer[offset + 3] = length >>> 8;
  buffer[offset + 4] = length;
}

/** The length that the head of an envelope announces. */
export function readEnvelopeLength(buffer: Uint8Array, offset: number): number {
  // Not shifted: that would make lengths from 2^31 on negative.
  return buffer[offset + 1]! * 0x100_0000 +
    (buffer[offset + 2]! << 16 | buffer[offset + 3]! << 8 | buffer[offset + 4]!);
}
