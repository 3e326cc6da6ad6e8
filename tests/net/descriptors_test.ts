import assert from "node:assert/strict";
import { limitConnections, limitFiles } from "../../src/net/mod.ts";

/** How many descriptors are asked about, and the connections there may be. */
function limit(wanted: number, free: number, threads?: number): number {
  return limitConnections(wanted, threads, (atMost) => Math.min(free, atMost));
}

Deno.test("connections leave a reserve of descriptors, half of them where there are few", () => {
  const cases: [wanted: number, free: number, connections: number][] = [
    [10_000, Infinity, 10_000],
    [10_000, 10_384, 10_000],
    [10_000, 10_383, 9_999],
    [10_000, 1000, 616],
    [10_000, 768, 384],
    [10_000, 766, 383],
    [10_000, 232, 116],
    [10_000, 45, 22],
    [10_000, 0, 1],
    [100, 484, 100],
    [100, 200, 100],
    [100, 199, 99],
    [1, 2, 1],
  ];
  for (const [wanted, free, connections] of cases) {
    assert.equal(limit(wanted, free), connections, `${wanted} wanted, ${free} free`);
  }
});

Deno.test("threads that serve need descriptors of their own", () => {
  assert.equal(limit(10_000, 1000 + 4 * 16, 4), 616);
  assert.equal(limit(10_000, 10_384 + 4 * 16, 4), 10_000);
  assert.equal(limit(10_000, 10_384 + 4 * 16 - 1, 4), 9_999);
  assert.equal(limit(10_000, 30, 4), 1);
});

Deno.test("files have two thirds of the reserve", () => {
  const cases: [free: number, files: number][] = [
    [Infinity, 256],
    [768, 256],
    [767, 256],
    [766, 255],
    [232, 77],
    [2, 1],
    [0, 1],
  ];
  for (const [free, files] of cases) {
    assert.equal(limitFiles((atMost) => Math.min(free, atMost)), files, `${free} free`);
  }
});
