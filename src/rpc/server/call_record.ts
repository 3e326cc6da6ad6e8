/** What is noted of a call that somebody observes. There is none for others. */
import type { DescMethod } from "@bufbuild/protobuf";
import type { Code } from "@connectrpc/connect";
import { type ConnectionInfo, fieldValue, type RequestHead } from "../../http/mod.ts";
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
  readonly #watches: readonly CallWatch[];

  /** Tells the observers that the call begins. */
  constructor(
    observers: readonly CallObserver[],
    head: RequestHead,
    connection: ConnectionInfo | undefined,
    method: DescMethod | undefined,
    protocolName: EndedCall["protocolName"],
  ) {
    this.#head = head;
    this.connection = connection;
    this.method = method;
    this.protocolName = protocolName;
    this.#watches = observers.map((observer) => observer.begin(this));
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

  /** Calls the method by `invoke`, with all observers around it, the first outermost. */
  around(invoke: () => void): void {
    const outermost = this.#watches.reduceRight(
      (inner, watch) => watch.around === undefined ? inner : () => watch.around!(inner),
      invoke,
    );
    outermost();
  }

  /** Tells the observers how it ended. @param code Undefined: it succeeded. */
  end(code: Code | undefined): void {
    this.code = code;
    this.durationMs = performance.now() - this.#beganAtMs;
    for (const watch of this.#watches) {
      watch.end(this);
    }
  }
}
