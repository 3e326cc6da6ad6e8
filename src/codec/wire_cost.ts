/**
 * What it costs to have protobuf-es decode a message. protobuf-es counts nothing, so this file reads the bytes first, in the way in which protobuf-es reads
 * them: before it decodes what a compiled codec declines, and where there is no compiled codec. Malformed bytes end the count; protobuf-es words the error.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import {
  costOf,
  END_GROUP,
  isLong,
  isUnbounded,
  LENGTH_DELIMITED,
  representationOf,
  START_GROUP,
  valueScalarOf,
} from "./plan.ts";
import {
  beginBudget,
  MAP_ENTRY_COST,
  MAX_DEPTH,
  MAX_UNKNOWN_FIELDS,
  spend,
  spent,
  UNKNOWN_FIELD_COST,
  unknownError,
} from "./wire/budget.ts";
import { decline, isDeclined } from "./wire/decline.ts";
import { position, readUint32, skipVarint } from "./wire/reader.ts";

/** A message of so few bytes cannot cost much, whatever they are. */
const SMALL = 256;

/** A tag: an object that is garbage at once, and a look into a table. */
const TAG_COST = 24;
/** A message, beside its properties. */
const MESSAGE_COST = 160;
/** An entry of a map, beside what it costs a compiled codec. */
const ENTRY_COST = 160;
/** An item of a list, which grows. */
const ITEM_COST = 32;
/** A 64-bit integer in a list, which is made of two halves. */
const LONG_ITEM_COST = 112;
/** A text that protobuf-es makes of its characters: ASCII of at most so many bytes. */
const SHORT_TEXT_COST = 80;
const SHORT_TEXT = 32;
/** A text that the platform decodes. */
const LONG_TEXT_COST = 240;
/** A value of type bytes: a view. */
const BYTES_COST = 240;

/** The messages within a message that were read already. protobuf-es merges a field that comes again, and converts a whole Struct to messages and back for that. */
class Scope {
  /** What the Struct of a field has cost so far. */
  readonly structs = new Map<number, number>();
  readonly #children = new Map<number, Scope>();

  child(number: number): Scope {
    let child = this.#children.get(number);
    if (child === undefined) {
      child = new Scope();
      this.#children.set(number, child);
    }
    return child;
  }
}

/** Goes over the value of a field. Gives where it ends. */
type Walk = (at: number, wireType: number, depth: number, scope: Scope) => number;

interface MessageWalker {
  readonly cost: number;
  readonly fields: Map<number, Walk>;
}

const walkers = new WeakMap<DescMessage, MessageWalker>();

/** The message that is counted now. */
let input: Uint8Array = new Uint8Array(0);
let inputEnd = 0;
let keepsUnknown = true;

/**
 * Checks what protobuf-es would need for a message.
 *
 * @param readUnknownFields Whether it keeps unknown fields.
 * @throws {MessageLimitError} It is more than `maxDecodedBytes`, or more than the message may cost for its size; or it has very many unknown fields.
 */
export function checkWireCost(
  schema: DescMessage,
  buffer: Uint8Array,
  start: number,
  end: number,
  maxDecodedBytes: number,
  readUnknownFields = true,
): void {
  if (end - start <= SMALL) {
    return;
  }
  beginBudget(end - start, maxDecodedBytes);
  input = buffer;
  inputEnd = end;
  keepsUnknown = readUnknownFields;
  try {
    walkMessage(walkerOf(schema), start, end, 1, new Scope());
  } catch (error) {
    if (!isDeclined(error)) {
      throw error;
    }
  } finally {
    input = new Uint8Array(0);
  }
}

function walkerOf(desc: DescMessage): MessageWalker {
  let walker = walkers.get(desc);
  if (walker === undefined) {
    // Its objects have their properties one by one, and are twice as large as those of compiled codecs.
    walker = { cost: 2 * costOf(desc) + MESSAGE_COST, fields: new Map() };
    // Before its fields, which may be of the same type.
    walkers.set(desc, walker);
    for (const field of desc.fields) {
      walker.fields.set(field.number, fieldWalk(field));
    }
  }
  return walker;
}

