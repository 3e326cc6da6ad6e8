import assert from "node:assert/strict";
import { BUFFER_SIZE, LentOutput, MAX_POOLED_BUFFERS, recycleBuffer, takeBuffer } from "../../src/http/buffer_pool.ts";

Deno.test("the buffer given back last is taken next, whole", () => {
  const [first, second] = [takeBuffer(), takeBuffer()];
  recycleBuffer(first);
  recycleBuffer(second);
  assert.equal(takeBuffer(), second);
  assert.equal(takeBuffer(), first);
  assert.equal(first.length, BUFFER_SIZE);
});

Deno.test("what was lent comes back in its order, and its buffer whole", () => {
  const lent = new LentOutput();
  const [first, second] = [takeBuffer(), takeBuffer()];
  const [one, two] = [lent.lend(first, 3), lent.lend(second, BUFFER_SIZE)];
  assert.deepEqual([one.buffer, one.length, two.length], [first.buffer, 3, BUFFER_SIZE]);
  lent.release(one);
  assert.equal(takeBuffer(), first);
  for (const wrong of [one, second]) {
    const other = new LentOutput();
    other.lend(second, 1);
    assert.throws(() => other.release(wrong), { message: "Cannot release output: it is not what was taken first" });
  }
  lent.release(two);
  assert.equal(takeBuffer(), second);
});

Deno.test("what was dropped is not recycled when it comes back, as a write may still read it, and nothing is wrong with that", () => {
  const lent = new LentOutput();
  const buffer = takeBuffer();
  const octets = lent.lend(buffer, 3);
  lent.drop();
  lent.release(octets);
  recycleBuffer(buffer); // It would be twice.
  takeBuffer();
});

Deno.test("a buffer cannot be recycled twice, one of another size not at all", () => {
  const buffer = takeBuffer();
  recycleBuffer(buffer);
  assert.throws(() => recycleBuffer(buffer), { message: "Cannot recycle a buffer that is in the pool" });

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
