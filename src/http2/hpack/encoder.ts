/** Header lists to header blocks (RFC 7541 §3). This module performs no I/O. */
import type { HeaderField } from "../../http/mod.ts";
import { checkTableSize, DEFAULT_TABLE_SIZE, FIELD_OVERHEAD } from "./dynamic_table.ts";
import { EncoderTable, NOT_FOUND } from "./encoder_table.ts";
import { huffmanLength, writeHuffman } from "./huffman.ts";
import { Indexing, KNOWN_NAMES, type KnownName } from "./indexing.ts";
import { STATIC_TABLE } from "./static_table.ts";

/** The index of the newest entry of the dynamic table. */
const FIRST_DYNAMIC_INDEX = STATIC_TABLE.length + 1;

/** How many octets a block has at most besides names and values: two size updates, and for every field an index and two lengths. */
const BOUND_OF_UPDATES = 12;
const BOUND_OF_FIELD = 13;

/** How many literals are remembered to see which come up again. */
const SEEN_FIELDS = 16;

/** How many lists are remembered with their blocks. */
const KEPT_LISTS = 4;

/** Where the indices that a block begins with are set aside. */
const LEADING = new Uint8Array(32);
const MAX_INDEX_LENGTH = 6;

/**
 * A character that is no octet. The engine knows without looking that a string of octets has none: 16 to 27 ns, whereas a loop takes 47 ns
 * for 30 characters and 286 for 200.
 */
const NOT_AN_OCTET = /[^\0-\xff]/;

/** How an encoder is set up. */
export interface HpackEncoderOptions {
  /**
   * How large the dynamic table may become, in octets, whatever the peer allows.
   *
   * @default {4096}
   */
  readonly maxTableSize?: number;
}

interface KeptList {
  readonly fields: readonly HeaderField[];
  readonly generation: number;
  readonly block: Uint8Array;
}

/** Encodes the header lists of one connection. The blocks have to be sent in the order in which they were made, since they share a table. */
export class HpackEncoder {
  readonly #table = new EncoderTable(DEFAULT_TABLE_SIZE);
  readonly #maxTableSize: number;
  /** Sizes set since the last block, to be signalled at the beginning of the next one: the smallest and the last. */
  #smallestSize: number | undefined;
  #lastSize = DEFAULT_TABLE_SIZE;
  /** Literals that a table may have and does not, a ring of the last ones. */
  readonly #seen: HeaderField[] = [];
  #nextSeen = 0;
  /** Lists that were encoded to indices alone: as long as the table does not change, so does not the block. */
  readonly #kept: KeptList[] = [];
  #nextKept = 0;

  /** @throws {RangeError} `maxTableSize` is not an integer from 0 to 2^32 - 1. */
  constructor(options: HpackEncoderOptions = {}) {
    const { maxTableSize = DEFAULT_TABLE_SIZE } = options;
    checkTableSize(maxTableSize);
    this.#maxTableSize = maxTableSize;
    this.#changeSize(Math.min(DEFAULT_TABLE_SIZE, maxTableSize));
  }

  /**
   * Takes the peer's SETTINGS_HEADER_TABLE_SIZE, in octets. The next block begins with what changes by it; when it was smaller in between,
   * with that, too (RFC 7541 §4.2).
   *
   * @throws {RangeError} `size` is not an integer from 0 to 2^32 - 1.
   */
  setMaxTableSize(size: number): void {
    checkTableSize(size);
    this.#changeSize(Math.min(size, this.#maxTableSize));
  }

  /** An upper bound of the octets that {@linkcode encode} writes for `fields`. Cheap. */
  bound(fields: readonly HeaderField[]): number {
    let bound = BOUND_OF_UPDATES;
    for (let i = 0; i < fields.length; i++) {
      const { name, value } = fields[i]!;
      bound += name.length + value.length + BOUND_OF_FIELD;
    }
    return bound;
  }

