import assert from "node:assert/strict";
import { SendQueue } from "../../src/http2/send_queue.ts";

/** All that is in a queue, piece by piece, `step` octets at a time. */
function takeAll(queue: SendQueue, step = Infinity): number[][] {
  const taken: number[][] = [];
  while (queue.length > 0) {
    const { buffer, start, end } = queue.front;
    const length = Math.min(step, end - start);
    taken.push([...buffer.subarray(start, start + length)]);
    queue.shift(length);
  }
  return taken;
}

Deno.test("small pieces are joined, and come in their order", () => {
  for (const step of [1, 3, 1000, Infinity]) {
    const queue = new SendQueue();
    const octets = Uint8Array.from({ length: 5000 }, (_, index) => index % 251);
    for (let start = 0; start < octets.length; start += 10) {
      queue.push(octets, start, start + 10);
    }
    assert.equal(queue.length, 5000);
    const taken = takeAll(queue, step);
    assert.deepEqual(taken.flat(), [...octets]);
    assert.ok(step < Infinity || taken.length < 15, `${taken.length} pieces`);
  }
});

Deno.test("a piece has room for as much as was there before it, and at most 16 KiB", () => {
  const queue = new SendQueue();
  const lengths: number[] = [];
  for (let count = 0; count < 80_000; count++) {
    queue.push(new Uint8Array(1), 0, 1);
  }
  while (queue.length > 0) {
    const { buffer, start, end } = queue.front;
    lengths.push(buffer.length);
    queue.shift(end - start);
  }
  assert.deepEqual(lengths.slice(0, 5), [1, 1, 2, 4, 8]);
  assert.equal(Math.max(...lengths), 16_384);
});

Deno.test("large pieces stay as they are, and what is given may change afterwards", () => {
  const queue = new SendQueue();
  const octets = new Uint8Array(100_000).fill(1);
  queue.push(octets, 0, 50_000);
  queue.push(octets, 50_000, 100_000);
  octets.fill(2);
  const { buffer, start, end } = queue.front;
  assert.deepEqual([start, end, buffer.length, buffer[0]], [0, 50_000, 50_000, 1]);
  queue.shift(10);
  assert.equal(queue.front.start, 10);
  assert.equal(queue.length, 99_990);
  assert.ok(takeAll(queue).flat().every((octet) => octet === 1));
});

Deno.test("after everything was taken it begins anew", () => {
  const queue = new SendQueue();
  for (let round = 0; round < 3; round++) {
    queue.push(Uint8Array.of(1, 2, 3), 1, 3);
    queue.push(Uint8Array.of(4), 0, 1);
    assert.deepEqual(takeAll(queue, 2).flat(), [2, 3, 4]);
    assert.equal(queue.length, 0);
  }
});
