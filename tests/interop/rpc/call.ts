/**
 * The words between the checks and who makes the calls. A check describes a call of `echo.proto` and says what has to come of it; a caller
 * makes it, by whatever library, language and protocol. Messages are protobuf JSON.
 */
import type { JsonObject } from "@bufbuild/protobuf";

/** A method of EchoService. */
export type MethodName =
  | "Unary"
  | "Get"
  | "ServerStream"
  | "ClientStream"
  | "BidiStream"
  | "Fail"
  | "FailStream"
  | "Wait"
  | "WaitStream"
  | "Observe"
  | "Unimplemented";

/** A call that is to be made. */
export interface Call {
  readonly method: MethodName;
  readonly requests: readonly JsonObject[];
  /** Whether a request waits for the answer to the one before it. @default false */
  readonly inTurns?: boolean;
  /** Values of names that end in `-bin` are base64. */
  readonly metadata?: readonly (readonly [name: string, value: string])[];
  readonly timeoutMs?: number;
  /** After how many answers the client cancels the call. */
  readonly cancelAfter?: number;
}

/** What came of a call. */
export interface Outcome {
  readonly answers: readonly JsonObject[];
  /** By lower-case names, several values with commas in between. Of binary ones the base64, with or without padding. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of a call that failed all that its library says, headers or trailers. */
  readonly trailers: Readonly<Record<string, string>>;
  readonly error?: CallError;
}

/** How a call failed. */
export interface CallError {
  /** A code of gRPC. */
  readonly code: number;
  readonly message: string;
  /** Those that are a `FailRequest`. */
  readonly details: readonly JsonObject[];
}

/**
 * Makes a call. Whatever comes of the call is its outcome; this rejects only when there is something wrong with the caller.
 *
 * @param signal When it aborts, the client cancels the call.
 */
export type Caller = (call: Call, signal?: AbortSignal) => Promise<Outcome>;

/** A client that makes calls until it is disposed of. */
export interface RunningClient extends AsyncDisposable {
  readonly call: Caller;
}