  /**
   * Writes the block of `fields` to `buffer` at `offset` and gives the offset after it. The buffer must have {@linkcode bound} octets
   * from there; those after the block may have been written to as well.
   *
   * A frozen array of fields that is given again and again is encoded fastest. Fields must not be changed once they were given.
   *
   * @throws {TypeError} A character is above U+00FF. Nothing was written then, and the table is as it was.
   * @throws {RangeError} The buffer has fewer octets than {@linkcode bound}. As before.
   */
  encode(fields: readonly HeaderField[], buffer: Uint8Array, offset: number): number {
    const hasSizeUpdate = this.#smallestSize !== undefined;
    if (!hasSizeUpdate) {
      const end = this.#writeKept(fields, buffer, offset);
      if (end >= 0) {
        return end;
      }
    }
    // The indices at the beginning are set aside, so that only the fields after them need checking before anything is written:
    // 135 instead of 241 ns for the head of a gRPC response.
    let i = 0;
    let leadingLength = 0;
    while (!hasSizeUpdate && i < fields.length && leadingLength <= LEADING.length - MAX_INDEX_LENGTH) {
      const index = this.#indexOf(fields[i]!);
      if (index === 0) {
        break;
      }
      leadingLength = writeInteger(LEADING, leadingLength, 0x80, 0x7f, index);
      i++;
    }
    checkFields(fields, i);
    if (this.bound(fields) > buffer.length - offset) {
      throw new RangeError(`Cannot encode header list: ${buffer.length - offset} octets are left in the buffer`);
    }
    for (let j = 0; j < leadingLength; j++) {
      buffer[offset++] = LEADING[j]!;
    }
    if (i === fields.length && !hasSizeUpdate) {
      if (Object.isFrozen(fields)) {
        this.#keep({ fields, generation: this.#table.generation, block: LEADING.slice(0, leadingLength) });
      }
      return offset;
    }
    if (hasSizeUpdate) {
      offset = this.#writeSizeUpdates(buffer, offset);
    }
    for (; i < fields.length; i++) {
      const field = fields[i]!;
      const index = this.#indexOf(field);
      offset = index > 0 ? writeInteger(buffer, offset, 0x80, 0x7f, index) : this.#writeLiteral(field, buffer, offset);
    }
    return offset;
  }

  /** The block of a list that was kept; -1 when it was not, or the table changed since. */
  #writeKept(fields: readonly HeaderField[], buffer: Uint8Array, offset: number): number {
    for (let i = 0; i < this.#kept.length; i++) {
      const kept = this.#kept[i]!;
      if (kept.fields === fields && kept.generation === this.#table.generation) {
        const block = kept.block;
        if (block.length > buffer.length - offset) {
          return -1;
        }
        for (let j = 0; j < block.length; j++) {
          buffer[offset + j] = block[j]!;
        }
        return offset + block.length;
      }
    }
    return -1;
  }

  #keep(list: KeptList): void {
    const outdated = this.#kept.findIndex(({ fields }) => fields === list.fields);
    this.#kept[outdated >= 0 ? outdated : this.#nextKept++ % KEPT_LISTS] = list;
  }

  #changeSize(size: number): void {
    this.#smallestSize = Math.min(size, this.#smallestSize ?? size);
    this.#lastSize = size;
    if (this.#smallestSize === size && size === this.#table.maxSize) {
      this.#smallestSize = undefined;
    }
  }

  /** RFC 7541 §4.2: the smallest size since the last block, then the last one. */
  #writeSizeUpdates(buffer: Uint8Array, offset: number): number {
    if (this.#smallestSize! < Math.min(this.#lastSize, this.#table.maxSize)) {
      // Not the smallest but 0: golang.org/x/net/http2/hpack takes a second update only while its table is empty.
      this.#table.setMaxSize(0);
      offset = writeInteger(buffer, offset, 0x20, 0x1f, 0);
    }
    this.#smallestSize = undefined;
    this.#table.setMaxSize(this.#lastSize);
    return writeInteger(buffer, offset, 0x20, 0x1f, this.#lastSize);
  }

  /** The index of a field in both tables (RFC 7541 §2.3.3); 0 when it has none, or must not be an index. */
  #indexOf(field: HeaderField): number {
    const known = KNOWN_NAMES.get(field.name);
    if (isForbidden(field, known)) {
      return 0;
    }
    const index = known?.values?.get(field.value);
    if (index !== undefined) {
      return index;
    }
    const age = this.#table.find(field.name, field.value);
    return age === NOT_FOUND ? 0 : FIRST_DYNAMIC_INDEX + age;
  }

  /** RFC 7541 §6.2. */
  #writeLiteral(field: HeaderField, buffer: Uint8Array, offset: number): number {
    const { name, value } = field;
    const known = KNOWN_NAMES.get(name);
    const isNeverIndexed = isForbidden(field, known);
    const isInserted = !isNeverIndexed && this.#isWorthAnEntry(field, known);
    let nameIndex = known?.index ?? 0;
    if (nameIndex === 0) {
      const age = this.#table.findName(name);
      nameIndex = age === NOT_FOUND ? 0 : FIRST_DYNAMIC_INDEX + age;
    }
    offset = isInserted
      ? writeInteger(buffer, offset, 0x40, 0x3f, nameIndex)
      : writeInteger(buffer, offset, isNeverIndexed ? 0x10 : 0, 0x0f, nameIndex);
    if (nameIndex === 0) {
      offset = writeString(buffer, offset, name);
    }
    if (isInserted) {
      this.#table.insert(name, value);
    }
    return writeString(buffer, offset, value);
  }

  /**
   * Whether a literal goes into the table: when it comes up for the second time, so that values that are unique evict nothing.
   * It may have half of the table, so that one field does not empty it, and what is remembered is bounded.
   */
  #isWorthAnEntry(field: HeaderField, known: KnownName | undefined): boolean {
    const { name, value } = field;
    if (
      known?.indexing === Indexing.USELESS ||
      name.length + value.length + FIELD_OVERHEAD > Math.min(this.#table.maxSize, DEFAULT_TABLE_SIZE) / 2 ||
      (name === ":path" && value.includes("?"))
    ) {
      return false;
    }
    for (let i = 0; i < this.#seen.length; i++) {
      const seen = this.#seen[i]!;
      if (seen.value === value && seen.name === name) {
        return true;
      }
    }
    this.#seen[this.#nextSeen] = field;
    this.#nextSeen = (this.#nextSeen + 1) % SEEN_FIELDS;
    return false;
  }
}

