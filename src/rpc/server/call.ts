/**
 * One call on the server: takes its request, calls the method, sends the answer, and ends it at its deadline or when its client is gone.
 *
 * What it receives and when is the carrier's, how an answer is written its protocol's. A unary call whose request comes in one piece costs no
 * timer, no `AbortController`, no `Headers` and no promise, unless its handler asks for them.
 */
import { create, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type ConnectionInfo,
  type ExchangeHandler,
  type HttpExchange,
  PieceBuffer,
  type RequestHead,
} from "../../http/mod.ts";
import type { DeadlineEntry } from "../deadline_wheel.ts";
import { sendAll, sendEnveloped } from "./answer.ts";
import { CallContext, type ContextHost } from "./call_context.ts";
import type { AnsweringStream, CallPlan } from "./call_plan.ts";
import type { CallRecord } from "./call_record.ts";
import { CallWriter } from "./call_writer.ts";
import { sendContent } from "./connect.ts";
import type { MessageInit } from "./invocation.ts";
import type { OpenCall, OpenCalls } from "./open_calls.ts";
import type { ResolvedOptions } from "./options.ts";
import {
  ContentIntake,
  decodeMessage,
  type IntakeHost,
  receiveQuery,
  type RequestIntake,
  SingleEnvelopeIntake,
  startOfWhole,
} from "./request_intake.ts";
import { RequestStream } from "./request_stream.ts";
import type { RegisteredMethod } from "./router.ts";

/** RFC 9113 §7 */
const INTERNAL_ERROR = 0x2;

/** One for all calls: the exchange knows its call. */
export const CALL_HANDLER: ExchangeHandler = {
  onData: (exchange, buffer, start, end, endStream) => callOf(exchange).receive(buffer, start, end, endStream),
  onTrailers: (exchange) => callOf(exchange).receiveEnd(),
  onWritable: (exchange) => callOf(exchange).resume(),
  onReset: (exchange, error) => callOf(exchange).abandon(error),
};

function callOf(exchange: HttpExchange): ServerCall {
  return exchange.context as ServerCall;
}

/** See the top of the file. */
export class ServerCall implements AnsweringStream, IntakeHost, ContextHost, DeadlineEntry, OpenCall {
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

  /** The client is gone. */
  abandon({ message }: Error): void {
    if (!this.#isOpen) {
      return;
    }
    const error = new ConnectError(`the client is gone: ${message}`, Code.Canceled);
    this.#isOpen = false;
    this.#openCalls.leave(this);
    this.context.abort(error);
    this.#close(error);
  }

  fail(error: unknown): void {
    if (this.#isOpen) {
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
      // Whatever can be awaited is: a promise that is not the runtime's own must not let everybody in.
      Promise.resolve(passing).then(() => this.#openGate(), (error) => {
        this.#openCalls.settle(this);
        this.fail(error);
      });
    } catch (error) {
      this.fail(error);
    }
    return false;
  }

  #openGate(): void {
    this.#openCalls.settle(this);
    const held = this.#held;
    if (held === undefined) {
      return; // The call has ended meanwhile.
    }
    this.#held = undefined;
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
      this.record.around(() => this.#invoke(input));
    }
  }

  #invoke(input: Message | RequestStream): void {
    const { invocation, method } = this.plan.registered;
    const isStream = method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
    try {
      if (invocation.writing !== undefined) {
        const writer = new CallWriter(this);
        const written = invocation.writing(input as Message, writer, this.context);
        return written instanceof Promise || writer.sending !== undefined
          ? this.#run(this.#finishWhen(written, writer))
          : this.#finish();
      }
      const output = invocation.invoke(input, this.context);
      if (isStream) {
        const messages = output as AsyncIterable<MessageInit> | Promise<AsyncIterable<MessageInit>>;
        this.#run(this.#finishWhen(sendAll(this, messages)));
      } else if (output instanceof Promise) {
        this.#run(this.#replyWhen(output as Promise<MessageInit>));
      } else {
        const sending = this.#reply(output as MessageInit);
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
    running.then(() => this.#openCalls.settle(this), (error) => {
      this.#openCalls.settle(this);
      this.fail(error);
    });
  }

  async #replyWhen(output: Promise<MessageInit>): Promise<void> {
    const message = await output;
    const sending = this.#reply(message);
    if (sending !== undefined) {
      await sending;
    }
  }

  /** A promise where compression takes its time. */
  #reply(output: MessageInit): Promise<void> | undefined {
    if (!this.#isOpen) {
      return undefined;
    }
    const message = create(this.plan.registered.method.output, output);
    const sending = this.plan.protocol.isEnveloped ? sendEnveloped(this, message) : sendContent(this, message);
    if (sending instanceof Promise) {
      return sending.then(() => this.#finish());
    }
    this.#finish();
    return undefined;
  }

  async #finishWhen(sent: void | Promise<void>, writer?: CallWriter): Promise<void> {
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
      sent = this.#endAgain(mistake);
    }
    this.context.abort(sent);
    this.#close(sent);
  }

  /** The answer could not end as the handler wanted it to: with a field that may not be sent. */
  #endAgain(mistake: unknown): ConnectError {
    const error = new ConnectError("internal error", Code.Internal);
    this.#report(mistake);
    this.context.forgetGiven();
    try {
      this.plan.protocol.end(this, error);
    } catch {
      this.exchange.reset(INTERNAL_ERROR);
    }
    return error;
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
    this.resume();
  }

  /** Clients learn no more of other errors than that they were: their texts may say anything. */
  #toConnectError(error: unknown): ConnectError {
    if (error instanceof ConnectError) {
      return error;
    }
    this.#report(error);
    return new ConnectError("internal error", Code.Internal);
  }

  /** Only the first mistake is told: others may come of it. */
  #report(mistake: unknown): void {
    if (!this.#hasReported) {
      this.#hasReported = true;
      try {
        this.options.onError(mistake, this.context);
      } catch (error) {
        console.error(error); // The client has to be answered all the same.
      }
    }
  }
}
