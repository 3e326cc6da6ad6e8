/** Closures that write the fields of one message type, and say how many octets that takes. */
import type { DescField, DescMessage, JsonObject, Message } from "@bufbuild/protobuf";
import {
  END_GROUP,
  IMPLICIT,
  isLong,
  LEGACY_REQUIRED,
  LENGTH_DELIMITED,
  representationOf,
  type Scalar,
  scalarOf,
  START_GROUP,
  tagLength,
  tagOf,
  valueScalarOf,
  zeroOfEnum,
} from "../plan.ts";
import * as wire from "../wire/mod.ts";
import type { Draft, Oneof } from "./draft.ts";
import type { FindCodec } from "./field_reader.ts";
import { scalarWriter } from "./scalars.ts";

/** Writes a value with its tag, or a field if it is set; gives where it ended. */
type WriteValue = (value: unknown, buffer: Uint8Array, at: number) => number;
/** The most octets that a value takes, with its tag. */
type BoundValue = (value: unknown) => number;

/** What writes a field of one message type. */
export interface FieldWriter {
  /** Writes the field of a message, if it is set; gives where that ended. */
  readonly write: (draft: Draft, buffer: Uint8Array, at: number) => number;
  /** The most octets that it takes: a number, if that is known without looking. */
  readonly bound: number | ((draft: Draft) => number);
}

/** What writes a value of a field. */
interface ValueWriter {
  readonly write: WriteValue;
  readonly bound: number | BoundValue;
}

/** Makes the writer of a field. */
export function fieldWriter(field: DescField, codecOf: FindCodec): FieldWriter {
  const name = field.localName;
  if (field.fieldKind === "list") {
    const { write, bound } = listWriter(field, codecOf);
    return {
      write: (draft, buffer, at) => write(draft[name] as unknown[], buffer, at),
      bound: (draft) => bound(draft[name] as unknown[]),
    };
  }
  if (field.fieldKind === "map") {
    const { write, bound } = mapWriter(field, codecOf);
    return {
      write: (draft, buffer, at) => write(draft[name] as Record<string, unknown>, buffer, at),
      bound: (draft) => bound(draft[name] as Record<string, unknown>),
    };
  }
  const value = field.fieldKind === "message"
    ? messageWriter(field, codecOf)
    : valueWriter(field.number, valueScalarOf(field));
  const { write, bound } = value;
  if (field.oneof !== undefined) {
    const oneof = field.oneof.localName;
    return {
      write: (draft, buffer, at) => {
        const chosen = draft[oneof] as Oneof;
        return chosen.case === name ? write(chosen.value, buffer, at) : at;
      },
      bound: typeof bound === "number" ? bound : (draft) => {
        const chosen = draft[oneof] as Oneof;
        return chosen.case === name ? bound(chosen.value) : 0;
      },
    };
  }
  return {
    write: field.presence === IMPLICIT ? implicitWriter(field, write) : explicitWriter(field, write),
    bound: typeof bound === "number" ? bound : (draft) => {
      const value = draft[name];
      return value === undefined ? 0 : bound(value);
    },
  };
}

/** A field that knows whether it is set: it is, if it is the message's own. */
function explicitWriter(field: DescField, write: WriteValue): FieldWriter["write"] {
  const name = field.localName;
  const isRequired = field.presence === LEGACY_REQUIRED;
  return (draft, buffer, at) => {
    const value = draft[name];
    if (value !== undefined && Object.hasOwn(draft, name)) {
      return write(value, buffer, at);
    }
    return isRequired ? wire.decline() : at;
  };
}

/** A field that is set if it is not zero. */
function implicitWriter(field: DescField, write: WriteValue): FieldWriter["write"] {
  const name = field.localName;
  if (field.fieldKind === "enum") {
    const zero = zeroOfEnum(field.enum);
    return (draft, buffer, at) => draft[name] === zero ? at : write(draft[name], buffer, at);
  }
  const scalar = valueScalarOf(field);
  switch (scalar.name) {
    case "string":
      return (draft, buffer, at) => draft[name] === "" ? at : write(draft[name], buffer, at);
    case "bool":
      return (draft, buffer, at) => draft[name] === false ? at : write(draft[name], buffer, at);
    case "bytes":
      return (draft, buffer, at) => {
        const value = draft[name];
        return value instanceof Uint8Array && value.length === 0 ? at : write(value, buffer, at);
      };
    case "double":
    case "float":
      // -0 is not zero.
      return (draft, buffer, at) => Object.is(draft[name], 0) ? at : write(draft[name], buffer, at);
    default:
      return isLong(scalar)
        ? (draft, buffer, at) => wire.isLongZero(draft[name] as bigint | string) ? at : write(draft[name], buffer, at)
        : (draft, buffer, at) => draft[name] === 0 ? at : write(draft[name], buffer, at);
  }
}

/** A scalar with its tag. */
function valueWriter(number: number, scalar: Scalar): ValueWriter {
  const tag = tagOf(number, scalar.wireType);
  const write = scalarWriter(scalar);
  const bound = tagLength(number) + scalar.bound;
  return {
    write: tag < 128
      ? (value, buffer, at) => {
        buffer[at] = tag;
        return write(value, buffer, at + 1);
      }
      : (value, buffer, at) => write(value, buffer, wire.writeVarint32(tag, buffer, at)),
    bound: scalar.name === "string"
      ? (value) => bound + 3 * (value as string).length
      : scalar.name === "bytes"
      ? (value) => bound + (value as Uint8Array).length
      : bound,
  };
}

