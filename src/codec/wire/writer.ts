/**
 * Writes values to the wire. Each function takes a value, the buffer and where the value goes, and gives where it ended. None checks
 * whether there is room for a few octets: what would be behind the buffer's end is lost, and whoever writes a message sees that it ends
 * there. Values that protobuf-es converts or refuses are declined, and so is what is written at once and does not fit.
 */
import type { UnknownField } from "@bufbuild/protobuf";
import { decline } from "./decline.ts";
import { textCodec } from "./text_codec.ts";
import { encodeUtf8 } from "./utf8.ts";

// Eight octets as each kind of number, as in `reader.ts`.
const octets = new Uint8Array(8);
const int32s = new Int32Array(octets.buffer);
const float32s = new Float32Array(octets.buffer);
const float64s = new Float64Array(octets.buffer);
const int64s = new BigInt64Array(octets.buffer);
const uint64s = new BigUint64Array(octets.buffer);

/** A number that is a uint32 for sure: a tag, a length. */
export function writeVarint32(value: number, buffer: Uint8Array, at: number): number {
  while (value > 127) {
    buffer[at++] = value & 127 | 128;
    value >>>= 7;
  }
  buffer[at++] = value;
  return at;
}

export function writeInt32(value: number, buffer: Uint8Array, at: number): number {
  if ((value | 0) !== value) {
    decline();
  }
  if (value >= 0) {
    return writeVarint32(value, buffer, at);
  }
  for (let i = 0; i < 9; i++) {
    buffer[at++] = value & 127 | 128;
    value >>= 7;
  }
  buffer[at++] = 1;
  return at;
}

export function writeUint32(value: number, buffer: Uint8Array, at: number): number {
  if (value >>> 0 !== value) {
    decline();
  }
  return writeVarint32(value, buffer, at);
}

export function writeSint32(value: number, buffer: Uint8Array, at: number): number {
  if ((value | 0) !== value) {
    decline();
  }
  return writeVarint32((value << 1 ^ value >> 31) >>> 0, buffer, at);
}

export function writeBool(value: boolean, buffer: Uint8Array, at: number): number {
  if (typeof value !== "boolean") {
    decline();
  }
  buffer[at] = value ? 1 : 0;
  return at + 1;
}

function writeVarint64(low: number, high: number, buffer: Uint8Array, at: number): number {
  while (high !== 0) {
    buffer[at++] = low & 127 | 128;
    low = low >>> 7 | high << 25;
    high >>>= 7;
  }
  return writeVarint32(low >>> 0, buffer, at);
}

/** Into the scratch, signed; `value` may be of another type, which protobuf-es converts. */
function storeInt64(value: bigint): void {
  if (typeof value !== "bigint") {
    decline();
  }
  int64s[0] = value;
  if (int64s[0] !== value) {
    decline();
  }
}

function storeUint64(value: bigint): void {
  if (typeof value !== "bigint") {
    decline();
  }
  uint64s[0] = value;
  if (uint64s[0] !== value) {
    decline();
  }
}

export function writeInt64(value: bigint, buffer: Uint8Array, at: number): number {
  storeInt64(value);
  return writeVarint64(int32s[0]!, int32s[1]!, buffer, at);
}

export function writeUint64(value: bigint, buffer: Uint8Array, at: number): number {
  storeUint64(value);
  return writeVarint64(int32s[0]!, int32s[1]!, buffer, at);
}

export function writeSint64(value: bigint, buffer: Uint8Array, at: number): number {
  storeInt64(value);
  const low = int32s[0]!;
  const high = int32s[1]!;
  const sign = high >> 31;
  return writeVarint64(low << 1 ^ sign, (high << 1 | low >>> 31) ^ sign, buffer, at);
}

function copy32(buffer: Uint8Array, at: number): number {
  buffer[at] = octets[0]!;
  buffer[at + 1] = octets[1]!;
  buffer[at + 2] = octets[2]!;
  buffer[at + 3] = octets[3]!;
  return at + 4;
}

function copy64(buffer: Uint8Array, at: number): number {
  copy32(buffer, at);
  buffer[at + 4] = octets[4]!;
  buffer[at + 5] = octets[5]!;
  buffer[at + 6] = octets[6]!;
  buffer[at + 7] = octets[7]!;
  return at + 8;
}

export function writeSfixed64(value: bigint, buffer: Uint8Array, at: number): number {
  storeInt64(value);
  return copy64(buffer, at);
}

export function writeFixed64(value: bigint, buffer: Uint8Array, at: number): number {
  storeUint64(value);
  return copy64(buffer, at);
}

