/** The signal of a call that interceptors see: it aborts when the call is cancelled, out of time, or over. */
import { abortGuarded, createGuardedAbort, type MistakeOwner, printMistake } from "../../user_code/mod.ts";
import { type DeadlineEntry, unwatchDeadline, watchDeadline } from "../deadline_wheel.ts";
import { deadlineError } from "./call_errors.ts";
import type { CallRequest } from "./call_request.ts";

/** Callers have no `onError`. */
const CONSOLE: MistakeOwner = { report: (mistake) => printMistake(mistake, "A listener of a call's signal failed:") };

/** See the top of the file. */
export class CallSignal implements DeadlineEntry {
  readonly deadlineAtMs: number;
  readonly #request: CallRequest;
  readonly #abort = createGuardedAbort(CONSOLE);
  readonly #onAbort: () => void;

  constructor(request: CallRequest) {
    this.#request = request;
    this.deadlineAtMs = request.deadlineAtMs;
    this.#onAbort = () => this.end(request.signals.find((signal) => signal.aborted)?.reason);
    for (const signal of request.signals) {
      signal.addEventListener("abort", this.#onAbort);
    }
    if (request.signals.some((signal) => signal.aborted)) {
      this.#onAbort();
    } else if (this.deadlineAtMs !== Infinity) {
      watchDeadline(this);
    }
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get isOpen(): boolean {
    return !this.signal.aborted;
  }

  onDeadline(): void {
    this.end(deadlineError(this.#request.timeoutMs));
  }

  /** The call is over. Only the first reason counts. */
  end(reason?: unknown): void {
    if (!this.isOpen) {
      return;
    }
    for (const signal of this.#request.signals) {
      signal.removeEventListener("abort", this.#onAbort);
    }
    abortGuarded(this.#abort, reason, CONSOLE);
    if (this.deadlineAtMs !== Infinity) {
      unwatchDeadline(this);
    }
  }
}
