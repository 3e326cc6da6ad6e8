/** Octets in, heads of requests out (RFC 9112 §2.1, §3). This module performs no I/O. */
import { type Fault, Faults, isFault } from "./faults.ts";
import type { Http1Limits } from "./limits.ts";
import { LineSection } from "./line_section.ts";
import { CR, LF, LOWER_TOKEN } from "./octets.ts";
import { RecentHeads } from "./recent_heads.ts";
import { type ParsedHead, parseRequestHead } from "./request_head.ts";
import { parseRequestLine, type RequestLine } from "./request_line.ts";

/** How much of the empty line is there that may precede a request. */
const Blank = { NONE: 0, CR: 1, CRLF: 2 } as const;
type Blank = (typeof Blank)[keyof typeof Blank];

/** Reads one head after the other. */
export class HeadReader {
  /** What was read, after {@linkcode read}; undefined while it is not complete. */
  parsed: ParsedHead | undefined = undefined;
  /** What is wrong with it. Then nothing more can be read. */
  fault: Fault | undefined = undefined;
  /** Whether the last head equals one that was parsed before. */
  isKnown = false;

  readonly #scheme: string;
  readonly #section: LineSection;
  readonly #recent = new RecentHeads();
  #line: RequestLine | undefined = undefined;
  #blank: Blank = Blank.NONE;

  constructor(limits: Http1Limits, scheme: string) {
    this.#scheme = scheme;
    this.#section = new LineSection(limits, true);
  }

  /** Whether nothing of a head is there. An empty line before it is nothing. */
  get isEmpty(): boolean {
    return this.#section.isEmpty;
  }

  /** Octets that are kept. */
  get bufferedLength(): number {
    return this.#section.bufferedLength;
  }

  /** Takes octets, up to the end of a head. Gives where it stopped. */
  read(chunk: Uint8Array, start: number): number {
    this.parsed = undefined;
    this.isKnown = false;
    let position = start;
    if (this.#section.isEmpty) {
      // Only the beginning of a head is compared, so what follows an empty line is parsed.
      const known = this.#blank === Blank.NONE ? this.#recent.find(chunk, start) : undefined;
      if (known !== undefined) {
        this.parsed = known;
        this.isKnown = true;
        return start + this.#recent.foundLength;
      }
      position = this.#skipBlankLine(chunk, start);
      if (position === chunk.length || this.fault !== undefined) {
        return position;
      }
    }
    position = this.#section.push(chunk, position);
    this.#parse();
    return position;
  }

  /** Goes over one empty line, and looks whether what follows may begin a request. */
  #skipBlankLine(chunk: Uint8Array, start: number): number {
    let position = start;
    // "a server that is expecting to receive and parse a request-line SHOULD ignore at least one empty line (CRLF) received prior to the
    // request-line" (RFC 9112 §2.2)
    if (this.#blank === Blank.NONE && chunk[position] === CR) {
      this.#blank = Blank.CR;
      position++;
    }
    if (this.#blank === Blank.CR && position < chunk.length) {
      if (chunk[position] !== LF) {
        this.fault = Faults.BARE_CR;
        return position;
      }
      this.#blank = Blank.CRLF;
      position++;
    }
    // Whoever speaks another protocol, such as TLS, is told at once.
    if (position < chunk.length && LOWER_TOKEN[chunk[position]!] === 0) {
      this.fault = chunk[position] === LF ? Faults.BARE_LF : Faults.BAD_METHOD;
    }
    return position;
  }

  #parse(): void {
    const section = this.#section;
    const { buffer, start, requestLineLength, length } = section;
    // Before a fault of the fields: they may be none, in another version.
    if (this.#line === undefined && requestLineLength !== 0) {
      const line = parseRequestLine(buffer, start, start + requestLineLength - 2);
      if (isFault(line)) {
        this.fault = line;
        return;
      }
      this.#line = line;
    }
    if (section.fault !== undefined) {
      this.fault = section.fault;
      return;
    }
    if (!section.isComplete) {
      return;
    }
    const parsed = parseRequestHead(this.#line!, buffer, start + requestLineLength, start + length - 2, this.#scheme);
    if (isFault(parsed)) {
      this.fault = parsed;
      return;
    }
    this.#recent.add(buffer, start, length, parsed);
    this.parsed = parsed;
    this.#line = undefined;
    this.#blank = Blank.NONE;
    section.reset();
  }
}
