/** What a handler may know and say of its call: connect-es' `HandlerContext`, of which nothing is made before it is asked for. */
import { Code, ConnectError, type ContextValues, createContextValues, type HandlerContext } from "@connectrpc/connect";
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { ConnectionInfo, RequestHead } from "../../http/mod.ts";
import { connectionKey } from "../connection_key.ts";
import { inheritedCallKey } from "../inherited_call.ts";
import { toHeaders } from "../metadata.ts";
import type { RegisteredMethod } from "./router.ts";

/** See the top of the file. */
export class CallContext implements HandlerContext {
  readonly protocolName: string;
  readonly #registered: RegisteredMethod;
  readonly #head: RequestHead;
  readonly #connection: ConnectionInfo | undefined;
  readonly #deadlineAtMs: number;
  #abort: AbortController | undefined = undefined;
  #isAborted = false;
  #reason: unknown = undefined;
  #requestHeader: Headers | undefined = undefined;
  #responseHeader: Headers | undefined = undefined;
  #responseTrailer: Headers | undefined = undefined;
  #values: ContextValues | undefined = undefined;

  /** @param deadlineAtMs Infinity for none. */
  constructor(
    registered: RegisteredMethod,
    protocolName: string,
    head: RequestHead,
    connection: ConnectionInfo | undefined,
    deadlineAtMs: number,
  ) {
    this.#registered = registered;
    this.protocolName = protocolName;
    this.#head = head;
    this.#connection = connection;
    this.#deadlineAtMs = deadlineAtMs;
  }

  get service(): DescService {
    return this.#registered.service;
  }

  get method(): DescMethod {
    return this.#registered.method;
  }

  get requestMethod(): string {
    return this.#head.method;
  }

  get url(): string {
    const { scheme, authority, path } = this.#head;
    return `${scheme}://${authority}${path}`;
  }

  /** Bound, as handlers may take it out of the context. */
  get timeoutMs(): () => number | undefined {
    const deadlineAtMs = this.#deadlineAtMs;
    return () => deadlineAtMs === Infinity ? undefined : Math.max(0, deadlineAtMs - performance.now());
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#isAborted) {
        this.#abort.abort(this.#reason);
      }
    }
    return this.#abort.signal;
  }

  get requestHeader(): Headers {
    return this.#requestHeader ??= toHeaders(this.#head.fields);
  }

  get responseHeader(): Headers {
    return this.#responseHeader ??= new Headers();
  }

  get responseTrailer(): Headers {
    return this.#responseTrailer ??= new Headers();
  }

  get values(): ContextValues {
    return this.#values ??= createContextValues()
      .set(connectionKey, this.#connection)
      .set(inheritedCallKey, this);
  }

  /** The response fields that were asked for; undefined when nobody did. */
  get givenHeader(): Headers | undefined {
    return this.#responseHeader;
  }

  /** As {@linkcode givenHeader}, of the trailers. */
  get givenTrailer(): Headers | undefined {
    return this.#responseTrailer;
  }

  /** Forgets what the handler gave: it cannot be sent. */
  forgetGiven(): void {
    this.#responseHeader = undefined;
    this.#responseTrailer = undefined;
  }

  /** What the call was aborted with; undefined when it was not. */
  get abortedWith(): ConnectError | undefined {
    return this.#isAborted ? ConnectError.from(this.#reason, Code.Canceled) : undefined;
  }

  /** Aborts the signal, if there is one or will be. Only the first reason counts. */
  abort(reason: unknown): void {
    if (!this.#isAborted) {
      this.#isAborted = true;
      this.#reason = reason;
      this.#abort?.abort(reason);
    }
  }
}
