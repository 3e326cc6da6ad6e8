/**
 * One row of the table, in a process of its own: `deno run --allow-all bench/micro/codec/row.ts NAME [after]`, with `after` when 50 other types
 * were used first. Prints JSON. `main.ts` runs it; the stubs have to be there.
 */
import { create, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { Buffer } from "node:buffer";
import { closureCompiler } from "../../../src/codec/closures/mod.ts";
import { createMessageCodec } from "../../../src/codec/message_codec.ts";
import { createTextCodec, setTextCodec } from "../../../src/codec/mod.ts";
import { LEGACY_REQUIRED } from "../../../src/codec/plan.ts";
import { generatedCodec } from "../../../src/codec/wire/wire_codec.ts";
import { randomMessage } from "../../../tests/codec/random_message.ts";
import { importTypes } from "../../../tests/codec/stubs.ts";
import { Random } from "../../../tests/support/random.ts";

/** What a row says. */
export interface Row {
  readonly octets: number;
  /** Nanoseconds, the median of the rounds. */
  readonly ns: Readonly<Record<Operation, number>>;
}

/** Encoding and decoding by protobuf-es, by closures and by generated source. */
export type Operation =
  | "encodeEs"
  | "encodeClosures"
  | "encodeGenerated"
  | "decodeEs"
  | "decodeClosures"
  | "decodeGenerated";

const OTHERS = 50;
const ROUNDS = 101;
/** Short, so that in most of them nobody else has the core. */
const ROUND_MS = 2;
/** Also for compilers, which have to wait where others use the machine. */
const WARM_UP_MS = 500;

const pets = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `pet ${i}`, color: i % 3 }));
const complex = {
  name: "some name",
  weight: 3.25,
  height: 1.5,
  tame: true,
  count: 1234,
  serial: 123456789012n,
  choice: { case: "word", value: "chosen" },
  pets: pets(3),
};
const fifty = {
  ...{
    f1: 1,
    f2: 123456789012n,
    f3: 300,
    f4: 5n,
    f5: -7,
    f6: -8n,
    f7: 9,
    f8: 10n,
    f9: -11,
    f10: -12n,
    f11: 1.5,
    f12: Math.PI,
  },
  ...{
    f13: true,
    f14: "text number 14",
    f15: Uint8Array.of(1, 2, 3, 4),
    f16: 2,
    f17: 0,
    f18: "optional",
    f20: [1, 2, 300],
  },
  ...{ f19: { name: "a pet", color: 1 }, f21: ["one", "two"], f22: pets(2), f23: { key: "value" }, f24: 24, f26: 26n },
  ...{
    f28: 0.1,
    choice: { case: "f31", value: "chosen" },
    f37: "text number 37",
    f40: 1n << 60n,
    f43: "text number 43",
  },
  ...{ f48: [1, 2, 3], f50: -1 },
};

/** The type's name in the package of tests, and what a message of it has. */
const ROWS: Readonly<Record<string, readonly [typeName: string, init: Record<string, unknown>]>> = {
  "HelloRequest, 5 characters": ["HelloRequest", { name: "world" }],
  "HelloReply, 96 characters": ["HelloReply", { message: "24 characters, and again".repeat(4) }],
  "HelloReply, not ASCII": ["HelloReply", { message: "Grüße aus Zürich" }],
  "Complex": ["Complex", complex],
  "Complex, proto2": ["proto2.Complex", complex],
  "Complex, edition 2023": ["editions.Complex", complex],
  "50 mixed fields": ["Fifty", fifty],
  // Each array of octets costs 200 to 400 ns in Deno, whoever makes it.
  "50 mixed fields, no bytes": ["Fifty", { ...fifty, f15: new Uint8Array() }],
  "1,000 doubles": ["Doubles", { values: Array.from({ length: 1000 }, (_, i) => i * Math.PI) }],
  "1,000 sub-messages": ["Pets", { pets: pets(1000) }],
  "map of 100": ["Counts", {
    counts: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`key${i}`, BigInt(i * 1000)])),
  }],
  "1 MiB of bytes": ["Blob", { data: new Uint8Array(2 ** 20).fill(7) }],
};

