import assert from "node:assert/strict";
import { PieceBuffer } from "../../src/http/piece_buffer.ts";
import { sampleBytes } from "../support/bytes.ts";

Deno.test("pieces become one, which is given away", () => {
  const buffer = new PieceBuffer();
  const octets = sampleBytes(5000);
  for (let start = 0; start < octets.length; start += 7) {
    buffer.append(octets, start, Math.min(start + 7, octets.length), octets.length);
  }
  const taken = buffer.take();
  assert.deepEqual(taken, octets);
  assert.deepEqual([buffer.length, buffer.size], [0, 0]);
  buffer.append(octets, 0, 10, 10);
  assert.deepEqual(taken, octets, "it is not written into any more");
  assert.deepEqual(buffer.take(), octets.slice(0, 10));
});

Deno.test("memory grows with what has come, up to the limit", () => {
  for (const growth of [2, 8]) {
    const buffer = new PieceBuffer(growth);
    assert.equal(buffer.size, 0);
    const octets = new Uint8Array(16_384);
    for (let length = 1; length <= octets.length; length++) {
      buffer.append(octets, 0, 1, octets.length);
      assert(buffer.size <= Math.max(256, growth * length), `${buffer.size} for ${length}`);
    }
    assert.equal(buffer.size, octets.length);
  }
});
