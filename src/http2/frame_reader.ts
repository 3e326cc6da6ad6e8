/**
 * Octets in, frames out (RFC 9113 §3.4, §4, §6), in chunks of any size.
 *
 * It owns what can be checked without knowing any stream: the preface, sizes, stream identifiers zero or not, padding, and that
 * nothing comes between HEADERS and its CONTINUATION frames, which it joins. It does not own stream states, windows, HPACK or
 * how often a peer may send a frame. Faults are reported to the sink, never thrown.
 *
 * This module performs no I/O.
 */
import { PieceBuffer, type Turn } from "../http/mod.ts";
import { ErrorCode, FRAME_HEADER_SIZE, FrameFlag, FrameType, MAX_STREAM_ID, PREFACE } from "./constants.ts";
import { FieldBlock, type FieldBlockLimits, type FieldBlockStart } from "./field_block.ts";
import { frameName, hasValidSize, isAboutConnection, readUint31, readUint32 } from "./frame_layout.ts";
import type { FrameSink } from "./frame_sink.ts";

/** What a {@linkcode FrameReader} checks by. */
export interface FrameReaderLimits extends FieldBlockLimits {
  /** The largest payload of a frame, in octets: our SETTINGS_MAX_FRAME_SIZE. */
  readonly maxFrameSize: number;
}

/** What becomes of a frame of which the header has been read. */
const Verdict = { READ: 0, SKIP: 1, STOP: 2 } as const;
type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** Reads the frames of one connection. */
export class FrameReader {
  /** Frames and field blocks that were begun, a block with all its frames being one. To tell whether it still waits for the same one. */
  begunCount = 0;

  readonly #sink: FrameSink;
  readonly #role: "client" | "server";
  readonly #limits: FrameReaderLimits;
  readonly #turn: Turn;
  #stopped = false;
  /** Octets of the preface that have been seen. */
  #prefaceSeen: number;
  #settingsSeen = false;

  // The frame header that is being read, or of which the payload is.
  #headerSeen = 0;
  #length = 0;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  /** Payload of a frame that did not arrive at once, and whether there is such a frame. */
  readonly #payload = new PieceBuffer();
  #inPayload = false;

  /** Octets to drop: padding of DATA, or a frame nobody reads. */
  #skip = 0;

  // The DATA frame that is being handed on in pieces.
  #inData = false;
  #padLengthNext = false;
  #dataLeft = 0;
  /** Of the whole frame, as long as no piece of it was handed on; then 0. */
  #frameLength = 0;
  #padding = 0;

  /** The field block that lacks END_HEADERS. */
  readonly #block: FieldBlock;

  /**
   * @param role Which side reads: a "server" expects the preface first.
   * @param turn Counts the work of the frames. When it is over, the reader stops at the next frame boundary.
   */
  constructor(sink: FrameSink, role: "client" | "server", limits: FrameReaderLimits, turn: Turn) {
    this.#sink = sink;
    this.#role = role;
    this.#limits = limits;
    this.#turn = turn;
    this.#block = new FieldBlock(limits);
    this.#prefaceSeen = role === "server" ? 0 : PREFACE.length;
  }

  /** Whether it waits for the rest of something: of the preface, a frame or a field block. */
  get isMidFrame(): boolean {
    return this.#headerSeen > 0 || this.#inPayload || this.#inData || this.#skip > 0 || this.#block.streamId > 0 ||
      this.#prefaceSeen < PREFACE.length;
  }

  /** Whether it waits for the rest of a field block or a frame, but for DATA, which may take its time. */
  get isWaiting(): boolean {
    return this.#headerSeen > 0 || this.#inPayload || this.#block.streamId > 0 ||
      this.#skip > 0 && this.#type !== FrameType.DATA;
  }

  /** Octets of memory that it holds for what arrived in pieces. */
  get bufferedSize(): number {
    return this.#payload.size + this.#block.bufferedSize;
  }

  /** Reads nothing more. What is pushed from now on is dropped, and so is what it holds. */
  stop(): void {
    this.#stopped = true;
    this.#payload.take();
    this.#block.drop();
  }

