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
 * Gives back what {@linkcode takeBuffer} gave, or a part of it. The caller must not touch it any more. Buffers of another size are left to the
 * garbage collector.
 *
 * @throws {Error} It was given back before: two connections would write into it, and each peer would get what is the other's.
 */
export function recycleBuffer(taken: Uint8Array): void {
  const { buffer } = taken;
  if (buffer.byteLength !== BUFFER_SIZE) {
    return;
  }
  for (const pooled of pool) {
    if (pooled.buffer === buffer) {
      throw new Error("Cannot recycle a buffer that is in the pool");
    }
  }
  if (pool.length < MAX_POOLED_BUFFERS) {
    pool.push(taken.length === BUFFER_SIZE ? taken : new Uint8Array(buffer));
  }
}