/** Gives where the message ends: where its length says, or behind that if its last field does. */
function walkMessage(walker: MessageWalker, at: number, end: number, depth: number, scope: Scope): number {
  if (depth > MAX_DEPTH) {
    decline();
  }
  let unknown = 0;
  spend(walker.cost);
  while (at < end) {
    const tag = readVarint(at);
    const wireType = tag & 7;
    const walk = walker.fields.get(tag >>> 3);
    spend(TAG_COST);
    at = walk === undefined ? skipUnknown(position, tag, depth, ++unknown) : walk(position, wireType, depth, scope);
    if (at > inputEnd) {
      decline();
    }
  }
  return at;
}

/** A group, which ends with a tag. */
function walkGroup(walker: MessageWalker, at: number, depth: number, scope: Scope): number {
  if (depth > MAX_DEPTH) {
    decline();
  }
  let unknown = 0;
  spend(walker.cost);
  while (at < inputEnd) {
    const tag = readVarint(at);
    const wireType = tag & 7;
    if (wireType === END_GROUP) {
      return position;
    }
    const walk = walker.fields.get(tag >>> 3);
    spend(TAG_COST);
    at = walk === undefined ? skipUnknown(position, tag, depth, ++unknown) : walk(position, wireType, depth, scope);
  }
  return decline();
}

function readVarint(at: number): number {
  const value = readUint32(input, at);
  return position > inputEnd ? decline() : value;
}

/** @param count How many there are in the message, with this one. */
function skipUnknown(at: number, tag: number, depth: number, count: number): number {
  spend(UNKNOWN_FIELD_COST);
  if (keepsUnknown && count > MAX_UNKNOWN_FIELDS) {
    unknownError();
  }
  return skip(at, tag, depth);
}

function skip(at: number, tag: number, depth: number): number {
  switch (tag & 7) {
    case 0:
      return skipVarint(input, at);
    case 1:
      return at + 8;
    case LENGTH_DELIMITED:
      return skipLength(at);
    case START_GROUP:
      return skipGroup(at, depth + 1);
    case 5:
      return at + 4;
    default:
      return decline();
  }
}

/** protobuf-es makes a view of each value within a group, and keeps none of them. */
function skipGroup(at: number, depth: number): number {
  if (depth > MAX_DEPTH) {
    decline();
  }
  while (at < inputEnd) {
    const tag = readVarint(at);
    if ((tag & 7) === END_GROUP) {
      return position;
    }
    spend(TAG_COST + BYTES_COST);
    at = skip(position, tag, depth);
  }
  return decline();
}

function skipLength(at: number): number {
  const length = readVarint(at);
  return position + length;
}

function fieldWalk(field: DescField): Walk {
  switch (field.fieldKind) {
    case "message": {
      const child = childWalk(field);
      return representationOf(field) === "json"
        ? structWalk(field.number, child)
        : (at, wireType, depth, scope) => child(at, wireType, depth, scope.child(field.number));
    }
    case "map":
      return mapWalk(field);
    case "list":
      return field.listKind === "message" ? itemWalk(field) : scalarListWalk(field);
    case "enum": {
      // Its numbers are looked at one by one.
      const cost = field.enum.open ? 0 : field.enum.values.length;
      return (at) => {
        spend(cost);
        readVarint(at);
        return position;
      };
    }
    case "scalar":
      return scalarWalk(field, 0);
  }
}

function childWalk(field: DescField & { message: DescMessage }): Walk {
  const walker = walkerOf(field.message);
  if (field.fieldKind !== "map" && field.delimitedEncoding) {
    return (at, _wireType, depth, scope) => walkGroup(walker, at, depth + 1, scope);
  }
  return (at, _wireType, depth, scope) => {
    const length = readVarint(at);
    return walkMessage(walker, position, position + length, depth + 1, scope);
  };
}

