import assert from "node:assert/strict";
import { DEFAULT_HTTP2_LIMITS, type Http2Limits, resolveLimits } from "../../src/http2/limits.ts";

const NAMES = Object.keys(DEFAULT_HTTP2_LIMITS) as (keyof Http2Limits)[];

Deno.test("limits are the defaults but for what is changed", () => {
  assert.deepEqual(resolveLimits(), DEFAULT_HTTP2_LIMITS);
  assert.deepEqual(resolveLimits({ maxEmptyFrames: 7, resetBurst: undefined }), {
    ...DEFAULT_HTTP2_LIMITS,
    maxEmptyFrames: 7,
  });
});

Deno.test("the default of each limit is what its docstring says", async () => {
  const source = await Deno.readTextFile(new URL("../../src/http2/limits.ts", import.meta.url));
  for (const name of NAMES) {
    const documented = new RegExp(`@default (\\d+)\\s+\\*/\\s+readonly ${name}:`).exec(source)?.[1];
    assert.equal(Number(documented), DEFAULT_HTTP2_LIMITS[name], name);
  }
});

Deno.test("no limit is negative, broken or no number, and the error names it", () => {
  for (const name of NAMES) {
    for (const value of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
      assert.throws(() => resolveLimits({ [name]: value }), {
        name: "RangeError",
        message: new RegExp(`^Cannot set the limit ${name} to ${value}: it is a whole number from \\d+ to \\d+$`),
      });
    }
  }
});

Deno.test("limits on both sides of their range", () => {
  const ranges: [keyof Http2Limits, number, number][] = [
    ["maxConcurrentStreams", 1, 2 ** 32 - 1],
    ["maxFrameSize", 16_384, 2 ** 24 - 1],
    ["maxHeaderTableSize", 0, 2 ** 32 - 1],
    ["maxContinuations", 0, 2 ** 53 - 1],
    ["streamWindowSize", 1, 2 ** 31 - 1],
    ["connectionWindowSize", 65_535, 2 ** 31 - 1],
    ["idleTimeoutMs", 1, 2 ** 31 - 1],
  ];
  for (const [name, min, max] of ranges) {
    assert.equal(resolveLimits({ [name]: min })[name], min);
    assert.equal(resolveLimits({ [name]: max })[name], max);
    const message = (value: number) =>
      `Cannot set the limit ${name} to ${value}: it is a whole number from ${min} to ${max}`;
    assert.throws(() => resolveLimits({ [name]: min - 1 }), { message: message(min - 1) });
    assert.throws(() => resolveLimits({ [name]: max + 1 }), { message: message(max + 1) });
  }
});

Deno.test("reading pauses before the connection closes", () => {
  const limits = { pauseAtUnsentControlFrames: 5, maxUnsentControlFrames: 5 };
  assert.equal(resolveLimits(limits).maxUnsentControlFrames, 5);
  assert.throws(() => resolveLimits({ ...limits, maxUnsentControlFrames: 4 }), {
    message: "Cannot set the limit pauseAtUnsentControlFrames above maxUnsentControlFrames",
  });
});

Deno.test("a limit that there is not", () => {
  const changes: Record<string, number> = { maxStreams: 1 };
  const message = "Cannot set the limit maxStreams: there is none of this name";
  assert.throws(() => resolveLimits(changes), { name: "RangeError", message });
});
