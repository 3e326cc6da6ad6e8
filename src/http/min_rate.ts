/**
 * Whether a peer takes, or sends, as much as a rate asks for. Time is looked at in pieces, in each of which a transfer that waits for the peer has to
 * move so many bytes. This module performs no I/O.
 */

/**
 * For so many pieces of time a peer may have taken its bytes before, since honest peers take them by leaps: an application that reads 1 KiB each second
 * opens a window of 64 KiB by a half of it, every 32 seconds. What a peer sends does not come by leaps.
 */
export const SAVED_PERIODS = 3;

/** The bytes of a piece of time. Without a rate it is any. */
export function minBytesOf(bytesPerSecond: number, periodMs: number): number {
  return Math.max(1, Math.ceil(bytesPerSecond * periodMs / 1000));
}

/**
 * Says that a transfer waits for its peer from now on.
 *
 * @param moved How many bytes it has moved so far.
 * @param savedPeriods For how many pieces of time they may count.
 * @returns How many of them are used up.
 */
export function beginPeriods(moved: number, minBytes: number, savedPeriods: number): number {
  return Math.max(0, moved - savedBytes(minBytes, savedPeriods));
}

/** Looks at a piece of time that has passed. @param used As it was before. @returns How many bytes are used up now; -1: it was too slow. */
export function usePeriod(used: number, moved: number, minBytes: number, savedPeriods: number): number {
  return moved - used < minBytes ? -1 : Math.max(used + minBytes, moved - savedBytes(minBytes, savedPeriods));
}

/** Where any byte will do, each piece of time has to have one. */
function savedBytes(minBytes: number, savedPeriods: number): number {
  return minBytes === 1 ? 0 : savedPeriods * minBytes;
}
