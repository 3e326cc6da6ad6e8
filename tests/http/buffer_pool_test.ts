import assert from "node:assert/strict";
import { BUFFER_SIZE, MAX_POOLED_BUFFERS, recycleBuffer, takeBuffer } from "../../src/http/buffer_pool.ts";

Deno.test("the buffer given back last is taken next, whole", () => {
  const [first, second] = [takeBuffer(), takeBuffer()];
  recycleBuffer(first);
  recycleBuffer(second.subarray(0, 3));
  const again = takeBuffer();
  assert.equal(again.buffer, second.buffer);
  assert.equal(again.length, BUFFER_SIZE);
  assert.equal(takeBuffer().buffer, first.buffer);
});

Deno.test("a buffer cannot be recycled twice, one of another size not at all", () => {
  const buffer = takeBuffer();
  recycleBuffer(buffer);
  assert.throws(() => recycleBuffer(buffer.subarray(1)), { message: "Cannot recycle a buffer that is in the pool" });

  const large = new Uint8Array(2 * BUFFER_SIZE);
  recycleBuffer(large);
  recycleBuffer(large);
  assert.equal(takeBuffer(), buffer);
});

Deno.test("the pool keeps so many buffers and not one more", () => {
  const taken = Array.from({ length: MAX_POOLED_BUFFERS + 1 }, takeBuffer);
  assert.equal(new Set(taken.map(({ buffer }) => buffer)).size, MAX_POOLED_BUFFERS + 1, "no two share one");
  taken.forEach(recycleBuffer);
  const again = new Set(Array.from({ length: MAX_POOLED_BUFFERS + 1 }, () => takeBuffer().buffer));
  assert.equal(taken.filter(({ buffer }) => again.has(buffer)).length, MAX_POOLED_BUFFERS);
});
