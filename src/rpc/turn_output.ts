/** Octets that are collected until the end of a turn. */

/** The largest buffer that is kept for the next one, in bytes. */
const MAX_SPARE_BYTES = 65_536;
const MIN_BYTES = 4096;

const EMPTY = new Uint8Array(0);

/** The buffer of one that was closed: another one for each small answer costs 0.7 us. */
let spare: Uint8Array<ArrayBuffer> | undefined;

/** A buffer that grows, and goes on as a chunk. */
export class TurnOutput {
  /** In its first {@linkcode length} octets what was collected; another one after each call. */
  buffer: Uint8Array<ArrayBuffer> = EMPTY;
  length = 0;

  /** Makes room for so many octets more. */
  makeRoom(bound: number): void {
    const needed = this.length + bound;
    if (needed <= this.buffer.length) {
      return;
    }
    let buffer = spare;
    if (buffer !== undefined && buffer.length >= needed) {
      spare = undefined;
    } else {
      buffer = new Uint8Array(Math.max(needed, this.buffer.length * 2, MIN_BYTES));
    }
    buffer.set(this.buffer.subarray(0, this.length));
    this.buffer = buffer;
  }

  append(chunk: Uint8Array, start: number, end: number): void {
    this.makeRoom(end - start);
    this.buffer.set(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end), this.length);
    this.length += end - start;
  }

  /** What was collected, to be copied before the next call. */
  peek(): Uint8Array<ArrayBuffer> {
    return this.buffer.subarray(0, this.length);
  }

  /** Hands over what was collected: the buffer itself if it is half full at least, else a copy. */
  take(): Uint8Array<ArrayBuffer> {
    const { buffer, length } = this;
    this.length = 0;
    if (length * 2 < buffer.length) {
      return buffer.slice(0, length);
    }
    this.buffer = EMPTY;
    return buffer.subarray(0, length);
  }

  /** Lets the buffer go, and what is in it. */
  close(): void {
    if (this.buffer.length > 0 && this.buffer.length <= MAX_SPARE_BYTES) {
      spare = this.buffer;
    }
    this.buffer = EMPTY;
    this.length = 0;
  }
}
