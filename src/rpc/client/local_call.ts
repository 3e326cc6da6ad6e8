/** One call within the process: its handler, its context, and what ends it before its time. */
import { create, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { HeaderField } from "../../http/mod.ts";
import { type DeadlineEntry, unwatchDeadline, watchDeadline } from "../deadline_wheel.ts";
import { faultError } from "../fault_error.ts";
import { appendFields } from "../metadata.ts";
import { CallContext, type ContextHost } from "../server/call_context.ts";
import type { MessageInit } from "../server/invocation.ts";
import { responseMessage, responseStream } from "../server/response_message.ts";
import { DEFAULT_ERROR_LIMITS } from "../error_limits.ts";
import { capText, utf8Bytes } from "../error_text.ts";
import { connectErrorOf, isConnectError } from "../thrown_error.ts";
import type { RegisteredMethod } from "../server/router.ts";
import { abortError, deadlineError } from "./call_errors.ts";
import type { CallRequest } from "./call_request.ts";
import { CancellableIterator } from "./cancellable_iterator.ts";

/** Told what a handler threw that is no `ConnectError`. Never throws. */
export type OnHandlerError = (error: unknown, context: HandlerContext) => void;

/** Where services of the process are, for interceptors and handlers that look at URLs. */
export const LOCAL_SCHEME = "in-process";
export const LOCAL_AUTHORITY = "local";

/** See the top of the file. */
export class LocalCall implements ContextHost, DeadlineEntry {
  readonly context: CallContext;
  readonly deadlineAtMs: number;
  readonly registered: RegisteredMethod;
  readonly protocolName = LOCAL_SCHEME;
  readonly #request: CallRequest;
  readonly #onError: OnHandlerError;
  #isOpen = true;
  /** What ended the call before its time, and rejects when that happens. */
  #cutBy: ConnectError | undefined = undefined;
  readonly #cut = Promise.withResolvers<never>();
  #requests: CancellableIterator<MessageInit, Message> | undefined = undefined;
  #responses: CancellableIterator<unknown, Message> | undefined = undefined;
  #hasReported = false;

  /** Begins it: its time runs, and its signals count. */
  constructor(registered: RegisteredMethod, request: CallRequest, onError: OnHandlerError) {
    const fields: HeaderField[] = [];
    if (request.header !== undefined) {
      appendFields(fields, request.header);
    }
    const head = {
      method: "POST",
      scheme: LOCAL_SCHEME,
      authority: LOCAL_AUTHORITY,
      path: registered.path,
      fields,
      contentLength: undefined,
      memo: undefined,
    };
    this.context = new CallContext(this, head, undefined);
    this.deadlineAtMs = request.deadlineAtMs;
    this.registered = registered;
    this.#request = request;
    this.#onError = onError;
    this.#cut.promise.catch(() => {}); // Not everybody waits.
    this.#watch();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Calls a handler that gives one message. The call is over then. */
  async reply(input: Message | AsyncIterable<MessageInit>): Promise<Message> {
    const { method } = this.registered;
    const created = async () => responseMessage(method, await this.#invoke(input));
    const message = await this.#untilCut(created());
    this.#end();
    return message;
  }

  /**
   * Calls a handler that gives a stream of messages. It resolves when the handler has given the first one, or the end: then the header is complete. The
   * call is over when its messages are.
   */
  async respond(input: Message | AsyncIterable<MessageInit>): Promise<AsyncIterable<Message>> {
    const { method } = this.registered;
    const invoked = async () =>
      new CancellableIterator(
        responseStream(method, await this.#invoke(input)),
        (message) => responseMessage(method, message),
        (error) => this.#end(error),
      );
    const responses = this.#responses = await this.#untilCut(invoked());
    const first = await this.#untilCut(responses.next());
    return this.#rest(first, responses);
  }

  nowMs(): number {
    return performance.now();
  }

  onDeadline(): void {
    this.#fail(deadlineError(this.#request.timeoutMs));
  }

  readonly #onAbort = (): void => {
    const aborted = this.#request.signals.find((signal) => signal.aborted);
    if (aborted !== undefined) {
      this.#fail(abortError(aborted));
    }
  };

  #watch(): void {
    const { signals } = this.#request;
    if (signals.some((signal) => signal.aborted)) {
      this.#onAbort();
      return;
    }
    if (this.deadlineAtMs !== Infinity) {
      watchDeadline(this);
    }
    for (const signal of signals) {
      signal.addEventListener("abort", this.#onAbort);
    }
  }

  async #invoke(input: Message | AsyncIterable<MessageInit>): Promise<unknown> {
    const { invocation, method } = this.registered;
    if (this.#cutBy !== undefined) {
      throw this.#cutBy;
    }
    if (!(Symbol.asyncIterator in input)) {
      return await invocation.invoke(input, this.context);
    }
    this.#requests = new CancellableIterator(input, (message) => create(method.input, message));
    return await invocation.invoke(this.#requests, this.context);
  }

  /** As the promise, or what cuts the call short. The error is the caller's. */
  async #untilCut<T>(promise: Promise<T>): Promise<T> {
    try {
      return await Promise.race([this.#cut.promise, promise]);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  async *#rest(
    first: IteratorResult<Message, undefined>,
    responses: AsyncIterableIterator<Message, undefined>,
  ): AsyncGenerator<Message, undefined> {
    try {
      for (let result = first; !result.done; result = await responses.next()) {
        yield result.value;
      }
    } catch (error) {
      throw this.#failed(error);
    } finally {
      this.#fail(new ConnectError("no more of the response was wanted", Code.Canceled));
    }
  }

  /** Ends it before its time. */
  #fail(error: ConnectError): void {
    if (this.#isOpen) {
      this.#cutBy = error;
      this.#end(error);
      this.#cut.reject(error);
      this.#responses?.cancel(error);
    }
  }

  /** What the caller gets for something that went wrong, which ends the call. */
  #failed(error: unknown): ConnectError {
    const { context } = this;
    let known = this.#cutBy ?? error;
    if (!isConnectError(known)) {
      this.report(error);
      known = faultError(error);
    }
    this.#end(error);
    return receivedError(connectErrorOf(known), context);
  }

  /** Tells of a mistake in the handler. Only the first one of a call is told: others may come of it. */
  report(mistake: unknown): void {
    if (!this.#hasReported) {
      this.#hasReported = true;
      this.#onError(mistake, this.context);
    }
  }

  #end(error?: unknown): void {
    if (!this.#isOpen) {
      return;
    }
    this.#isOpen = false;
    if (this.deadlineAtMs !== Infinity) {
      unwatchDeadline(this);
    }
    for (const signal of this.#request.signals) {
      signal.removeEventListener("abort", this.#onAbort);
    }
    this.context.abort(error);
    this.#requests?.cancel(this.#cutBy);
  }
}

/** An error as if it had come from a server: one of its own, with all metadata that there is. */
function receivedError(error: ConnectError, { givenHeader, givenTrailer }: CallContext): ConnectError {
  const text = capText(error.rawMessage, DEFAULT_ERROR_LIMITS.maxTextBytes, utf8Bytes);
  const received = new ConnectError(text, error.code, error.metadata, undefined, error);
  received.details = error.details;
  received.isWireError = true;
  for (const headers of [givenHeader, givenTrailer]) {
    headers?.forEach((value, name) => received.metadata.append(name, value));
  }
  return received;
}
