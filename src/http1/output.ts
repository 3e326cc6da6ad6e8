/**
 * What waits to be written to the socket, in order: buffers that are full, and the one that is being filled.
 *
 * Buffers come from one pool for the whole process, so that a connection without output owns none, and the one used last, which is
 * the next one used, is still in the CPU's cache. This module performs no I/O.
 */
import { CR, LF } from "./octets.ts";

/** Octets of a pooled buffer. */
export const BUFFER_SIZE = 32_768;

/** Buffers the pool keeps: 2 MiB. Those that a burst of connections gives back beyond that go to the garbage collector. */
const MAX_POOLED_BUFFERS = 64;

/** Up to so many octets a loop is faster than `set` of a `subarray`. As measured for HTTP/2. */
const SMALL_COPY = 32;

const EMPTY = new Uint8Array(0);

const pool: Uint8Array[] = [];

/** The output of one connection. */
export class Output {
  /** What is being filled, up to {@linkcode length}. Every method may exchange it. */
  buffer: Uint8Array = EMPTY;
  /** Octets in {@linkcode buffer}. Whoever writes into it moves this on. */
  length = 0;

  /** What comes before it. */
  readonly #full: Uint8Array[] = [];
  #fullLength = 0;

  /** Octets that nobody has taken. */
  get pendingLength(): number {
    return this.#fullLength + this.length;
  }

  /** Makes room in {@linkcode buffer} for so many octets, at most {@linkcode BUFFER_SIZE}. */
  ensure(size: number): void {
    if (this.buffer.length - this.length >= size) {
      return;
    }
    if (this.length > 0) {
      this.#push(this.buffer.subarray(0, this.length));
    } else {
      Output.recycle(this.buffer);
    }
    this.buffer = pool.pop() ?? new Uint8Array(BUFFER_SIZE);
    this.length = 0;
  }

  /** Octets that fit into {@linkcode buffer}. */
  get room(): number {
    return this.buffer.length - this.length;
  }

  /** Appends octets that there is room for. */
  append(chunk: Uint8Array, start: number, end: number): void {
    const { buffer } = this;
    const length = end - start;
    if (length <= SMALL_COPY) {
      for (let index = start, at = this.length; index < end; index++, at++) {
        buffer[at] = chunk[index]!;
      }
    } else {
      buffer.set(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end), this.length);
    }
    this.length += length;
  }

  /** Appends ASCII that there is room for. */
  appendText(text: string): void {
    for (let index = 0; index < text.length; index++) {
      this.buffer[this.length++] = text.charCodeAt(index);
    }
  }

  /** Appends a CRLF that there is room for. */
  appendCrlf(): void {
    this.buffer[this.length++] = CR;
    this.buffer[this.length++] = LF;
  }

  /** Makes room for ASCII at a place in {@linkcode buffer} and writes it there. What is behind moves. There must be room for it. */
  insertText(at: number, text: string): void {
    this.buffer.copyWithin(at + text.length, at, this.length);
    for (let index = 0; index < text.length; index++) {
      this.buffer[at + index] = text.charCodeAt(index);
    }
    this.length += text.length;
  }

  /** Appends octets that are not copied: they must not change any more. */
  appendOwned(octets: Uint8Array): void {
    if (this.length > 0) {
      this.#push(this.buffer.subarray(0, this.length));
      this.buffer = EMPTY;
      this.length = 0;
    }
    this.#push(octets);
  }

  /** Gives away the first of what waits; undefined when nothing does. {@linkcode recycle} it when nobody reads it any more. */
  take(): Uint8Array | undefined {
    const full = this.#full.shift();
    if (full !== undefined) {
      this.#fullLength -= full.length;
      return full;
    }
    const { buffer, length } = this;
    this.buffer = EMPTY;
    this.length = 0;
    if (length > 0) {
      return buffer.subarray(0, length);
    }
    Output.recycle(buffer);
    return undefined;
  }

  /**
   * Gives back what {@linkcode take} gave. The caller must not touch it any more.
   *
   * @throws {Error} It was given back before: two connections would write into it, and each peer would get what is the other's.
   */
  static recycle(taken: Uint8Array): void {
    const { buffer } = taken;
    if (buffer.byteLength !== BUFFER_SIZE) {
      return;
    }
    for (const waiting of pool) {
      if (waiting.buffer === buffer) {
        throw new Error("Cannot recycle a buffer that is in the pool");
      }
    }
    if (pool.length < MAX_POOLED_BUFFERS) {
      pool.push(taken.length === BUFFER_SIZE ? taken : new Uint8Array(buffer));
    }
  }

  #push(octets: Uint8Array): void {
    this.#full.push(octets);
    this.#fullLength += octets.length;
  }
}
