/** What both forms of codecs, closures and generated source, have to know of a schema. */
import type { DescEnum, DescField, DescMessage } from "@bufbuild/protobuf";
import { ITEM_COST, LONG_COST, LONG_TEXT_COST, TEXT_ITEM_COST } from "./wire/budget.ts";

/** The wire types (https://protobuf.dev/programming-guides/encoding/#structure). */
export const VARINT = 0;
export const FIXED_64 = 1;
export const LENGTH_DELIMITED = 2;
export const START_GROUP = 3;
export const END_GROUP = 4;
export const FIXED_32 = 5;

/** google.protobuf.FeatureSet.FieldPresence. */
export const IMPLICIT = 2;
export const LEGACY_REQUIRED = 3;

/** The name of each scalar type, by its number in google.protobuf.FieldDescriptorProto.Type. */
export type ScalarName =
  | "double"
  | "float"
  | "int64"
  | "uint64"
  | "int32"
  | "fixed64"
  | "fixed32"
  | "bool"
  | "string"
  | "bytes"
  | "uint32"
  | "sfixed32"
  | "sfixed64"
  | "sint32"
  | "sint64";

/** A scalar type. */
export interface Scalar {
  readonly name: ScalarName;
  readonly wireType: number;
  /** The most octets that a value takes; of text and bytes, that its length takes. */
  readonly bound: number;
}

const SCALARS: Readonly<Record<number, Scalar>> = {
  1: { name: "double", wireType: FIXED_64, bound: 8 },
  2: { name: "float", wireType: FIXED_32, bound: 4 },
  3: { name: "int64", wireType: VARINT, bound: 10 },
  4: { name: "uint64", wireType: VARINT, bound: 10 },
  5: { name: "int32", wireType: VARINT, bound: 10 },
  6: { name: "fixed64", wireType: FIXED_64, bound: 8 },
  7: { name: "fixed32", wireType: FIXED_32, bound: 4 },
  8: { name: "bool", wireType: VARINT, bound: 1 },
  9: { name: "string", wireType: LENGTH_DELIMITED, bound: 5 },
  12: { name: "bytes", wireType: LENGTH_DELIMITED, bound: 5 },
  13: { name: "uint32", wireType: VARINT, bound: 5 },
  15: { name: "sfixed32", wireType: FIXED_32, bound: 4 },
  16: { name: "sfixed64", wireType: FIXED_64, bound: 8 },
  17: { name: "sint32", wireType: VARINT, bound: 5 },
  18: { name: "sint64", wireType: VARINT, bound: 10 },
};

/** The scalar type by its number. */
export function scalarOf(type: number): Scalar {
  return SCALARS[type]!;
}

/** The scalar type of a field's values, or of its items or map values: enums are int32s. Not for messages. */
export function valueScalarOf(field: { readonly scalar?: number | undefined }): Scalar {
  return scalarOf(field.scalar ?? 5);
}

/** Whether values have 64 bits: a bigint or a string. */
export function isLong({ name }: Scalar): boolean {
  return name.endsWith("64");
}

/** How many octets a value has; 0 when they differ. */
export function widthOf({ wireType }: Scalar): number {
  return wireType === FIXED_64 ? 8 : wireType === FIXED_32 ? 4 : 0;
}

/**
 * What an item of a packed list costs (`wire/budget.ts`), doubles aside, which take no more than their bytes. An item that has a tag of its own costs twice as
 * much: it takes longer, and the list grows.
 */
export function itemCost(scalar: Scalar, longAsString: boolean): number {
  switch (scalar.name) {
    case "bytes":
    case "double":
      return 0;
    case "string":
      return TEXT_ITEM_COST;
    default:
      return isLong(scalar) ? longAsString ? LONG_TEXT_COST : LONG_COST : ITEM_COST;
  }
}

/** Whether text or bytes: what takes more octets than can be known without looking. */
export function isUnbounded({ name }: Scalar): boolean {
  return name === "string" || name === "bytes";
}

/** The number of the value that stands for "not set". */
export function zeroOfEnum(desc: DescEnum): number {
  return desc.values[0]!.number;
}

/** The tag of a field. */
export function tagOf(number: number, wireType: number): number {
  return (number << 3 | wireType) >>> 0;
}

/** How many octets a tag takes. */
export function tagLength(number: number): number {
  return number < 16 ? 1 : number < 2048 ? 2 : number < 262144 ? 3 : number < 33554432 ? 4 : 5;
}

/** In the order in which they are written. */
export function sortedFields(desc: DescMessage): DescField[] {
  return desc.fields.toSorted((a, b) => a.number - b.number);
}

/** Whether messages have their fields' defaults in a prototype, and as their own only what is set. */
export function hasPrototype(desc: DescMessage): boolean {
  return desc.file.edition === 998 /* proto2 */ ||
    desc.file.edition !== 999 /* proto3 */ &&
      desc.fields.some((field) => field.presence !== IMPLICIT && field.fieldKind !== "message" && !field.oneof);
}

/** Whether a type has extensions, which are read from its unknown fields. */
export function isExtendable({ proto }: DescMessage): boolean {
  return proto.extensionRange.length > 0;
}

/** What an empty message costs within another (`wire/budget.ts`): its properties, and a list, a map or the case of a oneof for each that it has. */
export function costOf({ members }: DescMessage): number {
  let cost = 96;
  let hasOptional = false;
  for (const member of members) {
    if (member.kind === "oneof") {
      cost += 48;
    } else if (member.fieldKind === "list") {
      cost += 40;
    } else if (member.fieldKind === "map") {
      cost += 64;
    } else if (member.fieldKind !== "message" && member.presence === IMPLICIT) {
      cost += 8;
    } else {
      hasOptional = true;
    }
  }
  // What is set of them is outside of the object.
  return hasOptional ? cost + 40 : cost;
}

/** What a field holds for a message: the message, the value in a wrapper (google.protobuf.StringValue ...), or the JSON of a Struct. */
export type Representation = "message" | "wrapper" | "json";

const WRAPPERS = new Set(
  ["Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes"].map((name) =>
    `google.protobuf.${name}Value`
  ),
);

/** What a field holds for its messages. */
export function representationOf(field: DescField & { readonly message: DescMessage }): Representation {
  const { message } = field;
  if (message.typeName === "google.protobuf.Struct" && field.parent.typeName !== "google.protobuf.Value") {
    return "json";
  }
  const content = message.fields[0];
  return field.fieldKind === "message" && !field.oneof && WRAPPERS.has(message.typeName) &&
      content?.fieldKind === "scalar" && content.name === "value" && content.number === 1
    ? "wrapper"
    : "message";
}
