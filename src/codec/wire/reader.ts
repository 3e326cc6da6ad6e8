/**
 * Reads values from the wire (https://protobuf.dev/programming-guides/encoding/). Each function takes the buffer and where the value
 * begins, and leaves in {@linkcode position} where it ended: no object, no check of bounds but that of lengths. What lies behind the
 * input may be read as part of a number; whoever reads a message sees that its end was passed, and declines.
 */
import type { UnknownField } from "@bufbuild/protobuf";
import {
  BYTES_COST,
  MAX_UNKNOWN_FIELDS,
  MAX_VARINT_BYTES,
  spend,
  TEXT_COST,
  UNKNOWN_FIELD_COST,
  varintError,
} from "./budget.ts";
import { decline } from "./decline.ts";
import { own } from "./input.ts";
import { readShortText } from "./short_text.ts";
import { textCodec } from "./text_codec.ts";
import { keepInRest } from "./unknown_rest.ts";

/** Where the value that was read last ended. */
export let position = 0;

// Eight octets as each kind of number: how bits get from one kind to another, in the byte order of the wire and of every platform. V8
// takes them for constants only in the module that has them: 8 ns for a double instead of 14. Hence they are here and in `writer.ts`.
const octets = new Uint8Array(8);
const int32s = new Int32Array(octets.buffer);
const float32s = new Float32Array(octets.buffer);
const float64s = new Float64Array(octets.buffer);
const int64s = new BigInt64Array(octets.buffer);
const uint64s = new BigUint64Array(octets.buffer);

/** Integers that take one octet: taken from here they cost nothing to make. */
const SMALL = Array.from({ length: 128 }, (_, i) => BigInt(i));

/** uint32, or the lower half of a longer one. */
export function readUint32(buffer: Uint8Array, at: number): number {
  let octet = buffer[at++]!;
  let value = octet & 127;
  if (octet > 127) {
    octet = buffer[at++]!;
    value |= (octet & 127) << 7;
    if (octet > 127) {
      octet = buffer[at++]!;
      value |= (octet & 127) << 14;
      if (octet > 127) {
        octet = buffer[at++]!;
        value |= (octet & 127) << 21;
        if (octet > 127) {
          octet = buffer[at++]!;
          value |= (octet & 15) << 28;
          for (let length = 5; octet > 127; length++) {
            if (length === 10) {
              decline();
            }
            octet = buffer[at++]!;
          }
        }
      }
    }
  }
  position = at;
  return value >>> 0;
}

/** A tag that has more than one octet, from its first one. */
export function readTag(buffer: Uint8Array, at: number): number {
  const tag = readUint32(buffer, at);
  const length = position - at;
  if (length > 5 || length === 5 && buffer[position - 1]! > 15) {
    decline();
  }
  return tag;
}

/** The length of what ends at `end` at the latest. */
export function readLength(buffer: Uint8Array, at: number, end: number): number {
  const length = readUint32(buffer, at);
  if (length > end - position) {
    decline();
  }
  return length;
}

/** Where what has a length ends: at `end` at the latest. Leaves in {@linkcode position} where it begins. */
export function readStop(buffer: Uint8Array, at: number, end: number): number {
  const length = buffer[at]!;
  if (length > 127) {
    return readLength(buffer, at, end) + position;
  }
  position = at + 1;
  const stop = position + length;
  return stop <= end ? stop : decline();
}

export function readInt32(buffer: Uint8Array, at: number): number {
  return readUint32(buffer, at) | 0;
}

export function readSint32(buffer: Uint8Array, at: number): number {
  const zigzag = readUint32(buffer, at);
  return zigzag >>> 1 ^ -(zigzag & 1);
}

export function readBool(buffer: Uint8Array, at: number): boolean {
  const octet = buffer[at]!;
  if (octet < 128) {
    position = at + 1;
    return octet !== 0;
  }
  readVarint64(buffer, at);
  return (int32s[0]! | int32s[1]!) !== 0;
}

/** A varint into the scratch. */
function readVarint64(buffer: Uint8Array, at: number): void {
  let low = 0;
  let octet = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    octet = buffer[at++]!;
    low |= (octet & 127) << shift;
    if (!(octet > 127)) {
      position = at;
      int32s[0] = low;
      int32s[1] = 0;
      return;
    }
  }
  octet = buffer[at++]!;
  low |= (octet & 15) << 28;
  let high = octet >> 4 & 7;
  for (let shift = 3; octet > 127; shift += 7) {
    if (shift > 31) {
      decline();
    }
    octet = buffer[at++]!;
    high |= (octet & 127) << shift;
  }
  position = at;
  int32s[0] = low;
  int32s[1] = high;
}

