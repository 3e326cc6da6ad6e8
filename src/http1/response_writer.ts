/**
 * Writes answers: heads, bodies in the framing that fits, trailers (RFC 9112 §6, §7.1).
 *
 * As long as a head is in the output and nobody has taken it, it is open: how the body is delimited, and whether the connection ends, is
 * decided at the last moment. So an answer that is complete by then gets a content-length, whoever wrote it in how many pieces;
 * others become chunks, one for all that was written between two polls. This module performs no I/O.
 */
import { BUFFER_SIZE, copyOctets } from "../http/mod.ts";
import { octetsOf } from "./octets.ts";
import type { Output } from "./output.ts";
import type { ResponseHead } from "./response_head.ts";

/** How the end of a body is told. */
const Framing = {
  /** There is none, whatever is written (RFC 9110 §9.3.2, §15.3.5, §15.4.5). */
  NONE: 0,
  /** By content-length. */
  LENGTH: 1,
  /** By the last chunk. */
  CHUNKED: 2,
  /** By content-length or the last chunk, as will be seen. */
  OPEN: 3,
  /** By the end of the connection: for HTTP/1.0, of which the clients know no chunks. */
  CLOSE: 4,
} as const;
type Framing = (typeof Framing)[keyof typeof Framing];

const CHUNKED_FIELD = "transfer-encoding: chunked";
const LENGTH_FIELD = "content-length: ";
const CLOSE_FIELD = "connection: close\r\n";
/** Digits of a content-length that takes the place of the other field. Spaces before them are no part of it (RFC 9110 §5.5). */
const LENGTH_DIGITS = CHUNKED_FIELD.length - LENGTH_FIELD.length;
const PADDED_LENGTH_FIELD = octetsOf(LENGTH_FIELD.padEnd(CHUNKED_FIELD.length));
const DIGIT_0 = 0x30;

/** The size of a chunk and its CRLF: four digits, since a chunk that is gathered is in one buffer. Zeros may lead (RFC 9112 §7.1). */
const CHUNK_HEAD = "0000\r\n";
const LAST_CHUNK = "0\r\n\r\n";

/** Octets that stay free behind a body, for all that may have to be put around it. */
const MARGIN = 96;

/** Above so many octets a piece that does not fit is not divided. */
const LARGE = 8192;

const HEX = "0123456789abcdef";

const EMPTY = new Uint8Array(0);

/** What a head depends on besides its fields. */
export interface AnswerOptions {
  /** Whether the request was HEAD. */
  readonly isHead: boolean;
  /** Whether the client knows chunks. */
  readonly takesChunks: boolean;
  /** Whether it is known by now that the connection ends. */
  readonly closes: boolean;
  /** Undefined for no such field. */
  readonly date: string | undefined;
}

/** Writes one answer after the other. */
export class ResponseWriter {
  readonly #output: Output;
  #framing: Framing = Framing.NONE;
  /** Octets of content that are to come, with a content-length. */
  #left = 0;
  /** While the head is open, where it and its body begin in the output's buffer; -1 when it is not. */
  #headStart = -1;
  #bodyStart = -1;
  /** Where the field that tells the framing begins. */
  #framingStart = -1;
  #saysClose = false;
  /** Where the content of the chunk begins that is being gathered; -1 when there is none. */
  #chunkStart = -1;
  #date = "";
  #dateOctets: Uint8Array = EMPTY;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Whether the body is told to end by the end of the connection. */
  get endsWithConnection(): boolean {
    return this.#framing === Framing.CLOSE;
  }

  /** Whether nobody has any of the head yet, so that it can still say that the connection ends. */
  get isHeadOpen(): boolean {
    return this.#headStart >= 0;
  }

  /** Octets of content that are still to come; Infinity when it was not said how many. */
  get contentLeft(): number {
    return this.#framing === Framing.LENGTH ? this.#left : Infinity;
  }

