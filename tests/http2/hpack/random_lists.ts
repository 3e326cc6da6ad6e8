/** Header lists made from a seed, for the tests and the conformance judge. */
import type { HeaderField } from "../../../src/http/mod.ts";

/** Numbers that look random and are the same for the same seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** An integer from 0 up to, not including, `limit`. */
  below(limit: number): number {
    this.#state = this.#state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(this.#state ^ this.#state >>> 15, 1 | this.#state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return Math.floor(((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32 * limit);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** The seed of this run: EDGEWIRE_FUZZ_SEED, or another one every time. */
export function fuzzSeed(): number {
  return Number(Deno.env.get("EDGEWIRE_FUZZ_SEED") ?? Math.floor(Math.random() * 2 ** 31));
}

/** A test with numbers that look random. It prints their seed when it fails, so that the failure can be repeated. */
export function fuzzTest(name: string, run: (random: Random) => void): void {
  Deno.test(name, () => {
    const seed = fuzzSeed();
    try {
      run(new Random(seed));
    } catch (error) {
      throw new Error(`Failed with EDGEWIRE_FUZZ_SEED=${seed}`, { cause: error });
    }
  });
}

const NAMES = [
  ":method",
  ":path",
  ":scheme",
  ":status",
  ":authority",
  "accept-encoding",
  "authorization",
  "content-length",
  "content-type",
  "cookie",
  "grpc-status",
  "grpc-timeout",
  "set-cookie",
  "te",
  "user-agent",
  "x-trace-id",
];
const VALUES = [
  "",
  "GET",
  "POST",
  "200",
  "404",
  "/",
  "/a?b=c",
  "gzip, deflate",
  "application/grpc",
  "trailers",
  "0",
  "100m",
];

function randomText(random: Random, maxLength: number, octets: boolean): string {
  const length = random.below(10) === 0 ? random.below(maxLength) : random.below(20);
  return String.fromCharCode(
    ...Array.from({ length }, () => octets ? random.below(256) : 0x20 + random.below(0x5f)),
  );
}

/**
 * A list of up to 12 fields of which many come up again. Values have up to 600 characters; with `octets` they are any,
 * otherwise printable ASCII, which all other encoders and decoders take.
 */
export function randomList(random: Random, octets: boolean): HeaderField[] {
  return Array.from({ length: random.below(13) }, () => {
    const name = random.below(8) === 0 ? `x-${randomText(random, 200, octets).toLowerCase()}` : random.pick(NAMES);
    const value = random.below(3) === 0
      ? randomText(random, 600, octets && random.below(4) === 0)
      : random.pick(VALUES);
    return random.below(12) === 0 ? { name, value, sensitive: true } : { name, value };
  });
}
