/**
 * The connection itself: one exchange after the other, and what becomes of it when somebody does wrong.
 *
 * Requests wait for the answers before them in their octets, which stay with the driver. This module performs no I/O.
 */
import { type ByteAccountOwner, minBytesOf, type RefusalError } from "../http/mod.ts";
import { BufferedBytes } from "./buffered_bytes.ts";
import type { Connection, ConnectionHandler, ConnectionOptions } from "./connection.ts";
import { Turn, Work } from "../http/mod.ts";
import { Deadlines } from "./deadlines.ts";
import { EndCode, Http1Error } from "./errors.ts";
import { type ExchangeHost, Http1Exchange } from "./exchange.ts";
import { type Fault, Faults } from "./faults.ts";
import { writeFault } from "./fault_response.ts";
import { HeadReader } from "./head_reader.ts";
import { type Http1Limits, resolveLimits } from "./limits.ts";
import { Output } from "./output.ts";
import { RequestBody } from "./request_body.ts";
import type { ParsedHead } from "./request_head.ts";
import { type ResponseHead, responseHeadOf } from "./response_head.ts";
import { ResponseWriter } from "./response_writer.ts";

/** What is received next. */
const Phase = {
  HEAD: 0,
  BODY: 1,
  /** Nothing: the answer comes first. */
  ANSWER: 2,
  CLOSED: 3,
} as const;
type Phase = (typeof Phase)[keyof typeof Phase];

const CONTINUE: ResponseHead = responseHeadOf(Object.freeze([{ name: ":status", value: "100" }]));

/** Begins a connection. @throws {RangeError} A limit is out of its range. */
export function createConnection(options: ConnectionOptions): Connection {
  return new Engine(options);
}

class Engine implements Connection, ExchangeHost, ByteAccountOwner {
  readonly limits: Http1Limits;
  readonly minWriteBytes: number;
  readonly writer: ResponseWriter;

  readonly #handler: ConnectionHandler;
  readonly #date: NonNullable<ConnectionOptions["date"]> | undefined;
  readonly #output = new Output();
  readonly #head: HeadReader;
  readonly #body: RequestBody;
  readonly #deadlines: Deadlines;
  readonly #turn = new Turn();
  readonly #buffered: BufferedBytes;
  #nowMs: number;
  #phase: Phase = Phase.HEAD;
  /** The exchange that is going on; it is not before the request's head is there, nor when its answer and its body have ended. */
  #exchange: Http1Exchange | undefined = undefined;
  #requestCount = 0;
  /** Whether the connection ends with this exchange. */
  #closesAfter = false;
  /** Whether the client waits for 100 (Continue), as far as we know. */
  #awaitsContinue = false;
  /** Whether `handleInput` did not take all because an answer has to come first. */
  #hasInputWaiting = false;
  /** Whether one of the calls of the driver is going on, after which it polls anyway. */
  #isInCall = false;