  /** Writes an interim response. */
  writeInformation(head: ResponseHead): void {
    this.#appendOctets(head.octets, 2);
    this.#output.appendCrlf();
  }

  /** Writes a head. @param endStream Whether there is no body. */
  begin(head: ResponseHead, options: AnswerOptions, endStream: boolean): void {
    const output = this.#output;
    const { octets, status } = head;
    const date = head.hasDate || options.date === undefined ? EMPTY : this.#dateField(options.date);
    const margin = date.length + 3 * MARGIN;
    this.#appendOctets(octets, margin);
    this.#headStart = Math.max(0, output.length - octets.length);
    output.append(date, 0, date.length);
    this.#saysClose = options.closes;
    if (options.closes) {
      output.appendText(CLOSE_FIELD);
    }
    this.#framing = Framing.LENGTH;
    if (options.isHead || status === 204 || status === 304) {
      this.#framing = Framing.NONE;
    } else if (head.contentLength !== undefined) {
      this.#left = head.contentLength;
    } else if (endStream) {
      output.appendText("content-length: 0\r\n");
      this.#left = 0;
    } else if (options.takesChunks) {
      this.#framing = Framing.OPEN;
      this.#framingStart = output.length;
      output.appendText(CHUNKED_FIELD);
      output.appendCrlf();
    } else {
      this.#framing = Framing.CLOSE;
    }
    output.appendCrlf();
    this.#bodyStart = output.length;
    this.#chunkStart = -1;
    if (octets.length + margin > BUFFER_SIZE) {
      this.settle(); // It is in two buffers.
    }
  }

  /** Writes content, which is copied. @param isLast Whether the end follows. */
  write(chunk: Uint8Array, start: number, end: number, isLast: boolean): void {
    const length = end - start;
    if (length === 0 || this.#framing === Framing.NONE) {
      return;
    }
    const output = this.#output;
    if (isLast && this.#headStart >= 0) {
      this.#decideLength(output.length - this.#bodyStart + length);
    }
    if (this.#framing === Framing.LENGTH) {
      this.#left -= length;
    }
    if (length + MARGIN <= output.room) {
      this.#openChunk();
      output.append(chunk, start, end);
      return;
    }
    this.settle();
    if (length <= LARGE) {
      output.ensure(length + MARGIN);
      this.#openChunk();
      output.append(chunk, start, end);
      return;
    }
    const isChunked = this.#framing === Framing.CHUNKED;
    if (isChunked) {
      output.ensure(MARGIN);
      output.appendText(`${length.toString(16)}\r\n`);
    }
    // Not `slice`, which gives a view of what is a `Buffer`.
    const copy = new Uint8Array(length);
    copy.set(chunk.subarray(start, end));
    output.appendOwned(copy);
    if (isChunked) {
      output.ensure(MARGIN);
      output.appendCrlf();
    }
  }

  /** Room for content in the output's buffer; -1 when there is none. */
  reserve(bound: number): number {
    const output = this.#output;
    if (bound + MARGIN > BUFFER_SIZE) {
      return -1;
    }
    if (bound + MARGIN > output.room) {
      this.settle();
      output.ensure(bound + MARGIN);
    }
    this.#openChunk();
    return output.length;
  }

  /** Takes the octets that there was room for. */
  commit(length: number): void {
    if (this.#framing === Framing.NONE) {
      return;
    }
    if (this.#framing === Framing.LENGTH) {
      this.#left -= length;
    }
    this.#output.length += length;
  }

