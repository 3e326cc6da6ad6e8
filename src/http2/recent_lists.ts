/** What was found out about the header lists seen last. This module performs no I/O. */
import type { HeaderField } from "../http/mod.ts";

/** How many lists are remembered. A connection repeats a few, often one. */
const CAPACITY = 8;

/**
 * Remembers something about each of the last few lists, by their identity: HPACK gives the same list for the same block. Looking through
 * eight is faster than a Map, and keeps nothing alive for long.
 */
export class RecentLists<T> {
  readonly #lists: (readonly HeaderField[])[] = [];
  readonly #values: T[] = [];
  #next = 0;

  get(list: readonly HeaderField[]): T | undefined {
    const index = this.#lists.indexOf(list);
    return index < 0 ? undefined : this.#values[index];
  }

  /** Remembers one more, instead of the oldest. Only lists that are frozen can be relied on, others are not kept. */
  set(list: readonly HeaderField[], value: T): void {
    if (Object.isFrozen(list)) {
      this.#lists[this.#next] = list;
      this.#values[this.#next] = value;
      this.#next = (this.#next + 1) % CAPACITY;
    }
  }
}
