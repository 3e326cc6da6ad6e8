/**
 * An exchange without a connection: the test is the peer. It writes down each command, has as much room for an answer as the test gives it, and
 * counts the octets of the request that were released. What the engines forgive (a release after the end) it does not.
 */
import assert from "node:assert/strict";
import {
  type ExchangeHandler,
  fieldSectionSize,
  FieldSectionTooLargeError,
  type HeaderField,
  type HttpExchange,
  NO_HANDLER,
  type RefusalError,
} from "../../src/http/mod.ts";
import { checkOutgoingHead, checkOutgoingTrailers } from "../../src/http2/message_rules.ts";
import { concat } from "./frame_builder.ts";

/** Options of {@linkcode ScriptedExchange}. */
export interface ScriptedExchangeOptions {
  /** Octets of the answer that the peer takes without being asked again, see {@linkcode ScriptedExchange.take}. @default Infinity */
  readonly room?: number;
  /** Octets that may wait beyond those. @default 64 */
  readonly queueBytes?: number;
  /** Whether `reserve` gives room. @default true */
  readonly reserves?: boolean;
  /** @default true */
  readonly canSendTrailers?: boolean;
  /** Bytes of a head or of trailers that the peer takes. @default Infinity */
  readonly maxFieldSectionSize?: number;
}

/** See the top of the file. */
export class ScriptedExchange implements HttpExchange {
  handler: ExchangeHandler = NO_HANDLER;
  context: unknown = undefined;
  headSent = false;
  awaitsRequest = true;
  readonly canSendTrailers: boolean;
  outputBuffer = new Uint8Array(0);

  /** The commands, but for those of content: `respond :status=200 a=b`, `end`, `trailers grpc-status=0`, `reset 2`. */
  readonly log: string[] = [];
  /** How many octets of the request were given, and given back. */
  receivedLength = 0;
  releasedLength = 0;
  /** How many bytes somebody keeps for the request, and how many there were at most. */
  keptBytes = 0;
  mostKeptBytes = 0;
  /** Whether `write` said false and `onWritable` was not called since. */
  isFull = false;
  /** Resolves when the answer has ended, by whatever command. */
  readonly ended: Promise<void>;

  readonly #options: ScriptedExchangeOptions;
  readonly #chunks: Uint8Array[] = [];
  #room: number;
  #queuedLength = 0;
  #reserved: number | undefined = undefined;
  #hasEnded = false;
  /** How many bytes each piece of work was about. */
  readonly scheduled: number[] = [];
  /** Those of it that goes on with other work. */
  readonly furtherWork: number[] = [];
  /** Whether work waits. */
  holdsWork = false;
  readonly #work: (() => void)[] = [];
  #isReset = false;
  #requestEnded = false;
  #resolveEnded = () => {};

