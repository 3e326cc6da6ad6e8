/** Header blocks to header lists (RFC 7541 §3). This module performs no I/O. */
import type { HeaderField } from "../../http/mod.ts";
import { BlockCache } from "./block_cache.ts";
import { checkTableSize, DEFAULT_TABLE_SIZE, DynamicTable, FIELD_OVERHEAD, fieldSize } from "./dynamic_table.ts";
import { HeaderListTooLargeError, HpackError } from "./errors.ts";
import { decodeHuffman } from "./huffman.ts";
import { octetsToString } from "./octet_string.ts";
import { STATIC_TABLE } from "./static_table.ts";

/** How many octets an integer may have after its prefix: as many as 2^32 - 1 needs. More are zeros that only make work. */
const MAX_INTEGER_OCTETS = 5;

const NO_FIELDS: readonly HeaderField[] = Object.freeze([]);

/** What a peer may ask of a decoder. */
export interface HpackDecoderOptions {
  /**
   * The size of the dynamic table when the connection begins, and how large the peer may make it, in octets. HTTP/2 begins with the default,
   * whatever is announced: {@linkcode HpackDecoder.setMaxTableSize} is for that.
   *
   * @default {4096}
   */
  readonly maxTableSize?: number;
  /** How large a header list may be, in octets as of RFC 7541 §4.1: name, value and 32 for every field. */
  readonly maxHeaderListSize: number;
  /** How many fields a header list may have. Every crumb of a cookie is one. */
  readonly maxFields: number;
}

/** Decodes the header blocks of one connection, all of them and in their order, since they share a table. */
export class HpackDecoder {
  readonly #table: DynamicTable<HeaderField>;
  readonly #cache = new BlockCache();
  readonly #maxHeaderListSize: number;
  readonly #maxFields: number;
  #maxTableSize: number;
  /** When defined, the next block that is not empty must begin with a size update to at most this (RFC 7541 §4.2). */
  #owedTableSize: number | undefined;
  /** Whether the last block was not in the cache, and had to be decoded. */
  isNew = false;
  /** Where reading is, in the buffer of the block being decoded. */
  #position = 0;

  /** @throws {RangeError} `maxTableSize` is not an integer from 0 to 2^32 - 1. */
  constructor(options: HpackDecoderOptions) {
    const { maxTableSize = DEFAULT_TABLE_SIZE, maxHeaderListSize, maxFields } = options;
    checkTableSize(maxTableSize);
    this.#maxTableSize = maxTableSize;
    this.#maxHeaderListSize = maxHeaderListSize;
    this.#maxFields = maxFields;
    this.#table = new DynamicTable(maxTableSize);
  }

