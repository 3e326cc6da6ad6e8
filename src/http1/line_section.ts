/**
 * Finds where a head or a trailer section ends, in whatever pieces it comes (RFC 9112 §2.2).
 *
 * A section that is whole in one chunk stays there. One in pieces is collected in a buffer of its own, which is given up with it. Each octet
 * is looked at once. This module performs no I/O.
 */
import { type Fault, Faults } from "./faults.ts";
import type { Http1Limits } from "./limits.ts";
import { CR, LF } from "./octets.ts";

const EMPTY = new Uint8Array(0);

/** What a section in pieces is collected in, at first. */
const FIRST_SIZE = 1024;

/** Lines up to an empty one. */
export class LineSection {
  /** Where the section is, when it is complete: valid until the chunk or the section is used again. */
  buffer: Uint8Array = EMPTY;
  /** Where in the buffer it begins. */
  start = 0;
  /** Octets of the request line with its CRLF; 0 while it is not there, or when there is none. */
  requestLineLength = 0;
  /** Octets of the section with its empty line. */
  length = 0;
  /** Whether the empty line is there. */
  isComplete = false;
  fault: Fault | undefined = undefined;

  readonly #limits: Http1Limits;
  readonly #hasRequestLine: boolean;
  /** Octets of the pieces so far. */
  #collected = 0;
  /** Where the line begins that is looked at, from the beginning of the section. */
  #lineStart = 0;
  #fields = 0;

  constructor(limits: Http1Limits, hasRequestLine: boolean) {
    this.#limits = limits;
    this.#hasRequestLine = hasRequestLine;
  }

  /** Whether nothing of the section is there. */
  get isEmpty(): boolean {
    return this.#collected === 0;
  }

  /** Octets that are kept. */
  get bufferedLength(): number {
    return this.#collected;
  }

  /** Begins anew. */
  reset(): void {
    this.buffer = EMPTY;
    this.requestLineLength =
      this.length =
      this.#collected =
      this.#lineStart =
      this.#fields =
        0;
    this.isComplete = false;
    this.fault = undefined;
  }

  /** Takes octets, up to the end of the section. Gives where it stopped. */
  push(chunk: Uint8Array, start: number): number {
    const before = this.#collected;
    if (before === 0) {
      this.buffer = chunk;
      this.start = start;
      this.#scan(0, chunk.length - start);
      if (!this.isComplete && this.fault === undefined) {
        this.#keep(chunk, start, chunk.length);
      }
      return this.isComplete ? start + this.length : chunk.length;
    }
    this.#keep(chunk, start, chunk.length);
    this.#scan(before, this.#collected);
    if (this.isComplete) {
      return start + this.length - before;
    }
    return chunk.length;
  }

  /** Copies what is to be looked at again together with what comes. */
  #keep(chunk: Uint8Array, start: number, end: number): void {
    const { maxRequestLineLength, maxHeadLength } = this.#limits;
    // Nothing above is looked at: it is a fault by then.
    const length = Math.min(end - start, maxRequestLineLength + maxHeadLength + 5 - this.#collected);
    const size = this.#collected + length;
    const kept = this.#collected === 0 ? EMPTY : this.buffer;
    if (size > kept.length) {
      this.buffer = new Uint8Array(Math.max(FIRST_SIZE, 2 * size));
      this.buffer.set(kept.subarray(0, this.#collected));
    }
    this.buffer.set(chunk.subarray(start, start + length), this.#collected);
    this.start = 0;
    this.#collected = size;
  }

  /** Looks at the octets from `from` to `to`, counted from the beginning of the section. */
  #scan(from: number, to: number): void {
    const { buffer, start } = this;
    const { maxHeaderFields, maxHeadLength } = this.#limits;
    for (let index = from; index < to; index++) {
      if (buffer[start + index] !== LF) {
        continue;
      }
      if (index === 0 || buffer[start + index - 1] !== CR) {
        this.fault = Faults.BARE_LF;
        return;
      }
      const isBlankLine = index - 1 === this.#lineStart;
      if (this.#hasRequestLine && this.requestLineLength === 0) {
        if (index - 1 > this.#limits.maxRequestLineLength) {
          break;
        }
        this.requestLineLength = index + 1;
      } else if (isBlankLine) {
        this.length = index + 1;
        // Its own CRLF does not count.
        if (index - 1 - this.requestLineLength > maxHeadLength) {
          break;
        }
        this.isComplete = true;
        return;
      } else if (++this.#fields > maxHeaderFields) {
        this.fault = Faults.TOO_MANY_FIELDS;
        return;
      }
      this.#lineStart = index + 1;
    }
    if (this.#hasRequestLine && this.requestLineLength === 0) {
      // One more may be a CR that does not count.
      if (to > this.#limits.maxRequestLineLength + 1) {
        this.fault = Faults.REQUEST_LINE_TOO_LONG;
      }
    } else if (to - this.requestLineLength > maxHeadLength + 2) {
      this.fault = Faults.HEAD_TOO_LARGE;
    }
  }
}
