/** Has V8 collect garbage: it does so when it allocates, and knows no limit of a container. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { usableMemory } from "./buffer_limits.ts";

/**
 * As much as V8 lets buffers grow by before it begins to collect, in bytes. It looks at how many bytes were allocated and not at those that are used:
 * pages that are not touched are no memory.
 */
const PRESSURE_BYTES = 64 << 20;

/** The part of its memory that a process may use before connections with much work wait. */
const HIGH_PART = 0.6;

/** How long they wait, in milliseconds, to see whether that helps, and how often. */
const RELIEF_MS = 20;
const MAX_RELIEFS = 10;

/** What {@linkcode MemoryPressure} asks of the system. */
export interface MemoryGauge {
  /** Bytes that the process may use; undefined when that is not known. */
  usable(): number | undefined;
  /** Bytes that it does use. */
  resident(): number;
  collect(): void;
  pause(ms: number): Promise<void>;
}

const SYSTEM_GAUGE: MemoryGauge = {
  usable: usableMemory,
  resident: () => Deno.memoryUsage().rss,
  collect: beginCollection, // Ten full collections in a row would have the thread stand still for half a second.
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/**
 * Has connections wait that make much garbage when memory runs short: V8 collects between turns. In 256 MiB, 128 messages of 4 KB that become 4 MB ended
 * the process; with this it has 157 to 207 MiB.
 */
export class MemoryPressure {
  readonly #gauge: MemoryGauge;
  #highBytes: number | undefined;

  /** @param gauge What there is. @default the system's */
  constructor(gauge: MemoryGauge = SYSTEM_GAUGE) {
    this.#gauge = gauge;
  }

  /** Whether garbage has to go before more is made. To find out takes some 20 us. */
  get isHigh(): boolean {
    this.#highBytes ??= (this.#gauge.usable() ?? Infinity) * HIGH_PART;
    return this.#gauge.resident() > this.#highBytes;
  }

  /** Waits until there is memory again, or so long that waiting does not help. */
  async relieve(): Promise<void> {
    for (let tries = 0; tries < MAX_RELIEFS && this.isHigh; tries++) {
      this.#gauge.collect();
      await this.#gauge.pause(RELIEF_MS);
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
