/** What a message may cost: both codecs, and protobuf-es where they decline, refuse one that would cost more, and decode what is honest. */
import { create, type DescMessage, fromBinary, type Message, toBinary, type UnknownField } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import assert from "node:assert/strict";
import { createMessageCodec } from "../../src/codec/message_codec.ts";
import { checkWireCost, type MessageCodec, MessageLimitError } from "../../src/codec/mod.ts";
import { costOf } from "../../src/codec/plan.ts";
import {
  DEFAULT_MAX_DECODED_BYTES,
  DEPTH_COST,
  MAX_UNKNOWN_FIELDS,
  MAX_VARINT_BYTES,
} from "../../src/codec/wire/budget.ts";
import { binaryCodec } from "../../src/rpc/message_codec.ts";
import { difference } from "./difference.ts";
import { loadTypes, OWN_PROTOS } from "./stubs.ts";

const MIB = 2 ** 20;
/** What a message may cost that has no bytes. */
const BASE = MIB;

const types = await loadTypes("budget", OWN_PROTOS);

function schemaOf(name: string): DescMessage {
  return types.find(({ desc }) => desc.typeName === `edgewire.test.codec.${name}`)!.desc;
}

/** Both codecs of a type. */
function codecsOf(name: string): MessageCodec<Message>[] {
  const { desc, closures, generated } = types.find(({ desc }) => desc.typeName === `edgewire.test.codec.${name}`)!;
  return [createMessageCodec(desc, generated), createMessageCodec(desc, closures)];
}

function decode(codec: Pick<MessageCodec<Message>, "decode">, octets: Uint8Array, maxDecodedBytes?: number): Message {
  return codec.decode(octets, 0, octets.length, false, maxDecodedBytes);
}