  constructor(options: ConnectionOptions) {
    const { handler, nowMs, scheme = "http", date } = options;
    this.limits = resolveLimits(options.limits);
    this.minWriteBytes = minBytesOf(this.limits.minResponseRate, this.writeTimeoutMs);
    this.writer = new ResponseWriter(this.#output);
    this.#handler = handler;
    this.#date = date;
    this.#head = new HeadReader(this.limits, scheme);
    this.#deadlines = new Deadlines(this.limits, nowMs, options.maxAgeMs);
    this.#body = new RequestBody(this.limits, this.#deadlines);
    this.#buffered = new BufferedBytes(options.budget?.open(this));
    this.#nowMs = nowMs;
  }

  get isClosed(): boolean {
    return this.#phase === Phase.CLOSED;
  }

  get isDraining(): boolean {
    return this.#closesAfter || this.isClosed;
  }

  get writeTimeoutMs(): number {
    return this.limits.stalledStreamTimeoutMs;
  }

  get wantsInput(): boolean {
    switch (this.#phase) {
      case Phase.HEAD:
        return this.#output.pendingLength < this.limits.maxSendQueue;
      case Phase.BODY:
        return !this.#body.isPaused;
      case Phase.ANSWER:
        return !this.#hasInputWaiting;
      default:
        return false;
    }
  }

  get hasOutput(): boolean {
    return this.#output.pendingLength > 0;
  }

  get isTurnOver(): boolean {
    return this.#turn.isOver;
  }

  get streamCount(): number {
    return this.#exchange === undefined || this.#exchange.isClosed ? 0 : 1;
  }

  get bufferedLength(): number {
    return this.#output.pendingLength + this.#head.bufferedLength + this.#body.bufferedLength;
  }

  // What the driver says.

  handleInput(chunk: Uint8Array, nowMs: number, start = 0): number {
    this.#nowMs = nowMs;
    this.#isInCall = true;
    this.#hasInputWaiting = false;
    this.#turn.enter();
    try {
      return this.#receive(chunk, start);
    } finally {
      this.#turn.spend(Work.INPUT);
      this.#isInCall = false;
      this.#count();
    }
  }

  #receive(chunk: Uint8Array, start: number): number {
    const turn = this.#turn;
    let position = start;
    while (position < chunk.length && !turn.isOver) {
      switch (this.#phase) {
        case Phase.HEAD:
          if (!this.wantsInput) {
            return position;
          }
          position = this.#receiveHead(chunk, position);
          break;
        case Phase.BODY:
          if (this.#body.isPaused) {
            return position;
          }
          position = this.#receiveBody(chunk, position);
          break;
        case Phase.ANSWER:
          this.#hasInputWaiting = true;
          return position;
        default:
          return chunk.length;
      }
    }
    return position;
  }

  handleTimeout(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#isInCall = true;
    try {
      this.#doDue(nowMs);
    } finally {
      this.#isInCall = false;
    }
  }

  handleEof(): void {
    if (this.isClosed) {
      return;
    }
    const isClean = this.#exchange === undefined && this.#head.isEmpty;
    this.#end(isClean ? undefined : new Http1Error(EndCode.CANCEL, "The peer closed the connection", "peer"));
  }

  handleClosed(): void {
    this.#output.drop();
    this.#buffered.close();
  }

  pollTimeout(): number | undefined {
    return this.#deadlines.next;
  }

  pollOutput(): Uint8Array | undefined {
    this.writer.settle();
    const taken = this.#output.take();
    if (taken === undefined) {
      return undefined;
    }
    const exchange = this.#exchange;
    if (exchange?.isFull && this.hasRoom) {
      exchange.isFull = false;
      const wasInCall = this.#isInCall;
      this.#isInCall = true;
      try {
        exchange.handler.onWritable(exchange);
      } finally {
        this.#isInCall = wasInCall;
      }
    }
    return taken;
  }

  releaseOutput(output: Uint8Array): void {
    this.#output.release(output);
    this.#count();
  }

  // What the owner of the connection says.

  shutdown(): void {
    this.#closesAfter = true;
    if (this.#exchange === undefined && this.#head.isEmpty && !this.isClosed) {
      this.#end(undefined);
      this.signalOutput();
    }
  }

