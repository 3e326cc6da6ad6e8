import {
  create,
  type DescMessage,
  fromBinary,
  getExtension,
  type Message,
  setExtension,
  toBinary,
} from "@bufbuild/protobuf";
import type { GenExtension } from "@bufbuild/protobuf/codegenv2";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { HelloRequestSchema } from "../../gen/edgewire/v1/greeter_pb.ts";
import { useClosures } from "../../src/codec/closures/mod.ts";
import { createMessageCodec } from "../../src/codec/message_codec.ts";
import { compile, createTextCodec, type MessageCodec, setTextCodec } from "../../src/codec/mod.ts";
import { generatedCodec } from "../../src/codec/wire/wire_codec.ts";
import { fuzzSeed, Random } from "../support/random.ts";
import { difference } from "./difference.ts";
import { compare } from "./differential.ts";
import { CONFORMANCE_PROTOS, importStubs, loadTypes, OWN_PROTOS } from "./stubs.ts";

const types = await loadTypes("test", [...OWN_PROTOS, CONFORMANCE_PROTOS]);
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const { utf8Slice } = Buffer.prototype;

function schemaOf(name: string): DescMessage {
  return types.find(({ desc }) => desc.typeName === `edgewire.test.codec.${name}`)!.desc;
}

/** Both codecs of a type. */
function codecsOf(name: string): MessageCodec<Message>[] {
  const { desc, closures, generated } = types.find(({ desc }) => desc.typeName === `edgewire.test.codec.${name}`)!;
  return [createMessageCodec(desc, closures), createMessageCodec(desc, generated)];
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

Deno.test("both codecs encode, decode and refuse as protobuf-es does, whoever decodes text", () => {
  assert.ok(types.length >= 60, `${types.length} types`);
  const random = new Random(fuzzSeed());
  const counts = compare(types, random, 1500);
  assert.ok(counts.refused > 100 && counts.inputs - counts.refused > 500, JSON.stringify(counts));
  setTextCodec(createTextCodec({ decoder, encoder }));
  compare(types, random, 500);
  setTextCodec(createTextCodec({ decoder, encoder, utf8Slice }));
  compare(types, random, 1500);
});

Deno.test("what was decoded is its own: neither bytes nor unknown fields refer to the buffer", () => {
  const octets = new BinaryWriter().tag(15, 2).bytes(Uint8Array.of(1, 2, 3)).tag(45, 2).bytes(new Uint8Array(9).fill(7))
    .tag(14, 2).string("some text that is not short at all").tag(90, 2).bytes(Uint8Array.of(4, 5)).finish();
  const expected = fromBinary(schemaOf("Fifty"), octets);
  for (const codec of codecsOf("Fifty")) {
    for (const buffer of [octets.slice(), Buffer.from(octets)]) {
      const message = codec.decode(buffer, 0, buffer.length);
      buffer.fill(0xff);
      assert.deepEqual({ ...message }, { ...expected });
    }
  }
});

Deno.test("a message has to fit: up to the limit, and not an octet more", () => {
  const schema = schemaOf("Fifty");
  const init = { f14: "ä".repeat(60), f15: new Uint8Array(200), f48: Array.from({ length: 40 }, Math.random), f50: -1 };
  for (const fields of [init, { f14: init.f14 }, { f15: init.f15 }, { f48: init.f48 }, { f50: -1 }]) {
    const message = create(schema, fields);
    const { length } = toBinary(schema, message);
    for (const codec of codecsOf("Fifty")) {
      for (let room = 0; room <= length + 1; room++) {
        const buffer = new Uint8Array(room + 10).fill(0xaa);
        const end = codec.encodeInto(message, buffer, 5, 5 + room);
        assert.equal(end, room < length ? -1 : 5 + length);
        assert.ok(buffer.subarray(0, 5).every((octet) => octet === 0xaa), "nothing before the start is touched");
        assert.equal(codec.encodeInto(message, buffer, 10, 10 + room), room < length ? -1 : 10 + length);
      }
    }
  }
});

/** A message with as many within each other, the outermost included. */
function nested(depth: number, inner: (writer: BinaryWriter, write: () => void) => void): Uint8Array {
  const writer = new BinaryWriter();
  const write = (left: number): void => left > 1 ? inner(writer, () => write(left - 1)) : undefined;
  write(depth);
  return writer.finish();
}

Deno.test("messages are at most 100 deep within each other", () => {
  const kinds: Record<string, (writer: BinaryWriter, write: () => void) => void> = {
    Singular: (writer, write) => {
      writer.tag(32, 2).fork();
      write();
      writer.join();
    },
    "editions.Implicit": (writer, write) => {
      writer.tag(2, 3);
      write();
      writer.tag(2, 4);
    },
  };
  for (const [name, inner] of Object.entries(kinds)) {
    const schema = schemaOf(name);
    for (const codec of codecsOf(name)) {
      const [deepest, deeper] = [nested(100, inner), nested(101, inner)];
      assert.equal(difference(codec.decode(deepest, 0, deepest.length), fromBinary(schema, deepest)), undefined);
      const error = errorOf(() => codec.decode(deeper, 0, deeper.length));
      assert.match(error, /maximum recursion depth of 100 reached/);
      assert.equal(error, errorOf(() => fromBinary(schema, deeper)));
    }
  }
});

Deno.test("errors are those of protobuf-es", () => {
  const schema = schemaOf("Fifty");
  const inputs = [
    "0a",
    "72 05 41 42",
    "72 02 c3 28",
    "08 ff ff ff ff ff ff ff ff ff ff 01",
    "07",
    "00 01",
    "0d",
    "a2 01 03 01",
  ];
  for (const hex of inputs) {
    const octets = Uint8Array.fromHex(hex.replaceAll(" ", ""));
    const expected = errorOf(() => fromBinary(schema, octets));
    // What follows in the buffer would make it a message.
    const buffer = Uint8Array.from([...octets, 1, 1, 1, 1, 1, 1, 1, 1]);
    codecsOf("Fifty").forEach((codec) =>
      assert.equal(errorOf(() => codec.decode(buffer, 0, octets.length)), expected, hex)
    );
  }
  const values = { f1: 1.5, f2: 2n ** 63n, f3: -1, f11: 1e39, f13: "yes", f14: 7, f16: "WHITE", f24: undefined };
  for (const [name, value] of Object.entries(values)) {
    const message = Object.assign(create(schema), { [name]: value });
    for (const codec of codecsOf("Fifty")) {
      const answer = (act: () => Uint8Array) => errorOf(() => assert.fail(act().toHex()));
      assert.equal(answer(() => codec.encode(message)), answer(() => toBinary(schema, message)), name);
    }
  }
  const incomplete = create(schemaOf("proto2.Required"));
  for (const codec of codecsOf("proto2.Required")) {
    assert.match(errorOf(() => codec.encode(incomplete)), /required field not set/);
    assert.match(errorOf(() => codec.encodeInto(incomplete, new Uint8Array(99), 0, 99)), /required field not set/);
  }
  const foreign = create(schemaOf("Pet"));
  codecsOf("Fifty").forEach((codec) =>
    assert.match(errorOf(() => codec.encode(foreign)), /cannot use field .* with message/)
  );
});

Deno.test("messages of any size are encoded", () => {
  for (const length of [0, 65_525, 65_535, 65_540, 3_000_000]) {
    for (
      const init of [{ f15: new Uint8Array(length) }, { f14: "x".repeat(length) }, { f14: "ü".repeat(length / 2) }]
    ) {
      const message = create(schemaOf("Fifty"), init);
      const expected = toBinary(schemaOf("Fifty"), message);
      codecsOf("Fifty").forEach((codec) => assert.equal(difference(codec.encode(message), expected), undefined));
    }
  }
});

Deno.test("a getter of a message may encode another", () => {
  const outer = create(schemaOf("Pet"), { name: "outer", color: 1 });
  const inner = create(schemaOf("HelloRequest"), { name: "inner" });
  for (const codec of codecsOf("Pet")) {
    const getting = Object.defineProperty({ ...outer }, "color", {
      enumerable: true,
      get: () => codecsOf("HelloRequest")[0]!.encode(inner).length - 6,
    });
    assert.equal(difference(codec.encode(getting), toBinary(schemaOf("Pet"), outer)), undefined);
  }
});

Deno.test("extensions are kept, and can be read and written", async () => {
  const stubs = await importStubs("test/codec/proto2_codec.ts");
  const extension = stubs["extension_text"] as GenExtension<Message, string>;
  const message = create(schemaOf("proto2.Optional"));
  setExtension(message, extension, "extended");
  for (const codec of codecsOf("proto2.Optional")) {
    const octets = codec.encode(message);
    assert.equal(getExtension(codec.decode(octets, 0, octets.length), extension), "extended");
  }
});

Deno.test("what is encoded to be copied at once is the same, and may be overwritten by the next", () => {
  const small = create(schemaOf("Fifty"), { f14: "small" });
  const large = create(schemaOf("Fifty"), { f15: new Uint8Array(100_000) });
  for (const codec of codecsOf("Fifty")) {
    const first = codec.encodeShared(small);
    assert.deepEqual(first, codec.encode(small));
    assert.equal(codec.encodeShared(small).buffer, first.buffer);
    assert.notEqual(codec.encode(small).buffer, first.buffer);
    assert.deepEqual(codec.encodeShared(large), codec.encode(large));
  }
});

Deno.test("a service brings the codecs of its messages, also of those that are of another file", () => {
  assert.notEqual(generatedCodec(EmptySchema), undefined);
  assert.notEqual(compile(EmptySchema), undefined);
});

Deno.test("types without generated source are compiled when somebody wants that, each once", () => {
  assert.equal(compile(HelloRequestSchema), undefined);
  useClosures();
  const codec = compile(HelloRequestSchema)!;
  assert.equal(compile(HelloRequestSchema), codec);
  const octets = codec.encode(create(HelloRequestSchema, { name: "World" }));
  assert.deepEqual(codec.decode(octets, 0, octets.length), create(HelloRequestSchema, { name: "World" }));
});
