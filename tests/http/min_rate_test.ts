/** Which peers are too slow, and which are not. */
import assert from "node:assert/strict";
import { beginPeriods, minBytesOf, usePeriod } from "../../src/http/mod.ts";

const PERIOD_MS = 30_000;

/** In which piece of time a peer is found too slow that has moved so many bytes by the end of each; 0: in none. */
function failsAt(minBytes: number, movedBefore: number, moved: (period: number) => number): number {
  let used = beginPeriods(movedBefore, minBytes);
  for (let period = 1; period <= 1000; period++) {
    used = usePeriod(used, movedBefore + moved(period), minBytes);
    if (used < 0) {
      return period;
    }
  }
  return 0;
}

Deno.test("a rate is bytes in a piece of time, and none is any byte", () => {
  assert.equal(minBytesOf(240, PERIOD_MS), 7200);
  assert.equal(minBytesOf(0, PERIOD_MS), 1);
  assert.equal(minBytesOf(1, 10), 1);
});

Deno.test("a peer of the rate lives, one of a byte less does not", () => {
  assert.equal(failsAt(7200, 0, (period) => 7200 * period), 0);
  assert.equal(failsAt(7200, 0, (period) => 7199 * period), 1);
  assert.equal(failsAt(7200, 0, () => 0), 1);
});

Deno.test("what was moved before counts for three pieces of time and no more", () => {
  assert.equal(failsAt(7200, 7199, () => 0), 1);
  assert.equal(failsAt(7200, 7200, () => 0), 2);
  assert.equal(failsAt(7200, 3 * 7200, () => 0), 4);
  assert.equal(failsAt(7200, 1e9, () => 0), 4);
  assert.equal(failsAt(7200, 0, (period) => period < 10 ? 1e6 * period : 9e6), 13);
});

Deno.test("a peer that reads 1 KiB a second and opens its window by leaps lives: of 32 KiB, and of 64", () => {
  for (const leap of [32 * 1024, 64 * 1024]) {
    assert.equal(failsAt(7200, 64 * 1024, (period) => leap * Math.floor(period * 30 * 1024 / leap)), 0, `${leap}`);
  }
});

Deno.test("one that opens a byte every 15 seconds is found as soon as one that opens none", () => {
  assert.equal(failsAt(7200, 0, (period) => 2 * period), 1);
});

Deno.test("without a rate each piece of time has to have a byte of its own", () => {
  assert.equal(failsAt(1, 1e6, (period) => period), 0);
  assert.equal(failsAt(1, 1e6, () => 0), 1);
});
