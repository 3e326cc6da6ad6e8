/** Has V8 collect garbage: it does so when it allocates, and knows no limit of a container. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { usableMemory } from "./buffer_limits.ts";

/**
 * As much as V8 lets buffers grow by before it begins to collect, in bytes. It looks at how many bytes were allocated and not at those that are used:
 * pages that are not touched are no memory.
 */
const PRESSURE_BYTES = 64 << 20;

/** The part of its memory that a process may use before garbage is collected between turns, and by how much of it more it may grow until the next time. */
const HIGH_PART = 0.6;
const GROWTH_PART = 1 / 16;

/** What {@linkcode MemoryPressure} asks of the system. */
export interface MemoryGauge {
  /** Bytes that the process may use; undefined when that is not known. */
  usable(): number | undefined;
  /** Bytes that it does use. */
  resident(): number;
  /** Collects garbage now, and gives memory back. */
  collect(): void;
}

const SYSTEM_GAUGE: MemoryGauge = {
  usable: usableMemory,
  resident: () => Deno.memoryUsage().rss,
  collect: collectGarbage,
};

/**
 * Collects garbage between turns when memory is short. A collection stops the thread for 25 to 60 ms, so there is one for each sixteenth of the memory by which
 * the process has grown, and none while it does not grow: what is left above the limit then is no garbage.
 */
export class MemoryPressure {
  readonly #gauge: MemoryGauge;
  #usableBytes: number | undefined;
  /** The least that was in use since the last collection; 0 when memory was not short since. */
  #leastBytes = 0;

  /** @param gauge What there is. @default the system's */
  constructor(gauge: MemoryGauge = SYSTEM_GAUGE) {
    this.#gauge = gauge;
  }

  /** Looks at the memory, which takes some 20 us, and collects garbage if it is short. */
  relieve(): void {
    const usableBytes = this.#usableBytes ??= this.#gauge.usable() ?? Infinity;
    const bytes = this.#gauge.resident();
    if (bytes <= HIGH_PART * usableBytes) {
      this.#leastBytes = 0;
    } else if (bytes > this.#leastBytes + GROWTH_PART * usableBytes) {
      this.#gauge.collect();
      this.#leastBytes = this.#gauge.resident();
    } else if (bytes < this.#leastBytes) {
      this.#leastBytes = bytes; // The system takes memory back later.
    }
  }
}

/** That of the process. */
export const PROCESS_MEMORY = new MemoryPressure();

/**
 * Has V8 mark garbage while the program allocates, and not in tasks of its own: Deno does all of those in one round of its event loop, in which the thread
 * stands still for 40 to 100 ms. What V8 has begun to mark ends when the program allocates more, or with {@linkcode collectGarbage}.
 */
export function markWhileAllocating(): void {
  setFlagsFromString("--no-incremental-marking-task");
}

/** Has V8 begin a collection, which goes on while the program allocates. */
export function beginCollection(): void {
  try {
    new ArrayBuffer(PRESSURE_BYTES).transfer(0); // Else it would count as used until the end of the collection.
  } catch {
    // There is so little memory that V8 has a reason of its own.
  }
}

/** V8's own function, which it shows to contexts that are made while a flag is set. */
let gc: (() => void) | undefined;

/** Has {@linkcode collectGarbage} work at once when it is called: Deno collects three times, for 120 ms, when a context is made. */
export function prepareCollection(): void {
  if (gc === undefined) {
    setFlagsFromString("--expose-gc");
    gc = runInNewContext("gc") as () => void;
    setFlagsFromString("--no-expose-gc");
  }
}

/** Collects garbage now, and gives memory back that V8 does not use: the thread stands still for 25 to 60 ms. */
export function collectGarbage(): void {
  prepareCollection();
  gc!();
}