export function readInt64(buffer: Uint8Array, at: number): bigint {
  const octet = buffer[at]!;
  if (octet < 128) {
    position = at + 1;
    return SMALL[octet]!;
  }
  readVarint64(buffer, at);
  return int64s[0]!;
}

export function readUint64(buffer: Uint8Array, at: number): bigint {
  const octet = buffer[at]!;
  if (octet < 128) {
    position = at + 1;
    return SMALL[octet]!;
  }
  readVarint64(buffer, at);
  return uint64s[0]!;
}

export function readSint64(buffer: Uint8Array, at: number): bigint {
  readVarint64(buffer, at);
  const low = int32s[0]!;
  const high = int32s[1]!;
  const sign = -(low & 1);
  int32s[0] = (low >>> 1 | (high & 1) << 31) ^ sign;
  int32s[1] = high >>> 1 ^ sign;
  return int64s[0]!;
}

export function readSfixed32(buffer: Uint8Array, at: number): number {
  position = at + 4;
  return buffer[at]! | buffer[at + 1]! << 8 | buffer[at + 2]! << 16 | buffer[at + 3]! << 24;
}

export function readFixed32(buffer: Uint8Array, at: number): number {
  return readSfixed32(buffer, at) >>> 0;
}

export function readFloat(buffer: Uint8Array, at: number): number {
  int32s[0] = readSfixed32(buffer, at);
  return float32s[0]!;
}

/** Eight octets into the scratch. */
function load64(buffer: Uint8Array, at: number): void {
  int32s[0] = buffer[at]! | buffer[at + 1]! << 8 | buffer[at + 2]! << 16 | buffer[at + 3]! << 24;
  int32s[1] = buffer[at + 4]! | buffer[at + 5]! << 8 | buffer[at + 6]! << 16 | buffer[at + 7]! << 24;
  position = at + 8;
}

export function readDouble(buffer: Uint8Array, at: number): number {
  load64(buffer, at);
  return float64s[0]!;
}

export function readFixed64(buffer: Uint8Array, at: number): bigint {
  load64(buffer, at);
  return uint64s[0]!;
}

export function readSfixed64(buffer: Uint8Array, at: number): bigint {
  load64(buffer, at);
  return int64s[0]!;
}

/** A text; what is not UTF-8 is declined. */
export function readString(buffer: Uint8Array, at: number, end: number): string {
  let length = buffer[at++]!;
  if (length > 127) {
    length = readUint32(buffer, at - 1);
    at = position;
  }
  if (!(length <= end - at)) {
    decline();
  }
  position = at + length;
  return readShortText(buffer, at, length) ?? decodeText(buffer, at, at + length);
}

function decodeText(buffer: Uint8Array, start: number, end: number): string {
  spend(TEXT_COST);
  return textCodec.decode(buffer, start, end) ?? decline();
}

/**
 * Ends a message: it has to end where its length says, or with the tag that ends a group. Of a group, leaves in
 * {@linkcode position} where that was.
 */
export function endMessage(at: number, end: number, lastTag: number, endTag: number): void {
  if (endTag < 0 ? at !== end : lastTag !== endTag || at > end) {
    decline();
  }
  position = at;
}

/**
 * Keys of maps that were read before. Keys come again, and what costs most about one is that the engine looks up whether it has such a
 * name already: of 100 entries, 74 ns each without this, 44 with it.
 */
const KEYS = new Array<string>(512).fill("");
const MAX_KEPT_KEY = 32;

/** As in `writer.ts`. */
const charCodeAt = String.prototype.charCodeAt;

/** A text that will be the name of a property. */
export function readKey(buffer: Uint8Array, at: number, end: number): string {
  const length = buffer[at]!;
  const start = at + 1;
  const stop = start + length;
  if (length > MAX_KEPT_KEY || stop > end) {
    return readString(buffer, at, end);
  }
  let hash = length;
  for (let i = start; i < stop; i++) {
    hash = Math.imul(hash, 31) + buffer[i]!;
  }
  const slot = hash & KEYS.length - 1;
  const kept = KEYS[slot]!;
  if (kept.length === length) {
    let i = 0;
    while (i < length && charCodeAt.call(kept, i) === buffer[start + i]) {
      i++;
    }
    if (i === length) {
      position = stop;
      return kept;
    }
  }
  const key = readString(buffer, at, end);
  if (key.length === length) {
    KEYS[slot] = key;
  }
  return key;
}