/** A Struct as JSON: what is there already is converted again whenever it comes. */
function structWalk(number: number, child: Walk): Walk {
  return (at, wireType, depth, scope) => {
    const before = spent();
    const end = child(at, wireType, depth, scope.child(number));
    const all = (scope.structs.get(number) ?? 0) + spent() - before;
    scope.structs.set(number, all);
    spend(all);
    return end;
  };
}

function itemWalk(field: DescField & { fieldKind: "list"; message: DescMessage }): Walk {
  const child = childWalk(field);
  const isJson = representationOf(field) === "json";
  return (at, wireType, depth) => {
    const before = spent();
    const end = child(at, wireType, depth, new Scope());
    if (isJson) {
      spend(spent() - before);
    }
    return end;
  };
}

function scalarListWalk(field: DescField & { fieldKind: "list" }): Walk {
  const scalar = valueScalarOf(field);
  const one = scalarWalk(field, isLong(scalar) ? LONG_ITEM_COST : ITEM_COST);
  if (isUnbounded(scalar)) {
    return one;
  }
  return (at, wireType, depth, scope) => {
    if (wireType !== LENGTH_DELIMITED) {
      return one(at, wireType, depth, scope);
    }
    const length = readVarint(at);
    at = position;
    const stop = at + length;
    while (at < stop) {
      at = one(at, wireType, depth, scope);
      if (at > inputEnd) {
        decline();
      }
    }
    return at;
  };
}

/** protobuf-es does not look at the wire type. */
function scalarWalk(field: { readonly scalar?: number | undefined }, cost: number): Walk {
  const { name } = valueScalarOf(field);
  switch (name) {
    case "double":
    case "fixed64":
    case "sfixed64":
      return (at) => {
        spend(cost);
        return at + 8;
      };
    case "float":
    case "fixed32":
    case "sfixed32":
      return (at) => {
        spend(cost);
        return at + 4;
      };
    case "bytes":
      return (at) => {
        spend(BYTES_COST);
        return skipLength(at);
      };
    case "string":
      return (at) => {
        const end = skipLength(at);
        spend(isShortAscii(position, end) ? SHORT_TEXT_COST : LONG_TEXT_COST);
        return end;
      };
    default:
      return (at) => {
        spend(cost);
        readVarint(at);
        return position;
      };
  }
}

function isShortAscii(start: number, end: number): boolean {
  let all = 0;
  if (end - start <= SHORT_TEXT) {
    for (let i = start; i < end; i++) {
      all |= input[i]!;
    }
    return all < 128;
  }
  return false;
}

function mapWalk(field: DescField & { fieldKind: "map" }): Walk {
  const key = scalarWalk({ scalar: field.mapKey }, 0);
  const value = field.mapKind === "message"
    ? representationOf(field) === "json" ? structWalk(2, childWalk(field)) : childWalk(field)
    : scalarWalk(field, 0);
  // An entry without a value has an empty one.
  const empty = field.mapKind === "message" ? walkerOf(field.message) : undefined;
  const emptyCost = field.scalar === 12 ? BYTES_COST : 0;
  return (at, _wireType, depth) => {
    spend(MAP_ENTRY_COST + ENTRY_COST);
    const length = readVarint(at);
    at = position;
    const stop = at + length;
    const scope = new Scope();
    let hasValue = false;
    while (at < stop) {
      const tag = readVarint(at);
      const number = tag >>> 3;
      spend(TAG_COST);
      hasValue ||= number === 2;
      at = number === 1
        ? key(position, tag & 7, depth, scope)
        : number === 2
        ? value(position, tag & 7, depth, scope)
        : skip(position, tag, depth);
      if (at > inputEnd) {
        decline();
      }
    }
    if (!hasValue) {
      spend(empty?.cost ?? emptyCost);
    }
    return at;
  };
}
