/** What a stream has to send and cannot yet. This module performs no I/O. */

/** Pieces that wait behind others are joined in buffers of up to so many octets: as many as a frame has. */
const MAX_JOINED = 16_384;

/** Octets from `start` to `end` of a buffer. */
export interface QueuedOctets {
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * Octets in the order in which they came. Small pieces become one, and so one frame: with streams of small messages a piece, a view and a frame for
 * each cost more than their messages, 1.3 us instead of 0.3.
 */
export class SendQueue {
  readonly #chunks: { buffer: Uint8Array; start: number; end: number }[] = [];
  #length = 0;

  /** How many octets there are. */
  get length(): number {
    return this.#length;
  }

  /** The first of them. There has to be one. */
  get front(): QueuedOctets {
    return this.#chunks[0]!;
  }

  /** Copies octets behind the others. */
  push(buffer: Uint8Array, start: number, end: number): void {
    const length = end - start;
    let last = this.#chunks.at(-1);
    if (last === undefined || length > last.buffer.length - last.end) {
      // Room for as much as is there already: a stream never holds more than twice what it has queued.
      const room = Math.max(length, Math.min(this.#length, MAX_JOINED));
      last = { buffer: new Uint8Array(room), start: 0, end: 0 };
      this.#chunks.push(last);
    }
    last.buffer.set(start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end), last.end);
    last.end += length;
    this.#length += length;
  }

  /** Removes octets of the first piece. */
  shift(length: number): void {
    const first = this.#chunks[0]!;
    first.start += length;
    if (first.start === first.end) {
      this.#chunks.shift();
    }
    this.#length -= length;
  }

  /** Removes all bytes. */
  clear(): void {
    this.#chunks.length = 0;
    this.#length = 0;
  }
}