export function writeDouble(value: number, buffer: Uint8Array, at: number): number {
  if (typeof value !== "number") {
    decline();
  }
  float64s[0] = value;
  return copy64(buffer, at);
}

export function writeFloat(value: number, buffer: Uint8Array, at: number): number {
  if (typeof value !== "number") {
    decline();
  }
  float32s[0] = value;
  if (!Number.isFinite(float32s[0]) && Number.isFinite(value)) {
    decline();
  }
  return copy32(buffer, at);
}

export function writeFixed32(value: number, buffer: Uint8Array, at: number): number {
  if (value >>> 0 !== value) {
    decline();
  }
  int32s[0] = value;
  return copy32(buffer, at);
}

export function writeSfixed32(value: number, buffer: Uint8Array, at: number): number {
  if ((value | 0) !== value) {
    decline();
  }
  int32s[0] = value;
  return copy32(buffer, at);
}

/** Below this length text is written by a loop (32 characters: 64 ns); from it on by the platform (90). */
const SHORT_TEXT = 40;

/**
 * `text.charCodeAt` by another way: a method is slow to look up once texts of more than four kinds, of which V8 has a dozen, were seen at a
 * place: 42 ns for 5 characters instead of 11. A constant of this module, or else it is as slow.
 */
const charCodeAt = String.prototype.charCodeAt;

export function writeString(value: string, buffer: Uint8Array, at: number): number {
  if (typeof value !== "string") {
    decline();
  }
  const length = value.length;
  if (length < SHORT_TEXT) {
    const start = at + 1;
    for (let i = 0; i < length; i++) {
      const code = charCodeAt.call(value, i);
      if (code > 127) {
        return closeLength(buffer, at, 1, encodeUtf8(value, i, buffer, start + i));
      }
      buffer[start + i] = code;
    }
    buffer[at] = length;
    return start + length;
  }
  const prefix = lengthOfVarint32(length);
  return closeLength(buffer, at, prefix, textCodec.encodeInto(value, buffer, at + prefix));
}

export function writeBytes(value: Uint8Array, buffer: Uint8Array, at: number): number {
  if (!(value instanceof Uint8Array)) {
    decline();
  }
  return writeOctets(value, buffer, writeVarint32(value.length, buffer, at));
}

function writeOctets(value: Uint8Array, buffer: Uint8Array, at: number): number {
  const length = value.length;
  if (length < 32) {
    for (let i = 0; i < length; i++) {
      buffer[at + i] = value[i]!;
    }
  } else if (at + length <= buffer.length) {
    buffer.set(value, at);
  }
  return at + length;
}

function lengthOfVarint32(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

/**
 * Writes the length of what was written up to `end` into the `prefix` octets kept free for it at `start`; moves the content if that
 * was too few or too many. Gives where the content ends then.
 */
export function closeLength(buffer: Uint8Array, start: number, prefix: number, end: number): number {
  const length = end - start - prefix;
  if (length < 128 && prefix === 1) {
    buffer[start] = length;
    return end;
  }
  const needed = lengthOfVarint32(length);
  if (needed !== prefix) {
    buffer.copyWithin(start + needed, start + prefix, end);
  }
  writeVarint32(length, buffer, start);
  return end + needed - prefix;
}

/** A packed list of doubles: the length, and the values. */
export function writePackedDoubles(list: readonly number[], buffer: Uint8Array, at: number): number {
  const length = list.length * 8;
  at = writeVarint32(length, buffer, at);
  if (length < 128) {
    for (let i = 0; i < list.length; i++) {
      at = writeDouble(list[i]!, buffer, at);
    }
    return at;
  }
  if (at + length > buffer.length) {
    decline();
  }
  const view = new DataView(buffer.buffer, buffer.byteOffset + at, length);
  for (let i = 0; i < list.length; i++) {
    const value = list[i]!;
    if (typeof value !== "number") {
      decline();
    }
    view.setFloat64(i * 8, value, true);
  }
  return at + length;
}

/** Fields that the schema does not know, as they were read. */
export function writeUnknown(fields: readonly UnknownField[], buffer: Uint8Array, at: number): number {
  for (let i = 0; i < fields.length; i++) {
    const { no, wireType, data } = fields[i]!;
    at = writeOctets(data, buffer, writeVarint32((no << 3 | wireType) >>> 0, buffer, at));
  }
  return at;
}

/** The most octets that such fields take. */
export function boundUnknown(fields: readonly UnknownField[]): number {
  let bound = 0;
  for (let i = 0; i < fields.length; i++) {
    bound += 5 + fields[i]!.data.length;
  }
  return bound;
}
