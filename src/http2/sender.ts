/**
 * Everything a connection sends: frames in the order of the wire, windows, the queues of streams that have to wait, and whose turn it is.
 *
 * Control frames and field blocks are written when they come up. DATA is written at once as far as windows and output have room, so that
 * an answer costs no queue. What has to wait is copied into the stream's queue and taken from there by {@linkcode Sender.poll}, one
 * frame from each stream in turn, behind all control frames. HPACK encodes when a block is written, never when it is queued:
 * what is dropped from a queue must not have changed the table.
 *
 * It does not know why something is sent. This module performs no I/O.
 */
import {
  BUFFER_SIZE,
  type ByteAccount,
  FIELD_OVERHEAD,
  fieldSectionSize,
  FieldSectionTooLargeError,
  type HeaderField,
  UNCOUNTED_BYTES,
} from "../http/mod.ts";
import type { AbuseLimits } from "./abuse_limits.ts";
import type { Role } from "./connection.ts";
import { DEFAULT_HEADER_TABLE_SIZE, DEFAULT_INITIAL_WINDOW_SIZE, FRAME_HEADER_SIZE } from "./constants.ts";
import { SendWindow } from "./flow_window.ts";
import { FrameWriter } from "./frame_writer.ts";
import { HpackEncoder } from "./hpack/mod.ts";
import { type Http2Limits, MIN_SENT_HEADER_LIST_SIZE } from "./limits.ts";
import { checkOutgoingHead, checkOutgoingTrailers } from "./message_rules.ts";
import { RecentLists } from "./recent_lists.ts";
import { SendQueue } from "./send_queue.ts";
import type { Settings } from "./settings.ts";
import type { Http2Stream } from "./stream.ts";
import { nextState, StreamInput, type StreamState } from "./stream_state.ts";

/** The streams with a queue of a connection that never had one: an empty Set has 192 octets. */
const NONE = new Set<Http2Stream>();

/** What a sender asks and tells its connection. */
export interface SenderHost {
  readonly role: Role;
  readonly limits: Http2Limits;
  /** Where bytes that wait are counted; undefined when they are not. */
  readonly account: ByteAccount | undefined;
  /** END_STREAM has been written, and the state says so. */
  localEnded(stream: Http2Stream): void;
  /** There is output. */
  signalOutput(): void;
}

/** Sends for one connection. */
export class Sender {
  /** The frames that need no more than to be written. */
  readonly #writer = new FrameWriter();
  readonly #host: SenderHost;
  readonly #limits: Http2Limits;
  readonly #abuse: AbuseLimits;
  readonly #window = new SendWindow(DEFAULT_INITIAL_WINDOW_SIZE);
  /** Streams with a queue, in the order of their turns. */
  #waiting: Set<Http2Stream> = NONE;
  #queuedLength = 0;
  /** Bytes that were polled and not given back, as far as they are counted. */
  #polledLength = 0;
  /** Whether something has changed since the queues were found blocked. */
  #mayDrain = false;
  /** What the peer takes of a head or of trailers, as far as is known. */
  #maxHeaderListSize = Infinity;
  /** As what follows, made with the first fields: 0.9 KiB that a connection without calls does not have. In an object of their own it was 4 % of a call. */
  #encoder: HpackEncoder | undefined = undefined;
  /** Lists that were found fit to be sent, and how many octets they may become. */
  #checkedHeads: RecentLists<number> | undefined = undefined;
  #checkedTrailers: RecentLists<number> | undefined = undefined;

  constructor(host: SenderHost, abuse: AbuseLimits) {
    this.#host = host;
    this.#limits = host.limits;
    this.#abuse = abuse;
  }

  /** The connection's window. */
  get window(): SendWindow {
    return this.#window;
  }

  /** Whether `poll` would give something. */
  get hasOutput(): boolean {
    return this.#writer.length > 0 || (this.#mayDrain && this.#waiting.size > 0);
  }

  /** Octets of output that nobody has polled. */
  get outputLength(): number {
    return this.#writer.length;
  }

