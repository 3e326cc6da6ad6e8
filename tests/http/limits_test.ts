import assert from "node:assert/strict";
import { changeLimits } from "../../src/http/mod.ts";

const DEFAULTS = { maxStreams: 5, idleTimeoutMs: 100 };
const RANGES = { maxStreams: [2, 8], idleTimeoutMs: [0, 1000] } as const;

function changed(changes: Parameters<typeof changeLimits<typeof DEFAULTS>>[2]) {
  return changeLimits(DEFAULTS, RANGES, changes);
}

Deno.test("limits are the defaults but for what is changed", () => {
  assert.deepEqual(changed({}), DEFAULTS);
  assert.deepEqual(changed({ maxStreams: 2, idleTimeoutMs: undefined }), { maxStreams: 2, idleTimeoutMs: 100 });
  assert.deepEqual(changed({ maxStreams: 8, idleTimeoutMs: 0 }), { maxStreams: 8, idleTimeoutMs: 0 });
  assert.deepEqual(DEFAULTS, { maxStreams: 5, idleTimeoutMs: 100 });
});

Deno.test("no limit is out of its range, broken or no number, and the error names it", () => {
  for (const value of [1, 9, -1, 2.5, NaN, Infinity]) {
    const message = `Cannot set the limit maxStreams to ${value}: it is a whole number from 2 to 8`;
    assert.throws(() => changed({ maxStreams: value }), { name: "RangeError", message });
  }
});

Deno.test("a limit that there is not", () => {
  const changes: Record<string, number> = { maxConnections: 1 };
  const message = "Cannot set the limit maxConnections: there is none of this name";
  assert.throws(() => changed(changes), { name: "RangeError", message });
});
