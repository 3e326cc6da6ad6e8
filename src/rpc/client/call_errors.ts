/** What becomes of calls that no server has answered, as the codes of RPC. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { CallError } from "../../http/mod.ts";

/**
 * What resets mean (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors); by their codes in RFC 9113 §7. The others are `internal`.
 */
const CODES_OF_RESETS: ReadonlyMap<number, Code> = new Map([
  [0x7, Code.Unavailable], // REFUSED_STREAM
  [0x8, Code.Canceled], // CANCEL
  [0xb, Code.ResourceExhausted], // ENHANCE_YOUR_CALM
  [0xc, Code.PermissionDenied], // INADEQUATE_SECURITY
]);

/**
 * The error of a call that was reset, or lost with its connection.
 *
 * @param origin Where the server is.
 */
export function resetError(error: CallError, origin: string): ConnectError {
  return error.isConnectionLost
    ? new ConnectError(
      `lost the connection to ${origin}: ${error.message}`,
      Code.Unavailable,
      undefined,
      undefined,
      error,
    )
    : new ConnectError(
      `the call was reset: ${error.message}`,
      CODES_OF_RESETS.get(error.code) ?? Code.Internal,
      undefined,
      undefined,
      error,
    );
}

/**
 * The error of a call that never began.
 *
 * @param reason As carriers have it: a sentence that names the server, or a mistake in the request.
 */
export function unreachableError(reason: unknown, origin: string): ConnectError {
  if (reason instanceof TypeError) {
    return unsendableError(reason);
  }
  const message = reason instanceof Error ? lowerFirst(reason.message) : `cannot reach ${origin}: ${reason}`;
  return new ConnectError(message, Code.Unavailable, undefined, undefined, reason);
}

/** The error of a call whose request is none, such as a message that cannot be encoded. */
export function unsendableError(reason: unknown): ConnectError {
  if (reason instanceof ConnectError) {
    return reason;
  }
  const message = reason instanceof Error ? reason.message : String(reason);
  return new ConnectError(`cannot send the request: ${message}`, Code.Internal, undefined, undefined, reason);
}

function lowerFirst(sentence: string): string {
  return sentence.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
}

/** The error of a call whose time is over. @param timeoutMs How long it had. */
export function deadlineError(timeoutMs: number): ConnectError {
  return new ConnectError(`timed out after ${Math.ceil(timeoutMs)} ms`, Code.DeadlineExceeded);
}

/** The error of a call whose signal was aborted: the reason, if it is a `ConnectError`. */
export function abortError(signal: AbortSignal): ConnectError {
  return ConnectError.from(signal.reason, Code.Canceled);
}
