/**
 * Frames in, octets out (RFC 9113 §4.1, §6): one buffer that grows until it is taken, and is then the taker's.
 *
 * It writes what it is told. Whether a stream may send, and how much, is for others to know; only what would garble the output is
 * refused. Output that was not taken in time may need more than a buffer of the pool. This module performs no I/O.
 */
import { BUFFER_SIZE, copyOctets, LentOutput, recycleBuffer, takeBuffer } from "../http/mod.ts";
import { DEFAULT_MAX_FRAME_SIZE, FRAME_HEADER_SIZE, FrameFlag, FrameType, PREFACE } from "./constants.ts";
import { writeUint32 } from "./frame_layout.ts";

/** Characters of GOAWAY's debug data. More is nothing that a person would read. */
export const MAX_DEBUG_LENGTH = 256;

const EMPTY = new Uint8Array(0);

/** Writes the frames of one connection. */
export class FrameWriter {
  /** The peer's SETTINGS_MAX_FRAME_SIZE, or what we like better below it: DATA and field blocks are split by it. In octets. */
  maxFrameSize: number = DEFAULT_MAX_FRAME_SIZE;

  readonly #lent = new LentOutput();
  #buffer: Uint8Array = EMPTY;
  #length = 0;
  /** The stream and type of the frame between `reserveData` and `commitData`, `beginHeaders` and `endHeaders`; 0 when there is none. */
  #openStreamId = 0;
  #openType = 0;
  #openBound = 0;

  /** Octets written and not taken yet. */
  get length(): number {
    return this.#length;
  }

  /** Where `reserveData` and `beginHeaders` make room. Every other method may exchange it. */
  get buffer(): Uint8Array {
    return this.#buffer;
  }

  /**
   * Gives away what was written; undefined when nothing was. The octets are the caller's, who calls {@linkcode release} when nobody
   * reads them any more.
   *
   * @throws {Error} A frame is open.
   */
  take(): Uint8Array | undefined {
    this.#refuseOpen();
    const buffer = this.#buffer;
    const length = this.#length;
    this.#buffer = EMPTY;
    this.#length = 0;
    if (length > 0) {
      return this.#lent.lend(buffer, length);
    }
    recycleBuffer(buffer);
    return undefined;
  }

  /** Gives back what {@linkcode take} gave. @throws {Error} It is not what was taken first. */
  release(taken: Uint8Array): void {
    this.#lent.release(taken);
  }

  /** Drops all output, taken or not, when the socket is closed. */
  drop(): void {
    this.#buffer = EMPTY;
    this.#length = 0;
    this.#lent.drop();
  }

  /** Writes the client's preface, which its SETTINGS must follow (RFC 9113 §3.4). */
  writePreface(): void {
    this.#refuseOpen();
    this.#ensure(PREFACE.length);
    for (let index = 0; index < PREFACE.length; index++) {
      this.#buffer[this.#length++] = PREFACE.charCodeAt(index);
    }
  }

