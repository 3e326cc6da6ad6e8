/** What header blocks meant, remembered. This module performs no I/O. */
import type { HeaderField } from "../../http/mod.ts";

/** How many blocks are remembered. */
const SLOTS = 8;

/** Longer blocks are not remembered, in octets: they are rarely sent twice, and 8 of them are memory of every connection. */
const MAX_BLOCK_LENGTH = 512;

interface Slot {
  /** Begins with the block. Used again for the next block, if that fits. */
  octets: Uint8Array;
  length: number;
  /** Of the block: {@linkcode hashOf}. */
  hash: number;
  generation: number;
  fields: readonly HeaderField[];
}

/**
 * The meaning of a block depends on its octets and the dynamic table only. So a block that left the table alone means the same for as long as
 * the table does not change: a list is found only in the generation of the table it was stored in.
 */
export class BlockCache {
  readonly #slots: Slot[] = [];
  #next = 0;
  /** Found last: clients send the same block again and again. Comparing it first takes a hit from 34 to 15 ns. */
  #last: Slot | undefined;
  /** The hash of the block that was not found last, which is the next one to be stored. */
  #missedHash = 0;

  /** The list that the octets from `start` up to `end` meant; undefined when that is not known. */
  find(buffer: Uint8Array, start: number, end: number, generation: number): readonly HeaderField[] | undefined {
    const last = this.#last;
    if (last !== undefined && matches(last, buffer, start, end, generation)) {
      return last.fields;
    }
    if (end - start > MAX_BLOCK_LENGTH) {
      return undefined;
    }
    const hash = hashOf(buffer, start, end);
    for (let i = 0; i < this.#slots.length; i++) {
      const slot = this.#slots[i]!;
      if (slot.hash === hash && matches(slot, buffer, start, end, generation)) {
        this.#last = slot;
        return slot.fields;
      }
    }
    this.#missedHash = hash;
    return undefined;
  }

  /** Remembers what a block meant that was not found just now, and that did not change the table. The octets are copied. */
  store(
    buffer: Uint8Array,
    start: number,
    end: number,
    generation: number,
    fields: readonly HeaderField[],
  ): void {
    const length = end - start;
    if (length > MAX_BLOCK_LENGTH) {
      return;
    }
    let slot = this.#slots[this.#next];
    if (slot === undefined) {
      slot = { octets: new Uint8Array(Math.max(64, length)), length, hash: 0, generation, fields };
      this.#slots.push(slot);
    } else if (slot.octets.length < length) {
      slot.octets = new Uint8Array(MAX_BLOCK_LENGTH);
    }
    this.#next = (this.#next + 1) % SLOTS;
    for (let i = 0; i < length; i++) {
      slot.octets[i] = buffer[start + i]!;
    }
    slot.length = length;
    slot.hash = this.#missedHash;
    slot.generation = generation;
    slot.fields = fields;
    this.#last = slot;
  }
}

function matches(slot: Slot, buffer: Uint8Array, start: number, end: number, generation: number): boolean {
  if (slot.length !== end - start || slot.generation !== generation) {
    return false;
  }
  const octets = slot.octets;
  // From the end: blocks of one peer begin alike.
  for (let i = slot.length - 1; i >= 0; i--) {
    if (octets[i] !== buffer[start + i]) {
      return false;
    }
  }
  return true;
}

/** Octets that differ mostly have different hashes, so that a block that is not there is compared with none: 8 that are nearly the same cost 200 ns. */
function hashOf(buffer: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) {
    hash = Math.imul(hash, 31) + buffer[i]! | 0;
  }
  return hash;
}
