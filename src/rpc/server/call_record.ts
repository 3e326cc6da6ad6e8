/** What is noted of a call that somebody observes. There is none for others. */
import type { DescMethod } from "@bufbuild/protobuf";
import type { Code } from "@connectrpc/connect";
import { type ConnectionInfo, fieldValue, type RequestHead } from "../../http/mod.ts";
import { isThenable } from "../../user_code/mod.ts";
import type { CallObserver, CallWatch, EndedCall } from "./call_observer.ts";

/** See the top of the file. */
export class CallRecord implements EndedCall {
  readonly method: DescMethod | undefined;
  readonly protocolName: EndedCall["protocolName"];
  readonly connection: ConnectionInfo | undefined;
  requestCount = 0;
  requestBytes = 0;
  responseCount = 0;
  responseBytes = 0;
  code: Code | undefined = undefined;
  durationMs = 0;
  readonly #head: RequestHead;
  readonly #beganAtMs = performance.now();
  readonly #watches: CallWatch[] = [];
  readonly #report: (mistake: unknown) => void;
  #hasReported = false;

  /**
   * Tells the observers that the call begins.
   *
   * @param report Told of the first mistake of an observer. The call goes on, and the other observers see it.
   */
  constructor(
    observers: readonly CallObserver[],
    head: RequestHead,
    connection: ConnectionInfo | undefined,
    method: DescMethod | undefined,
    protocolName: EndedCall["protocolName"],
    report: (mistake: unknown) => void,
  ) {
    this.#report = report;
    this.#head = head;
    this.connection = connection;
    this.method = method;
    this.protocolName = protocolName;
    for (const observer of observers) {
      try {
        const watch = observer.begin(this);
        if (typeof watch?.end !== "function") {
          throw new TypeError("An observer gave no watch for a call");
        }
        this.#watches.push(watch);
      } catch (mistake) {
        this.#tell(mistake);
      }
    }
  }

  get path(): string {
    return this.#head.path.split("?", 1)[0]!;
  }

  header(name: string): string | undefined {
    return fieldValue(this.#head.fields, name);
  }

  /** A message was received, of so many octets. */
  addRequest(octets: number): void {
    this.requestCount++;
    this.requestBytes += octets;
  }

  /** A message was sent, of so many octets. */
  addResponse(octets: number): void {
    this.responseCount++;
    this.responseBytes += octets;
  }

  /** Calls the method by `invoke`, once, with all observers around it, the first outermost. */
  around(invoke: () => void): void {
    const surrounded = this.#watches.reduceRight(
      (inner, watch) => watch.around === undefined ? inner : () => this.#surround(watch, inner),
      invoke,
    );
    surrounded();
  }

  /** Tells the observers how it ended. @param code Undefined: it succeeded. */
  end(code: Code | undefined): void {
    this.code = code;
    this.durationMs = performance.now() - this.#beganAtMs;
    for (const watch of this.#watches) {
      this.#attempt(() => watch.end(this));
    }
  }

  #surround(watch: CallWatch, inner: () => void): void {
    let isCalled = false;
    const callOnce = () => {
      if (!isCalled) {
        isCalled = true;
        inner();
      }
    };
    this.#attempt(() => watch.around!(callOnce));
    callOnce(); // The observer may have failed before it called, or not call at once.
  }

  #attempt(observe: () => unknown): void {
    try {
      const observing = observe();
      if (isThenable(observing)) {
        Promise.resolve(observing).catch((mistake) => this.#tell(mistake));
      }
    } catch (mistake) {
      this.#tell(mistake);
    }
  }

  #tell(mistake: unknown): void {
    if (!this.#hasReported) {
      this.#hasReported = true;
      this.#report(mistake);
    }
  }
}