  /** The dynamic table, the newest entry first. For tests and diagnosis. */
  get tableEntries(): readonly HeaderField[] {
    return Array.from({ length: this.#table.count }, (_, age) => this.#table.at(age)!);
  }

  /** The size of the dynamic table, in octets. For tests and diagnosis. */
  get tableSize(): number {
    return this.#table.size;
  }

  /**
   * Decodes the complete header block in `buffer` from `start` up to, not including, `end`. The buffer is not kept.
   *
   * The list is frozen, and its fields are shared with other lists. A block that is repeated gives the same list again, so what a caller
   * found out about a list can be kept by its identity.
   *
   * @throws {HpackError} The block is malformed: COMPRESSION_ERROR, the connection is lost.
   * @throws {HeaderListTooLargeError} A limit is exceeded. The block was decoded to its end, and decoding can go on.
   */
  decode(buffer: Uint8Array, start: number, end: number): readonly HeaderField[] {
    if (start === end) {
      // It may do without a size update that is owed: golang.org/x/net/http2/hpack sends that with the next field, not block.
      return NO_FIELDS;
    }
    const generation = this.#table.generation;
    if (this.#owedTableSize === undefined) {
      const cached = this.#cache.find(buffer, start, end, generation);
      if (cached !== undefined) {
        this.isNew = false;
        return cached;
      }
    }
    this.isNew = true;
    this.#position = start;
    this.#readTableSizeUpdates(buffer, end);
    const fields: HeaderField[] = [];
    /** What the list has room for, in octets; negative once it is too large. */
    let room = this.#maxHeaderListSize;
    while (this.#position < end) {
      const octet = buffer[this.#position]!;
      const field = octet >= 0x80
        ? this.#fieldAt(this.#readInteger(buffer, end, 0x7f))
        : this.#readLiteral(buffer, end, octet, room);
      if (room >= 0) {
        room = field === undefined || fields.length === this.#maxFields ? -1 : room - fieldSize(field);
        if (room >= 0) {
          fields.push(field!);
        }
      }
    }
    if (room < 0) {
      throw new HeaderListTooLargeError(
        `Cannot take header list: it has more than ${this.#maxHeaderListSize} octets or ${this.#maxFields} fields`,
      );
    }
    const list = Object.freeze(fields);
    if (this.#table.generation === generation) {
      this.#cache.store(buffer, start, end, generation, list);
    }
    return list;
  }

  /**
   * Sets how large the peer may make the table, in octets. To be called when it has acknowledged our SETTINGS_HEADER_TABLE_SIZE.
   * When its table is larger than that, its next block that is not empty must begin with a size update (RFC 7541 §4.2).
   *
   * @throws {RangeError} `size` is not an integer from 0 to 2^32 - 1.
   */
  setMaxTableSize(size: number): void {
    checkTableSize(size);
    this.#maxTableSize = size;
    if (size < (this.#owedTableSize ?? this.#table.maxSize)) {
      this.#owedTableSize = size;
    }
  }

  /** RFC 7541 §4.2: at the beginning of a block only, and two of them at most: the smallest size in between, and the final one. */
  #readTableSizeUpdates(buffer: Uint8Array, end: number): void {
    for (let updates = 0; this.#position < end && (buffer[this.#position]! & 0xe0) === 0x20; updates++) {
      if (updates === 2) {
        throw new HpackError("Cannot decode header block: it begins with more than two table size updates");
      }
      const size = this.#readInteger(buffer, end, 0x1f);
      if (size > this.#maxTableSize) {
        throw new HpackError(`Cannot set the table size to ${size}: the limit is ${this.#maxTableSize}`);
      }
      if (this.#owedTableSize !== undefined && size > this.#owedTableSize) {
        throw new HpackError(`Cannot set the table size to ${size}: ${this.#owedTableSize} or less has to come first`);
      }
      this.#owedTableSize = undefined;
      this.#table.setMaxSize(size);
    }
    if (this.#owedTableSize !== undefined) {
      throw new HpackError(
        `Cannot decode header block: a table size update to ${this.#owedTableSize} or less has to come first`,
      );
    }
  }

  /** RFC 7541 §2.3.3: one address space, static and then dynamic. */
  #fieldAt(index: number): HeaderField {
    const field = index <= STATIC_TABLE.length
      ? STATIC_TABLE[index - 1]
      : this.#table.at(index - STATIC_TABLE.length - 1);
    if (field === undefined) {
      throw new HpackError(`Cannot decode header block: nothing is at index ${index}`);
    }
    return field;
  }

  /** RFC 7541 §6.2. Undefined when the list has no room for the field: its strings are made only if the table needs them. */
  #readLiteral(buffer: Uint8Array, end: number, octet: number, room: number): HeaderField | undefined {
    if (octet < 0x40 && octet >= 0x20) {
      throw new HpackError("Cannot decode header block: a table size update is not at its beginning");
    }
    const isIndexed = octet >= 0x40;
    const maxLength = Math.max(room, isIndexed ? this.#table.maxSize : 0) - FIELD_OVERHEAD;
    const nameIndex = this.#readInteger(buffer, end, isIndexed ? 0x3f : 0x0f);
    const name = nameIndex > 0 ? this.#fieldAt(nameIndex).name : this.#readString(buffer, end, maxLength);
    const value = this.#readString(buffer, end, name === undefined ? -1 : maxLength - name.length);
    if (name === undefined || value === undefined) {
      if (isIndexed) {
        // It is larger than the table, too.
        this.#table.clear();
      }
      return undefined;
    }
    if (isIndexed) {
      const field = { name, value };
      this.#table.insert(field);
      return field;
    }
    return octet >= 0x10 ? { name, value, sensitive: true } : { name, value };
  }

  /** RFC 7541 §5.2. Undefined when the string is longer than `maxLength`, which may be negative. */
  #readString(buffer: Uint8Array, end: number, maxLength: number): string | undefined {
    if (this.#position >= end) {
      throw new HpackError("Cannot decode header block: it ends before a string");
    }
    const isHuffman = buffer[this.#position]! >= 0x80;
    const length = this.#readInteger(buffer, end, 0x7f);
    const start = this.#position;
    if (length > end - start) {
      throw new HpackError(`Cannot decode string of ${length} octets: the header block has ${end - start} more`);
    }
    this.#position = start + length;
    if (isHuffman) {
      return decodeHuffman(buffer, start, start + length, maxLength);
    }
    return length > maxLength ? undefined : octetsToString(buffer, start, start + length);
  }

  /** RFC 7541 §5.1. The prefix is the bits of `mask`. */
  #readInteger(buffer: Uint8Array, end: number, mask: number): number {
    const prefix = buffer[this.#position++]! & mask;
    if (prefix < mask) {
      return prefix;
    }
    let value = mask;
    // Not by shifting, which would lose bit 32.
    for (let octets = 0, factor = 1; octets < MAX_INTEGER_OCTETS; octets++, factor *= 128) {
      if (this.#position >= end) {
        throw new HpackError("Cannot decode integer: the header block ends in it");
      }
      const octet = buffer[this.#position++]!;
      value += (octet & 0x7f) * factor;
      if (octet < 0x80) {
        if (value > 0xffffffff) {
          throw new HpackError(`Cannot decode integer: ${value} is larger than 4294967295`);
        }
        return value;
      }
    }
    throw new HpackError(`Cannot decode integer: it has more than ${MAX_INTEGER_OCTETS} octets after its prefix`);
  }
}
