/** The functions that read and write each scalar type. */
import type { Scalar, ScalarName } from "../plan.ts";
import * as wire from "../wire/mod.ts";

/** Reads a value; it ends at `end` at the latest. */
export type ReadScalar = (buffer: Uint8Array, at: number, end: number) => unknown;
/** Writes a value; declines one that is not of the type. */
export type WriteScalar = (value: never, buffer: Uint8Array, at: number) => number;

const READERS: Readonly<Record<ScalarName, ReadScalar>> = {
  double: wire.readDouble,
  float: wire.readFloat,
  int64: wire.readInt64,
  uint64: wire.readUint64,
  int32: wire.readInt32,
  fixed64: wire.readFixed64,
  fixed32: wire.readFixed32,
  bool: wire.readBool,
  string: wire.readString,
  bytes: wire.readBytes,
  uint32: wire.readUint32,
  sfixed32: wire.readSfixed32,
  sfixed64: wire.readSfixed64,
  sint32: wire.readSint32,
  sint64: wire.readSint64,
};

const WRITERS: Readonly<Record<ScalarName, WriteScalar>> = {
  double: wire.writeDouble,
  float: wire.writeFloat,
  int64: wire.writeInt64,
  uint64: wire.writeUint64,
  int32: wire.writeInt32,
  fixed64: wire.writeFixed64,
  fixed32: wire.writeFixed32,
  bool: wire.writeBool,
  string: wire.writeString,
  bytes: wire.writeBytes,
  uint32: wire.writeUint32,
  sfixed32: wire.writeSfixed32,
  sfixed64: wire.writeSfixed64,
  sint32: wire.writeSint32,
  sint64: wire.writeSint64,
};

/** Reads values of a type; 64-bit ones as text if the schema says so (`jstype = JS_STRING`). */
export function scalarReader({ name }: Scalar, longAsString: boolean): ReadScalar {
  const read = READERS[name];
  return longAsString ? (buffer, at, end) => String(read(buffer, at, end)) : read;
}

/** Writes values of a type, to which callers have not looked: it declines what is not of it. */
export function scalarWriter({ name }: Scalar): (value: unknown, buffer: Uint8Array, at: number) => number {
  return WRITERS[name] as (value: unknown, buffer: Uint8Array, at: number) => number;
}

/** What a field of the type holds that is not set, or an entry of a map without value. */
export function zeroOf({ name }: Scalar): unknown {
  switch (name) {
    case "string":
      return "";
    case "bytes":
      return new Uint8Array(0);
    case "bool":
      return false;
    default:
      return name.endsWith("64") ? 0n : 0;
  }
}
