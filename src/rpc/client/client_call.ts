/** One call from its beginning to its end: attempts, deadline, cancellation, and flow control of its response. */
import { Code, type ConnectError } from "@connectrpc/connect";
import type { CallError, CallHandler, HeaderField, HttpCall, ResponseHead, WaitingCall } from "../../http/mod.ts";
import type { Compression } from "../compression.ts";
import { type DeadlineEntry, unwatchDeadline, watchDeadline } from "../deadline_wheel.ts";
import { connectErrorOf } from "../thrown_error.ts";
import { abortError, deadlineError, resetError, unreachableError, unsendableError } from "./call_errors.ts";
import { type CallPlan, requestHead } from "./call_plan.ts";
import type { CallRequest } from "./call_request.ts";
import type { RequestBody } from "./request_body.ts";
import type { CallEnd, Metadata, ResponseReader, ResponseSink } from "./wire_format.ts";

/**
 * Who made the call. It hears of the end exactly once. When it throws at a message, the call ends with what it threw.
 */
export interface CallObserver extends ResponseSink {
  /** Octets of messages that wait to be taken. As many as were received beside them the server may send again. */
  readonly waitingLength: number;
}

/** How often a request is sent at most, if servers say each time that they did nothing with it. */
const MAX_ATTEMPTS = 4;

/** RFC 9113 §7 */
const NO_ERROR = 0x0;
const CANCEL = 0x8;

/** See the top of the file. */
export class ClientCall implements CallHandler, ResponseSink, DeadlineEntry {
  readonly deadlineAtMs: number;
  readonly #plan: CallPlan;
  readonly #request: CallRequest;
  readonly #body: RequestBody;
  readonly #observer: CallObserver;
  #isOpen = true;
  #attempts = 0;
  #waiting: WaitingCall | undefined = undefined;
  #http: HttpCall | undefined = undefined;
  #reader: ResponseReader | undefined = undefined;
  /** Octets of the response that the server may not send again yet. */
  #held = 0;
  #onAbort: ((event: Event) => void) | undefined = undefined;