  /** Octets of output and of queues. */
  get bufferedLength(): number {
    return this.#writer.length + this.#queuedLength;
  }

  /** Bytes of output that may be on their way to the socket, as far as they are counted. */
  get polledLength(): number {
    return this.#polledLength;
  }

  /** Where `reserve` makes room. */
  get outputBuffer(): Uint8Array {
    return this.#writer.buffer;
  }

  /** Streams with a queue. */
  get waiting(): ReadonlySet<Http2Stream> {
    return this.#waiting;
  }

  /** For frames of the connection, RST_STREAM and WINDOW_UPDATE: they are written at once, and DATA comes behind them. */
  get control(): FrameWriter {
    return this.#writer;
  }

  /** Applies the peer's settings. */
  applySettings(settings: Settings, lowestHeaderTableSize: number): void {
    this.#writer.maxFrameSize = Math.min(settings.maxFrameSize, this.#limits.maxFrameSize);
    this.#applyHeaderListSize(settings.maxHeaderListSize);
    const { headerTableSize } = settings;
    const isDefault = lowestHeaderTableSize === headerTableSize && headerTableSize === DEFAULT_HEADER_TABLE_SIZE;
    if (this.#encoder !== undefined || !isDefault) {
      const encoder = this.#madeEncoder();
      if (lowestHeaderTableSize < headerTableSize) {
        encoder.setMaxTableSize(lowestHeaderTableSize);
      }
      encoder.setMaxTableSize(headerTableSize);
    }
    this.#mayDrain = true;
  }

  /** Says that a window became larger. */
  windowOpened(): void {
    this.#mayDrain = true;
  }

  /**
   * Sends a head, or trailers, which wait behind what is queued.
   *
   * @throws {TypeError} A field may not be sent.
   * @throws {FieldSectionTooLargeError} They are larger than the peer takes, or than the limit.
   */
  sendHeaders(stream: Http2Stream, fields: readonly HeaderField[], endStream: boolean): void {
    const bound = stream.headSent ? this.#checkTrailers(fields) : this.#checkHead(fields);
    stream.headSent = true;
    stream.ended = endStream;
    if (stream.queue !== undefined) {
      stream.trailers = fields;
      return;
    }
    this.#writeHeaders(stream, fields, bound, endStream);
    this.#host.signalOutput();
  }

  /** Sends an interim response. @throws {TypeError} A field may not be sent. */
  sendInformation(stream: Http2Stream, fields: readonly HeaderField[]): void {
    this.#writeHeaders(stream, fields, this.#checkHead(fields), false);
    this.#host.signalOutput();
  }

