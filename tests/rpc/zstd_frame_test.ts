/** Where frames of Zstandard end: each kind of header and block, made octet by octet. */
import assert from "node:assert/strict";
import { zstdFrameEnd } from "../../src/rpc/node/zstd_frame.ts";

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
const WINDOW = [0x58];
/** An empty last block. */
const LAST = [1, 0, 0];

/** What follows the magic number. */
const CASES: readonly (readonly [name: string, octets: readonly number[]])[] = [
  ["window, no size", [0x00, ...WINDOW, ...LAST]],
  ["window, size of 2 octets", [0x40, ...WINDOW, 0, 0, ...LAST]],
  ["window, size of 4 octets", [0x80, ...WINDOW, 0, 0, 0, 0, ...LAST]],
  ["window, size of 8 octets", [0xc0, ...WINDOW, 0, 0, 0, 0, 0, 0, 0, 0, ...LAST]],
  ["single segment, size of 1 octet", [0x20, 0, ...LAST]],
  ["single segment, size of 2 octets", [0x60, 0, 0, ...LAST]],
  ["single segment, size of 8 octets", [0xe0, 0, 0, 0, 0, 0, 0, 0, 0, ...LAST]],
  ["dictionary of 1 octet", [0x01, ...WINDOW, 7, ...LAST]],
  ["dictionary of 2 octets", [0x02, ...WINDOW, 7, 7, ...LAST]],
  ["dictionary of 4 octets", [0x03, ...WINDOW, 7, 7, 7, 7, ...LAST]],
  ["checksum", [0x04, ...WINDOW, ...LAST, 1, 2, 3, 4]],
  ["raw block of 3 octets", [0x00, ...WINDOW, 0x19, 0, 0, 1, 2, 3]],
  ["one octet 100,000 times", [0x00, ...WINDOW, 0x03, 0x35, 0x0c, 1]],
  ["compressed block of 2 octets", [0x00, ...WINDOW, 0x15, 0, 0, 1, 2]],
  ["three blocks", [0x00, ...WINDOW, 0x08, 0, 0, 1, 0x02, 1, 0, 9, ...LAST]],
];

for (const [name, octets] of CASES) {
  Deno.test(`a frame: ${name}`, () => {
    const frame = Uint8Array.of(...MAGIC, ...octets);
    assert.equal(zstdFrameEnd(frame, 0), frame.length);
    const within = Uint8Array.of(9, 9, ...frame, 9, 9, 9);
    assert.equal(zstdFrameEnd(within.subarray(1), 1), 1 + frame.length);
    for (let end = 0; end < frame.length; end++) {
      assert.equal(zstdFrameEnd(frame.subarray(0, end), 0), undefined, `cut to ${end}`);
    }
  });
}

Deno.test("what is no frame has no end", () => {
  assert.equal(zstdFrameEnd(Uint8Array.of(0x29, ...MAGIC.slice(1), 0x20, 0, ...LAST), 0), undefined);
  // A skippable frame, which no message needs.
  assert.equal(zstdFrameEnd(Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0), 0), undefined);
  assert.equal(zstdFrameEnd(Uint8Array.of(...MAGIC, 0x20, 0, 0xf8, 0xff, 0xff), 0), undefined);
});
