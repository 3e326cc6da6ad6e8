/**
 * One call on the server: takes its request, calls the method, sends the answer, and ends it at its deadline or when its client is gone.
 *
 * What it receives and when is the carrier's, how an answer is written its protocol's. A unary call whose request comes in one piece costs no
 * timer, no `AbortController`, no `Headers` and no promise, unless its handler asks for them.
 */
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type ConnectionInfo,
  type ExchangeHandler,
  type HttpExchange,
  isFieldSectionTooLarge,
  PieceBuffer,
  RefusalError,
  type RequestHead,
  UNCOUNTED_BYTES,
  Work,
} from "../../http/mod.ts";
import { isThenable } from "../../user_code/mod.ts";
import type { DeadlineEntry } from "../deadline_wheel.ts";
import { faultError } from "../fault_error.ts";
import { shortened } from "../short_error.ts";
import { isConnectError } from "../thrown_error.ts";
import { sendAll, sendEnveloped } from "./answer.ts";
import { CallContext, type ContextHost } from "./call_context.ts";
import type { AnsweringStream, CallPlan } from "./call_plan.ts";
import type { CallRecord } from "./call_record.ts";
import { CallWriter } from "./call_writer.ts";
import { sendContent } from "./connect.ts";
import type { OpenCall, OpenCalls } from "./open_calls.ts";
import type { ResolvedOptions } from "./options.ts";
import {
  ContentIntake,
  decodeMessage,
  receiveQuery,
  type RequestIntake,
  SingleEnvelopeIntake,
  startOfWhole,
} from "./request_intake.ts";
import { RequestStream, type RequestStreamHost } from "./request_stream.ts";
import { checkPushed, responseMessage } from "./response_message.ts";
import type { RegisteredMethod } from "./router.ts";
import { ScheduledWork } from "./scheduled_work.ts";

/** RFC 9113 §7 */
const INTERNAL_ERROR = 0x2;

/** One for all calls: the exchange knows its call. */
export const CALL_HANDLER: ExchangeHandler = {
  onData: (exchange, buffer, start, end, endStream) => callOf(exchange).receive(buffer, start, end, endStream),
  onTrailers: (exchange) => callOf(exchange).receiveEnd(),
  onWritable: (exchange) => callOf(exchange).resume(),
  onReset: (exchange, error) => callOf(exchange).abandon(error),
  onRefused: (exchange, error) => callOf(exchange).refuse(error),
};

function callOf(exchange: HttpExchange): ServerCall {
  return exchange.context as ServerCall;
}

/** See the top of the file. */
export class ServerCall implements AnsweringStream, RequestStreamHost, ContextHost, DeadlineEntry, OpenCall {
  readonly exchange: HttpExchange;
  readonly plan: CallPlan;
  readonly context: CallContext;
  readonly options: ResolvedOptions;
  readonly record: CallRecord | undefined;
  /** Infinity for none. */
  readonly deadlineAtMs: number;
  previousOpen: OpenCall | undefined = undefined;
  nextOpen: OpenCall | undefined = undefined;

  readonly connection: ConnectionInfo | undefined;
  readonly #openCalls: OpenCalls;
  isFull = false;
  #isOpen = true;
  isRunning = false;
  isAbandoned = false;
  #hasReported = false;
  #message: Message | Promise<Message> | undefined = undefined;
  #intake: RequestIntake | undefined = undefined;
  #requests: RequestStream | undefined = undefined;
  #work: ScheduledWork | undefined = undefined;
  /** Bytes that are kept for the request: what of it came before it was complete, then its message if it is large, until its handler has ended. */
  #keptBytes = 0;
  /** What came while the gate is thinking; undefined when it is not. */
  #held: { readonly content: PieceBuffer; hasEnded: boolean } | undefined = undefined;
  /** Wakes who waits for room. */
  #onWritable: (() => void) | undefined = undefined;

  constructor(
    exchange: HttpExchange,
    plan: CallPlan,
    head: RequestHead,
    connection: ConnectionInfo | undefined,
    options: ResolvedOptions,
    openCalls: OpenCalls,
    record: CallRecord | undefined,
  ) {
    this.exchange = exchange;
    this.plan = plan;
    this.options = options;
    this.record = record;
    this.connection = connection;
    this.#openCalls = openCalls;
    this.deadlineAtMs = plan.timeoutMs === undefined ? Infinity : options.deadlines.batchNowMs() + plan.timeoutMs;
    this.context = new CallContext(this, head, connection);
  }

