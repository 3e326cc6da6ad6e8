/** When garbage is collected, by a heap that does what the tests say. */
import assert from "node:assert/strict";
import { type GarbageHost, GarbageWatch } from "../../src/net/garbage_watch.ts";

const MIB = 1 << 20;

/** A heap that is what the test says, of which a collection leaves `liveMib`, and a process that has `unusedMib` beside it. */
class FakeHeap implements GarbageHost {
  usedMib: number;
  liveMib: number;
  unusedMib = 50;
  heldMib = 0;
  timeMs = 0;
  /** The part of the time that the processor works. */
  load = 0.2;
  #cpuMs = 0;
  #cpuAtMs = 0;
  /** What was done: `begin`, `collect`. */
  log: string[] = [];

  constructor(usedMib: number) {
    this.usedMib = this.liveMib = usedMib;
  }

  usedBytes(): number {
    return this.usedMib * MIB;
  }

  residentBytes(): number {
    return (this.usedMib + this.unusedMib) * MIB;
  }

  heldBytes(): number {
    return this.heldMib * MIB;
  }

  beginCollection(): void {
    this.log.push("begin");
  }

  collect(): void {
    this.log.push("collect");
    this.usedMib = this.liveMib;
    this.unusedMib = 50;
  }

  nowMs(): number {
    return this.timeMs;
  }

  cpuMs(): number {
    this.#cpuMs += this.load * (this.timeMs - this.#cpuAtMs);
    this.#cpuAtMs = this.timeMs;
    return this.#cpuMs;
  }
}

/** Looks at a heap each 500 ms, of which so many MiB are in use each time. Returns what was done. */
function look(heap: FakeHeap, watch: GarbageWatch, ...usedMib: readonly number[]): string[] {
  heap.log = [];
  for (const used of usedMib) {
    heap.usedMib = used;
    heap.timeMs += 500;
    watch.look();
  }
  return heap.log;
}

Deno.test("garbage: of a calm server it is collected above 32 MiB", () => {
  const heap = new FakeHeap(40);
  const watch = new GarbageWatch(heap);
  assert.deepEqual(look(heap, watch, 72, 72, 72), []);
  assert.deepEqual(look(heap, watch, 73), ["collect"]);
});

Deno.test("garbage: while memory changes, a collection begins above 96 MiB, and the thread does not stand still", () => {
  const heap = new FakeHeap(40);
  const watch = new GarbageWatch(heap);
  assert.deepEqual(look(heap, watch, 80, 110, 136), []);
  assert.deepEqual(look(heap, watch, 142), ["begin"]);
  assert.deepEqual(look(heap, watch, 150, 160, 170), [], "it goes on");
  assert.deepEqual(look(heap, watch, 180), ["begin"]);
  assert.deepEqual(look(heap, watch, 60, 90, 80, 130), []);
});

Deno.test("garbage: the thread does not stand still while the processor works", () => {
  const heap = new FakeHeap(40);
  const watch = new GarbageWatch(heap);
  heap.load = 0.21;
  heap.unusedMib = 200;
  assert.deepEqual(look(heap, watch, 80, 80, 80), []);
  heap.load = 0.2;
  assert.deepEqual(look(heap, watch, 80), ["collect"]);
});

Deno.test("garbage: memory that V8 does not use is given back above 40 MiB, when the server is calm", () => {
  const heap = new FakeHeap(40);
  const watch = new GarbageWatch(heap);
  heap.unusedMib = 90;
  assert.deepEqual(look(heap, watch, 40, 40), []);
  heap.unusedMib = 91;
  assert.deepEqual(look(heap, watch, 50, 40), [], "it is not calm");
  assert.deepEqual(look(heap, watch, 40), ["collect"]);
});

Deno.test("garbage: what the process has after a collection is not given back again and again", () => {
  const heap = new FakeHeap(40);
  const watch = new GarbageWatch(heap);
  heap.collect = () => heap.log.push("collect");
  heap.unusedMib = 150;
  assert.deepEqual(look(heap, watch, ...new Array(100).fill(40)), ["collect"]);
});

Deno.test("garbage: what is in use after a collection is none", () => {
  const heap = new FakeHeap(40);
  const watch = new GarbageWatch(heap);
  heap.liveMib = 200;
  assert.deepEqual(look(heap, watch, 200, 200, ...new Array(100).fill(210)), ["begin", "collect"]);
});

Deno.test("garbage: V8's own collections count, too", () => {
  const heap = new FakeHeap(100);
  const watch = new GarbageWatch(heap);
  assert.deepEqual(look(heap, watch, 40, 72, 72), []);
  assert.deepEqual(look(heap, watch, 73), ["collect"]);
});

Deno.test("garbage: what waited at the last collection and does not any more is garbage", () => {
  const heap = new FakeHeap(150);
  heap.heldMib = 150;
  const watch = new GarbageWatch(heap);
  heap.liveMib = 40;
  heap.heldMib = 118;
  assert.deepEqual(look(heap, watch, ...new Array(10).fill(150)), []);
  heap.heldMib = 117;
  assert.deepEqual(look(heap, watch, 150), ["collect"]);
});

Deno.test("garbage: two seconds are between collections", () => {
  const heap = new FakeHeap(40);
  const watch = new GarbageWatch(heap);
  assert.deepEqual(look(heap, watch, 100, 100), ["collect"]);
  assert.deepEqual(look(heap, watch, 100, 100, 100), []);
  assert.deepEqual(look(heap, watch, 100), ["collect"]);
});
