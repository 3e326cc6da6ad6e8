/** The dynamic table (RFC 7541 §2.3.2 and §4), of an encoder or a decoder. This module performs no I/O. */
import type { HeaderField } from "../../http/mod.ts";

/** What an entry costs besides its name and value, in octets (RFC 7541 §4.1). */
export const FIELD_OVERHEAD = 32;

/** The size of the table until something else is agreed on, in octets (RFC 9113 §6.5.2). */
export const DEFAULT_TABLE_SIZE = 4096;

/** The size of a field, in the table as in a header list: octets of name and value, and {@linkcode FIELD_OVERHEAD}. */
export function fieldSize(field: HeaderField): number {
  return field.name.length + field.value.length + FIELD_OVERHEAD;
}

/** Checks a size of a table, as SETTINGS_HEADER_TABLE_SIZE may have it. @throws {RangeError} It is none. */
export function checkTableSize(size: number): void {
  if (!Number.isInteger(size) || size < 0 || size > 0xffffffff) {
    throw new RangeError(`Cannot set the size of the table: ${size} is not an integer from 0 to 4294967295`);
  }
}

/** The first length of a ring that has entries. */
const MIN_LENGTH = 8;

/** Fields, first in first out: the oldest go when their sizes exceed the maximum. */
export class DynamicTable<Field extends HeaderField> {
  /** A ring, whose length is 0 or a power of two. It grows with the number of entries, since most connections have few. */
  #ring: (Field | undefined)[] = [];
  /** Where the next entry goes, modulo the length of the ring. */
  #next = 0;
  #count = 0;
  #size = 0;
  #maxSize: number;
  #generation = 0;
  readonly #onEvicted: ((field: Field) => void) | undefined;

  /** `maxSize` is in octets. `onEvicted` is called with every entry that goes, the oldest first. */
  constructor(maxSize: number, onEvicted?: (field: Field) => void) {
    this.#maxSize = maxSize;
    this.#onEvicted = onEvicted;
  }

  /** How many entries there are. */
  get count(): number {
    return this.#count;
  }

  /** The sum of the sizes of the entries, in octets. */
  get size(): number {
    return this.#size;
  }

  /** How large {@linkcode size} may be, in octets. */
  get maxSize(): number {
    return this.#maxSize;
  }

  /** Another number after every change, so that what was found out about the table can be kept for as long as it is true. */
  get generation(): number {
    return this.#generation;
  }

  /** The entry that came in as the last but `age`: the newest is 0. Undefined when there are not as many. */
  at(age: number): Field | undefined {
    return age < this.#count ? this.#ring[(this.#next - 1 - age) & (this.#ring.length - 1)] : undefined;
  }

  /** Adds an entry and evicts the oldest ones it has no room beside. One that is larger than the table empties it (RFC 7541 §4.4). */
  insert(field: Field): void {
    const size = fieldSize(field);
    this.#generation++;
    this.#evict(this.#maxSize - size);
    if (size > this.#maxSize) {
      return;
    }
    if (this.#count === this.#ring.length) {
      this.#grow();
    }
    this.#ring[this.#next] = field;
    this.#next = (this.#next + 1) & (this.#ring.length - 1);
    this.#count++;
    this.#size += size;
  }

  /** Sets the maximum and evicts the oldest entries that do not fit into it (RFC 7541 §4.3). */
  setMaxSize(maxSize: number): void {
    this.#generation++;
    this.#maxSize = maxSize;
    this.#evict(maxSize);
  }

  /** Evicts all entries. */
  clear(): void {
    this.#generation++;
    this.#evict(0);
  }

  #evict(maxSize: number): void {
    while (this.#count > 0 && this.#size > maxSize) {
      const place = (this.#next - this.#count) & (this.#ring.length - 1);
      const field = this.#ring[place]!;
      this.#ring[place] = undefined;
      this.#count--;
      this.#size -= fieldSize(field);
      this.#onEvicted?.(field);
    }
  }

  #grow(): void {
    const length = this.#ring.length;
    const oldestFirst = Array.from({ length }, (_, i) => this.#ring[(this.#next + i) & (length - 1)]);
    this.#ring = oldestFirst.concat(new Array(Math.max(length, MIN_LENGTH)).fill(undefined));
    this.#next = length;
  }
}