  constructor(options: ScriptedExchangeOptions = {}) {
    this.#options = options;
    this.#room = options.room ?? Infinity;
    this.canSendTrailers = options.canSendTrailers ?? true;
    this.ended = new Promise((resolve) => this.#resolveEnded = resolve);
  }

  get isClosed(): boolean {
    return this.#isReset || (this.#hasEnded && this.#requestEnded);
  }

  /** Octets of the request that somebody holds. */
  get heldLength(): number {
    return this.receivedLength - this.releasedLength;
  }

  /** All of the answer's content, also what waits. */
  get content(): Uint8Array {
    return concat(...this.#chunks);
  }

  get hasEnded(): boolean {
    return this.#hasEnded || this.#isReset;
  }

  /** To be said before the request is served: it ends with its head. */
  hasNoContent(): void {
    this.#requestEnded = true;
  }

  /** The peer sends octets, in chunks of `size`; their buffer is overwritten after each call. */
  push(octets: Uint8Array, { endStream = false, size = Infinity } = {}): void {
    for (let start = 0; start === 0 || start < octets.length; start += size) {
      const end = Math.min(octets.length, start + size);
      const buffer = concat(new Uint8Array(3), octets.subarray(start, end), new Uint8Array(3));
      if (this.isClosed) {
        return;
      }
      this.#requestEnded = endStream && end === octets.length;
      this.receivedLength += end - start;
      this.handler.onData(this, buffer, 3, 3 + end - start, this.#requestEnded);
      buffer.fill(0xee);
    }
  }

  /** The peer ends its request with trailers. */
  pushTrailers(fields: readonly HeaderField[] = []): void {
    this.#requestEnded = true;
    this.handler.onTrailers(this, fields);
  }

  /** The peer gives up, or its connection is gone. */
  drop(message = "gone"): void {
    this.#isReset = true;
    this.handler.onReset(this, new Error(message));
    this.#resolveEnded();
  }

  /** The peer takes so many octets more. */
  take(octets: number): void {
    this.#room += octets;
    const taken = Math.min(this.#queuedLength, this.#room);
    this.#queuedLength -= taken;
    this.#room -= taken;
    if (this.isFull && this.#queuedLength === 0) {
      this.isFull = false;
      this.handler.onWritable(this);
    }
  }

  sendInformation(): void {
    throw new TypeError("Not needed");
  }

  respond(fields: readonly HeaderField[], endStream = false): void {
    this.#begin("respond");
    assert.equal(this.headSent, false, "There is one head");
    checkOutgoingHead(fields, "server");
    checkSendable(fields);
    this.#checkSize(fields);
    this.headSent = true;
    if (!this.#isReset) {
      this.log.push(`respond ${line(fields)}${endStream ? " end" : ""}`);
      if (endStream) {
        this.#end();
      }
    }
  }

  write(chunk: Uint8Array, start = 0, end: number = chunk.length): boolean {
    this.#begin("write");
    if (this.isFull && start < end) {
      throw new RangeError("Cannot send: the queue is full");
    }
    return !this.#isSendable() || this.#send(chunk.slice(start, end));
  }

  end(chunk: Uint8Array = new Uint8Array(0)): void {
    this.#begin("end");
    if (this.#isSendable()) {
      this.#send(chunk.slice());
      this.log.push("end");
      this.#end();
    }
  }

  endWithTrailers(fields: readonly HeaderField[]): void {
    this.#begin("endWithTrailers");
    if (this.#isSendable()) {
      checkOutgoingTrailers(fields);
      checkSendable(fields);
      this.#checkSize(fields);
      this.log.push(`trailers ${line(fields)}`);
      this.#end();
    }
  }

  reserve(bound: number): number {
    this.#begin("reserve");
    const { reserves = true } = this.#options;
    if (!this.#isSendable() || !reserves || this.#queuedLength > 0 || this.#room < bound) {
      return -1;
    }
    this.outputBuffer = new Uint8Array(2 + bound).fill(0xee);
    this.#reserved = bound;
    return 2;
  }

  commit(length: number): void {
    assert.ok(this.#reserved !== undefined && length <= this.#reserved, "There was room reserved");
    this.#reserved = undefined;
    this.#room -= length;
    this.#chunks.push(this.outputBuffer.slice(2, 2 + length));
  }

  reset(code?: number): void {
    this.#begin("reset");
    if (!this.isClosed) {
      this.#isReset = true;
      this.log.push(`reset ${code}`);
      this.#resolveEnded();
    }
  }

  release(length: number): void {
    assert.ok(Number.isInteger(length) && length >= 0, "So many octets can be released");
    assert.ok(length <= this.heldLength, `${length} octets are released of ${this.heldLength} that are held`);
    this.releasedLength += length;
  }

  spendWork(): void {}

  /** Does work at once, or keeps it for {@linkcode doWork} where {@linkcode holdsWork} says so. */
  schedule<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T> {
    this.scheduled.push(bytes);
    if (isFurther) {
      this.furtherWork.push(bytes);
    }
    return this.holdsWork ? new Promise<void>((resolve) => this.#work.push(resolve)).then(work) : work();
  }

  /** Lets the work that waits longest be done. */
  doWork(): void {
    this.#work.shift()!();
  }

  keep(bytes: number): void {
    assert.ok(Number.isInteger(bytes) && bytes >= 0, "So many bytes can be kept");
    this.keptBytes = bytes;
    this.mostKeptBytes = Math.max(this.mostKeptBytes, bytes);
  }

  /** The connection keeps too much, or the request comes too slowly. */
  refuse(error: RefusalError): void {
    this.handler.onRefused!(this, error);
  }

  #begin(command: string): void {
    assert.equal(this.#reserved, undefined, `No ${command} between reserve and commit`);
  }

  #checkSize(fields: readonly HeaderField[]): void {
    const { maxFieldSectionSize = Infinity } = this.#options;
    const size = fieldSectionSize(fields);
    if (size > maxFieldSectionSize) {
      throw new FieldSectionTooLargeError(size, maxFieldSectionSize, "maxFieldSectionSize");
    }
  }

  /** As the engines: false after a reset, and a mistake after the end. */
  #isSendable(): boolean {
    if (this.#hasEnded) {
      throw new TypeError("Cannot send: the end was sent");
    }
    if (!this.#isReset && !this.headSent) {
      throw new TypeError("Cannot send: the head was not sent");
    }
    return !this.#isReset;
  }

  #send(octets: Uint8Array): boolean {
    this.#chunks.push(octets);
    const sent = this.#queuedLength > 0 ? 0 : Math.min(octets.length, this.#room);
    this.#room -= sent;
    this.#queuedLength += octets.length - sent;
    this.isFull = this.#queuedLength >= (this.#options.queueBytes ?? 64);
    return !this.isFull;
  }

  #end(): void {
    this.#hasEnded = true;
    this.isFull = false;
    this.#resolveEnded();
  }
}

/** What a carrier refuses is its own affair: this one refuses a name. */
function checkSendable(fields: readonly HeaderField[]): void {
  if (fields.some(({ name }) => name.endsWith("unsendable"))) {
    throw new TypeError('Cannot send the field "unsendable"');
  }
}

function line(fields: readonly HeaderField[]): string {
  return fields.map(({ name, value }) => `${name}=${value}`).join(" ");
}
