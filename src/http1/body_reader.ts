/**
 * Where the body of a request ends, and what of the octets is its content (RFC 9112 §6.2, §7.1).
 *
 * It is asked for one piece at a time, so that whoever asks can stop between two. This module performs no I/O.
 */
import type { HeaderField } from "../http/mod.ts";
import { type Fault, Faults, isFault } from "./faults.ts";
import { parseFieldLines } from "./field_lines.ts";
import type { Http1Limits } from "./limits.ts";
import { LineSection } from "./line_section.ts";
import { CLASSES, CR, HEX_VALUES, HTAB, LF, SEMICOLON, SP, VALUE } from "./octets.ts";

/** Where in a body it is. */
const State = {
  DONE: 0,
  /** Content of which the length is known. */
  CONTENT: 1,
  /** Before the first digit of a chunk's size. */
  SIZE_START: 2,
  SIZE: 3,
  /** Whitespace after the size, which an extension must follow. */
  SIZE_SPACE: 4,
  EXTENSION: 5,
  SIZE_LF: 6,
  CHUNK: 7,
  CHUNK_CR: 8,
  CHUNK_LF: 9,
  TRAILERS: 10,
} as const;
type State = (typeof State)[keyof typeof State];

/** Digits of a chunk's size, of which RFC 9112 §7.1 allows any number. */
const MAX_SIZE_DIGITS = 16;

/** What belongs to the head because it delimits or routes the message (RFC 9110 §6.5.1). */
const FORBIDDEN_TRAILERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Reads one body after the other. */
export class BodyReader {
  /** After {@linkcode read}: the content that was found in the chunk. */
  dataStart = 0;
  dataEnd = 0;
  /** The trailers, when the body has ended with some. */
  trailers: readonly HeaderField[] | undefined = undefined;
  fault: Fault | undefined = undefined;

  readonly #limits: Http1Limits;
  #trailerSection: LineSection | undefined = undefined;
  #state: State = State.DONE;
  /** Octets of the content, or of the chunk, that are still to come; the size of the chunk while it is read. */
  #left = 0;
  #digits = 0;
  #extensionOctets = 0;

  constructor(limits: Http1Limits) {
    this.#limits = limits;
  }

  get isDone(): boolean {
    return this.#state === State.DONE;
  }

  /** Whether what comes next are trailers. */
  get isInTrailers(): boolean {
    return this.#state === State.TRAILERS;
  }

  /** Octets that are kept. */
  get bufferedLength(): number {
    return this.#trailerSection?.bufferedLength ?? 0;
  }

  /** Octets of content still to come; undefined for chunks, of which nobody knows. */
  get knownLength(): number | undefined {
    return this.#state === State.CONTENT ? this.#left : this.isDone ? 0 : undefined;
  }

  /** Begins a body of which the length is known, and not 0. */
  beginContent(length: number): void {
    this.#state = State.CONTENT;
    this.#left = length;
    this.trailers = undefined;
  }

  /** Begins a body in chunks. */
  beginChunked(): void {
    this.#state = State.SIZE_START;
    this.#extensionOctets = 0;
    this.trailers = undefined;
  }

  /**
   * Goes on to the end of the chunk, of the body, or of a piece of content, of at most `room` octets. Gives where it stopped.
   *
   * @param room Not 0.
   */
  read(chunk: Uint8Array, start: number, room: number): number {
    this.dataStart = this.dataEnd = start;
    let position = start;
    while (position < chunk.length && this.fault === undefined) {
      switch (this.#state) {
        case State.CONTENT:
        case State.CHUNK:
          return this.#readData(chunk, position, room);
        case State.TRAILERS:
          return this.#readTrailers(chunk, position);
        case State.DONE:
          return position;
        default:
          this.#readDelimiter(chunk[position++]!);
      }
    }
    this.dataStart = this.dataEnd = position;
    return position;
  }

