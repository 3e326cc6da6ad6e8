/** The Huffman code for strings (RFC 7541 §5.2). This module performs no I/O. */
import { HpackError } from "./errors.ts";
import { HUFFMAN_CODES, HUFFMAN_LENGTHS } from "./huffman_table.ts";
import { octetsToString } from "./octet_string.ts";

const EOS = 256;

/** A prefix of codes that is not a code itself: an inner node of the tree. There are 256. */
type State = number;

/**
 * What an octet does in a state: `STEPS[state << 8 | octet]` is
 * `next state << 18 | number of symbols that ended << 16 | second symbol << 8 | first symbol`, or -1 when EOS ended.
 * An octet ends two symbols at most, since the shortest code has 5 bits.
 *
 * An octet a step is twice as fast as a nibble a step (115 against 223 ns for 30 characters), for 256 KiB in a process and
 * 6 to 10 ms when this file is loaded.
 */
const STEPS = new Int32Array(256 * 256);

/** Whether a string may end in a state: what is left is at most 7 bits, all ones (RFC 7541 §5.2). */
const MAY_END = new Uint8Array(256);

buildSteps();

function buildSteps(): void {
  // children[2 * node + bit]: an inner node when positive, the leaf of symbol -1 - child when negative.
  const children = new Int16Array(2 * 256);
  let nodes = 1;
  for (let symbol = 0; symbol <= EOS; symbol++) {
    const code = HUFFMAN_CODES[symbol]!;
    let node = 0;
    for (let bit = HUFFMAN_LENGTHS[symbol]! - 1; bit > 0; bit--) {
      const place = 2 * node + ((code >> bit) & 1);
      node = children[place] ||= nodes++;
    }
    children[2 * node + (code & 1)] = -1 - symbol;
  }
  for (let state: State = 0; state < 256; state++) {
    for (let octet = 0; octet < 256; octet++) {
      STEPS[state << 8 | octet] = stepOf(children, state, octet);
    }
  }
  for (let state: State = 0, ones = 0; ones <= 7; ones++) {
    MAY_END[state] = 1;
    state = children[2 * state + 1]!;
  }
}

function stepOf(children: Int16Array, state: State, octet: number): number {
  let node = state;
  let symbols = 0;
  let count = 0;
  for (let bit = 7; bit >= 0; bit--) {
    const child = children[2 * node + ((octet >> bit) & 1)]!;
    if (child >= 0) {
      node = child;
      continue;
    }
    const symbol = -1 - child;
    if (symbol === EOS) {
      return -1;
    }
    symbols |= symbol << 8 * count++;
    node = 0;
  }
  return node << 18 | count << 16 | symbols;
}

/** Where strings are decoded to when they fit, one at a time. */
const SCRATCH = new Uint8Array(4096);

/**
 * Decodes the octets from `start` up to `end`. Gives undefined, and allocates nothing, when there are more than `maxLength`
 * characters; the code is checked all the same.
 *
 * @throws {HpackError} The padding is longer than 7 bits or not all ones, or EOS is in the string.
 */
export function decodeHuffman(
  buffer: Uint8Array,
  start: number,
  end: number,
  maxLength: number,
): string | undefined {
  // The shortest code has 5 bits.
  const bound = Math.floor((end - start) * 8 / 5);
  if (bound > maxLength && decodedLength(buffer, start, end) > maxLength) {
    return undefined;
  }
  // Two more, since every step writes two.
  const decoded = bound + 2 <= SCRATCH.length ? SCRATCH : new Uint8Array(bound + 2);
  let state: State = 0;
  let length = 0;
  for (let i = start; i < end; i++) {
    const step = STEPS[state << 8 | buffer[i]!]!;
    if (step < 0) {
      throw new HpackError("Cannot decode Huffman string: it contains EOS");
    }
    decoded[length] = step;
    decoded[length + 1] = step >> 8;
    length += step >> 16 & 3;
    state = step >> 18;
  }
  checkEnd(state);
  return octetsToString(decoded, 0, length);
}

function decodedLength(buffer: Uint8Array, start: number, end: number): number {
  let state: State = 0;
  let length = 0;
  for (let i = start; i < end; i++) {
    const step = STEPS[state << 8 | buffer[i]!]!;
    if (step < 0) {
      throw new HpackError("Cannot decode Huffman string: it contains EOS");
    }
    length += step >> 16 & 3;
    state = step >> 18;
  }
  checkEnd(state);
  return length;
}

function checkEnd(state: State): void {
  if (MAY_END[state] === 0) {
    throw new HpackError("Cannot decode Huffman string: its padding is not at most 7 ones");
  }
}

/** The codes again, where the machine finds them faster than in an array of numbers. */
const CODES = Int32Array.from(HUFFMAN_CODES);
const LENGTHS = Uint8Array.from(HUFFMAN_LENGTHS);

/** How many octets `text` has in the Huffman code. Its characters are at most U+00FF. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    bits += LENGTHS[text.charCodeAt(i)]!;
  }
  return Math.ceil(bits / 8);
}

/**
 * Writes `text`, whose characters are at most U+00FF, in the Huffman code at `offset`, and gives the offset after it; or -1 when it
 * would not end before `limit`. It may then have written up to 3 octets past `limit`.
 */
export function writeHuffman(text: string, buffer: Uint8Array, offset: number, limit: number): number {
  // The last `count` bits of `bits` are still to be written, fewer than 8 between characters; what is above them has been.
  let bits = 0;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    const code = CODES[character]!;
    let length = LENGTHS[character]!;
    if (length > 24) {
      // With the 7 bits before it, it might not fit into 32: the upper part first.
      length -= 16;
      bits = bits << length | code >>> 16;
      count += length;
      while (count >= 8) {
        count -= 8;
        buffer[offset++] = bits >>> count;
      }
      length = 16;
    }
    bits = bits << length | code & (1 << length) - 1;
    count += length;
    while (count >= 8) {
      count -= 8;
      buffer[offset++] = bits >>> count;
    }
    if (offset >= limit) {
      return -1;
    }
  }
  if (count > 0) {
    // Padding is the beginning of EOS: ones.
    buffer[offset++] = bits << 8 - count | 0xff >> count;
  }
  return offset;
}
