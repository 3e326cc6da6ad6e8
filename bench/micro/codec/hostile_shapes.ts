/** Messages that cost as much as an attacker can make them, and large ones that are honest, as `hostile.ts` decodes them. */

/** The default limit of a message. */
export const MAX_BYTES = 4 * 1024 * 1024;

/** A message in the binary format. */
export interface BinaryShape {
  readonly name: string;
  /** In the package of tests. */
  readonly type: string;
  readonly octets: (maxBytes: number) => Uint8Array;
  /** What makes compiled codecs decline at the very end: a group that the type does not have. */
  readonly tail: Uint8Array;
}

/** A message in JSON. */
export interface JsonShape {
  readonly name: string;
  readonly type: string;
  readonly text: (maxBytes: number) => string;
}

/** Field 1000 as an empty group. */
const UNKNOWN_GROUP = Uint8Array.of(0xc3, 0x3e, 0xc4, 0x3e);

/** Repeats what `next` gives as often as it fits. */
function fill(maxBytes: number, next: (index: number) => readonly number[]): Uint8Array {
  const octets = new Uint8Array(maxBytes);
  let length = 0;
  for (let index = 0;; index++) {
    const piece = next(index);
    if (length + piece.length > maxBytes) {
      return octets.subarray(0, length);
    }
    octets.set(piece, length);
    length += piece.length;
  }
}

function varint(value: number): number[] {
  const octets: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) {
    octets.push(value % 128 | 128);
  }
  return [...octets, value];
}

const lengthDelimited = (number: number, content: ArrayLike<number>): number[] => [
  ...varint(number * 8 + 2),
  ...varint(content.length),
  ...Array.from(content),
];

/** One packed field of values. */
function packed(maxBytes: number, number: number, next: (index: number) => readonly number[]): Uint8Array {
  const content = fill(maxBytes - 16, next);
  const head = [...varint(number * 8 + 2), ...varint(content.length)];
  const octets = new Uint8Array(head.length + content.length);
  octets.set(head);
  octets.set(content, head.length);
  return octets;
}

function textOf(index: number): number[] {
  return Array.from(index.toString(36), (character) => character.charCodeAt(0));
}

function nested(depth: number, wrap: (inner: number[]) => number[]): number[] {
  let octets: number[] = [];
  for (let i = 1; i < depth; i++) {
    octets = wrap(octets);
  }
  return octets;
}

function binary(name: string, type: string, octets: (maxBytes: number) => Uint8Array): BinaryShape {
  return { name, type, octets, tail: UNKNOWN_GROUP };
}

const always = (...octets: number[]) => () => octets;
const merged = (first: readonly number[], then: readonly number[], count: number): Uint8Array =>
  Uint8Array.from([...first, ...Array.from({ length: count }, () => then).flat()]);

/** A google.protobuf.Struct of as many small members. */
const structOf = (count: number): number[] =>
  Array.from(
    { length: count },
    (_, i) => lengthDelimited(1, [...lengthDelimited(1, textOf(i)), 0x12, 0x02, 0x20, 0x01]),
  ).flat();