  /** @returns False when the queue is full. @throws {RangeError} It was full already, and this is not the end. */
  sendData(
    stream: Http2Stream,
    chunk: Uint8Array,
    start: number,
    end: number,
    endStream: boolean,
  ): boolean {
    if (stream.isFull && start < end && !endStream) {
      throw new RangeError(`Cannot send DATA on stream ${stream.id}: its queue is full`);
    }
    this.#host.signalOutput();
    let position = start;
    if (stream.queue === undefined) {
      // One that has not waited yet takes at most its turn from those that have.
      const turns = this.#waiting.size === 0 ? Infinity : 1;
      for (let turn = 0; turn < turns; turn++) {
        const length = position === end ? 0 : this.#sendable(stream, end - position);
        if (length < 0 || (length === 0 && position < end)) {
          break;
        }
        const isLast = position + length === end;
        if (length > 0 || endStream) {
          this.#writeData(stream, chunk, position, length, isLast && endStream);
        }
        position += length;
        if (isLast) {
          return true;
        }
      }
    }
    stream.ended = endStream;
    if (position < end) {
      this.#enqueue(stream, chunk, position, end);
      this.#host.account?.add(end - position); // With which the stream may be refused, and gone.
    }
    stream.isFull = !endStream && !stream.isClosed &&
      ((stream.queue?.length ?? 0) >= this.#limits.maxStreamSendQueue ||
        this.#queuedLength >= this.#limits.maxConnectionSendQueue);
    return !stream.isFull;
  }

  /** Room for DATA in the output; -1 when it has to wait. */
  reserveData(stream: Http2Stream, bound: number): number {
    if (stream.queue !== undefined || this.#sendable(stream, bound) < bound) {
      return -1;
    }
    return this.#writer.reserveData(stream.id, bound);
  }

  commitData(stream: Http2Stream, length: number): void {
    this.#writer.commitData(length, false);
    this.#abuse.sendData();
    this.#window.take(length);
    stream.sendWindow.take(length);
    this.#host.signalOutput();
  }

  /** Forgets what a stream has queued, because it was reset. */
  drop(stream: Http2Stream): void {
    if (stream.queue === undefined) {
      return;
    }
    const { length } = stream.queue;
    this.#waiting.delete(stream);
    this.#queuedLength -= length;
    stream.queue.clear();
    stream.queue = undefined;
    stream.trailers = undefined;
    this.#host.account?.remove(length);
  }

  /** All there is to write now. It is to be given back with {@linkcode release}. */
  poll(): Uint8Array | undefined {
    this.#drain();
    // The output has room again, which is all that some of the streams may be waiting for.
    this.#mayDrain = this.#waiting.size > 0 && this.#writer.length > 0;
    const output = this.#writer.take();
    if (output !== undefined && output.length > UNCOUNTED_BYTES) {
      this.#polledLength += output.length;
      this.#host.account?.add(output.length);
    }
    return output;
  }

  /** Gives back what {@linkcode poll} gave. @throws {Error} It is not what was polled first. */
  release(output: Uint8Array): void {
    this.#writer.release(output);
    if (output.length > UNCOUNTED_BYTES) {
      this.#forgetPolled(output.length);
    }
  }

  /** Forgets the output, polled or not: the socket is closed. */
  dropOutput(): void {
    this.#writer.drop();
    this.#forgetPolled(this.#polledLength);
  }

  #forgetPolled(length: number): void {
    if (this.#polledLength > 0) {
      this.#polledLength -= length;
      this.#host.account?.remove(length);
    }
  }

