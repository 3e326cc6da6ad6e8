/** What becomes of calls that no server has answered, as the codes of RPC. */
import { Code, ConnectError } from "@connectrpc/connect";
import { type CallError, isFieldSectionTooLarge } from "../../http/mod.ts";
import { connectErrorOf, isConnectError, quotedReason } from "../thrown_error.ts";

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
  if (isUnsendable(reason)) {
    return unsendableError(reason);
  }
  const text = quotedReason(reason);
  const message = isError(reason) ? lowerFirst(text) : `cannot reach ${origin}: ${text}`;
  return new ConnectError(message, Code.Unavailable, undefined, undefined, reason);
}

/** The error of a call whose request is none, such as a message that cannot be encoded. Never throws. */
export function unsendableError(reason: unknown): ConnectError {
  if (isConnectError(reason)) {
    return reason;
  }
  const message = `cannot send the request: ${quotedReason(reason)}`;
  const code = isFieldSectionTooLarge(reason) ? Code.ResourceExhausted : Code.Internal;
  return new ConnectError(message, code, undefined, undefined, reason);
}

function isUnsendable(reason: unknown): boolean {
  return isError(reason) && reason instanceof TypeError || isFieldSectionTooLarge(reason);
}

/** As `instanceof`, for values of any kind. */
function isError(value: unknown): value is Error {
  try {
    return value instanceof Error;
  } catch {
    return false;
  }
}

function lowerFirst(sentence: string): string {
  return sentence.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
}

/** The error of a call whose time is over. @param timeoutMs How long it had. */
export function deadlineError(timeoutMs: number): ConnectError {
  return new ConnectError(`timed out after ${Math.ceil(timeoutMs)} ms`, Code.DeadlineExceeded);
}

/** The error of a call whose signal was aborted: the reason, if it is a `ConnectError`. Never throws. */
export function abortError(signal: AbortSignal): ConnectError {
  return connectErrorOf(signal.reason, Code.Canceled);
}
