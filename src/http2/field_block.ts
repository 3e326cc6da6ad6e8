/**
 * A field block in several frames: HEADERS or PUSH_PROMISE without END_HEADERS, and the CONTINUATION frames behind it (RFC 9113 §4.3, §6.10).
 *
 * This module performs no I/O.
 */
import { PieceBuffer } from "../http/mod.ts";
import type { FrameSink } from "./frame_sink.ts";

/** What a {@linkcode FieldBlock} may be. */
export interface FieldBlockLimits {
  /** CONTINUATION frames of one field block. */
  readonly maxContinuations: number;
  /** Octets of one field block, as compressed by HPACK. */
  readonly maxHeaderBlockSize: number;
}

/** What the first frame says of a block. */
export interface FieldBlockStart {
  readonly streamId: number;
  /** The stream that PUSH_PROMISE promises; 0 for HEADERS. */
  readonly promisedStreamId: number;
  readonly endStream: boolean;
  readonly selfDependent: boolean;
}

/** The field block of a connection that lacks END_HEADERS, of which there is one at a time. */
export class FieldBlock {
  readonly #limits: FieldBlockLimits;
  readonly #octets = new PieceBuffer();
  #start: FieldBlockStart | undefined = undefined;
  #continuations = 0;

  constructor(limits: FieldBlockLimits) {
    this.#limits = limits;
  }

  /** The stream that it is for; 0 when there is none. */
  get streamId(): number {
    return this.#start === undefined ? 0 : this.#start.streamId;
  }

  /** Octets of memory that it holds. */
  get bufferedSize(): number {
    return this.#octets.size;
  }

  /** Whether so many octets more are within the limit. */
  fits(length: number): boolean {
    return this.#octets.length + length <= this.#limits.maxHeaderBlockSize;
  }

  /** Begins one, of which there is nothing yet. */
  begin(start: FieldBlockStart): void {
    this.#start = start;
    this.#continuations = 0;
  }

  /** Counts a CONTINUATION frame; false when they are too many. */
  addContinuation(): boolean {
    return ++this.#continuations <= this.#limits.maxContinuations;
  }

  /** Appends octets, which have to fit. */
  append(buffer: Uint8Array, start: number, end: number): void {
    this.#octets.append(buffer, start, end, this.#limits.maxHeaderBlockSize);
  }

  /** Hands it on, whole, and there is none any more. */
  end(sink: FrameSink): void {
    const { streamId, promisedStreamId, endStream, selfDependent } = this.#start!;
    const octets = this.#octets.take();
    this.#start = undefined;
    if (promisedStreamId > 0) {
      sink.onPushPromise(streamId, promisedStreamId, octets, 0, octets.length);
    } else {
      sink.onHeaders(streamId, octets, 0, octets.length, endStream, selfDependent);
    }
  }

  /** Forgets its octets: nothing more is read. */
  drop(): void {
    this.#octets.take();
  }
}