/** A message with its tag, from what a field holds for it. */
function messageWriter(field: DescField & { message: DescMessage }, codecOf: FindCodec, number = field.number) {
  const codec = codecOf(field.message);
  const representation = representationOf(field);
  const typeName = field.message.typeName;
  const messageOf: (local: unknown) => Message = representation === "message"
    ? (local) => local as Message
    : representation === "json"
    ? (local) => wire.structOfJson(local as JsonObject)
    : (local) => ({ $typeName: typeName, value: local });
  const writeTag = (tag: number, buffer: Uint8Array, at: number) => wire.writeVarint32(tag, buffer, at);
  const tags = tagLength(number) * 2 + 5;
  const bound = (local: unknown): number => tags + codec.bound(messageOf(local));
  if (field.fieldKind !== "map" && field.delimitedEncoding) {
    const [start, end] = [tagOf(number, START_GROUP), tagOf(number, END_GROUP)];
    const write: WriteValue = (local, buffer, at) =>
      writeTag(end, buffer, codec.write(messageOf(local), buffer, writeTag(start, buffer, at)));
    return { write, bound };
  }
  const tag = tagOf(number, LENGTH_DELIMITED);
  const write: WriteValue = (local, buffer, at) => {
    const start = writeTag(tag, buffer, at);
    return wire.closeLength(buffer, start, 1, codec.write(messageOf(local), buffer, start + 1));
  };
  return { write, bound };
}

/** What writes all items of a list. */
interface ListWriter {
  write(items: readonly unknown[], buffer: Uint8Array, at: number): number;
  bound(items: readonly unknown[]): number;
}

function listWriter(field: DescField & { fieldKind: "list" }, codecOf: FindCodec): ListWriter {
  if (field.listKind !== "message" && field.packed) {
    return packedWriter(field.number, valueScalarOf(field));
  }
  const item = field.listKind === "message"
    ? messageWriter(field, codecOf)
    : valueWriter(field.number, valueScalarOf(field));
  const { write, bound } = item;
  return {
    write: (items, buffer, at) => {
      for (let i = 0; i < items.length; i++) {
        at = write(items[i], buffer, at);
      }
      return at;
    },
    bound: typeof bound === "number" ? (items) => items.length * bound : (items) => {
      let sum = 0;
      for (let i = 0; i < items.length; i++) {
        sum += bound(items[i]);
      }
      return sum;
    },
  };
}

function packedWriter(number: number, scalar: Scalar): ListWriter {
  const tag = tagOf(number, LENGTH_DELIMITED);
  const write = scalarWriter(scalar);
  const overhead = tagLength(number) + 5;
  const isDouble = scalar.name === "double";
  return {
    write: (items, buffer, at) => {
      const length = items.length;
      if (length === 0) {
        return at;
      }
      const start = wire.writeVarint32(tag, buffer, at);
      if (isDouble) {
        return wire.writePackedDoubles(items as readonly number[], buffer, start);
      }
      const prefix = length < 128 ? 1 : length < 16384 ? 2 : 3;
      let end = start + prefix;
      for (let i = 0; i < length; i++) {
        end = write(items[i], buffer, end);
      }
      return wire.closeLength(buffer, start, prefix, end);
    },
    bound: (items) => overhead + items.length * scalar.bound,
  };
}

/** Turns the key that an object has, a text, into one of the type. */
function keyParser(scalar: Scalar): (key: string) => unknown {
  return scalar.name === "bool"
    ? wire.boolKey
    : scalar.name === "string" || isLong(scalar)
    ? (key) => key
    : wire.integerKey;
}

function mapWriter(field: DescField & { fieldKind: "map" }, codecOf: FindCodec) {
  const tag = tagOf(field.number, LENGTH_DELIMITED);
  const key = scalarOf(field.mapKey);
  const keyOf = keyParser(key);
  const keys = valueWriter(1, key);
  const isText = key.name === "string";
  const value = field.mapKind === "message" ? messageWriter(field, codecOf, 2) : valueWriter(2, valueScalarOf(field));
  const { write, bound } = value;
  const overhead = tagLength(field.number) + 5 + 1 + key.bound + (typeof bound === "number" ? bound : 0);
  return {
    write: (record: Record<string, unknown>, buffer: Uint8Array, at: number) => {
      const names = Object.keys(record);
      for (let i = 0; i < names.length; i++) {
        const name = names[i]!;
        const start = wire.writeVarint32(tag, buffer, at);
        const end = write(record[name], buffer, keys.write(keyOf(name), buffer, start + 1));
        at = wire.closeLength(buffer, start, 1, end);
      }
      return at;
    },
    bound: (record: Record<string, unknown>) => {
      const names = Object.keys(record);
      let sum = names.length * overhead + (isText ? wire.textBound(names) : 0);
      if (typeof bound !== "number") {
        for (let i = 0; i < names.length; i++) {
          sum += bound(record[names[i]!]);
        }
      }
      return sum;
    },
  };
}