function isForbidden(field: HeaderField, known: KnownName | undefined): boolean {
  return field.sensitive === true || known?.indexing === Indexing.FORBIDDEN;
}

/** Checks the fields from `start`. Before anything is written, since a block must not be lost once the table has changed. */
function checkFields(fields: readonly HeaderField[], start: number): void {
  for (let i = start; i < fields.length; i++) {
    const { name, value } = fields[i]!;
    if (NOT_AN_OCTET.test(name)) {
      throw new TypeError(`Cannot encode the name of field ${i + 1}: it has a character above U+00FF`);
    }
    if (NOT_AN_OCTET.test(value)) {
      throw new TypeError(`Cannot encode the value of "${name}": it has a character above U+00FF`);
    }
  }
}

/** RFC 7541 §5.1. The prefix is the bits of `mask`, those above it are of `pattern`. */
function writeInteger(buffer: Uint8Array, offset: number, pattern: number, mask: number, value: number): number {
  if (value < mask) {
    buffer[offset] = pattern | value;
    return offset + 1;
  }
  buffer[offset++] = pattern | mask;
  value -= mask;
  while (value > 0x7f) {
    buffer[offset++] = value & 0x7f | 0x80;
    value = Math.floor(value / 128);
  }
  buffer[offset] = value;
  return offset + 1;
}

/** RFC 7541 §5.2: in the Huffman code when that is shorter. */
function writeString(buffer: Uint8Array, offset: number, text: string): number {
  if (text.length < 0x7f) {
    // The length will have one octet in any case, so that one pass does: 510 instead of 860 ns for 55 characters.
    const start = offset + 1;
    const end = writeHuffman(text, buffer, start, start + text.length);
    if (end >= 0 && end - start < text.length) {
      buffer[offset] = 0x80 | end - start;
      return end;
    }
    buffer[offset] = text.length;
    return writeOctets(buffer, start, text);
  }
  const length = huffmanLength(text);
  if (length < text.length) {
    offset = writeInteger(buffer, offset, 0x80, 0x7f, length);
    return writeHuffman(text, buffer, offset, offset + length + 1);
  }
  return writeOctets(buffer, writeInteger(buffer, offset, 0, 0x7f, text.length), text);
}

function writeOctets(buffer: Uint8Array, offset: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    buffer[offset + i] = text.charCodeAt(i);
  }
  return offset + text.length;
}
