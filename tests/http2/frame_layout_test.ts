import assert from "node:assert/strict";
import { frameName, readUint31, readUint32, writeUint32 } from "../../src/http2/frame_layout.ts";

Deno.test("numbers of four octets, with and without the highest bit", () => {
  for (const value of [0, 1, 0x0102_0304, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
    const buffer = new Uint8Array(6).fill(0xee);
    writeUint32(buffer, 1, value);
    assert.equal(readUint32(buffer, 1), value);
    assert.equal(readUint31(buffer, 1), value % 2 ** 31);
    assert.deepEqual([buffer[0], buffer[5]], [0xee, 0xee]);
  }
});

Deno.test("frame types by name, unknown ones by number", () => {
  assert.deepEqual([0, 3, 9].map(frameName), ["DATA", "RST_STREAM", "CONTINUATION"]);
  assert.equal(frameName(10), "Frame of type 0xa");
});