export const BINARY_SHAPES: readonly BinaryShape[] = [
  binary("unknown fields of 2 bytes", "Pet", (max) => fill(max, always(0x78, 0x01))),
  binary("unknown fields, known between", "Pet", (max) => fill(max, always(0x78, 0x01, 0x10, 0x01))),
  binary("unknown varint of 4 MiB", "Pet", (max) => fill(max, (i) => [i === 0 ? 0x78 : 0x80])),
  binary("unknown groups", "Pet", (max) => fill(max, always(0xc3, 0x3e, 0xc4, 0x3e))),
  binary("empty messages, small type", "Pets", (max) => fill(max, always(0x0a, 0x00))),
  binary("empty messages, 32 lists", "Repeated", (max) => fill(max, always(0xf2, 0x01, 0x00))),
  binary(
    "empty messages, nested lists",
    "Repeated",
    (max) => fill(max, (_) => lengthDelimited(30, [0xf2, 0x01, 0x00, 0xf2, 0x01, 0x00])),
  ),
  binary(
    "messages 90 deep",
    "Singular",
    (max) => fill(max, always(...nested(90, (inner) => lengthDelimited(32, inner)))),
  ),
  binary(
    "messages 90 deep, 32 lists",
    "Repeated",
    (max) => fill(max, always(...nested(90, (inner) => lengthDelimited(30, inner)))),
  ),
  binary("empty maps", "Maps", (max) => fill(max, (i) => lengthDelimited(29, lengthDelimited(1, textOf(i))))),
  binary(
    "map entries, integer keys",
    "Maps",
    (max) => fill(max, (i) => lengthDelimited(13, [0x08, ...varint(i * 7919 % 2 ** 31)])),
  ),
  binary("map entries, small keys", "Maps", (max) => fill(max, (i) => lengthDelimited(13, [0x08, ...varint(i)]))),
  binary(
    "map entries, text keys",
    "Maps",
    (max) => fill(max, (i) => lengthDelimited(12, lengthDelimited(1, textOf(i)))),
  ),
  binary("map entries, 64-bit keys", "Maps", (max) => fill(max, (i) => lengthDelimited(2, [0x08, ...varint(i * 1e6)]))),
  binary("map entries, empty", "Maps", (max) => fill(max, always(0x6a, 0x00))),
  binary("map entries, bytes values", "Maps", (max) => fill(max, (i) => lengthDelimited(27, [0x08, ...varint(i)]))),
  binary(
    "map entries, wrapper values",
    "Maps",
    (max) => fill(max, (i) => lengthDelimited(32, lengthDelimited(1, textOf(i)))),
  ),
  binary("packed int32 of 1 byte", "Repeated", (max) => packed(max, 1, always(0x01))),
  binary("packed int64 of 2 bytes", "Repeated", (max) => packed(max, 2, always(0x80, 0x01))),
  binary("packed int64 as text", "Repeated", (max) => packed(max, 32, always(0x80, 0x01))),
  binary("packed uint32 of 10 bytes", "Repeated", (max) => packed(max, 3, always(...new Array(9).fill(0x80), 0x00))),
  binary("packed bools", "Repeated", (max) => packed(max, 13, always(0x01))),
  binary("unpacked int64", "Repeated", (max) => fill(max, always(0x10, 0xff, 0x7f))),
  binary("empty strings", "Repeated", (max) => fill(max, always(0x72, 0x00))),
  binary(
    "strings of 2 characters",
    "Repeated",
    (max) => fill(max, (i) => lengthDelimited(14, [48 + i % 10, 48 + (i >> 4) % 10])),
  ),
  binary("strings of 2 characters, not ASCII", "Repeated", (max) => fill(max, always(0x72, 0x02, 0xc3, 0xa4))),
  binary("empty bytes", "Repeated", (max) => fill(max, always(0x7a, 0x00))),
  binary("bytes of 1 byte", "Repeated", (max) => fill(max, always(0x7a, 0x01, 0x01))),
  binary("empty Any", "WellKnown", (max) => fill(max, always(0x12, 0x00))),
  binary("empty Struct", "WellKnown", (max) => fill(max, always(0x52, 0x00))),
  binary("empty Value", "WellKnown", (max) => fill(max, always(0x62, 0x00))),
  binary("null Value", "WellKnown", (max) => fill(max, always(0x62, 0x02, 0x08, 0x00))),
  binary("empty ListValue", "WellKnown", (max) => fill(max, always(0x72, 0x00))),
  binary("null in ListValue", "WellKnown", (max) => packed(max, 13, always(0x0a, 0x02, 0x08, 0x00))),
  binary("lists in ListValue", "WellKnown", (max) => packed(max, 13, always(0x0a, 0x02, 0x32, 0x00))),
  binary(
    "Struct members",
    "WellKnown",
    (max) => packed(max, 9, (i) => lengthDelimited(1, [...lengthDelimited(1, textOf(i)), 0x12, 0x00])),
  ),
  binary("field mask of short paths", "WellKnown", (max) => packed(max, 7, always(0x0a, 0x01, 0x61))),
  binary("empty wrappers", "WellKnown", (max) => fill(max, (_) => [0xf2, 0x01, 0x00])),
  binary(
    "Struct that comes again",
    "WellKnown",
    (max) => merged(lengthDelimited(9, structOf(Math.floor(max / 400))), [0x4a, 0x00], Math.floor(max / 16)),
  ),
  binary(
    "Struct of a oneof, again",
    "Oneofs",
    (max) => merged(lengthDelimited(20, structOf(Math.floor(max / 400))), [0xa2, 0x01, 0x00], Math.floor(max / 16)),
  ),
  binary("oneof that changes", "Oneofs", (max) => fill(max, (i) => i % 2 ? [0x82, 0x01, 0x00] : [0x8a, 0x01, 0x00])),
  binary("honest: 1,000,000 int32", "Repeated", (max) => packedCount(max, 1, 1_000_000, (i) => varint(i))),
  binary("honest: 1,000,000 int64", "Repeated", (max) => packedCount(max, 2, 1_000_000, (i) => varint(i))),
  binary(
    "honest: 500,000 doubles",
    "Doubles",
    (max) => packedCount(max, 1, 500_000, (i) => [i & 255, 1, 2, 3, 4, 5, 6, 0x40]),
  ),
  binary(
    "honest: 100,000 pets",
    "Pets",
    (max) => concatCount(max, 100_000, (i) => lengthDelimited(1, [...lengthDelimited(1, textOf(i)), 0x10, 0x01])),
  ),
  binary(
    "honest: 4 MiB of strings",
    "Repeated",
    (max) => fill(max, (i) => lengthDelimited(14, [...textOf(i), ...textOf(1e7 + i)])),
  ),
  binary(
    "honest: 100,000 map entries",
    "Counts",
    (max) => concatCount(max, 100_000, (i) => lengthDelimited(1, [...lengthDelimited(1, textOf(i)), 0x10, 0x01])),
  ),
  binary(
    "honest: 100,000 UUIDs",
    "Repeated",
    (max) => concatCount(max, 100_000, () => lengthDelimited(15, new Uint8Array(16))),
  ),
];

