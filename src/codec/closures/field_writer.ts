/** Closures that write the fields of one message type, and say how many octets that takes. */
import type { DescField, DescMessage, JsonObject, Message } from "@bufbuild/protobuf";
import {
  END_GROUP,
  hasPrototype,
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

/** Writes what a member of a message holds, or one value with its tag; gives where that ended. */
type Write = (value: unknown, buffer: Uint8Array, at: number, draft?: Draft) => number;
/** The most octets that it takes. */
type Bound = (value: unknown) => number;

/** What writes a value with its tag; the bound is a number, if that is known without looking. */
interface ValueWriter {
  readonly write: Write;
  readonly bound: number | Bound;
}

/** What writes a field of one message type. */
export interface FieldWriter extends ValueWriter {
  /** The member of the message that is written: the field, or the oneof that it is in. */
  readonly member: string;
  /** What the member holds when there is nothing to write; anything else may mean that, too. */
  readonly unset: unknown;
}

/** Makes the writer of a field. */
export function fieldWriter(field: DescField, codecOf: FindCodec): FieldWriter {
  switch (field.fieldKind) {
    case "list":
      return { member: field.localName, unset: undefined, ...listWriter(field, codecOf) };
    case "map":
      return { member: field.localName, unset: undefined, ...mapWriter(field, codecOf) };
  }
  const value = field.fieldKind === "message" ? messageWriter(field, codecOf) : scalarValueWriter(field);
  if (field.oneof !== undefined) {
    return { member: field.oneof.localName, unset: undefined, ...oneofWriter(field.localName, value) };
  }
  return field.presence === IMPLICIT ? implicitWriter(field, value) : explicitWriter(field, value);
}

function oneofWriter(name: string, { write, bound }: ValueWriter): ValueWriter {
  return {
    write: (oneof, buffer, at) => {
      const { case: chosen, value } = oneof as Oneof;
      return chosen === name ? write(value, buffer, at) : at;
    },
    bound: typeof bound === "number" ? bound : (oneof) => {
      const { case: chosen, value } = oneof as Oneof;
      return chosen === name ? bound(value) : 0;
    },
  };
}

/** What the value of a required field is never, so that its writer is always asked. */
const NOTHING = Symbol("nothing");

/** A field that knows whether it is set: it is, if it is the message's own. */
function explicitWriter(field: DescField, { write, bound }: ValueWriter): FieldWriter {
  const name = field.localName;
  const isRequired = field.presence === LEGACY_REQUIRED;
  const own: Write = (value, buffer, at, draft) => {
    if (value !== undefined && Object.hasOwn(draft!, name)) {
      return write(value, buffer, at);
    }
    return isRequired ? wire.decline() : at;
  };
  return {
    member: name,
    unset: isRequired ? NOTHING : undefined,
    write: hasPrototype(field.parent) ? own : write,
    bound: typeof bound === "number" ? bound : (value) => value === undefined ? 0 : bound(value),
  };
}

/** A field that is set if it is not zero. */
function implicitWriter(field: DescField, { write, bound }: ValueWriter): FieldWriter {
  const member = field.localName;
  if (field.fieldKind === "enum") {
    return { member, unset: zeroOfEnum(field.enum), write, bound };
  }
  const scalar = valueScalarOf(field);
  switch (scalar.name) {
    case "string":
      return { member, unset: "", write, bound };
    case "bool":
      return { member, unset: false, write, bound };
    case "bytes":
      return {
        member,
        unset: wire.NO_BYTES,
        write: (value, buffer, at) => value instanceof Uint8Array && value.length === 0 ? at : write(value, buffer, at),
        bound,
      };
    case "double":
    case "float":
      // -0 is not zero.
      return {
        member,
        unset: undefined,
        write: (value, buffer, at) => Object.is(value, 0) ? at : write(value, buffer, at),
        bound,
      };
    default:
      return isLongText(field)
        ? {
          member,
          unset: "0",
          write: (value, buffer, at) => wire.isZeroText(value as string) ? at : write(value, buffer, at),
          bound,
        }
        : { member, unset: isLong(scalar) ? 0n : 0, write, bound };
  }
}

function isLongText(field: DescField): boolean {
  return field.fieldKind !== "map" && "longAsString" in field && field.longAsString;
}

/** Values of a field that are no messages. */
function scalarValueWriter(field: DescField): ValueWriter {
  const value = valueWriter(field.number, valueScalarOf(field));
  return isLongText(field)
    ? { ...value, write: (text, buffer, at) => value.write(wire.longOf(text as string), buffer, at) }
    : value;
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
function messageWriter(
  field: DescField & { message: DescMessage },
  codecOf: FindCodec,
  number = field.number,
): ValueWriter {
  const codec = codecOf(field.message);
  const messageOf = messageMaker(field);
  const tags = tagLength(number) * 2 + 5;
  const bound: Bound = (local) => tags + codec.bound(messageOf(local));
  if (field.fieldKind !== "map" && field.delimitedEncoding) {
    const [start, end] = [tagOf(number, START_GROUP), tagOf(number, END_GROUP)];
    return {
      write: (local, buffer, at) => {
        at = codec.write(messageOf(local), buffer, wire.writeVarint32(start, buffer, at));
        return wire.writeVarint32(end, buffer, at);
      },
      bound,
    };
  }
  const tag = tagOf(number, LENGTH_DELIMITED);
  return {
    write: (local, buffer, at) => {
      const start = wire.writeVarint32(tag, buffer, at);
      return wire.closeLength(buffer, start, 1, codec.write(messageOf(local), buffer, start + 1));
    },
    bound,
  };
}

/** Makes a message of what a field holds for it. */
function messageMaker(field: DescField & { message: DescMessage }): (local: unknown) => Message {
  switch (representationOf(field)) {
    case "message":
      return (local) => local as Message;
    case "json":
      return (local) => wire.structOfJson(local as JsonObject);
    case "wrapper": {
      const $typeName = field.message.typeName;
      return (local) => ({ $typeName, value: local });
    }
  }
}

function listWriter(field: DescField & { fieldKind: "list" }, codecOf: FindCodec): ValueWriter {
  if (field.listKind !== "message" && field.packed) {
    return packedWriter(field);
  }
  const { write, bound } = field.listKind === "message" ? messageWriter(field, codecOf) : scalarValueWriter(field);
  return {
    write: (list, buffer, at) => {
      const items = list as readonly unknown[];
      for (let i = 0; i < items.length; i++) {
        at = write(items[i], buffer, at);
      }
      return at;
    },
    bound: typeof bound === "number" ? (list) => (list as readonly unknown[]).length * bound : (list) => {
      const items = list as readonly unknown[];
      let sum = 0;
      for (let i = 0; i < items.length; i++) {
        sum += bound(items[i]);
      }
      return sum;
    },
  };
}

function packedWriter(field: DescField & { fieldKind: "list" }): ValueWriter {
  const tag = tagOf(field.number, LENGTH_DELIMITED);
  const scalar = valueScalarOf(field);
  const writeScalar = scalarWriter(scalar);
  const write: typeof writeScalar = isLongText(field)
    ? (text, buffer, at) => writeScalar(wire.longOf(text as string), buffer, at)
    : writeScalar;
  const overhead = tagLength(field.number) + 5;
  const isDouble = scalar.name === "double";
  return {
    write: (list, buffer, at) => {
      const items = list as readonly unknown[];
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
    bound: (list) => overhead + (list as readonly unknown[]).length * scalar.bound,
  };
}

/** Turns the key that an object has, a text, into one of the type. */
function keyParser(scalar: Scalar): (key: string) => unknown {
  return scalar.name === "bool"
    ? wire.boolKey
    : scalar.name === "string"
    ? (key) => key
    : isLong(scalar)
    ? wire.longOf
    : wire.integerKey;
}

function mapWriter(field: DescField & { fieldKind: "map" }, codecOf: FindCodec): ValueWriter {
  const tag = tagOf(field.number, LENGTH_DELIMITED);
  const key = scalarOf(field.mapKey);
  const keyOf = keyParser(key);
  const { write: writeKey } = valueWriter(1, key);
  const isText = key.name === "string";
  const { write, bound } = field.mapKind === "message"
    ? messageWriter(field, codecOf, 2)
    : valueWriter(2, valueScalarOf(field));
  const overhead = tagLength(field.number) + 5 + 1 + key.bound + (typeof bound === "number" ? bound : 0);
  return {
    write: (map, buffer, at) => {
      const record = map as Record<string, unknown>;
      const names = Object.keys(record);
      for (let i = 0; i < names.length; i++) {
        const name = names[i]!;
        const start = wire.writeVarint32(tag, buffer, at);
        const end = write(record[name], buffer, writeKey(keyOf(name), buffer, start + 1));
        at = wire.closeLength(buffer, start, 1, end);
      }
      return at;
    },
    bound: (map) => {
      const record = map as Record<string, unknown>;
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
