/**
 * Whether a peer takes, or sends, as much as a rate asks for. Time is looked at in pieces. In each of them a transfer that waits for the peer has to
 * move so many bytes; what it moved beyond that counts for the next {@linkcode SAVED_PERIODS}, because honest peers move bytes by leaps: an
 * application that reads 1 KiB each second opens a window of 64 KiB by a half of it, every 32 seconds. This module performs no I/O.
 */

/** For so many pieces of time a peer may have moved its bytes before. */
export const SAVED_PERIODS = 3;

/** The bytes of a piece of time. Without a rate it is any. */
export function minBytesOf(bytesPerSecond: number, periodMs: number): number {
  return Math.max(1, Math.ceil(bytesPerSecond * periodMs / 1000));
}

/** Says that a transfer waits for its peer from now on. @param moved How many bytes it has moved so far. @returns How many of them are used up. */
export function beginPeriods(moved: number, minBytes: number): number {
  return Math.max(0, moved - savedBytes(minBytes));
}

/** Looks at a piece of time that has passed. @param used As it was before. @returns How many bytes are used up now; -1: it was too slow. */
export function usePeriod(used: number, moved: number, minBytes: number): number {
  return moved - used < minBytes ? -1 : Math.max(used + minBytes, moved - savedBytes(minBytes));
}

/** Where any byte will do, each piece of time has to have one. */
function savedBytes(minBytes: number): number {
  return minBytes === 1 ? 0 : SAVED_PERIODS * minBytes;
}
