import assert from "node:assert/strict";
import { copyOctets } from "../../src/http/mod.ts";
import { sampleBytes } from "../support/bytes.ts";

Deno.test("octets are copied, few or many, and nothing else is touched", () => {
  const source = sampleBytes(100);
  for (const [start, end] of [[0, 0], [5, 5], [3, 35], [3, 36], [0, 100], [1, 100]] as const) {
    const target = new Uint8Array(110);
    copyOctets(source, start, end, target, 4);
    const expected = new Uint8Array(110);
    expected.set(source.slice(start, end), 4);
    assert.deepEqual(target, expected);
  }
});
