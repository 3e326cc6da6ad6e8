import assert from "node:assert/strict";
import { Backoff } from "../../src/net/backoff.ts";
import { fuzzSeed, Random } from "../support/random.ts";

Deno.test("Delays grow to the longest one, and begin anew", () => {
  const backoff = new Backoff({}, () => 0.5);
  const delays = Array.from({ length: 13 }, () => Math.round(backoff.next()));
  assert.deepEqual(delays.slice(0, 4), [1000, 1600, 2560, 4096]);
  assert.deepEqual(delays.slice(-3), [109_951, 120_000, 120_000]);
  backoff.reset();
  assert.equal(backoff.next(), 1000);
});

Deno.test("Jitter is a fifth at most, to both sides", () => {
  assert.equal(new Backoff({}, () => 0).next(), 800);
  const seed = fuzzSeed();
  const random = new Random(seed);
  const backoff = new Backoff({ factor: 1 }, () => random.uint32() / 2 ** 32);
  const delays = Array.from({ length: 1000 }, () => backoff.next());
  assert.ok(delays.every((delay) => delay >= 800 && delay < 1200), `seed ${seed}`);
  assert.ok(Math.min(...delays) < 850 && Math.max(...delays) > 1150, `seed ${seed}`);
});

Deno.test("Options are checked on both sides", () => {
  for (const options of [{ initialMs: -1 }, { maxMs: 999 }, { factor: 0.9 }, { jitter: 1.1 }, { jitter: NaN }]) {
    assert.throws(() => new Backoff(options), RangeError);
  }
  for (const options of [{ initialMs: 0 }, { maxMs: 1000 }, { factor: 1 }, { jitter: 1 }, { jitter: 0 }]) {
    assert.ok(new Backoff(options, () => 0).next() >= 0);
  }
});
