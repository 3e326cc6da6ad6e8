/** Closures that read the fields of one message type. */
import type { DescField, DescMessage, JsonObject, Message } from "@bufbuild/protobuf";
import type { Struct } from "@bufbuild/protobuf/wkt";
import {
  END_GROUP,
  isUnbounded,
  itemCost,
  LENGTH_DELIMITED,
  representationOf,
  scalarOf,
  START_GROUP,
  tagOf,
  valueScalarOf,
  widthOf,
  zeroOfEnum,
} from "../plan.ts";
import { MAP_ENTRY_COST } from "../wire/budget.ts";
import type { WireCodec } from "../wire/wire_codec.ts";
import * as wire from "../wire/mod.ts";
import type { Draft, Oneof } from "./draft.ts";
import { type ReadScalar, scalarReader, zeroOf } from "./scalars.ts";

/** Reads a field after its tag into a message; gives where it ended. */
export type ReadField = (draft: Draft, buffer: Uint8Array, at: number, end: number, depth: number) => number;
/** Finds the codec of a message within this one. It may be empty as yet. */
export type FindCodec = (desc: DescMessage) => WireCodec;

/** Reads a message after its tag, and leaves in `wire.position` where it ended. */
type ReadMessage = (buffer: Uint8Array, at: number, end: number, depth: number) => unknown;

/** The readers of a field, by the tags it may have. */
export function fieldReaders(field: DescField, codecOf: FindCodec): [tag: number, ReadField][] {
  switch (field.fieldKind) {
    case "list":
      return listReaders(field, codecOf);
    case "map":
      return [[tagOf(field.number, LENGTH_DELIMITED), mapReader(field, codecOf)]];
    case "message":
      return [messageFieldReader(field, codecOf)];
    case "enum":
    case "scalar": {
      const scalar = valueScalarOf(field);
      return [[tagOf(field.number, scalar.wireType), scalarFieldReader(field, valueReader(field))]];
    }
  }
}

/** Reads values as the schema says: 64-bit integers as text, enums of a closed set only. */
function valueReader(field: DescField): ReadScalar {
  const longAsString = (field.fieldKind === "scalar" || field.fieldKind === "list" && field.listKind === "scalar") &&
    field.longAsString;
  const read = scalarReader(valueScalarOf(field), longAsString);
  if (field.fieldKind !== "enum" || field.enum.open) {
    return read;
  }
  const numbers = new Set<unknown>(field.enum.values.map(({ number }) => number));
  return (buffer, at, end) => {
    const number = read(buffer, at, end);
    return numbers.has(number) ? number : wire.decline();
  };
}

function scalarFieldReader(field: DescField & { fieldKind: "scalar" | "enum" }, read: ReadScalar): ReadField {
  const name = field.localName;
  const oneof = field.oneof?.localName;
  if (oneof !== undefined) {
    return (draft, buffer, at, end) => {
      draft[oneof] = { case: name, value: read(buffer, at, end) };
      return wire.position;
    };
  }
  // The kinds that are most common call their function directly.
  switch (read) {
    case wire.readString:
      return (draft, buffer, at, end) => {
        draft[name] = wire.readString(buffer, at, end);
        return wire.position;
      };
    case wire.readInt32:
      return (draft, buffer, at) => {
        draft[name] = wire.readInt32(buffer, at);
        return wire.position;
      };
    case wire.readBool:
      return (draft, buffer, at) => {
        draft[name] = wire.readBool(buffer, at);
        return wire.position;
      };
    default:
      return (draft, buffer, at, end) => {
        draft[name] = read(buffer, at, end);
        return wire.position;
      };
  }
}

function messageReader(
  field: DescField & { message: DescMessage },
  codecOf: FindCodec,
): [wireType: number, ReadMessage] {
  const codec = codecOf(field.message);
  if (field.fieldKind !== "map" && field.delimitedEncoding) {
    const endTag = tagOf(field.number, END_GROUP);
    return [START_GROUP, (buffer, at, end, depth) => codec.read(buffer, at, end, depth + 1, endTag)];
  }
  return [LENGTH_DELIMITED, (buffer, at, end, depth) => {
    const length = wire.readLength(buffer, at, end);
    const start = wire.position;
    return codec.read(buffer, start, start + length, depth + 1, -1);
  }];
}

/** Reads a message and gives what a field holds for it. */
function localReader(
  field: DescField & { message: DescMessage },
  codecOf: FindCodec,
): [wireType: number, ReadMessage] {
  const [wireType, read] = messageReader(field, codecOf);
  switch (representationOf(field)) {
    case "message":
      return [wireType, read];
    case "json":
      return [
        wireType,
        (buffer, at, end, depth): JsonObject => wire.jsonOfStruct(read(buffer, at, end, depth) as Struct),
      ];
    case "wrapper":
      return [wireType, (buffer, at, end, depth) => (read(buffer, at, end, depth) as Draft)["value"]];
  }
}

