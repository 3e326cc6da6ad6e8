/** What those are told who look at calls from outside: logs, metrics, traces. */
import type { DescMethod } from "@bufbuild/protobuf";
import type { Code } from "@connectrpc/connect";
import type { ConnectionInfo } from "../../http/mod.ts";

/** A call of which the head is there. */
export interface ObservedCall {
  /** Undefined when the server has no such method. */
  readonly method: DescMethod | undefined;
  /** As the request has it, without its query: `/package.Service/Method`. Anybody may write anything there. */
  readonly path: string;
  /** Undefined when the request speaks none of them. */
  readonly protocolName: "connect" | "grpc" | "grpc-web" | undefined;
  /** By which it came; undefined where the runtime does not say. */
  readonly connection: ConnectionInfo | undefined;
  /** The value of a header field, whose name is in lower case; undefined when it is not there. */
  header(name: string): string | undefined;
}

/**
 * A call that was answered, or ended before. Messages are counted when they were received and sent, their octets as they travel: compressed, without
 * the heads of envelopes.
 */
export interface EndedCall extends ObservedCall {
  /**
   * Undefined when it succeeded. Requests that are refused by HTTP count as what their clients take the status for, and those that are told to come
   * again as `unavailable`.
   */
  readonly code: Code | undefined;
  /** From the head to the end of the answer, in milliseconds. Its handler may go on if the client has gone. */
  readonly durationMs: number;
  /** Messages received. */
  readonly requestCount: number;
  /** Octets of them. */
  readonly requestBytes: number;
  /** Messages sent. */
  readonly responseCount: number;
  /** Octets of them. */
  readonly responseBytes: number;
}

/** Looks on while one call is answered. Must not throw. */
export interface CallWatch {
  /** Calls the method, by calling `invoke` once and at once, in a context of its own, say. Not called for calls that are refused before. */
  around?(invoke: () => void): void;
  /** The call has ended. */
  end(call: EndedCall): void;
}

/** Looks at all calls of a server. */
export interface CallObserver {
  /** Called for each call when its head is there. Must not throw. One watch may be for several calls. */
  begin(call: ObservedCall): CallWatch;
}