  /** One frame from each stream in turn, as long as there is room in windows and output. */
  #drain(): void {
    for (let hasProgress = this.#waiting.size > 0; hasProgress;) {
      hasProgress = false;
      let visits = this.#waiting.size;
      for (const stream of this.#waiting) {
        if (visits-- === 0) {
          break;
        }
        // Those that were not visited stay first in line.
        if (this.#sendable(stream, 1, Infinity) <= 0) {
          return;
        }
        this.#waiting.delete(stream);
        hasProgress = this.#sendQueued(stream) || hasProgress;
        if (stream.queue !== undefined) {
          this.#waiting.add(stream);
        }
      }
    }
  }

  #sendQueued(stream: Http2Stream): boolean {
    const queue = stream.queue!;
    const { buffer, start, end } = queue.front;
    const length = this.#sendable(stream, end - start);
    if (length <= 0) {
      return false;
    }
    const isLast = length === queue.length;
    this.#queuedLength -= length;
    this.#host.account?.remove(length);
    if (!isLast) {
      this.#writeData(stream, buffer, start, length, false);
      queue.shift(length);
      return true;
    }
    const { trailers, ended } = stream;
    stream.queue = undefined;
    stream.trailers = undefined;
    stream.usedResponse = -1;
    this.#writeData(stream, buffer, start, length, ended && trailers === undefined);
    queue.clear();
    if (trailers !== undefined) {
      this.#writeHeaders(stream, trailers, this.#madeEncoder().bound(trailers), true);
    } else if (stream.isFull) {
      stream.isFull = false;
      stream.handler.onWritable(stream);
    }
    return true;
  }

  #enqueue(stream: Http2Stream, chunk: Uint8Array, start: number, end: number): void {
    stream.queue ??= new SendQueue();
    stream.queue.push(chunk, start, end);
    this.#queuedLength += end - start;
    if (this.#waiting === NONE) {
      this.#waiting = new Set();
    }
    this.#waiting.add(stream);
    this.#mayDrain = true;
  }

  /** How many of `length` octets a stream may send in its next frame. Zero or less: it has to wait. */
  #sendable(stream: Http2Stream, length: number, streamWindow = stream.sendWindow.available): number {
    return Math.min(
      length,
      streamWindow,
      this.#window.available,
      this.#writer.maxFrameSize,
      BUFFER_SIZE - FRAME_HEADER_SIZE - this.#writer.length,
    );
  }

  #writeData(stream: Http2Stream, chunk: Uint8Array, start: number, length: number, endStream: boolean): void {
    this.#writer.writeData(stream.id, chunk, start, start + length, endStream);
    this.#abuse.sendData();
    this.#window.take(length);
    stream.sendWindow.take(length);
    if (endStream) {
      stream.ended = true;
      this.#advance(stream, StreamInput.SEND_DATA_END_STREAM);
    }
  }

  #writeHeaders(stream: Http2Stream, fields: readonly HeaderField[], bound: number, endStream: boolean): void {
    const writer = this.#writer;
    const start = writer.beginHeaders(stream.id, bound);
    writer.endHeaders(this.#madeEncoder().encode(fields, writer.buffer, start), endStream);
    this.#advance(stream, endStream ? StreamInput.SEND_HEADERS_END_STREAM : StreamInput.SEND_HEADERS);
  }

  #madeEncoder(): HpackEncoder {
    return this.#encoder ??= new HpackEncoder({ maxTableSize: this.#limits.maxHeaderTableSize });
  }

  /** Gives the bound of what HPACK makes of a head that is fit to be sent. */
  #checkHead(fields: readonly HeaderField[]): number {
    const checked = this.#checkedHeads ??= new RecentLists();
    let bound = checked.get(fields);
    if (bound === undefined) {
      checkOutgoingHead(fields, this.#host.role);
      bound = this.#madeEncoder().bound(fields);
      this.#checkSize(fields, bound);
      checked.set(fields, bound);
    }
    return bound;
  }

  /** As {@linkcode #checkHead}. */
  #checkTrailers(fields: readonly HeaderField[]): number {
    const checked = this.#checkedTrailers ??= new RecentLists();
    let bound = checked.get(fields);
    if (bound === undefined) {
      checkOutgoingTrailers(fields);
      bound = this.#madeEncoder().bound(fields);
      this.#checkSize(fields, bound);
      checked.set(fields, bound);
    }
    return bound;
  }

  /** @param bound Of its block: no less than its names and values. */
  #checkSize(fields: readonly HeaderField[], bound: number): void {
    const ours = this.#limits.maxSentHeaderListSize;
    const theirs = this.#maxHeaderListSize;
    const maxSize = Math.min(ours, theirs);
    if (bound + FIELD_OVERHEAD * fields.length <= maxSize) {
      return;
    }
    const size = fieldSectionSize(fields);
    if (size > maxSize) {
      const limit = theirs < ours ? "the peer's SETTINGS_MAX_HEADER_LIST_SIZE" : "maxSentHeaderListSize";
      throw new FieldSectionTooLargeError(size, maxSize, limit);
    }
  }

  #applyHeaderListSize(announced: number): void {
    const maxSize = Math.max(announced, MIN_SENT_HEADER_LIST_SIZE);
    if (maxSize < this.#maxHeaderListSize) {
      this.#checkedHeads = undefined; // They were found fit for a peer that takes more.
      this.#checkedTrailers = undefined;
    }
    this.#maxHeaderListSize = maxSize;
  }

  #advance(stream: Http2Stream, input: StreamInput): void {
    stream.state = nextState(stream.state, input) as StreamState;
    if (input !== StreamInput.SEND_HEADERS) {
      this.#host.localEnded(stream);
    }
  }
}
