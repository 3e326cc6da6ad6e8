/** Numbers that look random and are the same for the same seed, for tests that try many inputs. */

/** The seed of this run: EDGEWIRE_FUZZ_SEED, else a new one. Put it into the messages of assertions, and a failure can be run again. */
export function fuzzSeed(): number {
  const given = Deno.env.get("EDGEWIRE_FUZZ_SEED");
  const seed = given === undefined ? crypto.getRandomValues(new Uint32Array(1))[0]! : Number(given);
  console.log(`EDGEWIRE_FUZZ_SEED=${seed}`);
  return seed;
}

/** A generator of numbers (splitmix32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A 32-bit number. */
  uint32(): number {
    this.#state = this.#state + 0x9e3779b9 | 0;
    let mixed = this.#state ^ this.#state >>> 16;
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ mixed >>> 15) >>> 0;
  }

  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number {
    return Math.floor(this.uint32() / 2 ** 32 * bound);
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** Random octets. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.uint32());
  }
}