  constructor(plan: CallPlan, request: CallRequest, body: RequestBody, observer: CallObserver) {
    this.#plan = plan;
    this.#request = request;
    this.#body = body;
    this.#observer = observer;
    this.deadlineAtMs = request.deadlineAtMs;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Begins it, once. */
  start(): void {
    const { signals, deadlineAtMs, timeoutMs } = this.#request;
    const aborted = signals.find((signal) => signal.aborted);
    if (aborted !== undefined) {
      this.fail(abortError(aborted));
      return;
    }
    if (deadlineAtMs !== Infinity) {
      if (deadlineAtMs <= performance.now()) {
        this.fail(deadlineError(timeoutMs));
        return;
      }
      watchDeadline(this);
    }
    if (signals.length > 0) {
      this.#listen(signals);
    }
    this.#attempt();
  }

  /** Ends it with an error. */
  fail(error: ConnectError): void {
    if (this.#isOpen) {
      this.#close(CANCEL);
      this.#observer.receiveEnd({ error, trailer: [] });
    }
  }

  /** Gives back what no message holds that waits. Of one that is not whole yet nothing is held: it may be larger than the window. */
  release(): void {
    const released = this.#held - this.#observer.waitingLength;
    if (released > 0) {
      this.#held -= released;
      this.#http?.release(released);
    }
  }

  onDeadline(): void {
    this.fail(deadlineError(this.#request.timeoutMs));
  }

  // What the carrier says.

  onOpen(call: HttpCall): void {
    this.#waiting = undefined;
    this.#http = call;
    this.#held = 0;
    this.#reader = this.#plan.format.createReader(this, this.#plan.readerOptions);
    if (this.#body.query === undefined) {
      this.#body.begin(call);
    }
  }

  onUnreachable(error: unknown): void {
    this.#waiting = undefined;
    this.fail(unreachableError(error, this.#plan.origin));
  }

  onResponse(_call: HttpCall, head: ResponseHead, endStream: boolean): void {
    this.#reader?.onResponse(head, endStream);
  }

  onData(_call: HttpCall, buffer: Uint8Array, start: number, end: number, endStream: boolean): void {
    this.#held += end - start;
    this.#reader?.onData(buffer, start, end, endStream);
    this.release();
  }

  onTrailers(_call: HttpCall, fields: readonly HeaderField[]): void {
    this.#reader?.onTrailers(fields);
  }

  onWritable(): void {
    this.#body.resume();
  }

  onReset(_call: HttpCall, error: CallError): void {
    if (!this.#isOpen) {
      return;
    }
    if (error.isUnprocessed && this.#body.isReplayable && this.#attempts < MAX_ATTEMPTS) {
      this.#http = this.#reader = undefined;
      this.#attempt();
    } else if (error.code === CANCEL && this.deadlineAtMs <= performance.now()) {
      this.onDeadline(); // The server has seen to it before us.
    } else {
      this.fail(resetError(error, this.#plan.origin));
    }
  }

  // What the response says.

  receiveHeader(header: Metadata): void {
    if (this.#isOpen) {
      this.#observer.receiveHeader(header);
    }
  }

  receiveMessage(
    buffer: Uint8Array,
    start: number,
    end: number,
    isOwned: boolean,
    compression: Compression | undefined,
  ): void {
    if (!this.#isOpen) {
      return;
    }
    try {
      this.#observer.receiveMessage(buffer, start, end, isOwned, compression);
    } catch (error) {
      this.fail(connectErrorOf(error, Code.Internal));
    }
  }

  receiveEnd(end: CallEnd): void {
    if (this.#isOpen) {
      this.#close(NO_ERROR);
      this.#observer.receiveEnd(end);
    }
  }

  receiveCompressedEnd(octets: Uint8Array, compression: Compression, read: (octets: Uint8Array) => CallEnd): void {
    if (this.#isOpen) {
      this.#close(NO_ERROR);
      this.#observer.receiveCompressedEnd(octets, compression, read);
    }
  }

  // Its life.

  #attempt(): void {
    this.#attempts++;
    try {
      const preparing = this.#body.prepare();
      if (preparing === undefined) {
        this.#open();
      } else {
        preparing.then(() => this.#open()).catch((error) => this.fail(unsendableError(error)));
      }
    } catch (error) {
      this.fail(unsendableError(error));
    }
  }

  /** @throws {TypeError} A field may not be sent. */
  #open(): void {
    if (!this.#isOpen) {
      return;
    }
    const { header } = this.#request;
    const { encoding, query } = this.#body;
    // Whole, so that calls with the same timeout have the same head.
    const timeoutMs = Math.max(1, Math.ceil(this.deadlineAtMs - performance.now()));
    const head = requestHead(this.#plan, { header, timeoutMs, encoding, query });
    this.#waiting = this.#plan.client.open(head, this, query !== undefined);
    if (this.#waiting !== undefined) {
      this.#body.keep();
    }
  }

  #listen(signals: readonly AbortSignal[]): void {
    this.#onAbort = () => {
      const aborted = signals.find((signal) => signal.aborted);
      if (aborted !== undefined) {
        this.fail(abortError(aborted));
      }
    };
    for (const signal of signals) {
      signal.addEventListener("abort", this.#onAbort);
    }
  }

  /** @param code What the carrier is told, if it is not through with the call. */
  #close(code: number): void {
    this.#isOpen = false;
    const { signals, deadlineAtMs } = this.#request;
    if (deadlineAtMs !== Infinity) {
      unwatchDeadline(this);
    }
    if (this.#onAbort !== undefined) {
      for (const signal of signals) {
        signal.removeEventListener("abort", this.#onAbort);
      }
    }
    this.#waiting?.abandon();
    if (this.#http !== undefined && !this.#http.isClosed) {
      this.#http.reset(code);
    }
    this.#body.stop();
  }
}
