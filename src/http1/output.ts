/** What waits to be written to the socket, in order: buffers that are full, and the one that is being filled. This module performs no I/O. */
import { copyOctets, LentOutput, recycleBuffer, takeBuffer } from "../http/mod.ts";
import { CR, LF } from "./octets.ts";

const EMPTY = new Uint8Array(0);

/** The output of one connection. */
export class Output {
  /** What is being filled, up to {@linkcode length}. Every method may exchange it. */
  buffer: Uint8Array = EMPTY;
  /** Octets in {@linkcode buffer}. Whoever writes into it moves this on. */
  length = 0;

  /** What comes before it. */
  readonly #full: { readonly buffer: Uint8Array; readonly length: number }[] = [];
  readonly #lent = new LentOutput();
  #fullLength = 0;
  /** Octets that were taken and not released. */
  #takenLength = 0;

  /** Octets that nobody has taken. */
  get pendingLength(): number {
    return this.#fullLength + this.length;
  }

  /** Bytes that were not released, taken or not. */
  get heldLength(): number {
    return this.#takenLength + this.pendingLength;
  }

  /** Makes room in {@linkcode buffer} for so many octets, at most `BUFFER_SIZE`. */
  ensure(size: number): void {
    if (this.buffer.length - this.length >= size) {
      return;
    }
    if (this.length > 0) {
      this.#push(this.buffer, this.length);
    } else {
      recycleBuffer(this.buffer);
    }
    this.buffer = takeBuffer();
    this.length = 0;
  }

  /** Octets that fit into {@linkcode buffer}. */
  get room(): number {
    return this.buffer.length - this.length;
  }

  /** Appends octets that there is room for. */
  append(chunk: Uint8Array, start: number, end: number): void {
    copyOctets(chunk, start, end, this.buffer, this.length);
    this.length += end - start;
  }

  /** Appends ASCII that there is room for. */
  appendText(text: string): void {
    for (let index = 0; index < text.length; index++) {
      this.buffer[this.length++] = text.charCodeAt(index);
    }
  }

  /** Appends a CRLF that there is room for. */
  appendCrlf(): void {
    this.buffer[this.length++] = CR;
    this.buffer[this.length++] = LF;
  }

  /** Makes room for ASCII at a place in {@linkcode buffer} and writes it there. What is behind moves. There must be room for it. */
  insertText(at: number, text: string): void {
    this.buffer.copyWithin(at + text.length, at, this.length);
    for (let index = 0; index < text.length; index++) {
      this.buffer[at + index] = text.charCodeAt(index);
    }
    this.length += text.length;
  }

  /** Appends octets that are not copied: they must not change any more. */
  appendOwned(octets: Uint8Array): void {
    if (this.length > 0) {
      this.#push(this.buffer, this.length);
      this.buffer = EMPTY;
      this.length = 0;
    }
    this.#push(octets, octets.length);
  }

  /** Gives away the first of what waits; undefined when nothing does. {@linkcode release} it when nobody reads it any more. */
  take(): Uint8Array | undefined {
    const full = this.#full.shift();
    if (full !== undefined) {
      this.#fullLength -= full.length;
      this.#takenLength += full.length;
      return this.#lent.lend(full.buffer, full.length);
    }
    const { buffer, length } = this;
    this.buffer = EMPTY;
    this.length = 0;
    if (length > 0) {
      this.#takenLength += length;
      return this.#lent.lend(buffer, length);
    }
    recycleBuffer(buffer);
    return undefined;
  }

  /** Gives back what {@linkcode take} gave. The caller must not touch it any more. @throws {Error} It is not what was taken first. */
  release(taken: Uint8Array): void {
    this.#takenLength -= taken.length;
    this.#lent.release(taken);
  }

  /** Drops all output, taken or not, when the socket is closed. */
  drop(): void {
    this.#full.length = 0;
    this.#fullLength = 0;
    this.buffer = EMPTY;
    this.length = 0;
    this.#lent.drop();
  }

  #push(buffer: Uint8Array, length: number): void {
    this.#full.push({ buffer, length });
    this.#fullLength += length;
  }
}
