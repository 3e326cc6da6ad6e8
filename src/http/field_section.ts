/** How large heads and trailers are, and what is said of one that is too large to be sent. This module performs no I/O. */
import type { HeaderField } from "./header_field.ts";

/** What each field counts beside its name and its value (RFC 9113 §10.5.1). */
export const FIELD_OVERHEAD = 32;

/** Returns the size of a field section in bytes, as SETTINGS_MAX_HEADER_LIST_SIZE counts it. */
export function fieldSectionSize(fields: readonly HeaderField[]): number {
  let size = FIELD_OVERHEAD * fields.length;
  for (const { name, value } of fields) {
    size += name.length + value.length;
  }
  return size;
}

/** A head or trailers that are not sent: the peer would not take them, or they are beyond a limit of our own. Nothing was sent. */
export class FieldSectionTooLargeError extends RangeError {
  override readonly name = "FieldSectionTooLargeError";
  readonly size: number;
  readonly maxSize: number;
  /** What both count. */
  readonly unit: "bytes" | "fields";

  /** @param limit What set `maxSize`: a limit of ours, or a setting of the peer. */
  constructor(size: number, maxSize: number, limit: string, unit: FieldSectionTooLargeError["unit"] = "bytes") {
    super(`Cannot send a field section of ${size} ${unit}: ${limit} is ${maxSize}`);
    this.size = size;
    this.maxSize = maxSize;
    this.unit = unit;
  }
}

/** As `instanceof`, for values of any kind that were thrown: a proxy may throw when it is asked. */
export function isFieldSectionTooLarge(thrown: unknown): thrown is FieldSectionTooLargeError {
  try {
    return thrown instanceof FieldSectionTooLargeError;
  } catch {
    return false;
  }
}
