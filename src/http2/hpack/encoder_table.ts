/** The dynamic table as an encoder needs it: searched by name and value. This module performs no I/O. */
import { DynamicTable } from "./dynamic_table.ts";

/** An entry of the table. Its age is how many were inserted after it. */
interface Entry {
  readonly name: string;
  readonly value: string;
  /** How many entries were inserted before it, ever. */
  readonly number: number;
  /** The entry of the same name before it. It may have been evicted. */
  older: Entry | undefined;
}

/** What {@linkcode EncoderTable.find} found. */
export const NOT_FOUND = -1;

/** A dynamic table with the entries of every name in a chain, the newest first. */
export class EncoderTable {
  readonly #newest = new Map<string, Entry>();
  readonly #table: DynamicTable<Entry>;
  #inserted = 0;

  /** `maxSize` is in octets. */
  constructor(maxSize: number) {
    this.#table = new DynamicTable<Entry>(maxSize, (entry) => {
      if (this.#newest.get(entry.name) === entry) {
        this.#newest.delete(entry.name);
      }
    });
  }

  /** How large the table may be, in octets. */
  get maxSize(): number {
    return this.#table.maxSize;
  }

  /** Another number after every change. */
  get generation(): number {
    return this.#table.generation;
  }

  /** The age of the entry with `name` and `value`, the newest's being 0, or {@linkcode NOT_FOUND}. */
  find(name: string, value: string): number {
    const oldestNumber = this.#inserted - this.#table.count;
    let entry = this.#newest.get(name);
    while (entry !== undefined) {
      if (entry.value === value) {
        return this.#inserted - 1 - entry.number;
      }
      const older: Entry | undefined = entry.older;
      if (older !== undefined && older.number < oldestNumber) {
        // Lets go of evicted entries. Only a search that ends here leads to an insertion, so chains stay as short as the table.
        entry.older = undefined;
        return NOT_FOUND;
      }
      entry = older;
    }
    return NOT_FOUND;
  }

  /** The age of the newest entry with `name`, or {@linkcode NOT_FOUND}. */
  findName(name: string): number {
    const entry = this.#newest.get(name);
    return entry === undefined ? NOT_FOUND : this.#inserted - 1 - entry.number;
  }

  /** Adds a field that was not found, and that is not larger than the table. */
  insert(name: string, value: string): void {
    const entry: Entry = { name, value, number: this.#inserted++, older: this.#newest.get(name) };
    this.#table.insert(entry);
    this.#newest.set(name, entry);
  }

  /** Sets how large the table may be, in octets. */
  setMaxSize(maxSize: number): void {
    this.#table.setMaxSize(maxSize);
  }
}
