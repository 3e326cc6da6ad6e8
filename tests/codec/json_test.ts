/** JSON: what it may cost to parse and to convert, and that within that it is what protobuf-es makes of it. */
import { createRegistry, type DescMessage, fromJsonString, type Message, toJsonString } from "@bufbuild/protobuf";
import { file_google_protobuf_struct, file_google_protobuf_wrappers } from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import { MessageLimitError } from "../../src/codec/mod.ts";
import { jsonCodec, type JsonOptions } from "../../src/rpc/message_codec.ts";
import { fuzzSeed, Random } from "../support/random.ts";
import { difference } from "./difference.ts";
import { randomMessage } from "./random_message.ts";
import { CONFORMANCE_PROTOS, loadTypes, OWN_PROTOS } from "./stubs.ts";

const types = (await loadTypes("json", [...OWN_PROTOS, CONFORMANCE_PROTOS])).map(({ desc }) => desc);
const encoder = new TextEncoder();

function schemaOf(name: string): DescMessage {
  return types.find(({ typeName }) => typeName === `edgewire.test.codec.${name}`)!;
}

function decode(type: string | DescMessage, text: string, options?: JsonOptions, maxDecodedBytes?: number): Message {
  const octets = encoder.encode(text);
  const codec = jsonCodec(typeof type === "string" ? schemaOf(type) : type, options);
  return codec.decode(octets, 0, octets.length, false, maxDecodedBytes);
}

/** The message of an error. */
function errorOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return String(error);
  }
  return "none";
}

/** An item as often as is said, between a beginning and an end. */
function many(head: string, count: number, item: (index: number) => string, tail: string): string {
  return head + Array.from({ length: count }, (_, i) => item(i)).join() + tail;
}