  /** Writes SETTINGS. The entries are identifiers and values, 32 bits. */
  writeSettings(entries: readonly (readonly [id: number, value: number])[]): void {
    let offset = this.#writeHeader(6 * entries.length, FrameType.SETTINGS, 0, 0);
    for (const [id, value] of entries) {
      this.#buffer[offset] = id >>> 8;
      this.#buffer[offset + 1] = id;
      writeUint32(this.#buffer, offset + 2, value);
      offset += 6;
    }
  }

  writeSettingsAck(): void {
    this.#writeHeader(0, FrameType.SETTINGS, FrameFlag.ACK, 0);
  }

  /** Writes PING with the eight octets from `start` on, which are copied. */
  writePing(ack: boolean, octets: Uint8Array, start = 0): void {
    const offset = this.#writeHeader(8, FrameType.PING, ack ? FrameFlag.ACK : 0, 0);
    for (let index = 0; index < 8; index++) {
      this.#buffer[offset + index] = octets[start + index]!;
    }
  }

  /** Writes GOAWAY. Of the debug text, which the peer may log, the first {@linkcode MAX_DEBUG_LENGTH} characters; it should be ASCII. */
  writeGoaway(lastStreamId: number, code: number, debugText = ""): void {
    const debugLength = Math.min(debugText.length, MAX_DEBUG_LENGTH);
    const offset = this.#writeHeader(8 + debugLength, FrameType.GOAWAY, 0, 0);
    writeUint32(this.#buffer, offset, lastStreamId);
    writeUint32(this.#buffer, offset + 4, code);
    for (let index = 0; index < debugLength; index++) {
      this.#buffer[offset + 8 + index] = debugText.charCodeAt(index);
    }
  }

  /** Writes WINDOW_UPDATE; stream 0 is the connection. The increment is 1 to 2^31-1. */
  writeWindowUpdate(streamId: number, increment: number): void {
    const offset = this.#writeHeader(4, FrameType.WINDOW_UPDATE, 0, streamId);
    writeUint32(this.#buffer, offset, increment);
  }

  writeResetStream(streamId: number, code: number): void {
    const offset = this.#writeHeader(4, FrameType.RST_STREAM, 0, streamId);
    writeUint32(this.#buffer, offset, code);
  }

  /** Writes DATA with the octets from `start` to `end`, which are copied: several frames when they are more than `maxFrameSize`. */
  writeData(streamId: number, chunk: Uint8Array, start: number, end: number, endStream: boolean): void {
    let position = start;
    do {
      const length = Math.min(end - position, this.maxFrameSize);
      const flags = endStream && position + length === end ? FrameFlag.END_STREAM : 0;
      const offset = this.#writeHeader(length, FrameType.DATA, flags, streamId);
      copyOctets(chunk, position, position + length, this.#buffer, offset);
      position += length;
    } while (position < end);
  }

  /**
   * Opens a DATA frame for somebody who writes into `buffer` himself.
   *
   * @param bound Octets there shall be room for, at most `maxFrameSize`.
   * @returns Where in `buffer` the octets go.
   * @throws {RangeError} The bound is too large for a frame.
   * @throws {Error} A frame is open.
   */
  reserveData(streamId: number, bound: number): number {
    if (bound > this.maxFrameSize) {
      throw new RangeError(`Cannot reserve ${bound} octets: a frame has at most ${this.maxFrameSize}`);
    }
    return this.#open(FrameType.DATA, streamId, bound);
  }

  /**
   * Ends the DATA frame that `reserveData` opened. One that is empty and does not end the stream is not written at all.
   *
   * @throws {Error} No DATA frame is open.
   * @throws {RangeError} The length is above the bound.
   */
  commitData(length: number, endStream: boolean): void {
    const streamId = this.#close(FrameType.DATA, length);
    if (length > 0 || endStream) {
      this.#putHeader(this.#length, length, FrameType.DATA, endStream ? FrameFlag.END_STREAM : 0, streamId);
      this.#length += FRAME_HEADER_SIZE + length;
    }
  }

  /**
   * Opens a field block for an encoder that writes into `buffer`.
   *
   * @param bound Octets the block may have at most; also more than `maxFrameSize`.
   * @returns Where in `buffer` the block begins.
   * @throws {Error} A frame is open.
   */
  beginHeaders(streamId: number, bound: number): number {
    return this.#open(FrameType.HEADERS, streamId, bound);
  }

  /**
   * Ends the field block that `beginHeaders` opened: as HEADERS, with CONTINUATION frames behind when it is above `maxFrameSize`.
   *
   * @param end Where in `buffer` the block ends.
   * @throws {Error} No field block is open.
   * @throws {RangeError} The block is above the bound.
   */
  endHeaders(end: number, endStream: boolean): void {
    const start = this.#length;
    const blockLength = end - start - FRAME_HEADER_SIZE;
    const streamId = this.#close(FrameType.HEADERS, blockLength);
    const endStreamFlag = endStream ? FrameFlag.END_STREAM : 0;
    if (blockLength <= this.maxFrameSize) {
      this.#putHeader(start, blockLength, FrameType.HEADERS, FrameFlag.END_HEADERS | endStreamFlag, streamId);
      this.#length = end;
      return;
    }
    // Each fragment behind the first moves up by the headers before it. The last one goes first, so that none is overwritten.
    const continuations = Math.ceil(blockLength / this.maxFrameSize) - 1;
    this.#length = end;
    this.#ensure(continuations * FRAME_HEADER_SIZE);
    for (let index = continuations; index > 0; index--) {
      const from = start + FRAME_HEADER_SIZE + index * this.maxFrameSize;
      const to = start + index * (FRAME_HEADER_SIZE + this.maxFrameSize);
      const length = Math.min(this.maxFrameSize, end - from);
      this.#buffer.copyWithin(to + FRAME_HEADER_SIZE, from, from + length);
      const flags = index === continuations ? FrameFlag.END_HEADERS : 0;
      this.#putHeader(to, length, FrameType.CONTINUATION, flags, streamId);
    }
    this.#putHeader(start, this.maxFrameSize, FrameType.HEADERS, endStreamFlag, streamId);
    this.#length = end + continuations * FRAME_HEADER_SIZE;
  }

  /** Gives up the frame that is open, if there is one: when what was to write it threw. */
  discardOpen(): void {
    this.#openStreamId = 0;
  }

  #open(type: number, streamId: number, bound: number): number {
    this.#refuseOpen();
    this.#ensure(FRAME_HEADER_SIZE + bound);
    this.#openStreamId = streamId;
    this.#openType = type;
    this.#openBound = bound;
    return this.#length + FRAME_HEADER_SIZE;
  }

  #close(type: number, length: number): number {
    const streamId = this.#openStreamId;
    if (streamId === 0 || this.#openType !== type) {
      throw new Error("Cannot end a frame: none of its type is open");
    }
    if (!(length >= 0 && length <= this.#openBound)) {
      throw new RangeError(`Cannot end a frame with ${length} octets: ${this.#openBound} are reserved`);
    }
    this.#openStreamId = 0;
    return streamId;
  }

  #refuseOpen(): void {
    if (this.#openStreamId !== 0) {
      throw new Error(`Cannot write a frame: one of stream ${this.#openStreamId} is open`);
    }
  }

  /** Makes room for a frame, writes its header and counts the whole as written. Gives where the payload goes. */
  #writeHeader(length: number, type: number, flags: number, streamId: number): number {
    this.#refuseOpen();
    this.#ensure(FRAME_HEADER_SIZE + length);
    const start = this.#length;
    this.#putHeader(start, length, type, flags, streamId);
    this.#length = start + FRAME_HEADER_SIZE + length;
    return start + FRAME_HEADER_SIZE;
  }

  #putHeader(offset: number, length: number, type: number, flags: number, streamId: number): void {
    const buffer = this.#buffer;
    buffer[offset] = length >>> 16;
    buffer[offset + 1] = length >>> 8;
    buffer[offset + 2] = length;
    buffer[offset + 3] = type;
    buffer[offset + 4] = flags;
    writeUint32(buffer, offset + 5, streamId);
  }

  #ensure(room: number): void {
    const needed = this.#length + room;
    if (needed <= this.#buffer.length) {
      return;
    }
    const old = this.#buffer;
    this.#buffer = needed <= BUFFER_SIZE ? takeBuffer() : new Uint8Array(Math.max(old.length * 2, needed));
    copyOctets(old, 0, this.#length, this.#buffer, 0);
    recycleBuffer(old);
  }
}
