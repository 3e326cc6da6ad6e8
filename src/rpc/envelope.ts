/**
 * Envelopes, in which messages travel in gRPC, gRPC-Web and streams of Connect: an octet of flags, four of length (big-endian), content
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
 */
import type { ConnectError } from "@connectrpc/connect";
import { copyOctets, PieceBuffer } from "../http/mod.ts";

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
 * A content that is as long as this, in octets, and comes in pieces is put together in a buffer of its own, which its message may keep: a copy less
 * (1 MB there and back: 1.5 times as much for each CPU second).
 */
const LONG = 16_384;

/** So many times what has come such a buffer has room for, so that most need no second one: uploads in 64 KiB take 5 % less CPU than with twice as much. */
export const LONG_GROWTH = 8;

/**
 * Room that is kept for octets that have to wait, in octets. Room that is not is garbage outside of V8's heap, and V8 is in no hurry to collect that.
 */
const MAX_KEPT_ROOM = 131_072;

/**
 * Takes octets in any chunks, and gives envelopes when they are asked for: one that nobody asks for yet is neither decoded nor an object.
 *
 * A chunk is `push`ed, all envelopes that are wanted are read by `next`, and `keep` copies the rest.
 */
export class EnvelopeReader {
  /** The flags of the envelope that {@linkcode next} has found. */
  flags = 0;
  /** Where its content is, from {@linkcode start} to {@linkcode end}: until the next call of a method. */
  buffer: Uint8Array = EMPTY;
  start = 0;
  end = 0;
  /** Whether the buffer is for this content alone, so that the message may refer to it. */
  isOwned = false;

  readonly #maxBytes: number;
  readonly #tooLong: (length: number, maxBytes: number) => ConnectError;
  /** What was not read yet, from position to limit: of the caller's chunk, or of our room. */
  #input: Uint8Array = EMPTY;
  #position = 0;
  #limit = 0;
  #isBorrowed = false;
  #room: Uint8Array = EMPTY;
  /** A content that has a buffer of its own. It comes before what was not read yet. */
  #long: PieceBuffer | undefined = undefined;
  #longLength = 0;
  #isStopped = false;

  /**
   * @param maxBytes The longest content that is taken.
   * @param tooLong Makes the error for one of `length` octets.
   */
  constructor(maxBytes: number, tooLong: (length: number, maxBytes: number) => ConnectError) {
    this.#maxBytes = maxBytes;
    this.#tooLong = tooLong;
  }

  /** Octets that were not read yet. Right after {@linkcode next} said false they are of an envelope that is not all there. */
  get waitingLength(): number {
    const waiting = this.#limit - this.#position;
    return this.#long === undefined ? waiting : waiting + ENVELOPE_HEAD_LENGTH + this.#long.length;
  }

  /** Bytes of memory for what waits: more than that, where a long content is expected. */
  get heldBytes(): number {
    return this.#room.length + (this.#long?.size ?? 0);
  }