  /** Whether it has not been answered to the end. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  get registered(): RegisteredMethod {
    return this.plan.registered;
  }

  get protocolName(): string {
    return this.plan.protocol.name;
  }

  get contentLength(): number | undefined {
    return this.context.contentLength;
  }

  get maxMessageBytes(): number {
    return this.options.maxMessageBytes;
  }

  get maxDecodedBytes(): number {
    return this.options.maxDecodedBytes;
  }

  /** Begins. @param endStream Whether the request has no content. */
  begin(endStream: boolean): void {
    this.#openCalls.add(this);
    if (this.deadlineAtMs < Infinity) {
      if (this.plan.timeoutMs === 0) {
        return this.onDeadline();
      }
      this.options.deadlines.watch(this);
    }
    if (this.options.requestGate !== undefined && !this.#passGate(this.options.requestGate, endStream)) {
      return;
    }
    this.#beginRequest();
    if (endStream) {
      this.receiveEnd();
    }
  }

  /** Content has arrived. The buffer is the caller's again after the call. */
  receive(buffer: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (this.#held !== undefined) {
      this.#held.content.append(buffer, start, end, Infinity);
      this.#held.hasEnded = endStream;
      this.keep(this.#held.content.size);
      return;
    }
    if (!this.#isOpen || this.plan.queryMessage !== undefined) {
      // What was still on its way when the answer had ended; or the content of a GET, of which caches know the query only.
      this.exchange.release(end - start);
    } else if (end > start && !this.#receiveWhole(buffer, start, end, endStream)) {
      this.#intake ??= this.plan.protocol.isEnveloped
        ? new SingleEnvelopeIntake(this, this.#message === undefined ? 0 : 1)
        : new ContentIntake(this);
      this.#intake.push(buffer, start, end);
    }
    if (endStream) {
      this.receiveEnd();
    }
  }

  /** The request has ended. */
  receiveEnd(): void {
    if (this.#held !== undefined) {
      this.#held.hasEnded = true;
      return;
    }
    if (!this.#isOpen) {
      return;
    }
    if (this.#intake === undefined && this.#message === undefined) {
      this.#intake = this.plan.protocol.isEnveloped ? new SingleEnvelopeIntake(this, 0) : new ContentIntake(this);
    }
    if (this.#keptBytes > 0 && this.#intake !== undefined && this.#requests === undefined) {
      this.keep(0); // The pieces. What the message counts for the intake says next.
    }
    this.#intake?.end();
    const message = this.#message;
    // The call may go on for hours, and its method not want them so long.
    this.#intake = undefined;
    this.#message = undefined;
    if (this.#isOpen && this.#requests === undefined && message !== undefined) {
      this.#callWithMessage(message);
    }
  }

  receiveMessage(message: Message | Promise<Message>): void {
    if (message instanceof Promise) {
      message.catch(() => {}); // Whoever awaits it hears of it: the request may end later, or never.
    }
    this.#message = message;
  }

  nowMs(): number {
    return this.options.deadlines.nowMs();
  }

  release(octets: number): void {
    this.exchange.release(octets);
  }

  schedule<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T> {
    this.#work ??= new ScheduledWork(this.exchange);
    return this.#work.schedule(bytes, work, isFurther);
  }

  keep(bytes: number): void {
    // Within this the call may be refused, which is when it stops to keep what it need not.
    if (bytes !== this.#keptBytes && (this.#isOpen || bytes < this.#keptBytes)) {
      this.#keptBytes = bytes;
      this.exchange.keep(bytes);
    }
  }

  handOver(bytes: number): void {
    if (this.#requests === undefined) {
      this.keep(bytes);
    } else {
      this.#requests.handOver(bytes);
    }
  }

  expect(isWithinMessage: boolean): void {
    this.exchange.awaitsRequest = isWithinMessage;
  }

  /** There is room for messages again. */
  resume(): void {
    this.isFull = false;
    this.#onWritable?.();
    this.#onWritable = undefined;
  }

  onDeadline(): void {
    this.cut(new ConnectError("the deadline has passed", Code.DeadlineExceeded));
  }

  /** Ends it, whatever its handler does. */
  cut(error: ConnectError): void {
    if (this.#isOpen) {
      this.#openCalls.leave(this);
      this.fail(error);
    }
  }

  /** The request keeps too much, or comes too slowly. */
  refuse(error: RefusalError): void {
    this.cut(refusalError(error));
  }

  /** The client is gone, or the answer keeps too much. */
  abandon({ message, cause }: Error): void {
    if (!this.#isOpen) {
      return;
    }
    const error = cause instanceof RefusalError
      ? refusalError(cause)
      : new ConnectError(`the client is gone: ${message}`, Code.Canceled);
    this.#isOpen = false;
    this.#openCalls.leave(this);
    this.context.abort(error);
    this.#close(error);
  }

  fail(error: unknown): void {
    if (this.#isOpen) {
      this.exchange.spendWork(Work.FAILURE);
      this.#isOpen = false;
      this.#end(this.#toConnectError(error));
    }
  }

  /** True when the call may go on at once. */
  #passGate(gate: NonNullable<ResolvedOptions["requestGate"]>, endStream: boolean): boolean {
    try {
      const passing = gate(this.context);
      if (passing === undefined) {
        return true;
      }
      this.#held = { content: new PieceBuffer(), hasEnded: endStream };
      this.isRunning = true;
      this.expect(false);
      // Whatever can be awaited is: a promise that is not the runtime's own must not let everybody in.
      Promise.resolve(passing).then(() => this.#openGate(), (error) => {
        this.#settle();
        this.fail(error);
      });
    } catch (error) {
      this.fail(error);
    }
    return false;
  }

