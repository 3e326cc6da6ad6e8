/**
 * Compares both codecs of many message types with protobuf-es: the same octets for random messages, the same messages for them, and
 * the same answer, be it an error, for octets of another type, or damaged, or cut off.
 */
import { fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { createMessageCodec } from "../../src/codec/message_codec.ts";
import { DEFAULT_MAX_DECODED_BYTES } from "../../src/codec/wire/budget.ts";
import { checkWireCost } from "../../src/codec/mod.ts";
import { beginInput, endInput } from "../../src/codec/wire/input.ts";
import type { WireCodec } from "../../src/codec/wire/wire_codec.ts";
import type { Random } from "../support/random.ts";
import { difference, hasNaN } from "./difference.ts";
import { randomMessage } from "./random_message.ts";
import type { TypeUnderTest } from "./stubs.ts";

/** What was compared. */
export interface Counts {
  messages: number;
  /** Octets that do not have to be a message of the type. */
  inputs: number;
  /** Inputs beside them that may cost more than a message of their size may. */
  beyond: number;
  /** Of the inputs those that are refused. */
  refused: number;
  /** Of them those that the closures declined, so that protobuf-es was asked. */
  declined: number;
}

type Outcome<T> = { readonly value: T } | { readonly error: string };

function outcome<T>(act: () => T): Outcome<T> {
  try {
    return { value: act() };
  } catch (error) {
    return { error: String(error) };
  }
}

/** Compares `count` random messages, and as many inputs. @throws {Error} Something differs: what, and of which type. */
export function compare(types: readonly TypeUnderTest[], random: Random, count: number): Counts {
  const counts = { messages: 0, inputs: 0, beyond: 0, refused: 0, declined: 0 };
  const forms = new Map(types.map((type) => [type, formsOf(type)]));
  for (; counts.messages < count; counts.messages++) {
    const type = random.pick(types);
    const message = randomMessage(type.desc, random);
    const encoded = outcome(() => toBinary(type.desc, message));
    if ("error" in encoded) {
      forms.get(type)!.forEach((form) => form.sameRefusal(message, encoded));
      continue;
    }
    const octets = encoded.value;
    for (const form of forms.get(type)!) {
      form.sameOctets(message, octets, random);
      form.sameMessage(octets);
    }
    const other = random.below(3) === 0 ? random.pick(types) : type;
    const input = other === type ? mutate(type, octets, message, random) : octets;
    const expected = outcome(() => fromBinary(other.desc, input));
    if (costsTooMuch(other.desc, input)) {
      counts.beyond++; // Our codecs refuse it, protobuf-es does not: there is nothing to compare.
      continue;
    }
    counts.inputs++;
    counts.refused += "error" in expected ? 1 : 0;
    for (const form of forms.get(other)!) {
      form.sameAnswer(input, expected);
    }
    counts.declined += declines(other.closures, input) ? 1 : 0;
  }
  return counts;
}

/** Returns whether an input may take more memory than a message of its size may. Damage is no reason to fail. */
function costsTooMuch(desc: TypeUnderTest["desc"], input: Uint8Array): boolean {
  const checked = outcome(() => checkWireCost(desc, input, 0, input.length, DEFAULT_MAX_DECODED_BYTES));
  return "error" in checked;
}

/** Damages octets of a message: changes, cuts, repeats, doubles; or has its lists packed that are not, and the other way round. */
function mutate(type: TypeUnderTest, octets: Uint8Array, message: Message, random: Random): Uint8Array {
  if (random.below(4) === 0) {
    return Uint8Array.from([...octets.length < 4000 ? octets : [], ...repacked(type, message, random)]);
  }
  const changed = octets.slice();
  for (let count = random.below(4); count > 0 && changed.length > 0; count--) {
    changed[random.below(changed.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
  }
  switch (random.below(4)) {
    case 0:
      return changed.subarray(0, random.below(changed.length + 1));
    case 1:
      return Uint8Array.from([...changed.subarray(0, 4000), ...octets.subarray(0, 4000)]);
    default:
      return changed;
  }
}

const METHODS = {
  1: "double",
  2: "float",
  3: "int64",
  4: "uint64",
  5: "int32",
  6: "fixed64",
  7: "fixed32",
  8: "bool",
  13: "uint32",
  15: "sfixed32",
  16: "sfixed64",
  17: "sint32",
  18: "sint64",
} as const;
const WIRE_TYPES: Readonly<Record<number, number>> = { 1: 1, 2: 5, 6: 1, 7: 5, 15: 5, 16: 1 };

/** The lists of a message again, in the form that the schema does not name, in pieces. */
function repacked({ desc }: TypeUnderTest, message: Message, random: Random): Uint8Array {
  const writer = new BinaryWriter();
  for (const field of desc.fields) {
    const type = field.enum !== undefined ? 5 : field.scalar;
    if (field.fieldKind !== "list" || type === undefined || !(type in METHODS)) {
      continue;
    }
    const items = (message as unknown as Record<string, never[]>)[field.localName]!;
    const method = METHODS[type as keyof typeof METHODS];
    if (field.packed || random.below(3) === 0) {
      items.forEach((item) => writer.tag(field.number, WIRE_TYPES[type] ?? 0)[method](item));
    } else {
      writer.tag(field.number, 2).fork();
      items.forEach((item) => writer[method](item));
      writer.join();
    }
  }
  return writer.finish();
}

function declines(wire: WireCodec, octets: Uint8Array): boolean {
  return "error" in outcome(() => read(wire, octets));
}

/** Reads without protobuf-es. */
function read(wire: WireCodec, octets: Uint8Array): Message {
  beginInput(0, octets.length, false, DEFAULT_MAX_DECODED_BYTES);
  try {
    return wire.read(octets, 0, octets.length, 1, -1);
  } finally {
    endInput();
  }
}

function formsOf({ desc, closures, generated }: TypeUnderTest): Form[] {
  return [new Form(`${desc} by closures`, desc, closures), new Form(`${desc} by generated source`, desc, generated)];
}

/** What surrounds a message in its buffer: the codec may neither read nor write it. */
const MARGIN = 3;

/** A codec that is compared. */
class Form {
  readonly #name: string;
  readonly #desc: TypeUnderTest["desc"];
  readonly #wire: WireCodec;
  readonly #codec: ReturnType<typeof createMessageCodec>;

  constructor(name: string, desc: TypeUnderTest["desc"], wire: WireCodec) {
    this.#name = name;
    this.#desc = desc;
    this.#wire = wire;
    this.#codec = createMessageCodec(desc, wire);
  }

  #check(what: string, found: string | undefined, octets: Uint8Array): void {
    if (found !== undefined) {
      throw new Error(`${this.#name}: ${what}: ${found}\n${octets.subarray(0, 2000).toHex()}`);
    }
  }

  /** Encodes a message of the right types, without help. */
  sameOctets(message: Message, octets: Uint8Array, random: Random): void {
    const bound = this.#wire.bound(message);
    const buffer = new Uint8Array(bound);
    const end = this.#wire.write(message, buffer, 0);
    this.#check("encoded", difference(buffer.subarray(0, end), octets), octets);
    this.#check("encoded anew", difference(this.#codec.encode(message), octets), octets);
    this.#check("encoded to be copied", difference(this.#codec.encodeShared(message), octets), octets);
    const room = random.pick([octets.length, octets.length - 1, bound, random.below(bound + 1)]);
    if (room < 0) {
      return;
    }
    const target = new Uint8Array(room + 2 * MARGIN).fill(0xaa);
    const limit = MARGIN + room;
    const expected = octets.length <= room ? MARGIN + octets.length : -1;
    const found = this.#codec.encodeInto(message, target, MARGIN, limit);
    this.#check(`end with room for ${room}`, difference(found, expected), octets);
    const isUntouched = target.subarray(0, MARGIN).every((octet) => octet === 0xaa);
    this.#check("what is before it", isUntouched ? undefined : "written", octets);
    if (found > 0) {
      this.#check("encoded in place", difference(target.subarray(MARGIN, found), octets), octets);
    }
  }

  /** Encodes a message that lacks what is required. */
  sameRefusal(message: Message, expected: Outcome<unknown>): void {
    this.#check("refusal", difference(outcome(() => this.#codec.encode(message)), expected), new Uint8Array());
  }

  /** Decodes a message of this type, without help. */
  sameMessage(octets: Uint8Array): void {
    this.#check("decoded", difference(read(this.#wire, octets), fromBinary(this.#desc, octets)), octets);
  }

  /** Decodes whatever it is. */
  sameAnswer(octets: Uint8Array, expected: Outcome<unknown>): void {
    const buffer = new Uint8Array(octets.length + 2 * MARGIN).fill(0x08);
    buffer.set(octets, MARGIN);
    const found = outcome(() => this.#codec.decode(buffer, MARGIN, MARGIN + octets.length));
    // Whoever still refers to the buffer gets other values.
    buffer.fill(0xff);
    this.#check("answer", difference(found, expected), octets);
    if ("value" in expected && "value" in found && !hasNaN(expected.value)) {
      const again = outcome(() => this.#codec.encode(found.value as Message));
      this.#check(
        "encoded again",
        difference(again, outcome(() => toBinary(this.#desc, found.value as Message))),
        octets,
      );
    }
  }
}
