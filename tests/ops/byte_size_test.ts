import assert from "node:assert/strict";
import { parseByteSize } from "../../src/ops/byte_size.ts";

const SIZES: readonly [text: string, bytes: number | undefined][] = [
  ["1", 1],
  ["16777216", 16_777_216],
  ["1B", 1],
  ["512KiB", 524_288],
  ["64MiB", 67_108_864],
  ["1.5GiB", 1_610_612_736],
  ["0", undefined],
  ["0.4B", undefined],
  ["-1MiB", undefined],
  ["64 MiB", undefined],
  ["64MB", undefined],
  ["64mib", undefined],
  ["1e6", undefined],
  ["9999999999GiB", undefined],
  ["", undefined],
];

for (const [text, bytes] of SIZES) {
  Deno.test(`byte size: "${text}"`, () => assert.equal(parseByteSize(text), bytes));
}
