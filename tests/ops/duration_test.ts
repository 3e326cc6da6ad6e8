import assert from "node:assert/strict";
import { parseDuration } from "../../src/ops/duration.ts";

const DURATIONS: readonly [text: string, milliseconds: number | undefined][] = [
  ["30", 30_000],
  ["30s", 30_000],
  ["1.5s", 1500],
  ["500ms", 500],
  ["5m", 300_000],
  ["2h", 7_200_000],
  ["1ms", 1],
  ["0.4ms", undefined],
  ["0", undefined],
  ["-1s", undefined],
  ["1 s", undefined],
  ["1d", undefined],
  ["1e3", undefined],
  ["", undefined],
];

for (const [text, milliseconds] of DURATIONS) {
  Deno.test(`duration: "${text}"`, () => assert.equal(parseDuration(text), milliseconds));
}