  /** Whether {@linkcode next} has something to say: the next envelope is all there, or too long. */
  get hasEnvelope(): boolean {
    if (this.#long !== undefined) {
      return this.#long.length === this.#longLength;
    }
    const available = this.#limit - this.#position - ENVELOPE_HEAD_LENGTH;
    if (available < 0) {
      return false;
    }
    const length = readEnvelopeLength(this.#input, this.#position);
    return length <= available || length > this.#maxBytes;
  }

  /** Takes octets. They are the caller's again after {@linkcode keep}. */
  push(buffer: Uint8Array, start: number, end: number): void {
    let position = start;
    if (this.#long !== undefined && !this.hasEnvelope) {
      position += Math.min(end - start, this.#longLength - this.#long.length);
      this.#long.append(buffer, start, position, this.#longLength);
    }
    if (position === end || this.#isStopped) {
      return;
    }
    if (this.#position < this.#limit) {
      this.#wait(buffer, position, end);
    } else {
      this.#input = buffer;
      this.#position = position;
      this.#limit = end;
      this.#isBorrowed = true;
    }
  }

  /**
   * Reads the next envelope, if it is all there.
   *
   * @throws {ConnectError} It is said to be too long. Nothing was allocated for it, and nothing follows.
   */
  next(): boolean {
    this.buffer = EMPTY; // Of a long content nobody else may have it.
    if (this.#long !== undefined) {
      return this.#takeLong(this.#long);
    }
    const head = this.#position;
    const available = this.#limit - head - ENVELOPE_HEAD_LENGTH;
    if (available < 0) {
      this.#dropRoom();
      return false;
    }
    const length = readEnvelopeLength(this.#input, head);
    if (length > this.#maxBytes) {
      this.stop();
      throw this.#tooLong(length, this.#maxBytes);
    }
    if (length > available) {
      this.#beginLong(length, available);
      return false;
    }
    this.flags = this.#input[head]!;
    this.buffer = this.#input;
    this.start = head + ENVELOPE_HEAD_LENGTH;
    this.end = this.start + length;
    this.isOwned = false;
    this.#position = this.end;
    return true;
  }

  /** Copies what was not read of the chunk that was pushed. */
  keep(): void {
    if (!this.#isBorrowed) {
      return;
    }
    this.#isBorrowed = false;
    const available = this.#limit - this.#position - ENVELOPE_HEAD_LENGTH;
    if (available >= 0 && this.#long === undefined) {
      const length = readEnvelopeLength(this.#input, this.#position);
      if (length > available && length <= this.#maxBytes) {
        this.#beginLong(length, available);
      }
    }
    const buffer = this.#input;
    const start = this.#position;
    const end = this.#limit;
    this.#input = this.#room;
    this.#position = 0;
    this.#limit = 0;
    if (start < end) {
      this.#wait(buffer, start, end);
    }
  }

  /** Takes nothing more: what was not read, and what comes, is dropped. */
  stop(): void {
    this.#isStopped = true;
    this.#isBorrowed = false;
    this.#input = EMPTY;
    this.#room = EMPTY;
    this.#position = 0;
    this.#limit = 0;
    this.#long = undefined;
  }

  #takeLong(long: PieceBuffer): boolean {
    if (long.length < this.#longLength) {
      return false;
    }
    this.buffer = long.take();
    this.start = 0;
    this.end = this.#longLength;
    this.isOwned = true;
    this.#long = undefined;
    return true;
  }

  /** Has a content that is not all there go on in a buffer of its own, if it is long. */
  #beginLong(length: number, available: number): void {
    if (length < LONG) {
      return;
    }
    const start = this.#position + ENVELOPE_HEAD_LENGTH;
    this.flags = this.#input[this.#position]!;
    this.#longLength = length;
    this.#long = new PieceBuffer(LONG_GROWTH);
    this.#long.append(this.#input, start, start + available, length);
    this.#position = this.#limit;
  }

  /** Copies octets behind those that wait. */
  #wait(buffer: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.#limit + length > this.#room.length) {
      this.#makeRoom(length);
    }
    copyOctets(buffer, start, end, this.#room, this.#limit);
    this.#limit += length;
  }

  /** Lets go of room that is not needed, if it is much. */
  #dropRoom(): void {
    if (this.#room.length > MAX_KEPT_ROOM && this.#position === this.#limit) {
      this.#room = EMPTY;
      if (!this.#isBorrowed) {
        this.#input = EMPTY;
        this.#position = 0;
        this.#limit = 0;
      }
    }
  }

  /** By moving what waits to the front, if more was read than that. */
  #makeRoom(length: number): void {
    const waiting = this.#limit - this.#position;
    const needed = waiting + length;
    const { length: size } = this.#room;
    if (this.#position >= waiting && needed <= size) {
      this.#room.copyWithin(0, this.#position, this.#limit);
    } else {
      const grown = new Uint8Array(Math.max(needed, 2 * size));
      grown.set(this.#room.subarray(this.#position, this.#limit));
      this.#room = grown;
      this.#input = grown;
    }
    this.#position = 0;
    this.#limit = waiting;
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
