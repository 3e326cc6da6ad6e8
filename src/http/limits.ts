/** How limits are changed, those of HTTP/1.1 and of HTTP/2 alike. This module performs no I/O. */

/** Some limits, with values that are not the default ones. */
export type LimitChanges<Limits> = { readonly [Name in keyof Limits]?: number | undefined };

/** The smallest and the largest value of each limit. */
export type LimitRanges<Limits> = { readonly [Name in keyof Limits]: readonly [min: number, max: number] };

/** The largest value of a limit that may be as large as one likes. */
export const MAX_COUNT: number = Number.MAX_SAFE_INTEGER;

/** The longest that a timer can wait, in milliseconds: one of more fires at once. */
export const MAX_TIMEOUT_MS = 0x7fff_ffff;

/**
 * The default limits with some of them changed.
 *
 * @throws {RangeError} There is no such limit, or it cannot have that value. The message names it.
 */
export function changeLimits<Limits extends { readonly [Name in keyof Limits]: number }>(
  defaults: Limits,
  ranges: LimitRanges<Limits>,
  changes: LimitChanges<Limits>,
): Limits {
  const limits: { -readonly [Name in keyof Limits]: number } = { ...defaults };
  for (const [name, value] of Object.entries<number | undefined>(changes)) {
    if (!Object.hasOwn(ranges, name)) {
      throw new RangeError(`Cannot set the limit ${name}: there is none of this name`);
    }
    if (value !== undefined) {
      const [min, max] = ranges[name as keyof Limits];
      checkWholeNumber(`the limit ${name}`, value, min, max);
      limits[name as keyof Limits] = value;
    }
  }
  return limits as Limits;
}

/** @throws {RangeError} The value is no whole number from `min` to `max`. The message says what it was to be the value of. */
export function checkWholeNumber(what: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`Cannot set ${what} to ${value}: it is a whole number from ${min} to ${max}`);
  }
}
