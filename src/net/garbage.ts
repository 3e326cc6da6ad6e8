/** Has V8 collect buffers without references, before there is no memory left. */
import { usableMemory } from "./buffer_limits.ts";

/**
 * More than V8 lets buffers grow by before it begins to collect, in bytes. It looks at how many bytes were allocated and not at those that are used:
 * pages that are not touched are no memory.
 */
const PRESSURE_BYTES = 64 << 20;

/**
 * How long after it was asked for, in milliseconds: what has just been let go may still be referred to, and more may follow. The second time is for what
 * was let go when the first collection had begun, which keeps that.
 */
const DELAYS_MS = [250, 2000] as const;

/** The part of its memory that a process may use before who has much to handle has to wait. */
const HIGH_PART = 0.6;

/** How long it waits, in milliseconds, to see whether that helps, and how often. */
const RELIEF_MS = 20;
const MAX_RELIEFS = 10;

/**
 * Collects soon. After a burst of large messages V8 has no reason to: 64 buffers of 4 MB that were let go stay for as long as a server is idle, or has
 * small calls only (284 MiB resident, 44 after this, which takes 0.04 to 5 ms and goes on between other work).
 */
export class GarbageHint {
  readonly #timers: (ReturnType<typeof setTimeout> | undefined)[] = [];

  give(): void {
    DELAYS_MS.forEach((delayMs, index) => {
      this.#timers[index] ??= setTimeout(() => {
        this.#timers[index] = undefined;
        beginCollection();
      }, delayMs);
    });
  }

  /** Has nothing waited for any more. */
  cancel(): void {
    this.#timers.splice(0).forEach((timer) => clearTimeout(timer));
  }
}

/** What {@linkcode MemoryPressure} asks of the system. */
export interface MemoryGauge {
  /** Bytes that the process may use; undefined when that is not known. */
  usable(): number | undefined;
  /** Bytes that it does use. */
  resident(): number;
  pause(ms: number): Promise<void>;
}

const SYSTEM_GAUGE: MemoryGauge = {
  usable: usableMemory,
  resident: () => Deno.memoryUsage().rss,
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/**
 * Has those wait who make much garbage when memory runs short: V8 collects between turns, and knows no limit of a container. In 256 MiB, 128 messages of
 * 4 KB that become 4 MB ended the process; with this it has 157 to 207 MiB.
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
      beginCollection();
      await this.#gauge.pause(RELIEF_MS);
    }
  }
}

/** That of the process. */
export const PROCESS_MEMORY = new MemoryPressure();

function beginCollection(): void {
  try {
    new ArrayBuffer(PRESSURE_BYTES);
  } catch {
    // There is so little memory that V8 has a reason of its own.
  }
}