  /** Ends the body. @param trailers Their octets, if there are any and they may be sent: the body is in chunks then. */
  end(closes: boolean, trailers: Uint8Array | undefined): void {
    const output = this.#output;
    if (this.#headStart >= 0) {
      if (trailers === undefined) {
        this.#decideLength(output.length - this.#bodyStart);
      }
      if (closes && !this.#saysClose) {
        output.insertText(this.#bodyStart - 2, CLOSE_FIELD);
      }
    }
    this.settle();
    if (this.#framing === Framing.CHUNKED) {
      const last = trailers === undefined || trailers.length === 0;
      output.ensure(MARGIN);
      output.appendText(last ? LAST_CHUNK : "0\r\n");
      if (!last) {
        this.#appendOctets(trailers, 2);
        output.appendCrlf();
      }
    }
  }

  /** Whether trailers can be sent with this answer. */
  get takesTrailers(): boolean {
    return this.#framing === Framing.CHUNKED || this.#framing === Framing.OPEN;
  }

  /** Makes what was written ready to be taken: decides what was open. */
  settle(): void {
    const output = this.#output;
    if (this.#headStart >= 0) {
      this.#headStart = -1;
      if (this.#framing !== Framing.OPEN) {
        return;
      }
      this.#framing = Framing.CHUNKED;
      if (output.length === this.#bodyStart) {
        return;
      }
      output.insertText(this.#bodyStart, CHUNK_HEAD);
      this.#chunkStart = this.#bodyStart + CHUNK_HEAD.length;
    }
    if (this.#chunkStart < 0) {
      return;
    }
    const { buffer } = output;
    const length = output.length - this.#chunkStart;
    if (length === 0) {
      // Room was made and not used.
      output.length = this.#chunkStart - CHUNK_HEAD.length;
    } else {
      for (let digit = 0; digit < 4; digit++) {
        buffer[this.#chunkStart - 3 - digit] = HEX.charCodeAt(length >>> 4 * digit & 15);
      }
      output.appendCrlf();
    }
    this.#chunkStart = -1;
  }

  /** Takes the answer back, as far as nobody has it. Gives whether nobody has any of it. */
  drop(): boolean {
    const isWhole = this.#headStart >= 0;
    if (isWhole) {
      this.#output.length = this.#headStart;
    }
    this.#headStart = -1;
    this.settle();
    return isWhole;
  }

  #openChunk(): void {
    if (this.#framing === Framing.CHUNKED && this.#chunkStart < 0) {
      this.#output.appendText(CHUNK_HEAD);
      this.#chunkStart = this.#output.length;
    }
  }

  /** All of the body is known, and the head is open. */
  #decideLength(length: number): void {
    const output = this.#output;
    if (this.#framing === Framing.OPEN && length < 10 ** LENGTH_DIGITS) {
      this.#replaceFraming(length);
    } else if (this.#framing === Framing.CLOSE) {
      const field = `${LENGTH_FIELD}${length}\r\n`;
      output.insertText(this.#bodyStart - 2, field);
      this.#bodyStart += field.length;
    } else {
      return;
    }
    this.#framing = Framing.LENGTH;
    this.#left = length - (output.length - this.#bodyStart);
  }

  /** Says the length where it says that there are chunks: digit by digit, as a text that is put together is copied before it is read (2 % of a call). */
  #replaceFraming(length: number): void {
    const { buffer } = this.#output;
    copyOctets(PADDED_LENGTH_FIELD, 0, PADDED_LENGTH_FIELD.length, buffer, this.#framingStart);
    let position = this.#framingStart + PADDED_LENGTH_FIELD.length;
    let left = length;
    do {
      buffer[--position] = DIGIT_0 + left % 10;
      left = Math.floor(left / 10);
    } while (left > 0);
  }

  /** The octets of the field, which are the same for a second. */
  #dateField(date: string): Uint8Array {
    if (date !== this.#date) {
      this.#date = date;
      this.#dateOctets = octetsOf(`date: ${date}\r\n`);
    }
    return this.#dateOctets;
  }

  /** Appends octets of any length, with so much room behind them. */
  #appendOctets(octets: Uint8Array, margin: number): void {
    const output = this.#output;
    if (octets.length + margin > BUFFER_SIZE) {
      output.appendOwned(octets.slice());
      output.ensure(margin);
      return;
    }
    output.ensure(octets.length + margin);
    output.append(octets, 0, octets.length);
  }
}