Deno.test("JSON is nested 200 deep at most, in what the schema knows and in what it does not", () => {
  const nested = (depth: number) => `{"x":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
  assert.equal(decode("Pet", nested(200)).$typeName, "edgewire.test.codec.Pet");
  for (const text of [nested(201), nested(2_000_000), `{"x":${"[".repeat(4_000_000)}`, '{"a":'.repeat(800_000)]) {
    assert.equal(errorOf(() => decode("Pet", text)), "Error: JSON is nested more than 200 deep");
  }
  // Brackets within texts, and those that are closed, are no depth.
  assert.equal(
    decode("Pet", `{"name":"${"[{".repeat(500)}\\"${"[".repeat(500)}"}`).$typeName,
    "edgewire.test.codec.Pet",
  );
  assert.equal(decode("Pet", many('{"x":[', 500, () => "[[]]", "]}")).$typeName, "edgewire.test.codec.Pet");
});

Deno.test("messages in JSON are 100 deep within each other at most, also in lists and maps", () => {
  const nested = (head: string, tail: string, depth: number) => `${head.repeat(depth - 1)}{}${tail.repeat(depth - 1)}`;
  for (
    const [type, head, tail] of [["Singular", '{"next":', "}"], ["Repeated", '{"next":[', "]}"], [
      "Maps",
      '{"next":{"a":',
      "}}",
    ]] as const
  ) {
    assert.equal(decode(type, nested(head, tail, 100)).$typeName, `edgewire.test.codec.${type}`);
    assert.match(errorOf(() => decode(type, nested(head, tail, 101))), /recursion depth of 100|nested more than 200/);
  }
});

Deno.test("a number has at most 1024 characters, whether it is one or a text", () => {
  const digits = (count: number) => "0.".padEnd(count, "1");
  assert.equal((decode("Singular", `{"aDouble":${digits(1024)}}`) as Message & { aDouble: number }).aDouble, 1 / 9);
  assert.equal((decode("Singular", `{"aDouble":"${digits(1024)}"}`) as Message & { aDouble: number }).aDouble, 1 / 9);
  for (const count of [1025, 4_000_000]) {
    for (const number of [digits(count), "1".repeat(count), "-".padEnd(count, "1"), "1e".padEnd(count, "0")]) {
      assert.equal(
        errorOf(() => decode("Singular", `{"aInt64":${number}}`)),
        "Error: JSON has a number of more than 1024 characters",
      );
    }
    const long = "1".repeat(count);
    for (
      const [type, text] of [
        ["Singular", `{"aInt64":"${long}"}`],
        ["Singular", `{"textUint64":"${long}"}`],
        ["Singular", `{"aInt32":"${long}"}`],
        ["Singular", `{"aDouble":"${long}"}`],
        ["Singular", `{"aBool":"${long}"}`],
        ["Singular", `{"color":"${long}"}`],
        ["Repeated", `{"aSint64":["${long}"]}`],
        ["Maps", `{"ofInt64":{"1":"${long}"}}`],
        ["Maps", `{"byInt64":{"${long}":""}}`],
        ["Oneofs", `{"aUint64":"${long}"}`],
        ["WellKnown", `{"aInt64Value":"${long}"}`],
        ["WellKnown", `{"bUint64Value":["${long}"]}`],
        ["WellKnown", `{"aTimestamp":"${long}"}`],
        ["WellKnown", `{"aDuration":"1.${long}s"}`],
      ] as const
    ) {
      const error = errorOf(() => decode(type, text));
      assert.match(error, /^Error: JSON has more than 1024 characters for /, text.slice(0, 50));
      assert.ok(error.length < 200, "none of it is quoted");
    }
  }
  // A text is no number.
  assert.equal(decode("Singular", `{"aString":"${"1".repeat(100_000)}"}`).$typeName, "edgewire.test.codec.Singular");
});

Deno.test("each value counts, up to the limit and not one more", () => {
  const MIB = 2 ** 20;
  const cases: Record<string, [type: string, text: (count: number) => string, most: number]> = {
    "nulls that nobody knows": ["Pet", (count) => many('{"x":[', count, () => "null", "]}"), 21_600],
    "arrays that nobody knows": ["Pet", (count) => many('{"x":[', count, () => "[]", "]}"), 5_400],
    "names that nobody knows": ["Pet", (count) => many("{", count, (i) => `"k${i}":1`, "}"), 1_400],
    "integers": ["Repeated", (count) => many('{"aInt32":[', count, () => "0", "]}"), 21_600],
    "64-bit integers": ["Repeated", (count) => many('{"aInt64":[', count, () => "0", "]}"), 6_500],
    "texts": ["Repeated", (count) => many('{"aString":[', count, () => '""', "]}"), 10_700],
    "bytes": ["Repeated", (count) => many('{"aBytes":[', count, () => '""', "]}"), 1_800],
    "messages": ["Pets", (count) => many('{"pets":[', count, () => "{}", "]}"), 2_300],
    "messages with 32 lists": ["Repeated", (count) => many('{"next":[', count, () => "{}", "]}"), 610],
    "entries of maps": ["Maps", (count) => many('{"byString":{', count, (i) => `"k${i}":""`, "}}"), 1_050],
    "Values": ["WellKnown", (count) => many('{"aListValue":[', count, () => "0", "]}"), 5_000],
    "lists in a Value": ["WellKnown", (count) => many('{"aValue":[', count, () => "[]", "]}"), 2_000],
    "members of a Struct": ["WellKnown", (count) => many('{"aStruct":{', count, (i) => `"k${i}":1`, "}}"), 730],
    "Any": ["WellKnown", (count) => many('{"bAny":[', count, () => "{}", "]}"), 2_400],
    "a field mask": ["WellKnown", (count) => many('{"aFieldMask":"', count, () => "a", '"}'), 8_100],
  };
  for (const [what, [type, text, about]] of Object.entries(cases)) {
    let most = 0;
    for (let step = 2 ** 16; step >= 1; step /= 2) {
      if (errorOf(() => decode(type, text(most + step), undefined, MIB)) === "none") {
        most += step;
      }
    }
    assert.ok(most > about * 0.8 && most < about * 1.2, `${what}: ${most}`);
    assert.throws(() => decode(type, text(most + 1), undefined, MIB), MessageLimitError);
  }
});

Deno.test("by default JSON of 4 MiB is refused that would take seconds, or hundreds of MiB", () => {
  const texts: Record<string, [type: string, text: string]> = {
    "names": ["Pet", many("{", 300_000, (i) => `"k${i}":1`, "}")],
    "names, 800 KB": ["Pet", many("{", 80_000, (i) => `"k${i}":1`, "}")],
    "empty objects": ["Pets", many('{"pets":[', 1_390_000, () => "{}", "]}")],
    "nulls": ["Pet", many('{"x":[', 830_000, () => "null", "]}")],
    "bytes": ["Repeated", many('{"aBytes":[', 1_390_000, () => '""', "]}")],
    "a field mask": ["WellKnown", `{"aFieldMask":"${"A".repeat(4_000_000)}"}`],
  };
  for (const [what, [type, text]] of Object.entries(texts)) {
    assert.throws(() => decode(type, text), MessageLimitError, what);
  }
});

Deno.test("an object that has a name twice is refused, however large it is", () => {
  const short = (count: number) => `{${'"x":1,'.repeat(count)}"y":{"a":1,"\\u0061":2}}`;
  assert.match(errorOf(() => decode("Pet", short(1))), /duplicate object key "a"/);
  assert.equal(
    errorOf(() => decode("Pet", `{"z":"${"z".repeat(70_000)}","y":[{"a":1,"\\u0061":2}]}`)),
    "Error: JSON has an object with the same name twice",
  );
  for (const text of ['{"name":"a","name":"b"}', '{"x":[{"a":[],"a":[]}]}', '{"__proto__":1,"__proto__":1}']) {
    assert.equal(errorOf(() => decode("Pet", text)), errorOf(() => fromJsonString(schemaOf("Pet"), text)));
    assert.match(errorOf(() => decode("Pet", text)), /duplicate object key/);
  }
  for (const text of ['{"__proto__":1,"x":{"__proto__":2}}', '{"x":[{"a":1},{"a":1}]}', '{"x":":,:\\":"}']) {
    assert.equal(decode("Pet", text).$typeName, "edgewire.test.codec.Pet");
  }
});

Deno.test("what is decoded is what protobuf-es decodes, and so are the errors", () => {
  const random = new Random(fuzzSeed());
  const registry = createRegistry(file_google_protobuf_struct, file_google_protobuf_wrappers, ...types);
  let refused = 0;
  for (let count = 0; count < 1500; count++) {
    const desc = random.pick(types);
    let text: string;
    try {
      text = toJsonString(desc, randomMessage(desc, random), { registry });
    } catch {
      continue;
    }
    if (random.below(2) === 0) {
      const at = random.below(text.length);
      text = text.slice(0, at) + random.pick(["", '"', "{", "[", "]", ",", ":", "0", "\\", '{"a":1}']) +
        text.slice(at + random.below(3));
      text = text.toWellFormed();
    }
    const options = { registry, ignoreUnknownFields: random.below(2) === 0 };
    const expected = errorOf(() => fromJsonString(desc, text, options));
    refused += expected === "none" ? 0 : 1;
    assert.equal(errorOf(() => decode(desc, text, options)), expected, `${desc.typeName}: ${text}`);
    if (expected === "none") {
      assert.equal(difference(decode(desc, text, options), fromJsonString(desc, text, options)), undefined, text);
    }
  }
  assert.ok(refused > 100, String(refused));
});

Deno.test("what is large and honest is decoded", () => {
  const honest: [type: string, text: string][] = [
    ["Singular", `{"aString":"${"some text ".repeat(400_000)}"}`],
    ["Singular", `{"aBytes":"${"QUJD".repeat(1_000_000)}"}`],
    ["Pets", many('{"pets":[', 20_000, (i) => `{"name":"pet ${i}","color":"WHITE"}`, "]}")],
    ["Doubles", many('{"values":[', 150_000, (i) => String(i * Math.PI), "]}")],
    ["Repeated", many('{"aString":[', 75_000, (i) => `"a text with the number ${i}"`, "]}")],
    ["Counts", many('{"counts":{', 12_500, (i) => `"key ${i}":"${i}"`, "}}")],
  ];
  for (const [type, text] of honest) {
    assert.equal(difference(decode(type, text), fromJsonString(schemaOf(type), text)), undefined, type);
  }
});