/** The names of the rows. */
export const ROW_NAMES: readonly string[] = Object.keys(ROWS);

/** Whether a message holds octets: protobuf-es does not copy them, and cannot have the receive buffer. */
function holdsBytes(desc: DescMessage): boolean {
  return desc.fields.some((field) => field.scalar === 12);
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

let sink: unknown;

function measure(desc: DescMessage, message: Message): Row {
  const closures = createMessageCodec(desc, closureCompiler(() => undefined)(desc));
  const generated = createMessageCodec(desc, generatedCodec(desc)!);
  const octets = toBinary(desc, message);
  // Where a connection would have it: not at the beginning, and not alone.
  const start = 100;
  const end = start + octets.length;
  const input = new Uint8Array(Math.max(65536, end + 100));
  input.set(octets, start);
  const output = new Uint8Array(Math.max(65536, end * 3));
  const own = holdsBytes(desc);
  const operations: Record<Operation, (times: number) => void> = {
    encodeEs: (times) => {
      while (times-- > 0) sink = toBinary(desc, message);
    },
    encodeClosures: (times) => {
      while (times-- > 0) sink = closures.encodeInto(message, output, start, output.length);
    },
    encodeGenerated: (times) => {
      while (times-- > 0) sink = generated.encodeInto(message, output, start, output.length);
    },
    decodeEs: (times) => {
      while (times-- > 0) sink = fromBinary(desc, own ? input.slice(start, end) : input.subarray(start, end));
    },
    decodeClosures: (times) => {
      while (times-- > 0) sink = closures.decode(input, start, end);
    },
    decodeGenerated: (times) => {
      while (times-- > 0) sink = generated.decode(input, start, end);
    },
  };
  const names = Object.keys(operations) as Operation[];
  const times = names.map((name) => {
    const isWarm = performance.now() + WARM_UP_MS;
    for (let count = 1;; count *= 2) {
      const startMs = performance.now();
      operations[name](count);
      const endMs = performance.now();
      if (endMs > isWarm) {
        return Math.ceil(count * ROUND_MS / (endMs - startMs));
      }
    }
  });
  const rounds = names.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    names.forEach((name, i) => {
      const startMs = performance.now();
      operations[name](times[i]!);
      rounds[i]!.push((performance.now() - startMs) * 1e6 / times[i]!);
    });
  }
  const ns = Object.fromEntries(names.map((name, i) => [name, median(rounds[i]!)])) as Record<Operation, number>;
  return { octets: octets.length, ns };
}

/** Encodes and decodes messages of other types, by all three. */
function useOthers(types: readonly DescMessage[]): void {
  const random = new Random(1);
  const closuresOf = closureCompiler(() => undefined);
  const buffer = new Uint8Array(1 << 20);
  for (let round = 0; round < 300; round++) {
    for (const desc of types) {
      const message = randomMessage(desc, random, 2);
      const octets = toBinary(desc, message);
      fromBinary(desc, octets);
      for (const wire of [closuresOf(desc), generatedCodec(desc)!]) {
        const codec = createMessageCodec(desc, wire);
        codec.encodeInto(message, buffer, 0, buffer.length);
        codec.decode(octets, 0, octets.length);
      }
    }
  }
}

if (import.meta.main) {
  setTextCodec(createTextCodec({
    decoder: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }),
    encoder: new TextEncoder(),
    utf8Slice: Buffer.prototype.utf8Slice,
  }));
  const [name = "", setting] = Deno.args;
  const [typeName, init] = ROWS[name]!;
  const types = (await importTypes("bench")).map(({ desc }) => desc);
  const desc = types.find((desc) => desc.typeName === `edgewire.test.codec.${typeName}`)!;
  if (setting === "after") {
    const others = types.filter(({ typeName }) => typeName.startsWith("protobuf_test_messages."));
    useOthers(
      others.filter(({ fields }) => fields.every(({ presence }) => presence !== LEGACY_REQUIRED)).slice(0, OTHERS),
    );
  }
  console.log(JSON.stringify(measure(desc, create(desc, init))));
  void sink;
}
