/** Content that arrives in pieces, put together. */

/** How much more room there is than what has come, so that what comes next fits: as a factor. What is never used the system never gives. */
const GROWTH = 8;

/** See the top of the file. One buffer, as one for each piece may be a hundred times as large as the piece. */
export class ContentBuffer {
  readonly #maxBytes: number;
  #buffer: Uint8Array;
  #length = 0;

  /**
   * @param maxBytes How much is appended at most.
   * @param room How much there is room for at first, in bytes.
   */
  constructor(maxBytes: number, room: number) {
    this.#maxBytes = maxBytes;
    this.#buffer = new Uint8Array(room);
  }

  get length(): number {
    return this.#length;
  }

  /** All that was appended. */
  get octets(): Uint8Array {
    return this.#length === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, this.#length);
  }

  /** Copies octets. Room grows with what has come, not with what was promised. */
  append(buffer: Uint8Array, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.min(this.#maxBytes, GROWTH * length));
      grown.set(this.octets);
      this.#buffer = grown;
    }
    this.#buffer.set(buffer.subarray(start, end), this.#length);
    this.#length = length;
  }
}