  /**
   * Reads a chunk, or the range of it, which stays the caller's.
   *
   * @returns Where it ended: `end`, or less when the turn is over. The rest is to be pushed in the next one.
   */
  push(chunk: Uint8Array, start = 0, end: number = chunk.length): number {
    let position = start;
    while (position < end) {
      if (this.#stopped) {
        return end;
      }
      if (this.#turn.isOver) {
        return position;
      }
      if (this.#inData) {
        position = this.#readData(chunk, position, end);
      } else if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, end - position);
        this.#skip -= skipped;
        position += skipped;
      } else if (this.#inPayload) {
        position = this.#readPayload(chunk, position, end);
      } else if (this.#prefaceSeen < PREFACE.length) {
        this.#readPreface(chunk[position++]!);
      } else {
        position = this.#readHeader(chunk, position, end);
      }
    }
    return position;
  }

  /** "Clients and servers MUST treat an invalid connection preface as a connection error of type PROTOCOL_ERROR" (RFC 9113 §3.4) */
  #readPreface(octet: number): void {
    if (octet !== PREFACE.charCodeAt(this.#prefaceSeen++)) {
      this.#fail(ErrorCode.PROTOCOL_ERROR, "Invalid connection preface");
    }
  }

  #readHeader(chunk: Uint8Array, start: number, end: number): number {
    let position = start;
    if (this.#headerSeen === 0 && this.#block.streamId === 0) {
      this.begunCount++;
    }
    if (this.#headerSeen === 0 && end - start >= FRAME_HEADER_SIZE) {
      this.#length = chunk[start]! << 16 | chunk[start + 1]! << 8 | chunk[start + 2]!;
      this.#type = chunk[start + 3]!;
      this.#flags = chunk[start + 4]!;
      this.#streamId = readUint31(chunk, start + 5);
      position += FRAME_HEADER_SIZE;
    } else {
      while (position < end && this.#headerSeen < FRAME_HEADER_SIZE) {
        this.#readHeaderOctet(chunk[position++]!);
      }
      if (this.#headerSeen < FRAME_HEADER_SIZE) {
        return position;
      }
      this.#headerSeen = 0;
    }
    const length = this.#length;
    this.#turn.spendFrame(length);
    const verdict = this.#check(length, this.#type, this.#flags, this.#streamId);
    if (verdict !== Verdict.READ) {
      this.#skip = verdict === Verdict.SKIP ? length : 0;
      return position;
    }
    if (this.#type === FrameType.DATA) {
      this.#inData = true;
      this.#padLengthNext = (this.#flags & FrameFlag.PADDED) !== 0;
      this.#dataLeft = length;
      this.#frameLength = length;
      this.#padding = 0;
      return this.#readData(chunk, position, end);
    }
    if (end - position >= length) {
      this.#handle(chunk, position, position + length);
      return position + length;
    }
    this.#inPayload = true;
    return position;
  }

  #readHeaderOctet(octet: number): void {
    const index = this.#headerSeen++;
    if (index < 3) {
      this.#length = (index === 0 ? 0 : this.#length << 8) | octet;
    } else if (index === 3) {
      this.#type = octet;
    } else if (index === 4) {
      this.#flags = octet;
    } else {
      this.#streamId = ((index === 5 ? 0 : this.#streamId << 8) | octet) & MAX_STREAM_ID;
    }
  }

  /** Hands on what there is of a DATA frame, so that a large one is never copied. */
  #readData(chunk: Uint8Array, start: number, end: number): number {
    let position = start;
    if (this.#padLengthNext) {
      if (position === end) {
        return position;
      }
      const padding = chunk[position++]!;
      // "If the length of the padding is the length of the frame payload or greater, the recipient MUST treat this as a
      // connection error of type PROTOCOL_ERROR" (RFC 9113 §6.1)
      if (padding >= this.#length) {
        this.#fail(ErrorCode.PROTOCOL_ERROR, `Padding of ${padding} octets in DATA of ${this.#length}`);
        return position;
      }
      this.#padLengthNext = false;
      this.#dataLeft -= 1 + padding;
      this.#skip = padding;
      this.#padding = 1 + padding;
    }
    const length = Math.min(this.#dataLeft, end - position);
    // Nothing to hand on yet. An empty call means an empty frame.
    if (length === 0 && this.#dataLeft > 0) {
      return position;
    }
    const frameLength = this.#frameLength;
    const padding = this.#padding;
    this.#frameLength = this.#padding = 0;
    this.#dataLeft -= length;
    const isLast = this.#dataLeft === 0;
    // Padding waits in #skip until then.
    this.#inData = !isLast;
    const endStream = isLast && (this.#flags & FrameFlag.END_STREAM) !== 0;
    this.#sink.onData(this.#streamId, chunk, position, position + length, frameLength, padding, endStream);
    return position + length;
  }

  #readPayload(chunk: Uint8Array, start: number, end: number): number {
    const payload = this.#payload;
    const length = Math.min(this.#length - payload.length, end - start);
    payload.append(chunk, start, start + length, this.#length);
    if (payload.length === this.#length) {
      this.#inPayload = false;
      this.#handle(payload.take(), 0, this.#length);
    }
    return start + length;
  }

  /** What a frame header alone tells, before anything of the payload is kept. */
  #check(length: number, type: number, flags: number, streamId: number): Verdict {
    if (!this.#settingsSeen) {
      // "That is, the connection preface [...] MUST be followed by a SETTINGS frame" (RFC 9113 §3.4), for servers alike.
      if (type !== FrameType.SETTINGS || (flags & FrameFlag.ACK) !== 0) {
        const isHttp1 = length === 0x485454 && type === 0x50; // "HTTP"
        const message = isHttp1 ? "The peer speaks HTTP/1" : `First frame is ${frameName(type)}, not SETTINGS`;
        return this.#fail(ErrorCode.PROTOCOL_ERROR, message);
      }
      this.#settingsSeen = true;
    }
    if (length > this.#limits.maxFrameSize) {
      const message = `${frameName(type)} of ${length} octets is above SETTINGS_MAX_FRAME_SIZE`;
      return this.#fail(ErrorCode.FRAME_SIZE_ERROR, message);
    }
    if (this.#block.streamId !== 0) {
      return this.#checkContinuation(length, type, streamId);
    }
    // "Implementations MUST ignore and discard frames of unknown types" (RFC 9113 §4.1)
    if (type > FrameType.CONTINUATION) {
      this.#sink.onUnknown(type);
      return Verdict.SKIP;
    }
    if (type === FrameType.CONTINUATION) {
      return this.#fail(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without HEADERS");
    }
    // "A client cannot push. Thus, servers MUST treat the receipt of a PUSH_PROMISE frame as a connection error of type
    // PROTOCOL_ERROR" (RFC 9113 §8.4)
    if (type === FrameType.PUSH_PROMISE && this.#role === "server") {
      return this.#fail(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE from a client");
    }
    if (type !== FrameType.WINDOW_UPDATE && (streamId === 0) !== isAboutConnection(type)) {
      return this.#fail(ErrorCode.PROTOCOL_ERROR, `${frameName(type)} on stream ${streamId}`);
    }
    if (hasValidSize(length, type, flags)) {
      return Verdict.READ;
    }
    const message = `${frameName(type)} of ${length} octets`;
    // PRIORITY: "MUST be treated as a stream error of type FRAME_SIZE_ERROR" (RFC 9113 §6.3). All others are errors of the
    // connection (§6), or may be: of a DATA frame without room for its pad length no sender is right about the rest.
    if (type !== FrameType.PRIORITY) {
      return this.#fail(ErrorCode.FRAME_SIZE_ERROR, message);
    }
    this.#sink.onStreamError(streamId, ErrorCode.FRAME_SIZE_ERROR, message);
    return Verdict.SKIP;
  }

  /**
   * "A receiver MUST treat the receipt of any other type of frame or a frame on a different stream as a connection error of type
   * PROTOCOL_ERROR" (RFC 9113 §6.2). Count and size are checked before anything is kept: the CONTINUATION flood.
   */
  #checkContinuation(length: number, type: number, streamId: number): Verdict {
    const block = this.#block;
    if (type !== FrameType.CONTINUATION || streamId !== block.streamId) {
      const message = `${frameName(type)} on stream ${streamId} inside the field block of stream ${block.streamId}`;
      return this.#fail(ErrorCode.PROTOCOL_ERROR, message);
    }
    if (!block.addContinuation()) {
      const message = `More than ${this.#limits.maxContinuations} CONTINUATION frames in a field block`;
      return this.#fail(ErrorCode.ENHANCE_YOUR_CALM, message);
    }
    return this.#fitsBlock(length) ? Verdict.READ : Verdict.STOP;
  }

  /** Handles a whole frame, which passed {@linkcode #check}; not DATA. */
  #handle(buffer: Uint8Array, start: number, end: number): void {
    const streamId = this.#streamId;
    const isAck = (this.#flags & FrameFlag.ACK) !== 0;
    switch (this.#type) {
      case FrameType.HEADERS:
        return this.#handleHeaders(buffer, start, end);
      case FrameType.CONTINUATION:
        return this.#handleFragment(buffer, start, end);
      case FrameType.WINDOW_UPDATE:
        return this.#handleWindowUpdate(readUint31(buffer, start));
      case FrameType.RST_STREAM:
        return this.#sink.onResetStream(streamId, readUint32(buffer, start));
      case FrameType.PING:
        return isAck ? this.#sink.onPingAck(buffer, start) : this.#sink.onPing(buffer, start);
      case FrameType.SETTINGS:
        return isAck ? this.#sink.onSettingsAck() : this.#sink.onSettings(buffer, start, end);
      case FrameType.PRIORITY:
        return this.#sink.onPriority(streamId, readUint31(buffer, start) === streamId);
      case FrameType.GOAWAY: {
        const lastStreamId = readUint31(buffer, start);
        return this.#sink.onGoaway(lastStreamId, readUint32(buffer, start + 4), buffer, start + 8, end);
      }
      case FrameType.PUSH_PROMISE:
        return this.#handlePushPromise(buffer, start, end);
    }
  }

  #handleWindowUpdate(increment: number): void {
    const streamId = this.#streamId;
    if (increment > 0) {
      return this.#sink.onWindowUpdate(streamId, increment);
    }
    // "as a stream error of type PROTOCOL_ERROR; errors on the connection flow-control window MUST be treated as a connection
    // error" (RFC 9113 §6.9)
    if (streamId > 0) {
      return this.#sink.onStreamError(streamId, ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE with an increment of 0");
    }
    this.#fail(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of the connection with an increment of 0");
  }

  #handleHeaders(buffer: Uint8Array, start: number, end: number): void {
    const flags = this.#flags;
    let [from, to] = [start, end];
    if ((flags & FrameFlag.PADDED) !== 0) {
      to -= buffer[from++]!;
    }
    let selfDependent = false;
    if ((flags & FrameFlag.PRIORITY) !== 0) {
      selfDependent = readUint31(buffer, from) === this.#streamId;
      from += 5;
    }
    if (!this.#isPaddingValid(from, to)) {
      return;
    }
    const endStream = (flags & FrameFlag.END_STREAM) !== 0;
    // The common case: nothing to join, nothing to copy.
    if ((flags & FrameFlag.END_HEADERS) !== 0) {
      if (this.#fitsBlock(to - from)) {
        this.#sink.onHeaders(this.#streamId, buffer, from, to, endStream, selfDependent);
      }
      return;
    }
    this.#beginBlock({ streamId: this.#streamId, promisedStreamId: 0, endStream, selfDependent }, buffer, from, to);
  }

  #handlePushPromise(buffer: Uint8Array, start: number, end: number): void {
    let [from, to] = [start, end];
    if ((this.#flags & FrameFlag.PADDED) !== 0) {
      to -= buffer[from++]!;
    }
    const promisedStreamId = readUint31(buffer, from);
    from += 4;
    if (!this.#isPaddingValid(from, to)) {
      return;
    }
    if (promisedStreamId === 0) {
      this.#fail(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE of stream 0");
      return;
    }
    if ((this.#flags & FrameFlag.END_HEADERS) !== 0) {
      if (this.#fitsBlock(to - from)) {
        this.#sink.onPushPromise(this.#streamId, promisedStreamId, buffer, from, to);
      }
      return;
    }
    const block = { streamId: this.#streamId, promisedStreamId, endStream: false, selfDependent: false };
    this.#beginBlock(block, buffer, from, to);
  }

  #beginBlock(block: FieldBlockStart, buffer: Uint8Array, start: number, end: number): void {
    if (this.#fitsBlock(end - start)) {
      this.#block.begin(block);
      this.#handleFragment(buffer, start, end);
    }
  }

  #handleFragment(buffer: Uint8Array, start: number, end: number): void {
    this.#block.append(buffer, start, end);
    if ((this.#flags & FrameFlag.END_HEADERS) !== 0) {
      this.#block.end(this.#sink);
    }
  }

  /** "Padding that exceeds the size remaining for the field block fragment MUST be treated as a PROTOCOL_ERROR" (RFC 9113 §6.2, §6.6) */
  #isPaddingValid(from: number, to: number): boolean {
    if (from > to) {
      this.#fail(ErrorCode.PROTOCOL_ERROR, `Padding is longer than what ${frameName(this.#type)} has room for`);
    }
    return from <= to;
  }

  /** Not a stream error: a block that is not decoded leaves HPACK's tables apart (RFC 9113 §4.3). */
  #fitsBlock(length: number): boolean {
    const fits = this.#block.fits(length);
    if (!fits) {
      this.#fail(ErrorCode.ENHANCE_YOUR_CALM, `Field block is above ${this.#limits.maxHeaderBlockSize} octets`);
    }
    return fits;
  }

  #fail(code: ErrorCode, message: string): typeof Verdict.STOP {
    if (!this.#stopped) {
      this.stop();
      this.#sink.onConnectionError(code, message);
    }
    return Verdict.STOP;
  }
}
