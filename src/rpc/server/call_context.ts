/** What a handler may know and say of its call: connect-es' `HandlerContext`, of which nothing is made before it is asked for. */
import { type ConnectError, type ContextValues, createContextValues, type HandlerContext } from "@connectrpc/connect";
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { ConnectionInfo, RequestHead } from "../../http/mod.ts";
import { abortGuarded, createGuardedAbort, type MistakeOwner } from "../../user_code/mod.ts";
import { connectionKey } from "../connection_key.ts";
import { inheritedCallKey } from "../inherited_call.ts";
import { toHeaders } from "../metadata.ts";
import { isConnectError } from "../thrown_error.ts";
import type { RegisteredMethod } from "./router.ts";

/** The call that a context is of. It is told what listeners of the signal throw. */
export interface ContextHost extends MistakeOwner {
  readonly registered: RegisteredMethod;
  readonly protocolName: string;
  /** On the clock of {@linkcode nowMs}; Infinity for none. */
  readonly deadlineAtMs: number;
  nowMs(): number;
}

/** See the top of the file. */
export class CallContext implements HandlerContext {
  readonly #call: ContextHost;
  readonly #head: RequestHead;
  readonly #connection: ConnectionInfo | undefined;
  #abort: AbortController | undefined = undefined;
  #isAborted = false;
  #reason: unknown = undefined;
  #requestHeader: Headers | undefined = undefined;
  #responseHeader: Headers | undefined = undefined;
  #responseTrailer: Headers | undefined = undefined;
  #values: ContextValues | undefined = undefined;

  constructor(call: ContextHost, head: RequestHead, connection: ConnectionInfo | undefined) {
    this.#call = call;
    this.#head = head;
    this.#connection = connection;
  }

  get protocolName(): string {
    return this.#call.protocolName;
  }

  get service(): DescService {
    return this.#call.registered.service;
  }

  get method(): DescMethod {
    return this.#call.registered.method;
  }

  /** @internal Bytes of the request's content; undefined when it is not said. */
  get contentLength(): number | undefined {
    return this.#head.contentLength;
  }

  get requestMethod(): string {
    return this.#head.method;
  }

  get url(): string {
    const { authority, path } = this.#head;
    // What a request says of it may be what a proxy was asked for, or not.
    const scheme = this.#connection === undefined ? this.#head.scheme : this.#connection.isTls ? "https" : "http";
    return `${scheme}://${authority}${path}`;
  }

  /** Bound, as handlers may take it out of the context. Whole, as connect-es says it: handlers put it into fields of integers, and into headers. */
  get timeoutMs(): () => number | undefined {
    const call = this.#call;
    return () => call.deadlineAtMs === Infinity ? undefined : Math.max(0, Math.floor(call.deadlineAtMs - call.nowMs()));
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = createGuardedAbort(this.#call);
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

  /** What the call was aborted with; undefined when it was not, or ended well. */
  get abortedWith(): ConnectError | undefined {
    return isConnectError(this.#reason) ? this.#reason : undefined;
  }

  /** Aborts the signal, if there is one or will be. Only the first reason counts. Never throws. */
  abort(reason: unknown): void {
    if (!this.#isAborted) {
      this.#isAborted = true;
      this.#reason = reason;
      if (this.#abort !== undefined) {
        abortGuarded(this.#abort, reason, this.#call);
      }
    }
  }
}