export function readBytes(buffer: Uint8Array, at: number, end: number): Uint8Array {
  const length = readLength(buffer, at, end);
  const start = position;
  position = start + length;
  spend(BYTES_COST);
  return own(buffer, start, position);
}

/**
 * A field that the schema does not know, after its tag; groups are declined. Gives the list it was added to. Of a message with very many of them, those
 * that come last are not objects each: {@linkcode "./unknown_rest.ts"}.
 */
export function readUnknown(
  fields: UnknownField[] | undefined,
  buffer: Uint8Array,
  at: number,
  end: number,
  tag: number,
): UnknownField[] {
  const stop = skipUnknown(buffer, at, end, tag);
  position = stop;
  if (fields !== undefined && fields.length >= MAX_UNKNOWN_FIELDS) {
    return keepInRest(fields, tag, buffer, at, stop);
  }
  return addUnknown(fields, buffer, at, stop, tag);
}

/** As {@linkcode readUnknown}, of a type that has extensions, which are found by the number of an unknown field: each is an object. */
export function readExtension(
  fields: UnknownField[] | undefined,
  buffer: Uint8Array,
  at: number,
  end: number,
  tag: number,
): UnknownField[] {
  const stop = skipUnknown(buffer, at, end, tag);
  position = stop;
  return addUnknown(fields, buffer, at, stop, tag);
}

/**
 * Gives where a varint ends.
 *
 * @throws {MessageLimitError} It is too long.
 */
export function skipVarint(buffer: Uint8Array, at: number): number {
  const stop = at + MAX_VARINT_BYTES;
  while (buffer[at++]! > 127) {
    if (at === stop) {
      varintError();
    }
  }
  return at;
}

/** Gives where the value of an unknown field ends. */
function skipUnknown(buffer: Uint8Array, at: number, end: number, tag: number): number {
  const wireType = tag & 7;
  if (wireType === 0) {
    at = skipVarint(buffer, at);
  } else if (wireType === 1) {
    at += 8;
  } else if (wireType === 2) {
    const length = readLength(buffer, at, end);
    at = position + length;
  } else if (wireType === 5) {
    at += 4;
  } else {
    decline();
  }
  if (at > end || tag < 8) {
    decline();
  }
  return at;
}

function addUnknown(
  fields: UnknownField[] | undefined,
  buffer: Uint8Array,
  start: number,
  stop: number,
  tag: number,
): UnknownField[] {
  spend(UNKNOWN_FIELD_COST);
  const field: UnknownField = { no: tag >>> 3, wireType: tag & 7, data: own(buffer, start, stop) };
  if (fields === undefined) {
    return [field];
  }
  fields.push(field);
  return fields;
}

/** From so many octets on a packed list is given its room at once: a list that grows is copied three times over. */
export const LONG_LIST = 1024;

/**
 * A packed list of integers that is long, up to `stop`, added to `list`.
 *
 * @param read Reads one of them.
 * @param width How many octets each has; 0 for varints.
 * @param cost What one of them costs.
 */
export function readLongList<T>(
  list: T[],
  buffer: Uint8Array,
  at: number,
  stop: number,
  read: (buffer: Uint8Array, at: number) => T,
  width: number,
  cost: number,
): void {
  const count = width === 0 ? countVarints(buffer, at, stop) : Math.floor((stop - at) / width);
  spend(cost * count);
  let index = list.length;
  list.length = index + count;
  for (const last = list.length; index < last; index++) {
    list[index] = read(buffer, at);
    at = position;
  }
  if (at !== stop) {
    decline();
  }
}

function countVarints(buffer: Uint8Array, at: number, stop: number): number {
  let count = 0;
  for (; at < stop; at++) {
    count += buffer[at]! >> 7 ^ 1;
  }
  return count;
}

/** A packed list of doubles, up to `end`, added to `list` or, as that is 5 times as fast for a thousand, as a new one. */
export function readPackedDoubles(list: number[], buffer: Uint8Array, at: number, end: number): number[] {
  const length = end - at;
  if ((length & 7) !== 0) {
    decline();
  }
  if (length < 128 || list.length > 0) {
    for (; at < end; at += 8) {
      list.push(readDouble(buffer, at));
    }
    return list;
  }
  const view = new DataView(buffer.buffer, buffer.byteOffset + at, length);
  const items = new Array<number>(length / 8);
  for (let i = 0; i < items.length; i++) {
    items[i] = view.getFloat64(i * 8, true);
  }
  return items;
}