  #openGate(): void {
    this.#settle();
    const held = this.#held;
    if (held === undefined) {
      return; // The call has ended meanwhile.
    }
    this.#held = undefined;
    this.expect(true);
    this.#beginRequest();
    // Apart from the end, so that all of it is released now, and not when the stream ends.
    const octets = held.content.take();
    this.receive(octets, 0, octets.length, false);
    if (held.hasEnded) {
      this.receiveEnd();
    }
  }

  #beginRequest(): void {
    const { queryMessage, registered } = this.plan;
    const { methodKind } = registered.method;
    if (queryMessage !== undefined) {
      receiveQuery(this, queryMessage);
    } else if (methodKind === "client_streaming" || methodKind === "bidi_streaming") {
      const requests = new RequestStream(this);
      this.#requests = requests;
      this.#intake = requests;
      this.expect(false);
      this.#call(requests);
    }
  }

  /** Takes a message that is all there: most are, and need neither a reader nor a copy. */
  #receiveWhole(buffer: Uint8Array, start: number, end: number, endStream: boolean): boolean {
    if (this.#intake !== undefined || this.#message !== undefined) {
      return false;
    }
    const content = startOfWhole(this, buffer, start, end, endStream);
    if (content < 0) {
      return false;
    }
    try {
      this.#message = decodeMessage(this, false, buffer, content, end, false);
    } catch (error) {
      this.fail(error);
    }
    if (!endStream || this.plan.registered.method.methodKind !== "unary") {
      this.exchange.release(end - start); // Else the stream gives it back when it ends, which is soon, without a frame of its own.
    }
    if (!endStream && end - start > Math.max(UNCOUNTED_BYTES, this.#keptBytes)) {
      this.keep(end - start);
    }
    return true;
  }

  #callWithMessage(message: Message | Promise<Message>): void {
    if (message instanceof Promise) {
      message.then((message) => this.#isOpen && this.#call(message), (error) => this.fail(error));
    } else {
      this.#call(message);
    }
  }

  #call(input: Message | RequestStream): void {
    if (this.record === undefined) {
      this.#invoke(input);
    } else {
      this.#invokeObserved(input, this.record);
    }
  }

  /** A function of its own: V8 makes room for what its closure uses whenever it is called. */
  #invokeObserved(input: Message | RequestStream, record: CallRecord): void {
    record.around(() => this.#invoke(input));
  }

  #invoke(input: Message | RequestStream): void {
    const { invocation, method } = this.plan.registered;
    const isStream = method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
    try {
      if (invocation.writing !== undefined) {
        const writer = new CallWriter(this);
        const written: unknown = invocation.writing(input as Message, writer, this.context);
        checkPushed(method, written);
        return isThenable(written) || writer.sending !== undefined
          ? this.#run(this.#finishWhen(written, writer))
          : this.#finish();
      }
      const output: unknown = invocation.invoke(input, this.context);
      if (isStream) {
        this.#run(this.#finishWhen(sendAll(this, output)));
      } else if (isThenable(output)) {
        this.#run(this.#replyWhen(output));
      } else {
        const sending = this.#reply(output);
        if (sending !== undefined) {
          this.#run(sending);
        }
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** Waits for what goes on after the call. */
  #run(running: Promise<void>): void {
    this.isRunning = true;
    running.then(() => this.#settle(), (error) => {
      this.#settle();
      this.fail(error);
    });
  }

  /** The handler, or the gate, has ended. */
  #settle(): void {
    this.#openCalls.settle(this);
    if (!this.#isOpen && this.#keptBytes > 0) {
      this.keep(0);
    }
  }

  async #replyWhen(output: PromiseLike<unknown>): Promise<void> {
    const message = await output;
    const sending = this.#reply(message);
    if (sending !== undefined) {
      await sending;
    }
  }

  /** A promise where compression takes its time. */
  #reply(output: unknown): Promise<void> | undefined {
    if (!this.#isOpen) {
      return undefined;
    }
    const message = responseMessage(this.plan.registered.method, output);
    const sending = this.plan.protocol.isEnveloped ? sendEnveloped(this, message) : sendContent(this, message);
    if (sending instanceof Promise) {
      return sending.then(() => this.#finish());
    }
    this.#finish();
    return undefined;
  }

  async #finishWhen(sent: unknown, writer?: CallWriter): Promise<void> {
    await sent;
    await writer?.sending;
    this.#finish();
  }

  writable(): Promise<void> {
    return new Promise((resolve) => this.#onWritable = resolve);
  }

  #finish(): void {
    if (this.#isOpen) {
      this.#isOpen = false;
      this.#end(undefined);
    }
  }

  #end(error: ConnectError | undefined): void {
    let sent = error;
    try {
      this.plan.protocol.end(this, error);
    } catch (mistake) {
      sent = this.#endShorter(mistake, error);
    }
    this.context.abort(sent);
    this.#close(sent);
  }

  /** Ends an answer that could not end as the handler wanted it to: with a field that may not be sent, or with more of them than may be sent. */
  #endShorter(mistake: unknown, error: ConnectError | undefined): ConnectError {
    const isTooLarge = isFieldSectionTooLarge(mistake);
    if (!isTooLarge) {
      this.report(mistake);
    }
    const short = isTooLarge ? shortened(mistake, error) : faultError(mistake);
    this.context.forgetGiven();
    // The second one is for peers that take less than a text.
    for (const attempt of [short, new ConnectError("", short.code)]) {
      try {
        this.plan.protocol.end(this, attempt);
        return attempt;
      } catch {
        continue;
      }
    }
    this.exchange.reset(INTERNAL_ERROR);
    return short;
  }

  /** Wakes and ends all that waits for the other side. */
  #close(error: ConnectError | undefined): void {
    this.#openCalls.remove(this);
    if (this.deadlineAtMs < Infinity) {
      this.options.deadlines.unwatch(this);
    }
    this.record?.end(error?.code);
    if (this.#held !== undefined) {
      this.exchange.release(this.#held.content.length);
      this.#held = undefined;
    }
    this.#requests?.abort(error);
    this.#work?.drop();
    this.#intake = undefined;
    this.#message = undefined;
    if (this.#keptBytes > 0 && !this.isRunning) {
      this.keep(0);
    }
    this.resume();
  }

  /** Clients learn no more of other errors than that they were: their texts may say anything. */
  #toConnectError(error: unknown): ConnectError {
    if (isConnectError(error)) {
      return error;
    }
    if (isFieldSectionTooLarge(error)) {
      this.context.forgetGiven();
      return shortened(error, undefined);
    }
    this.report(error);
    return faultError(error);
  }

  /** Tells of a mistake in user code. Only the first one of a call is told: others may come of it. */
  report(mistake: unknown): void {
    if (!this.#hasReported) {
      this.#hasReported = true;
      this.options.onError(mistake, this.context);
    }
  }
}

/** What a client is told whose call keeps too much, or comes too slowly. */
function refusalError({ reason, message }: RefusalError): ConnectError {
  const text = message.charAt(0).toLowerCase() + message.slice(1);
  return new ConnectError(text, reason === "minBodyRate" ? Code.DeadlineExceeded : Code.ResourceExhausted);
}
