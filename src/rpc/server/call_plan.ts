/** What follows from the head of a request that is a call: everything but its messages. */
import type { HeaderField, HttpExchange } from "../../http/mod.ts";
import type { ConnectError } from "@connectrpc/connect";
import type { Compression } from "../compression.ts";
import type { CallContext } from "./call_context.ts";
import type { CallRecord } from "./call_record.ts";
import type { ResolvedOptions } from "./options.ts";
import type { MethodCodecs, RegisteredMethod } from "./router.ts";

/** See the top of the file. */
export interface CallPlan {
  /** Who made it. */
  readonly negotiator: object;
  readonly registered: RegisteredMethod;
  readonly codecs: MethodCodecs;
  readonly protocol: ServerProtocol;
  /** The head of an answer without errors, compression and fields of the handler. Frozen: such lists are sent fastest. */
  readonly headFields: readonly HeaderField[];
  /** Undefined when the request says that it is not compressed. */
  readonly requestCompression: Compression | undefined;
  /** Undefined when the client takes none that we have. */
  readonly responseCompression: Compression | undefined;
  /** How long the call may take, in milliseconds. */
  readonly timeoutMs: number | undefined;
  /** What is wrong with the head, for the protocol to say; undefined when nothing is. */
  readonly refusal: ConnectError | undefined;
  /** The message of a request without content (Connect GET), as it was encoded. */
  readonly queryMessage: Uint8Array | undefined;
}

/** One side of a call: what a protocol needs to answer it. */
export interface Answering {
  readonly exchange: HttpExchange;
  /** Whether it has not been answered to the end. */
  readonly isOpen: boolean;
  readonly plan: CallPlan;
  readonly context: CallContext;
  readonly options: ResolvedOptions;
  /** Undefined when nobody observes calls. */
  readonly record: CallRecord | undefined;
  /** Whether so much waits for the peer that the next message has to wait, too. */
  isFull: boolean;
  /** Does costly work, now or when other connections were served, unless the call ends before (`ScheduledWork`). */
  schedule<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T>;
}

/** One side of a call that may answer with several messages. */
export interface AnsweringStream extends Answering {
  /** Ends the call with an error. */
  fail(error: unknown): void;
  /** Tells of a mistake in the handler. */
  report(mistake: unknown): void;
  /** Resolves when there is room for messages, or the call is over. */
  writable(): Promise<void>;
}

/** How a protocol delimits messages, and says how a call ended. One object for all calls. */
export interface ServerProtocol {
  /** As connect-es names it. */
  readonly name: "connect" | "grpc" | "grpc-web";
  /** Whether each message is in an envelope, of the request and of the answer; if not, there is one of each, and they are the content. */
  readonly isEnveloped: boolean;
  /** Says how messages are compressed, in requests and in answers. */
  readonly encodingField: string;
  /** Says how the other side may compress messages. */
  readonly acceptEncodingField: string;
  readonly timeoutField: string;
  /** Milliseconds. @throws {ConnectError} invalid_argument: it is no timeout. */
  parseTimeout(value: string): number;
  /** Ends an answer: its messages were sent, or there was an error. */
  end(call: Answering, error: ConnectError | undefined): void;
}
