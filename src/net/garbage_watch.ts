/**
 * Collects garbage that V8 leaves: it does so when it allocates, and not because much waits. After 150 requests for responses of 4 MiB, which were not
 * taken, a server that was called twice a second kept 570 MiB for as long as it was watched; in a container of 256 MiB the system would have ended it.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** How often memory is looked at, in milliseconds. It takes 5 us. */
const PERIOD_MS = 500;

/** What may lie there when nothing is going on, and when V8 is about to collect it by itself, in bytes. */
const CALM_BYTES = 24 << 20;
const BUSY_BYTES = 96 << 20;

/** By how much memory may grow from one look to the next when nothing is going on, in bytes. */
const GROWTH_BYTES = 4 << 20;

/** The least time between two collections, and while there is work how many times as long as the last one took: 2 % of the time, at most. */
const MIN_PAUSE_MS = 2000;
const PAUSE_FACTOR = 50;

/** What {@linkcode GarbageWatch} stands on. */
export interface GarbageHost {
  /** Bytes in V8's heap and outside of it, garbage included. */
  usedBytes(): number;
  /** Those of them that wait for peers: what was let go of them is garbage. */
  heldBytes(): number;
  collect(): void;
  nowMs(): number;
}

/** Decides when garbage is collected. */
export class GarbageWatch {
  readonly #host: GarbageHost;
  /** The least that was in use since the last collection, and what waited then: what is above it may be garbage, and what does not wait any more. */
  #leastBytes: number;
  #heldBytes: number;
  #lastBytes: number;
  #endedAtMs = -Infinity;
  #tookMs = 0;

  constructor(host: GarbageHost) {
    this.#host = host;
    this.#leastBytes = this.#lastBytes = host.usedBytes();
    this.#heldBytes = host.heldBytes();
  }

  /** Looks at memory, and collects garbage if there may be much of it. */
  look(): void {
    const used = this.#host.usedBytes();
    const isCalm = used <= this.#lastBytes + GROWTH_BYTES;
    this.#lastBytes = used;
    const held = this.#host.heldBytes();
    if (used < this.#leastBytes) {
      this.#leastBytes = used;
      this.#heldBytes = held;
    }
    const garbage = used - this.#leastBytes + Math.max(0, this.#heldBytes - held);
    const nowMs = this.#host.nowMs();
    const pauseMs = isCalm ? MIN_PAUSE_MS : Math.max(MIN_PAUSE_MS, PAUSE_FACTOR * this.#tookMs);
    if (garbage <= (isCalm ? CALM_BYTES : BUSY_BYTES) || nowMs < this.#endedAtMs + pauseMs) {
      return;
    }
    this.#host.collect();
    this.#endedAtMs = this.#host.nowMs();
    this.#tookMs = this.#endedAtMs - nowMs;
    this.#leastBytes = this.#lastBytes = this.#host.usedBytes();
    this.#heldBytes = held;
  }
}

/** V8's own function, which it shows to contexts that are made while a flag is set. */
let collectGarbage: (() => void) | undefined;

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
  collect: () => {
    if (collectGarbage === undefined) {
      setFlagsFromString("--expose-gc");
      collectGarbage = runInNewContext("gc") as () => void;
      setFlagsFromString("--no-expose-gc");
    }
    collectGarbage();
  },
  nowMs: () => performance.now(),
};

/**
 * Watches the heap of this thread until it is disposed of. It does not keep the process alive.
 *
 * @param heldBytes Bytes that a server has waiting for its peers.
 */
export function watchGarbage(heldBytes: () => number): Disposable {
  servers.add(heldBytes);
  if (timer === undefined) {
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
