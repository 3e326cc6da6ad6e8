import assert from "node:assert/strict";
import { type GarbageHost, GarbageWatch } from "../../src/net/garbage_watch.ts";

const MIB = 1 << 20;

/** A heap that is what the test says, with a collection that takes `tookMs` and leaves `liveMib`. */
class FakeHeap implements GarbageHost {
  usedMib: number;
  liveMib: number;
  heldMib = 0;
  tookMs = 10;
  timeMs = 0;
  collections = 0;

  constructor(usedMib: number) {
    this.usedMib = this.liveMib = usedMib;
  }

  usedBytes(): number {
    return this.usedMib * MIB;
  }

  heldBytes(): number {
    return this.heldMib * MIB;
  }

  collect(): void {
    this.collections++;
    this.timeMs += this.tookMs;
    this.usedMib = this.liveMib;
  }

  nowMs(): number {
    return this.timeMs;
  }
}

/** Looks at a heap each 500 ms, of which so many MiB are in use each time. Returns how often garbage was collected. */
function look(heap: FakeHeap, watch: GarbageWatch, ...usedMib: readonly number[]): number {
  const before = heap.collections;
  for (const used of usedMib) {
    heap.usedMib = used;
    heap.timeMs += 500;
    watch.look();
  }
  return heap.collections - before;
}

Deno.test("garbage: of a calm server it is collected above 24 MiB", () => {
  const heap = new FakeHeap(40);
  const watch = new GarbageWatch(heap);
  assert.equal(look(heap, watch, 64, 64, 64), 0);
  assert.equal(look(heap, watch, 65), 1);
});

Deno.test("garbage: while memory grows, V8 has up to 96 MiB", () => {
  const heap = new FakeHeap(40);
  const watch = new GarbageWatch(heap);
  assert.equal(look(heap, watch, 80, 110, 136), 0);
  assert.equal(look(heap, watch, 142), 1);
});

Deno.test("garbage: what is in use after a collection is none", () => {
  const heap = new FakeHeap(40);
  const watch = new GarbageWatch(heap);
  heap.liveMib = 200;
  assert.equal(look(heap, watch, 200, 200, ...new Array(100).fill(210)), 1);
});

Deno.test("garbage: V8's own collections count, too", () => {
  const heap = new FakeHeap(100);
  const watch = new GarbageWatch(heap);
  assert.equal(look(heap, watch, 40, 64, 64), 0);
  assert.equal(look(heap, watch, 65), 1);
});

Deno.test("garbage: what waited at the last collection and does not any more is garbage", () => {
  const heap = new FakeHeap(40);
  const watch = new GarbageWatch(heap);
  heap.liveMib = 200;
  heap.heldMib = 150;
  assert.equal(look(heap, watch, 200, 200), 1);
  heap.heldMib = 126;
  assert.equal(look(heap, watch, ...new Array(10).fill(200)), 0);
  heap.heldMib = 125;
  assert.equal(look(heap, watch, ...new Array(10).fill(200)), 1);
});

Deno.test("garbage: two seconds are between collections of a calm server", () => {
  const heap = new FakeHeap(40);
  heap.tookMs = 100;
  const watch = new GarbageWatch(heap);
  assert.equal(look(heap, watch, 200), 1);
  assert.equal(look(heap, watch, 200, 200, 200), 0);
  assert.equal(look(heap, watch, 200), 1);
});

Deno.test("garbage: while memory grows, fifty times as long as a collection took is before the next one", () => {
  const heap = new FakeHeap(40);
  heap.tookMs = 100;
  const watch = new GarbageWatch(heap);
  assert.equal(look(heap, watch, 200), 1);
  assert.equal(look(heap, watch, 200, 210, 220, 230, 240, 250, 260, 270, 280), 0);
  assert.equal(look(heap, watch, 290), 1);
});
