/** Random messages of any type. */
import { create, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import type { Random } from "../support/random.ts";
import { LEGACY_REQUIRED, representationOf } from "../../src/codec/plan.ts";

type Draft = Message & Record<string, unknown>;

/** How deep messages go. */
const MAX_DEPTH = 4;

/** A message whose values are of their fields' types. Required fields are set, but for messages that are too deep. */
export function randomMessage(desc: DescMessage, random: Random, depth = 0): Message {
  const message = create(desc) as Draft;
  // Few of many fields, many of few.
  const share = Math.max(
    depth === 0 ? 10 : 5,
    random.below(depth === 0 ? 90 : 60) * Math.min(1, 10 / desc.fields.length),
  );
  for (const field of desc.fields) {
    const isChosen = field.presence === LEGACY_REQUIRED || random.below(100) < share;
    if (isChosen && (depth < MAX_DEPTH || field.message === undefined)) {
      setField(message, field, random, depth);
    }
  }
  if (random.below(10) === 0) {
    message.$unknown = [
      { no: 500_000_000 + random.below(9), wireType: 0, data: Uint8Array.of(150, 1) },
      { no: 80_000, wireType: 2, data: Uint8Array.of(2, 8, 9) },
    ];
  }
  return message;
}

function setField(message: Draft, field: DescField, random: Random, depth: number): void {
  const name = field.localName;
  if (field.fieldKind === "list") {
    const length = random.below(random.below(30) === 0 ? 300 >> depth * 2 : 5);
    message[name] = Array.from({ length }, () => randomValue(field, random, depth));
  } else if (field.fieldKind === "map") {
    const record: Record<string, unknown> = {};
    for (let count = random.below(5); count > 0; count--) {
      const key = random.below(20) === 0 && field.mapKey === 9
        ? "__proto__"
        : randomScalar(field.mapKey, random, false);
      Object.defineProperty(record, String(key), {
        value: randomValue(field, random, depth),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
    message[name] = record;
  } else if (field.oneof !== undefined) {
    message[field.oneof.localName] = { case: name, value: randomValue(field, random, depth) };
  } else {
    message[name] = randomValue(field, random, depth);
  }
}

function randomValue(field: DescField, random: Random, depth: number): unknown {
  if (field.message !== undefined) {
    switch (representationOf(field)) {
      case "message":
        return randomMessage(field.message, random, depth + 1);
      case "wrapper":
        return randomScalar(field.message.fields[0]!.scalar!, random, false);
      case "json":
        return randomJson(random, depth);
    }
  }
  if (field.enum !== undefined) {
    return field.enum.open && random.below(10) === 0 ? random.uint32() | 0 : random.pick(field.enum.values).number;
  }
  return randomScalar(field.scalar!, random, "longAsString" in field && field.longAsString);
}

function randomJson(random: Random, depth: number): Record<string, unknown> {
  const value = (): unknown => {
    switch (random.below(depth > MAX_DEPTH ? 4 : 6)) {
      case 0:
        return null;
      case 1:
        return random.below(1000) / 8;
      case 2:
        return randomText(random);
      case 3:
        return random.below(2) === 0;
      case 4:
        return Array.from({ length: random.below(4) }, value);
      default:
        return randomJson(random, depth + 2);
    }
  };
  return Object.fromEntries(Array.from({ length: random.below(4) }, () => [randomText(random), value()]));
}

const SPECIAL_NUMBERS = [0, -0, NaN, Infinity, -Infinity, 1, -1];

function randomScalar(type: number, random: Random, longAsString: boolean): unknown {
  const long = (value: bigint) => longAsString ? String(value) : value;
  switch (type) {
    case 1:
      return random.below(5) === 0
        ? random.pick(SPECIAL_NUMBERS)
        : (random.uint32() - 2 ** 31) * 2 ** (random.below(80) - 60);
    case 2:
      return random.below(5) === 0
        ? random.pick(SPECIAL_NUMBERS)
        : Math.fround((random.uint32() - 2 ** 31) * 2 ** (random.below(80) - 60));
    case 3:
    case 16:
    case 18:
      return long(BigInt.asIntN(64, randomBits(random)) >> BigInt(random.below(64)));
    case 4:
    case 6:
      return long(randomBits(random) >> BigInt(random.below(64)));
    case 7:
    case 13:
      return random.pick([0, 127, 128, 2 ** 32 - 1, random.uint32() >>> random.below(32)]);
    case 8:
      return random.below(2) === 0;
    case 9:
      return randomText(random);
    case 12:
      return random.bytes(random.below(random.below(5) === 0 ? 300 : 20));
    default:
      return random.pick([0, 1, -1, 2 ** 31 - 1, -(2 ** 31), (random.uint32() | 0) >> random.below(32)]);
  }
}

function randomBits(random: Random): bigint {
  return BigInt(random.uint32()) << 32n | BigInt(random.uint32());
}

function randomText(random: Random): string {
  const length = random.below(random.pick([1, 20, 40, 60, random.below(400) === 0 ? 20_000 : 200]));
  const kind = random.below(8);
  let text = "";
  while (text.length < length) {
    const unit = kind < 5
      ? 32 + random.below(95)
      : kind === 5
      ? random.below(0x800)
      : kind === 6
      ? random.below(0x110000)
      // Also halves of surrogate pairs.
      : random.below(0x10000);
    text += kind === 6 ? String.fromCodePoint(unit) : String.fromCharCode(unit);
  }
  return text;
}