/** The same octets many times. */
function times(count: number, octets: readonly number[]): Uint8Array {
  const all = new Uint8Array(count * octets.length);
  for (let i = 0; i < all.length; i++) {
    all[i] = octets[i % octets.length]!;
  }
  return all;
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A packed list of as many values. */
function packed(number: number, count: number, value: readonly number[]): Uint8Array {
  return new BinaryWriter().tag(number, 2).bytes(times(count, value)).finish();
}

/** Field 1000 as an empty group: no codec knows what that means, and protobuf-es does. */
const UNKNOWN_GROUP = Uint8Array.of(0xc3, 0x3e, 0xc4, 0x3e);

Deno.test("each element counts, in both codecs, up to the limit and not one more", () => {
  const empty = (type: string) => costOf(schemaOf(type)) + 2 * DEPTH_COST;
  const cases: Record<string, [type: string, cost: number, octets: (count: number) => Uint8Array]> = {
    "messages": ["Pets", empty("Pet"), (count) => times(count, [0x0a, 0])],
    "messages with 32 lists": ["Repeated", empty("Repeated"), (count) => times(count, [0xf2, 0x01, 0])],
    "messages of a oneof": ["Oneofs", empty("Oneofs"), (count) => times(count, [0x8a, 0x01, 0, 0x08, 0])],
    "entries of maps": ["Maps", 640, (count) => times(count, [0x6a, 0])],
    "messages in maps": ["Maps", 640 + empty("Maps"), (count) => times(count, [0xea, 0x01, 0])],
    "bytes": ["Repeated", 160, (count) => times(count, [0x7a, 0])],
    "bytes that come again": ["Singular", 160, (count) => times(count, [0x7a, 0])],
    "texts": ["Repeated", 48, (count) => times(count, [0x72, 0])],
    "text that is not ASCII": ["Repeated", 64 + 48, (count) => times(count, [0x72, 2, 0xc3, 0xa4])],
    "text that comes again": ["Singular", 64, (count) => times(count, [0x72, 2, 0xc3, 0xa4])],
    "64-bit integers": ["Repeated", 64, (count) => times(count, [0x10, 1])],
    "integers": ["Repeated", 24, (count) => times(count, [0x08, 1])],
    "packed integers": ["Repeated", 12, (count) => packed(1, count, [1])],
    "packed integers of 4 bytes": ["Repeated", 12, (count) => packed(7, count, [1, 2, 3, 4])],
    "packed booleans": ["Repeated", 12, (count) => packed(13, count, [1])],
    "packed 64-bit integers": ["Repeated", 32, (count) => packed(2, count, [0x80, 1])],
    "packed 64-bit integers as text": ["Repeated", 48, (count) => packed(32, count, [0x80, 1])],
    "packed 64-bit integers of 8 bytes": ["Repeated", 32, (count) => packed(8, count, new Array(8).fill(1))],
    "fields that an extension may be": ["proto2.Optional", 208, (count) => times(count, [0xc0, 0x3e, 1])],
  };
  for (const [what, [type, cost, octets]] of Object.entries(cases)) {
    const most = Math.floor((MIB - costOf(schemaOf(type)) - DEPTH_COST) / cost);
    const fits = octets(most);
    const more = octets(most + 1);
    for (const codec of codecsOf(type)) {
      assert.equal(difference(decode(codec, fits, MIB), fromBinary(schemaOf(type), fits)), undefined, what);
      assert.throws(() => decode(codec, more, MIB), {
        name: "MessageLimitError",
        message: `message takes more than ${MIB} bytes in memory, as one of its size may (maxDecodedBytes)`,
      }, what);
    }
  }
});

Deno.test("a small message may cost 1 MiB and 256 bytes for each of its bytes, however high the limit", () => {
  const cost = costOf(schemaOf("Repeated"));
  const octets = (count: number) => times(count, [0xf2, 0x01, 0]);
  const most = Math.floor((BASE - cost - DEPTH_COST) / (cost + 2 * DEPTH_COST - 3 * 256));
  for (const codec of codecsOf("Repeated")) {
    assert.equal((decode(codec, octets(most)) as Message & { next: unknown[] }).next.length, most);
    assert.throws(() => decode(codec, octets(most + 1)), MessageLimitError);
    assert.throws(() => decode(codec, octets(most + 1), 2 ** 40), MessageLimitError);
  }
});

Deno.test("the default limit bounds what 4 MiB become: 2 million objects at most a tenth of them", () => {
  const left = DEFAULT_MAX_DECODED_BYTES - costOf(schemaOf("Pets")) - DEPTH_COST;
  const most = Math.floor(left / (costOf(schemaOf("Pet")) + 2 * DEPTH_COST));
  assert.ok(most > 100_000 && most < 2_097_152 / 10, String(most));
  for (const codec of codecsOf("Pets")) {
    assert.equal((decode(codec, times(most, [0x0a, 0])) as Message & { pets: unknown[] }).pets.length, most);
    assert.throws(() => decode(codec, times(most + 1, [0x0a, 0])), MessageLimitError);
    assert.throws(() => decode(codec, times(2_097_152, [0x0a, 0])), MessageLimitError);
  }
});

Deno.test("a budget is of one message: what was refused leaves nothing to the next", () => {
  for (const codec of codecsOf("Pets")) {
    assert.throws(() => decode(codec, times(100_000, [0x0a, 0]), MIB), MessageLimitError);
    assert.equal((decode(codec, times(7_000, [0x0a, 0]), MIB) as Message & { pets: unknown[] }).pets.length, 7_000);
  }
});

function unknownOf(message: Message): UnknownField[] {
  return message.$unknown ?? [];
}

Deno.test("unknown fields are objects up to a number; from there on they are one, and as large as they came", () => {
  const kinds: readonly (readonly number[])[] = [
    [0x78, 0x01],
    [0x78, 0xff, 0xff, 0x7f],
    [0x79, 1, 2, 3, 4, 5, 6, 7, 8],
    [0x7a, 3, 1, 2, 3],
    [0x7d, 1, 2, 3, 4],
    [0xfa, 0xff, 0xff, 0xff, 0x0f, 2, 1, 2],
    [0x7a, 70, ...new Array(70).fill(7)],
  ];
  for (const kind of kinds) {
    for (const codec of codecsOf("Pet")) {
      const exact = decode(codec, times(MAX_UNKNOWN_FIELDS, kind));
      assert.equal(difference(exact, fromBinary(schemaOf("Pet"), times(MAX_UNKNOWN_FIELDS, kind))), undefined);
      for (const more of [1, 2, 1000]) {
        const octets = times(MAX_UNKNOWN_FIELDS + more, kind);
        const message = decode(codec, octets);
        const fields = unknownOf(message);
        assert.equal(fields.length, MAX_UNKNOWN_FIELDS + 1);
        assert.deepEqual(Object.keys(fields.at(-1)!), ["no", "wireType", "data"]);
        assert.equal(fields.at(-1)!.data.length, more * kind.length - (kind[0] === 0xfa ? 5 : 1));
        assert.equal(difference(codec.encode(message), octets), undefined, "it is written as it came");
        assert.equal(difference(toBinary(schemaOf("Pet"), message), octets), undefined);
      }
    }
  }
});

Deno.test("4 MiB of unknown fields are kept as 4 MiB, also with known ones between them, and in messages within", () => {
  for (const codec of codecsOf("Pet")) {
    const message = decode(codec, times(MIB / 16, [0x78, 1, 0x10, 1]));
    assert.equal(unknownOf(message).length, MAX_UNKNOWN_FIELDS + 1);
    assert.equal(codec.encode(message).length, MIB / 8 + 2);
    const all = decode(codec, times(MIB / 16, [0x7a, 62, ...new Array(62).fill(7)]));
    assert.equal(unknownOf(all).at(-1)!.data.byteLength, 4 * MIB - 64 * MAX_UNKNOWN_FIELDS - 1);
    assert.equal(unknownOf(all).at(-1)!.data.buffer.byteLength, 4 * MIB - 64 * MAX_UNKNOWN_FIELDS - 1);
    assert.throws(() => decode(codec, times(2 * MIB, [0x78, 1])), MessageLimitError);
  }
  const pet = [0x0a, 6, 0x78, 1, 0x78, 2, 0x78, 3];
  for (const codec of codecsOf("Pets")) {
    const octets = times(10_000, pet);
    const { pets } = decode(codec, octets) as Message & { pets: Message[] };
    assert.deepEqual([unknownOf(pets[0]!).length, unknownOf(pets.at(-1)!).length], [3, 3]);
    assert.equal(
      difference(codec.encode({ $typeName: "edgewire.test.codec.Pets", pets } as Message), octets),
      undefined,
    );
    assert.throws(() => decode(codec, times(100_000, pet)), MessageLimitError);
  }
});

Deno.test("an unknown varint may have 1,024 bytes and not one more, by whatever it is read", () => {
  const varint = (length: number) => Uint8Array.of(0x78, ...new Array(length - 1).fill(0x80), 0);
  const read: ((octets: Uint8Array) => unknown)[] = [
    ...codecsOf("Pet").map((codec) => (octets: Uint8Array) => decode(codec, octets)),
    (octets) => checkWireCost(schemaOf("Pet"), octets, 0, octets.length, DEFAULT_MAX_DECODED_BYTES),
  ];
  for (const each of read) {
    each(varint(MAX_VARINT_BYTES));
    assert.throws(() => each(varint(MAX_VARINT_BYTES + 1)), {
      name: "MessageLimitError",
      message: "message has a varint of more than 1024 bytes",
    });
  }
});

Deno.test("what protobuf-es is to decode is gone over before", () => {
  const octetsOf: Record<string, [type: string, octets: Uint8Array]> = {
    "unknown fields": ["Pet", times(MAX_UNKNOWN_FIELDS + 1, [0x78, 1])],
    "unknown groups": ["Pet", times(MAX_UNKNOWN_FIELDS + 1, UNKNOWN_GROUP as unknown as number[])],
    "values in an unknown group": [
      "Pet",
      concat(Uint8Array.of(0xc3, 0x3e), times(400_000, [0x08, 1]), Uint8Array.of(0xc4, 0x3e)),
    ],
    "messages": ["Pets", times(150_000, [0x0a, 0])],
    "messages with 32 lists": ["Repeated", times(20_000, [0xf2, 0x01, 0])],
    "entries of maps": ["Maps", times(60_000, [0x6a, 0])],
    "messages in maps, not there": ["Maps", times(20_000, [0xea, 0x01, 0])],
    "packed integers": ["Repeated", packed(1, 1_400_000, [1])],
    "packed 64-bit integers": ["Repeated", packed(2, 1_100_000, [0x80, 1])],
    "bytes": ["Repeated", times(220_000, [0x7a, 0])],
    "text": ["Repeated", times(600_000, [0x72, 0])],
    "scalars that come again": ["Singular", times(2_090_000, [0x08, 1])],
  };
  for (const [what, [type, octets]] of Object.entries(octetsOf)) {
    assert.throws(() => decode(binaryCodec(schemaOf(type), {}), octets), MessageLimitError, what);
    for (const codec of codecsOf(type)) {
      assert.throws(() => decode(codec, concat(octets, UNKNOWN_GROUP)), MessageLimitError, what);
    }
  }
  const unknown = times(MAX_UNKNOWN_FIELDS, [0x78, 1]);
  assert.equal(unknownOf(decode(binaryCodec(schemaOf("Pet"), {}), unknown)).length, MAX_UNKNOWN_FIELDS);
  const dropped = decode(binaryCodec(schemaOf("Pet"), { readUnknownFields: false }), concat(unknown, unknown));
  assert.equal(dropped.$unknown, undefined);
});

Deno.test("a Struct that comes again costs what there is of it already, each time", () => {
  const struct = (count: number) => {
    const writer = new BinaryWriter();
    for (let i = 0; i < count; i++) {
      writer.tag(1, 2).fork().tag(1, 2).string(`k${i}`).tag(2, 2).fork().tag(4, 0).bool(true).join().join();
    }
    return writer.finish();
  };
  const cases: Record<string, [type: string, first: (struct: Uint8Array) => BinaryWriter, then: readonly number[]]> = {
    "a field": ["WellKnown", (struct) => new BinaryWriter().tag(9, 2).bytes(struct), [0x4a, 0]],
    "a oneof": ["Oneofs", (struct) => new BinaryWriter().tag(20, 2).bytes(struct), [0xa2, 1, 0]],
    "a field of a message that comes again": [
      "Oneofs",
      (struct) => new BinaryWriter().tag(17, 2).fork().tag(20, 2).bytes(struct).join(),
      [0x8a, 1, 3, 0xa2, 1, 0],
    ],
  };
  for (const [what, [type, first, then]] of Object.entries(cases)) {
    for (const codec of codecsOf(type)) {
      const small = concat(first(struct(10)).finish(), times(10, then));
      assert.equal(difference(decode(codec, small), fromBinary(schemaOf(type), small)), undefined, what);
      assert.throws(
        () => decode(codec, concat(first(struct(10_000)).finish(), times(10, then))),
        MessageLimitError,
        what,
      );
    }
  }
  // In different messages it is another one.
  const wellKnown = new BinaryWriter();
  for (let i = 0; i < 200; i++) {
    wellKnown.tag(10, 2).bytes(struct(20));
  }
  const octets = concat(wellKnown.finish(), UNKNOWN_GROUP);
  codecsOf("WellKnown").forEach((codec) =>
    assert.equal(difference(decode(codec, octets), fromBinary(schemaOf("WellKnown"), octets)), undefined)
  );
});

Deno.test("octets that are no message are left to protobuf-es, whatever they would cost", () => {
  const inputs = [
    concat(times(300, [0x0a, 0]), Uint8Array.of(0x0a, 0xff)),
    concat(times(300, [0x0a, 0]), Uint8Array.of(0x07)),
    concat(times(300, [0x0a, 0]), Uint8Array.of(0xc3, 0x3e)),
    concat(times(300, [0x0a, 0]), times(20, [0xff])),
  ];
  for (const octets of inputs) {
    checkWireCost(schemaOf("Pets"), octets, 0, octets.length, DEFAULT_MAX_DECODED_BYTES);
    codecsOf("Pets").forEach((codec) => assert.throws(() => decode(codec, octets), /^(?!MessageLimitError)/));
  }
});

Deno.test("what is large and honest is decoded", () => {
  const list = <T>(count: number, item: (index: number) => T) => Array.from({ length: count }, (_, i) => item(i));
  const messages: [type: string, init: Record<string, unknown>][] = [
    ["Repeated", { aInt32: list(1_000_000, (i) => i) }],
    ["Repeated", { aInt64: list(500_000, (i) => BigInt(i)) }],
    ["Repeated", { aFixed32: list(1_000_000, (i) => i), aBool: list(1000, (i) => i % 3 === 0) }],
    ["Pets", { pets: list(100_000, (i) => ({ name: `pet ${i}`, color: i % 3 })) }],
    ["Repeated", { aString: list(140_000, (i) => `a text with the number ${i}`) }],
    ["Repeated", { aString: list(140_000, (i) => `Zahl ${i} für Köln`) }],
    ["Repeated", { aBytes: list(100_000, (i) => new Uint8Array(16).fill(i)) }],
    ["Counts", { counts: Object.fromEntries(list(20_000, (i) => [`key ${i}`, BigInt(i)])) }],
    ["Doubles", { values: list(500_000, (i) => i * Math.PI) }],
    ["Fifty", { f14: "x", f22: list(10_000, (i) => ({ name: `pet ${i}` })) }],
  ];
  for (const [type, init] of messages) {
    const octets = toBinary(schemaOf(type), create(schemaOf(type), init));
    for (const codec of codecsOf(type)) {
      assert.equal(difference(codec.encode(decode(codec, octets)), octets), undefined, type);
    }
  }
});
