/** The heads that a connection sent last: clients repeat themselves octet by octet. This module performs no I/O. */
import type { ParsedHead } from "./request_head.ts";

/** How many heads are remembered. */
const CAPACITY = 4;

/** Octets of the longest head that is remembered: 8 KiB for a connection at most. */
const MAX_LENGTH = 2048;

/**
 * Remembers heads by their octets. Comparing 150 of them takes a tenth of what parsing them takes. Each connection has its own: one for all
 * would tell by its speed what others have sent.
 */
export class RecentHeads {
  readonly #octets: Uint8Array[] = [];
  readonly #heads: ParsedHead[] = [];
  #next = 0;
  /** The one found last, which is most often the next one too. */
  #last = 0;
  /** Octets of what {@linkcode find} found. */
  foundLength = 0;

  /** The head that the octets begin with, empty line included. */
  find(buffer: Uint8Array, start: number): ParsedHead | undefined {
    const count = this.#heads.length;
    for (let tried = 0, index = this.#last; tried < count; tried++, index = index + 1 === count ? 0 : index + 1) {
      const octets = this.#octets[index]!;
      if (beginsWith(buffer, start, octets)) {
        this.#last = index;
        this.foundLength = octets.length;
        return this.#heads[index];
      }
    }
    return undefined;
  }

  /** Remembers one more, instead of the oldest. Its octets are copied. */
  add(buffer: Uint8Array, start: number, length: number, head: ParsedHead): void {
    if (length <= MAX_LENGTH) {
      this.#octets[this.#next] = buffer.slice(start, start + length);
      this.#heads[this.#next] = head;
      this.#last = this.#next;
      this.#next = (this.#next + 1) % CAPACITY;
    }
  }
}

function beginsWith(buffer: Uint8Array, start: number, octets: Uint8Array): boolean {
  const { length } = octets;
  if (buffer.length - start < length) {
    return false;
  }
  for (let index = 0; index < length; index++) {
    if (buffer[start + index] !== octets[index]) {
      return false;
    }
  }
  return true;
}