  close(code: number = EndCode.NO_ERROR, message = "The connection was closed"): void {
    if (this.isClosed) {
      return;
    }
    const isOurFault = code === EndCode.INTERNAL_ERROR;
    this.#fail(
      { status: isOurFault ? 500 : 503, reason: isOurFault ? "Internal error" : "The server ends the connection" },
      code,
      message,
      this.#exchange !== undefined,
    );
    this.signalOutput();
  }

  // What the owners of exchanges say.

  get outputBuffer(): Uint8Array {
    return this.#output.buffer;
  }

  get hasRoom(): boolean {
    return this.#output.pendingLength < this.limits.maxSendQueue;
  }

  beginAnswer(exchange: Http1Exchange, head: ResponseHead, endStream: boolean): void {
    const { parsed } = exchange;
    // Nobody may send the body of a request that waits for 100 (Continue) and gets something else, or all of it: nobody knows.
    this.#closesAfter ||= this.#awaitsContinue;
    this.#awaitsContinue = false;
    this.writer.begin(head, {
      isHead: parsed.head.method === "HEAD",
      takesChunks: parsed.head.version !== "1.0",
      closes: this.#closesAfter,
      date: this.#currentDate(),
    }, endStream);
    this.signalOutput();
  }

  sendInformation(exchange: Http1Exchange, head: ResponseHead): void {
    if (exchange.parsed.head.version === "1.0") {
      return;
    }
    if (head.status === 100) {
      this.#awaitsContinue = false;
    }
    this.writer.writeInformation(head);
    this.signalOutput();
  }

  endAnswer(exchange: Http1Exchange, trailers: Uint8Array | undefined): void {
    // How much is left of chunks, nobody knows. A client that was not told may have sent all, and its next request meets the end of the connection.
    const left = this.#body.knownLength ?? (this.writer.isHeadOpen ? Infinity : 0);
    this.#closesAfter ||= left > this.limits.maxDiscardedBody;
    this.writer.end(this.#closesAfter, trailers);
    exchange.ended = true;
    exchange.isFull = false;
    this.#exchangeClosed(exchange);
    if (this.#phase === Phase.BODY) {
      this.#discardBody(exchange);
    } else {
      this.#endExchange();
    }
    this.signalOutput();
  }

  resetExchange(exchange: Http1Exchange, code: number, message: string): void {
    this.#exchangeClosed(exchange);
    this.writer.drop();
    this.#end(new Http1Error(code, message, "local"));
    this.signalOutput();
  }

  releaseData(exchange: Http1Exchange, length: number): void {
    if (this.#body.release(exchange, length, this.#nowMs, this.#isInCall)) {
      this.signalOutput();
    }
  }

  spendWork(work: number): void {
    this.#turn.spend(work);
  }

  schedule<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T> {
    return this.#handler.schedule === undefined ? work() : this.#handler.schedule(bytes, work, isFurther);
  }

  keepBytes(exchange: Http1Exchange, bytes: number): void {
    this.#buffered.keep(exchange, bytes);
  }

  signalOutput(): void {
    if (!this.#isInCall) {
      this.#count();
      this.#handler.onOutput();
    }
  }

  // What the budget says.

  refuseLargest(error: RefusalError): void {
    const exchange = this.#exchange;
    if (exchange !== undefined && !exchange.isClosed && !exchange.headSent && exchange.kept > 0) {
      const { kept } = exchange;
      this.#closesAfter = true; // The rest of the request is not wanted.
      exchange.handler.onRefused?.(exchange, error);
      if (exchange.kept < kept || exchange.isClosed) {
        return;
      }
    }
    this.#handler.onRefused?.(error);
  }

  /** Counts what is not small of heads and output. */
  #count(): void {
    let length = this.#output.heldLength;
    if (!this.isClosed) {
      length += this.#head.bufferedLength + this.#body.bufferedLength + (this.#exchange?.parsed.length ?? 0);
    }
    if (this.#buffered.needsCount(length)) {
      this.#buffered.count(length);
    }
  }

  #exchangeClosed(exchange: Http1Exchange): void {
    exchange.isClosed = true;
    this.#buffered.exchangeClosed(exchange);
  }

  // What comes in.

  #receiveHead(chunk: Uint8Array, start: number): number {
    const head = this.#head;
    const position = head.read(chunk, start);
    this.#turn.spend(head.isKnown ? Work.REQUEST : Work.REQUEST + (position - start) * Work.HEAD_BYTE);
    if (head.fault !== undefined) {
      this.#refuse(head.fault);
    } else if (head.parsed !== undefined) {
      this.#beginExchange(head.parsed, position < chunk.length);
    } else if (!head.isEmpty) {
      this.#deadlines.beginHead(this.#nowMs);
    }
    return position;
  }

  #beginExchange(parsed: ParsedHead, hasMoreInput: boolean): void {
    const exchange = this.#exchange = new Http1Exchange(this, ++this.#requestCount, parsed);
    this.#closesAfter ||= !parsed.isPersistent;
    this.#deadlines.endHead();
    if (parsed.isBodyless) {
      this.#phase = Phase.ANSWER;
      this.#handler.onRequest(exchange, parsed.head, true);
      return;
    }
    this.#phase = Phase.BODY;
    this.#body.begin(parsed, this.#nowMs);
    // "A server MAY omit sending a 100 (Continue) response if it has already received some or all of the content" (RFC 9110 §10.1.1)
    this.#awaitsContinue = parsed.expectsContinue && !hasMoreInput;
    this.#handler.onRequest(exchange, parsed.head, false);
    if (this.#awaitsContinue && !exchange.isClosed) {
      this.#awaitsContinue = false;
      this.writer.writeInformation(CONTINUE);
      this.signalOutput();
    }
  }

  #receiveBody(chunk: Uint8Array, start: number): number {
    const body = this.#body;
    const exchange = this.#exchange!;
    const position = body.read(exchange, chunk, start, this.#nowMs);
    this.#turn.spendFrame(position - start);
    if (body.fault !== undefined) {
      this.#refuse(body.fault);
      return position;
    }
    if (body.isDone) {
      this.#phase = Phase.ANSWER;
      exchange.isRemotelyClosed = true;
    }
    if (exchange.isClosed) {
      this.#discard(position - start);
    } else {
      body.deliver(exchange, chunk);
    }
    return position;
  }

  // The end of exchanges.

  /** The answer was complete before the request was: its body is read, so that the connection can be used again, or it is not worth it. */
  #discardBody(exchange: Http1Exchange): void {
    this.#body.abandon(exchange, this.#nowMs, this.#isInCall);
    if (this.#closesAfter) {
      this.#end(undefined);
    }
  }

  #discard(length: number): void {
    if (!this.#body.discard(length)) {
      this.#refuse(Faults.TOO_MUCH_DISCARDED);
    } else if (this.#phase === Phase.ANSWER) {
      this.#endExchange();
    }
  }

  /** Request and answer are complete. */
  #endExchange(): void {
    this.#exchange = undefined;
    if (this.#closesAfter) {
      this.#end(undefined);
      return;
    }
    this.#phase = Phase.HEAD;
    this.#deadlines.idle.start(this.#nowMs, this.#isInCall);
  }

  /** The one place where a fault of the peer becomes an answer and the end. */
  #refuse(fault: Fault): void {
    this.#fail(fault, EndCode.PROTOCOL_ERROR, fault.reason, true);
  }

  /** @param answers Whether the fault is told, if that is still possible. */
  #fail(fault: Fault, code: number, message: string, answers: boolean): void {
    const exchange = this.#exchange;
    const hasAnswered = exchange !== undefined && exchange.headSent;
    // What nobody has seen of an answer can be another answer yet; one that is complete stands.
    const isOpen = !hasAnswered || !exchange.ended && this.writer.drop();
    const isTold = answers && isOpen && fault.status !== 0;
    if (isTold) {
      writeFault(this.writer, fault, exchange?.parsed.head.method === "HEAD", this.#currentDate());
    }
    this.#end(new Http1Error(code, message, "local", isTold ? fault.status : undefined));
  }

  #currentDate(): string | undefined {
    return this.#date?.(this.#isInCall ? this.#nowMs : undefined);
  }

  #end(error: Http1Error | undefined): void {
    if (this.isClosed) {
      return;
    }
    const exchange = this.#exchange;
    this.#phase = Phase.CLOSED;
    this.#exchange = undefined;
    this.#closesAfter = true;
    this.#deadlines.close();
    if (exchange !== undefined && !exchange.isClosed) {
      this.#exchangeClosed(exchange);
      const reason = error ?? new Http1Error(EndCode.CANCEL, "The connection ended", "local");
      exchange.handler.onReset(exchange, reason);
    }
    this.#count();
    this.#handler.onClose(error);
  }

  #doDue(nowMs: number): void {
    const deadlines = this.#deadlines;
    if (deadlines.head.isDue(nowMs)) {
      // Whoever has said nothing is told nothing: browsers open connections that they may never use.
      return this.#exchange === undefined && this.#head.isEmpty
        ? this.#end(undefined)
        : this.#refuse(Faults.HEAD_TIMEOUT);
    }
    const exchange = this.#exchange;
    if (deadlines.isBodyDue(nowMs, exchange === undefined || exchange.isClosed || exchange.awaitsRequest)) {
      return this.#refuse(Faults.BODY_TIMEOUT);
    }
    if (deadlines.idle.isDue(nowMs) || deadlines.age.isDue(nowMs)) {
      deadlines.idle.stop();
      deadlines.age.stop();
      this.shutdown();
    }
  }
}
