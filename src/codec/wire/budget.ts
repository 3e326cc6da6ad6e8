/**
 * What the message that is decoded now may cost. A message of two bytes for each of its elements becomes objects of 50 to 2,000 bytes each, so that the
 * limit of a message's bytes bounds neither the memory nor the time that it takes.
 *
 * A cost is the memory that an object takes in V8, in bytes; more for what takes longer to make than its size suggests (1.5 ns a byte). What takes at most
 * 12 times its bytes anyway costs nothing: scalars, short ASCII text.
 */
import { decline } from "./decline.ts";

/** What a message costs at most: this, and {@linkcode COST_PER_BYTE} for each of its bytes, and never more than the limit. */
const BASE_COST = 2 ** 20;
/** An honest message of a type with 32 lists, which takes 1,300 bytes of memory when all of them are empty, has more than 5 bytes. */
const COST_PER_BYTE = 256;

/** The limit that is in force when none is given: 4 times the default limit of a message's bytes. */
export const DEFAULT_MAX_DECODED_BYTES: number = 2 ** 24;

/** A field that the schema does not know: an object and a view. */
export const UNKNOWN_FIELD_COST = 208;
/** What is kept of such fields as bytes, beside them: a buffer that grows, in each message that has some. */
export const UNKNOWN_REST_COST = 640;
/** A field that is kept in them: a loop over its bytes. */
export const REST_FIELD_COST = 128;
/** An entry of a map: an object with many properties is a hash table, and its names are looked up among all names that the engine has (0.5 us). */
export const MAP_ENTRY_COST = 640;
/** A value of type bytes: a view. */
export const BYTES_COST = 160;
/** A text that the platform decodes: the call, which takes longer than the text. */
export const TEXT_COST = 64;
/** A number of 32 bits or a boolean in a list: its place. */
export const ITEM_COST = 12;
/** A text in a list. */
export const TEXT_ITEM_COST = 24;
/** A 64-bit integer in a list, as a bigint, and its place. */
export const LONG_COST = 32;
/** A 64-bit integer in a list, as text. */
export const LONG_TEXT_COST = 48;

/** A message for each of those around it: each has a list of one, which has room for 17, and is there until the innermost one was read. */
export const DEPTH_COST = 16;

/** How deep messages may be within each other, as for protobuf-es. */
export const MAX_DEPTH = 100;

/** How many bytes the varint of an unknown field may have: 10 say all that one can say, and protobuf-es would go over any number of them. */
export const MAX_VARINT_BYTES = 1024;

/** How many unknown fields of a message, without those within it, become an object each. What comes after them is kept as bytes. */
export const MAX_UNKNOWN_FIELDS = 16_384;

/** A message would cost more than it may. */
export class MessageLimitError extends Error {
  override name = "MessageLimitError";
}

let left = 0;
let limit = 0;

/** Begins to count for a message of so many bytes. */
export function beginBudget(bytes: number, maxDecodedBytes: number): void {
  const most = BASE_COST + COST_PER_BYTE * bytes;
  limit = most < maxDecodedBytes ? most : maxDecodedBytes;
  left = limit;
}

/**
 * Counts what is about to be made.
 *
 * @throws {MessageLimitError} The message has cost too much.
 */
export function spend(cost: number): void {
  left -= cost;
  if (left < 0) {
    exceed();
  }
}

/**
 * Counts a message that is about to be read.
 *
 * @param depth How deep it is within others; declined when that is too deep.
 * @throws {MessageLimitError} as spend
 */
export function enter(depth: number, cost: number): void {
  if (depth > MAX_DEPTH) {
    decline();
  }
  left -= cost + DEPTH_COST * depth;
  if (left < 0) {
    exceed();
  }
}

/** Returns what the message that is decoded now has cost so far, or what the last one cost. */
export function spent(): number {
  return limit - left;
}

/**
 * Refuses a message that protobuf-es would make too many objects for.
 *
 * @throws {MessageLimitError}
 */
export function unknownError(): never {
  throw new MessageLimitError(
    `message has more than ${MAX_UNKNOWN_FIELDS} fields that its type does not know`,
  );
}

/**
 * Refuses a varint that is too long.
 *
 * @throws {MessageLimitError}
 */
export function varintError(): never {
  throw new MessageLimitError(`message has a varint of more than ${MAX_VARINT_BYTES} bytes`);
}

function exceed(): never {
  throw new MessageLimitError(
    `message takes more than ${limit} bytes in memory, as one of its size may (maxDecodedBytes)`,
  );
}
