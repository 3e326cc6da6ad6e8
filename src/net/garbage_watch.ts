/**
 * Collects garbage that V8 leaves: it does so when it allocates, and not because much waits. After 150 requests for responses of 4 MiB, which were not
 * taken, a server that was called twice a second kept 570 MiB for as long as it was watched; in a container of 256 MiB the system would have ended it.
 */
import process from "node:process";
import { beginCollection, collectGarbage, markWhileAllocating, prepareCollection } from "./garbage.ts";

/** How often memory is looked at, in milliseconds. It takes 5 us. */
const PERIOD_MS = 500;

/** How much memory changes from one look to the next when nothing much is going on, in bytes, and the part of the time that the processor works. */
const CALM_CHANGE_BYTES = 4 << 20;
const CALM_CPU_PART = 0.2;

/** What may lie there when nothing is going on, and when V8 is about to collect it by itself, in bytes. */
const CALM_BYTES = 32 << 20;
const BUSY_BYTES = 96 << 20;

/** What V8 may keep of the system's memory that it does not use, beyond what it had at first, in bytes. It keeps pages for objects to come. */
const UNUSED_BYTES = 40 << 20;

/** The least time between two collections, in milliseconds. */
const PAUSE_MS = 2000;

/** What {@linkcode GarbageWatch} stands on. */
export interface GarbageHost {
  /** Bytes in V8's heap and outside of it, garbage included. */
  usedBytes(): number;
  /** Bytes of memory that the process has. */
  residentBytes(): number;
  /** Those that wait for peers: what was let go of them is garbage. */
  heldBytes(): number;
  /** Begins a collection, which goes on beside other work. */
  beginCollection(): void;
  /** Collects now, and gives memory back that is not used. The thread stands still for that. */
  collect(): void;
  nowMs(): number;
  /** Processor time that the process has used, in milliseconds. */
  cpuMs(): number;
}

/** Decides when garbage is collected. */
export class GarbageWatch {
  readonly #host: GarbageHost;
  /** The least that was in use since the last collection, and what waited then: what is above it may be garbage, and what does not wait any more. */
  #leastBytes = Infinity;
  #heldBytes = 0;
  #lastBytes = 0;
  #lastMs: number;
  #lastCpuMs: number;
  /** What the process had and V8 did not use after the last collection. */
  #unusedBytes = 0;
  #collectedAtMs = -Infinity;

  constructor(host: GarbageHost) {
    this.#host = host;
    this.#lastMs = host.nowMs();
    this.#lastCpuMs = host.cpuMs();
    this.#measure();
  }

  /** Looks at memory, and collects garbage if there may be much of it. */
  look(): void {
    const host = this.#host;
    const used = host.usedBytes();
    const nowMs = host.nowMs();
    const cpuMs = host.cpuMs();
    const isCalm = Math.abs(used - this.#lastBytes) <= CALM_CHANGE_BYTES &&
      cpuMs - this.#lastCpuMs <= CALM_CPU_PART * (nowMs - this.#lastMs);
    this.#lastBytes = used;
    this.#lastMs = nowMs;
    this.#lastCpuMs = cpuMs;
    const held = host.heldBytes();
    if (used < this.#leastBytes) {
      this.#leastBytes = used;
      this.#heldBytes = held;
    }
    if (nowMs < this.#collectedAtMs + PAUSE_MS) {
      return;
    }
    const garbage = used - this.#leastBytes + Math.max(0, this.#heldBytes - held);
    if (isCalm && (garbage > CALM_BYTES || host.residentBytes() - used > this.#unusedBytes + UNUSED_BYTES)) {
      host.collect();
      this.#collectedAtMs = host.nowMs();
      this.#measure();
    } else if (garbage > BUSY_BYTES) {
      host.beginCollection();
      this.#collectedAtMs = nowMs;
    }
  }

  #measure(): void {
    this.#leastBytes = this.#lastBytes = this.#host.usedBytes();
    this.#heldBytes = this.#host.heldBytes();
    this.#unusedBytes = this.#host.residentBytes() - this.#lastBytes;
  }
}

/** Servers of this thread, which have one heap: how much each of them has waiting. */
const servers = new Set<() => number>();
let timer: ReturnType<typeof setInterval> | undefined;

const V8_HOST: GarbageHost = {
  heldBytes: () => {
    let sum = 0;
    servers.forEach((heldBytes) => sum += heldBytes());
    return sum;
  },
  usedBytes: () => {
    const { heapUsed, external } = Deno.memoryUsage();
    return heapUsed + external;
  },
  residentBytes: () => Deno.memoryUsage().rss,
  beginCollection,
  collect: collectGarbage,
  nowMs: () => performance.now(),
  cpuMs: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
};

/**
 * Watches the heap of this thread until it is disposed of. It does not keep the process alive.
 *
 * @param heldBytes Bytes that a server has waiting for its peers.
 */
export function watchGarbage(heldBytes: () => number): Disposable {
  servers.add(heldBytes);
  if (timer === undefined) {
    markWhileAllocating();
    prepareCollection();
    const watch = new GarbageWatch(V8_HOST);
    timer = setInterval(() => watch.look(), PERIOD_MS);
    Deno.unrefTimer(Number(timer));
  }
  return {
    [Symbol.dispose]: () => {
      servers.delete(heldBytes);
      if (servers.size === 0) {
        clearInterval(timer);
        timer = undefined;
      }
    },
  };
}