  #readData(chunk: Uint8Array, start: number, room: number): number {
    const end = Math.min(chunk.length, start + Math.min(this.#left, room));
    this.dataStart = start;
    this.dataEnd = end;
    this.#left -= end - start;
    if (this.#left === 0) {
      this.#state = this.#state === State.CONTENT ? State.DONE : State.CHUNK_CR;
    }
    return end;
  }

  /** One octet between the contents of two chunks. */
  #readDelimiter(octet: number): void {
    switch (this.#state) {
      case State.SIZE_START:
        this.#left = this.#digits = 0;
        this.#readDigit(octet);
        return;
      case State.SIZE:
        if (octet === CR) {
          this.#state = State.SIZE_LF;
        } else if (octet === SEMICOLON) {
          this.#state = State.EXTENSION;
        } else if (octet === SP || octet === HTAB) {
          this.#state = State.SIZE_SPACE;
          this.#countExtension();
        } else {
          this.#readDigit(octet);
        }
        return;
      case State.SIZE_SPACE:
        if (octet === SEMICOLON) {
          this.#state = State.EXTENSION;
        } else if (octet !== SP && octet !== HTAB) {
          this.fault = Faults.BAD_CHUNK_SIZE;
        }
        this.#countExtension();
        return;
      case State.EXTENSION:
        // "A recipient MUST ignore unrecognized chunk extensions." (RFC 9112 §7.1.1) But not where they end.
        if (octet === CR) {
          this.#state = State.SIZE_LF;
        } else if ((CLASSES[octet]! & VALUE) === 0) {
          this.fault = Faults.BAD_CHUNK_EXTENSION;
        } else {
          this.#countExtension();
        }
        return;
      case State.SIZE_LF:
        this.#expect(octet, LF, Faults.BAD_CHUNK_SIZE, this.#left === 0 ? State.TRAILERS : State.CHUNK);
        return;
      case State.CHUNK_CR:
        this.#expect(octet, CR, Faults.BAD_CHUNK_END, State.CHUNK_LF);
        return;
      case State.CHUNK_LF:
        this.#expect(octet, LF, Faults.BAD_CHUNK_END, State.SIZE_START);
        return;
    }
  }

  #expect(octet: number, expected: number, fault: Fault, next: State): void {
    if (octet === expected) {
      this.#state = next;
    } else {
      this.fault = fault;
    }
  }

  /** "Recipients MUST anticipate potentially large hexadecimal numerals and prevent parsing errors due to integer conversion overflows" (RFC 9112 §7.1) */
  #readDigit(octet: number): void {
    const digit = HEX_VALUES[octet]!;
    if (digit > 15 || ++this.#digits > MAX_SIZE_DIGITS) {
      this.fault = Faults.BAD_CHUNK_SIZE;
      return;
    }
    this.#left = this.#left * 16 + digit;
    this.#state = State.SIZE;
    if (!Number.isSafeInteger(this.#left)) {
      this.fault = Faults.CONTENT_TOO_LARGE;
    }
  }

  #countExtension(): void {
    if (++this.#extensionOctets > this.#limits.maxChunkExtensions) {
      this.fault ??= Faults.CHUNK_EXTENSIONS_TOO_LONG;
    }
  }

  #readTrailers(chunk: Uint8Array, start: number): number {
    const section = this.#trailerSection ??= new LineSection(this.#limits, false);
    const position = section.push(chunk, start);
    this.dataStart = this.dataEnd = position;
    this.fault = section.fault;
    if (!section.isComplete) {
      return position;
    }
    const fields = parseFieldLines(section.buffer, section.start, section.start + section.length - 2);
    section.reset();
    if (isFault(fields)) {
      this.fault = fields;
    } else if (fields.some(({ name }) => FORBIDDEN_TRAILERS.has(name))) {
      this.fault = Faults.FORBIDDEN_TRAILER;
    } else {
      this.trailers = fields.length > 0 ? fields : undefined;
      this.#state = State.DONE;
    }
    return position;
  }
}
