import assert from "node:assert/strict";
import { DEFAULT_HTTP2_LIMITS, type Http2Limits, resolveLimits } from "../../src/http2/limits.ts";

const NAMES = Object.keys(DEFAULT_HTTP2_LIMITS) as (keyof Http2Limits)[];

Deno.test("the default of each limit is what its docstring says", async () => {
  const source = await Deno.readTextFile(new URL("../../src/http2/limits.ts", import.meta.url));
  for (const name of NAMES) {
    const documented = new RegExp(`@default (\\d+)\\s+\\*/\\s+readonly ${name}:`).exec(source)?.[1];
    assert.equal(Number(documented), DEFAULT_HTTP2_LIMITS[name], name);
  }
});

Deno.test("limits on both sides of their range", () => {
  const ranges: [keyof Http2Limits, number, number][] = [
    ["maxConcurrentStreams", 1, 2 ** 32 - 1],
    ["maxFrameSize", 16_384, 2 ** 24 - 1],
    ["maxSentHeaderListSize", 256, 2 ** 32 - 1],
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