function concatCount(maxBytes: number, count: number, next: (index: number) => readonly number[]): Uint8Array {
  let index = 0;
  return fill(maxBytes, () => index < count ? next(index++) : new Array(maxBytes + 1).fill(0));
}

function packedCount(
  maxBytes: number,
  number: number,
  count: number,
  next: (index: number) => readonly number[],
): Uint8Array {
  const content = concatCount(maxBytes - 16, count, next);
  const head = [...varint(number * 8 + 2), ...varint(content.length)];
  const octets = new Uint8Array(head.length + content.length);
  octets.set(head);
  octets.set(content, head.length);
  return octets;
}

/** As often as it fits, between a beginning and an end. */
function repeat(maxBytes: number, head: string, next: (index: number) => string, tail: string): string {
  const pieces: string[] = [];
  let length = head.length + tail.length;
  for (let index = 0;; index++) {
    const piece = next(index);
    if (length + piece.length + 1 > maxBytes) {
      return head + pieces.join(",") + tail;
    }
    pieces.push(piece);
    length += piece.length + 1;
  }
}

export const JSON_SHAPES: readonly JsonShape[] = [
  {
    name: "JSON nested arrays, unknown",
    type: "Pet",
    text: (max) => `{"x":${"[".repeat(Math.max(0, max - 64) / 2)}${"]".repeat(Math.max(0, max - 64) / 2)}}`,
  },
  {
    name: "JSON nested objects, unknown",
    type: "Pet",
    text: (max) => `{"x":${'{"a":'.repeat(max / 7)}1${"}".repeat(max / 7)}}`,
  },
  { name: "JSON nested arrays, never closed", type: "Pet", text: (max) => `{"x":${"[".repeat(Math.max(0, max - 64))}` },
  { name: "JSON keys, unknown", type: "Pet", text: (max) => repeat(max, "{", (i) => `"${i.toString(36)}":1`, "}") },
  {
    name: "JSON keys, 800 KB",
    type: "Pet",
    text: (max) => `{${Array.from({ length: Math.floor(Math.min(max, 960_000) / 11) }, (_, i) => `"k${i}":1`).join()}}`,
  },
  {
    name: "JSON keys, integers",
    type: "Pet",
    text: (max) => repeat(max, "{", (i) => `"${i * 7919 % 4294967291}":1`, "}"),
  },
  {
    name: "JSON keys, escaped",
    type: "Pet",
    text: (max) => repeat(max, "{", (i) => `"\\u0041${i.toString(36)}":1`, "}"),
  },
  {
    name: "JSON keys, map",
    type: "Maps",
    text: (max) => repeat(max, `{"byString":{`, (i) => `"${i.toString(36)}":""`, "}}"),
  },
  { name: "JSON keys, integer map", type: "Maps", text: (max) => repeat(max, `{"ofInt32":{`, (i) => `"${i}":1`, "}}") },
  { name: "JSON long key", type: "Pet", text: (max) => `{"${"k".repeat(Math.max(0, max - 64))}":1}` },
  {
    name: "JSON integer of 4M digits",
    type: "Singular",
    text: (max) => `{"aInt64":${"1".repeat(Math.max(0, max - 64))}}`,
  },
  {
    name: "JSON integer of 4M digits, int32",
    type: "Singular",
    text: (max) => `{"aInt32":${"1".repeat(Math.max(0, max - 64))}}`,
  },
  {
    name: "JSON integer text of 4M digits",
    type: "Singular",
    text: (max) => `{"aInt64":"${"1".repeat(Math.max(0, max - 64))}"}`,
  },
  {
    name: "JSON integer text, int32",
    type: "Singular",
    text: (max) => `{"aInt32":"${"1".repeat(Math.max(0, max - 64))}"}`,
  },
  {
    name: "JSON double of 4M digits",
    type: "Singular",
    text: (max) => `{"aDouble":0.${"1".repeat(Math.max(0, max - 64))}}`,
  },
  {
    name: "JSON double text of 4M digits",
    type: "Singular",
    text: (max) => `{"aDouble":"0.${"1".repeat(Math.max(0, max - 64))}"}`,
  },
  {
    name: "JSON bool of 4M characters",
    type: "Singular",
    text: (max) => `{"aBool":"${"1".repeat(Math.max(0, max - 64))}"}`,
  },
  {
    name: "JSON enum of 4M characters",
    type: "Singular",
    text: (max) => `{"color":"${"1".repeat(Math.max(0, max - 64))}"}`,
  },
  {
    name: "JSON base64, bad at the end",
    type: "Singular",
    text: (max) => `{"aBytes":"${"A".repeat(Math.max(0, max - 64))}!"}`,
  },
  {
    name: "JSON base64 with spaces",
    type: "Singular",
    text: (max) => `{"aBytes":"${"A ".repeat(Math.max(0, max - 64) / 2)}"}`,
  },
  {
    name: "JSON timestamp of 4M digits",
    type: "WellKnown",
    text: (max) => `{"aTimestamp":"${"1".repeat(Math.max(0, max - 64))}"}`,
  },
  {
    name: "JSON duration of 4M digits",
    type: "WellKnown",
    text: (max) => `{"aDuration":"${"1".repeat(Math.max(0, max - 64))}s"}`,
  },
  {
    name: "JSON duration, 4M decimals",
    type: "WellKnown",
    text: (max) => `{"aDuration":"1.${"1".repeat(Math.max(0, max - 64))}s"}`,
  },
  {
    name: "JSON field mask",
    type: "WellKnown",
    text: (max) => `{"aFieldMask":"${"a,".repeat(Math.max(0, max - 64) / 2)}a"}`,
  },
  {
    name: "JSON field mask, capitals",
    type: "WellKnown",
    text: (max) => `{"aFieldMask":"${"A".repeat(Math.max(0, max - 64))}"}`,
  },
  { name: "JSON nulls, unknown", type: "Pet", text: (max) => repeat(max, `{"x":[`, () => "null", "]}") },
  { name: "JSON nulls, messages", type: "Pets", text: (max) => repeat(max, `{"pets":[`, () => "null", "]}") },
  { name: "JSON zeros, unknown", type: "Pet", text: (max) => repeat(max, `{"x":[`, () => "0", "]}") },
  { name: "JSON zeros, int32", type: "Repeated", text: (max) => repeat(max, `{"aInt32":[`, () => "0", "]}") },
  { name: "JSON zeros, int64", type: "Repeated", text: (max) => repeat(max, `{"aInt64":[`, () => "0", "]}") },
  { name: "JSON empty texts", type: "Repeated", text: (max) => repeat(max, `{"aString":[`, () => `""`, "]}") },
  { name: "JSON empty bytes", type: "Repeated", text: (max) => repeat(max, `{"aBytes":[`, () => `""`, "]}") },
  { name: "JSON empty objects, unknown", type: "Pet", text: (max) => repeat(max, `{"x":[`, () => "{}", "]}") },
  { name: "JSON empty messages", type: "Pets", text: (max) => repeat(max, `{"pets":[`, () => "{}", "]}") },
  {
    name: "JSON empty messages, 32 lists",
    type: "Repeated",
    text: (max) => repeat(max, `{"next":[`, () => "{}", "]}"),
  },
  { name: "JSON empty lists, Value", type: "WellKnown", text: (max) => repeat(max, `{"aValue":[`, () => "[]", "]}") },
  { name: "JSON nulls, Value", type: "WellKnown", text: (max) => repeat(max, `{"aValue":[`, () => "null", "]}") },
  { name: "JSON zeros, ListValue", type: "WellKnown", text: (max) => repeat(max, `{"aListValue":[`, () => "0", "]}") },
  {
    name: "JSON keys, Struct",
    type: "WellKnown",
    text: (max) => repeat(max, `{"aStruct":{`, (i) => `"${i.toString(36)}":1`, "}}"),
  },
  { name: "JSON empty Any", type: "WellKnown", text: (max) => repeat(max, `{"bAny":[`, () => "{}", "]}") },
  { name: "JSON white space", type: "Pet", text: (max) => `{${" ".repeat(Math.max(0, max - 64))}}` },
  {
    name: "JSON escapes in a text",
    type: "Singular",
    text: (max) => `{"aString":"${"\\u00e4".repeat(Math.max(0, max - 64) / 6)}"}`,
  },
  {
    name: "JSON text that is not ASCII",
    type: "Singular",
    text: (max) => `{"aString":"${"ä".repeat(Math.max(0, max - 64) / 2)}"}`,
  },
  {
    name: "JSON backslashes",
    type: "Singular",
    text: (max) => `{"aString":"${"\\\\".repeat(Math.max(0, max - 64) / 2)}"}`,
  },
  {
    name: "honest: JSON text of 4 MB",
    type: "Singular",
    text: (max) => `{"aString":"${"some text ".repeat(Math.max(0, max - 64) / 10)}"}`,
  },
  {
    name: "honest: JSON bytes of 3 MB",
    type: "Singular",
    text: (max) => `{"aBytes":"${"QUJD".repeat(Math.max(0, max - 64) / 4)}"}`,
  },
  {
    name: "honest: JSON, 50,000 pets",
    type: "Pets",
    text: (max) =>
      `{"pets":[${
        Array.from(
          { length: Math.floor(Math.min(max, 1_838_890) / 37) },
          (_, i) => `{"name":"pet ${i}","color":"GREEN"}`,
        ).join()
      }]}`,
  },
  {
    name: "honest: JSON, 100,000 doubles",
    type: "Doubles",
    text: (max) =>
      `{"values":[${
        Array.from({ length: Math.floor(Math.min(max, 1_850_000) / 18.5) }, (_, i) => i * Math.PI).join()
      }]}`,
  },
];
