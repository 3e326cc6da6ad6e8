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
  /** The one found last, which is most often the next one too. */
  #lastList: readonly HeaderField[] | undefined = undefined;
  #lastValue: T | undefined = undefined;

  get(list: readonly HeaderField[]): T | undefined {
    if (list === this.#lastList) {
      return this.#lastValue;
    }
    const index = this.#lists.indexOf(list);
    if (index < 0) {
      return undefined;
    }
    this.#lastList = list;
    return this.#lastValue = this.#values[index];
  }

  /** Remembers one more, instead of the oldest. Only lists that are frozen can be relied on, others are not kept. */
  set(list: readonly HeaderField[], value: T): void {
    if (Object.isFrozen(list)) {
      this.#lists[this.#next] = this.#lastList = list;
      this.#values[this.#next] = this.#lastValue = value;
      this.#next = (this.#next + 1) % CAPACITY;
    }
  }
}
