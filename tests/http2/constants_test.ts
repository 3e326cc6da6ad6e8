import assert from "node:assert/strict";
import { ErrorCode, errorName, FrameType, PREFACE, SettingId } from "../../src/http2/constants.ts";

Deno.test("every error code has its name, and every other number is one", () => {
  for (const [name, code] of Object.entries(ErrorCode)) {
    assert.equal(errorName(code), name);
  }
  assert.equal(errorName(0xe), "0xe");
  assert.equal(errorName(0xffff_ffff), "0xffffffff");
});

Deno.test("frame types and error codes are numbered without a gap, settings have one at 7", () => {
  assert.deepEqual(Object.values(FrameType), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(Object.values(ErrorCode), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  assert.deepEqual(Object.values(SettingId), [1, 2, 3, 4, 5, 6, 8]);
});

Deno.test("the preface is the one of RFC 9113 §3.4", () => {
  assert.equal(new TextEncoder().encode(PREFACE).toHex(), "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a");
});