function messageFieldReader(
  field: DescField & { fieldKind: "message" },
  codecOf: FindCodec,
): [tag: number, ReadField] {
  const [wireType, read] = localReader(field, codecOf);
  const name = field.localName;
  const oneof = field.oneof?.localName;
  // A message that comes twice is merged: protobuf-es does that.
  return [
    tagOf(field.number, wireType),
    oneof === undefined
      ? (draft, buffer, at, end, depth) => {
        if (draft[name] !== undefined) {
          wire.decline();
        }
        draft[name] = read(buffer, at, end, depth);
        return wire.position;
      }
      : (draft, buffer, at, end, depth) => {
        if ((draft[oneof] as Oneof).case === name) {
          wire.decline();
        }
        draft[oneof] = { case: name, value: read(buffer, at, end, depth) };
        return wire.position;
      },
  ];
}

function listReaders(field: DescField & { fieldKind: "list" }, codecOf: FindCodec): [tag: number, ReadField][] {
  const name = field.localName;
  if (field.listKind === "message") {
    const [wireType, read] = localReader(field, codecOf);
    return [[tagOf(field.number, wireType), (draft, buffer, at, end, depth) => {
      (draft[name] as unknown[]).push(read(buffer, at, end, depth));
      return wire.position;
    }]];
  }
  const scalar = valueScalarOf(field);
  const read = valueReader(field);
  const cost = itemCost(scalar, field.listKind === "scalar" && field.longAsString);
  const readers: [number, ReadField][] = [[tagOf(field.number, scalar.wireType), (draft, buffer, at, end) => {
    wire.spend(2 * cost);
    (draft[name] as unknown[]).push(read(buffer, at, end));
    return wire.position;
  }]];
  if (!isUnbounded(scalar)) {
    readers.push([
      tagOf(field.number, LENGTH_DELIMITED),
      scalar.name === "double" ? packedDoublesReader(name) : packedReader(name, read, widthOf(scalar), cost),
    ]);
  }
  return readers;
}

function packedReader(name: string, read: ReadScalar, width: number, cost: number): ReadField {
  const readItem = (buffer: Uint8Array, at: number) => read(buffer, at, buffer.length);
  return (draft, buffer, at, end) => {
    const length = wire.readLength(buffer, at, end);
    const list = draft[name] as unknown[];
    at = wire.position;
    const stop = at + length;
    if (length >= wire.LONG_LIST) {
      wire.readLongList(list, buffer, at, stop, readItem, width, cost);
      return stop;
    }
    while (at < stop) {
      wire.spend(cost);
      list.push(read(buffer, at, stop));
      at = wire.position;
    }
    return at === stop ? stop : wire.decline();
  };
}

function packedDoublesReader(name: string): ReadField {
  return (draft, buffer, at, end) => {
    const length = wire.readLength(buffer, at, end);
    const start = wire.position;
    draft[name] = wire.readPackedDoubles(draft[name] as number[], buffer, start, start + length);
    return start + length;
  };
}

/** Reads the value of a map's entry; `value` is the one before it in the same entry. */
type ReadValue = (buffer: Uint8Array, at: number, end: number, depth: number, value: unknown) => unknown;

function mapReader(field: DescField & { fieldKind: "map" }, codecOf: FindCodec): ReadField {
  const name = field.localName;
  const key = scalarOf(field.mapKey);
  const readKey = key.name === "string" ? wire.readKey : scalarReader(key, false);
  const keyTag = tagOf(1, key.wireType);
  const keyZero = zeroOf(key);
  const { tag: valueTag, read: readValue, zero } = mapValue(field, codecOf);
  return (draft, buffer, at, end, depth) => {
    const length = wire.readLength(buffer, at, end);
    wire.spend(MAP_ENTRY_COST);
    let entryKey = keyZero;
    let value: unknown;
    at = wire.position;
    const stop = at + length;
    while (at < stop) {
      const tag = buffer[at++]!;
      if (tag === keyTag) {
        entryKey = readKey(buffer, at, stop);
      } else if (tag === valueTag) {
        value = readValue(buffer, at, stop, depth, value);
      } else {
        wire.decline();
      }
      at = wire.position;
    }
    if (at !== stop) {
      wire.decline();
    }
    wire.setOwn(draft[name] as Record<string, unknown>, String(entryKey), value === undefined ? zero(depth) : value);
    return stop;
  };
}

function mapValue(
  field: DescField & { fieldKind: "map" },
  codecOf: FindCodec,
): { tag: number; read: ReadValue; zero: (depth: number) => unknown } {
  if (field.mapKind === "message") {
    const [wireType, read] = localReader(field, codecOf);
    const codec = codecOf(field.message);
    const isJson = representationOf(field) === "json";
    return {
      tag: tagOf(2, wireType),
      // Two values in an entry are merged.
      read: (buffer, at, end, depth, value) => value === undefined ? read(buffer, at, end, depth) : wire.decline(),
      zero: (depth): Message | JsonObject => isJson ? {} : codec.read(new Uint8Array(0), 0, 0, depth + 1, -1),
    };
  }
  const scalar = valueScalarOf(field);
  const read = valueReader(field);
  const zero = field.mapKind === "enum" ? zeroOfEnum(field.enum) : zeroOf(scalar);
  return {
    tag: tagOf(2, scalar.wireType),
    read: (buffer, at, end) => read(buffer, at, end),
    zero: scalar.name === "bytes" ? () => new Uint8Array(0) : () => zero,
  };
}
