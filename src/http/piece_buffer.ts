/** Octets that arrive in pieces, put together. This module performs no I/O. */

const EMPTY = new Uint8Array(0);

/** The smallest buffer, in octets. */
const MIN_SIZE = 256;

/** See the top of the file. The buffer grows by what has arrived, not by what was announced, and is given away with what it holds. */
export class PieceBuffer {
  readonly #growth: number;
  #buffer: Uint8Array = EMPTY;
  #length = 0;

  /** @param growth For how many times as much as has come there is room, when more is needed. */
  constructor(growth = 2) {
    this.#growth = growth;
  }

  /** Octets that have been appended. */
  get length(): number {
    return this.#length;
  }

  /** Octets of memory that it holds. */
  get size(): number {
    return this.#buffer.length;
  }

  /** Copies octets behind the others. @param limit How many there will be in all, at most. */
  append(chunk: Uint8Array, start: number, end: number, limit: number): void {
    const length = this.#length + end - start;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.min(limit, Math.max(MIN_SIZE, this.#growth * length)));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(chunk.subarray(start, end), this.#length);
    this.#length = length;
  }

  /** Gives away all octets, and holds nothing then. */
  take(): Uint8Array {
    const octets = this.#buffer.subarray(0, this.#length);
    this.#buffer = EMPTY;
    this.#length = 0;
    return octets;
  }
}
