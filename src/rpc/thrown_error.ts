/** What was thrown, as an error of RPC. */
import { Code, ConnectError } from "@connectrpc/connect";
import { thrownText } from "../user_code/mod.ts";
import { capText, utf8Bytes } from "./error_text.ts";
import { DEFAULT_ERROR_LIMITS } from "./error_limits.ts";

/** As `instanceof`, for values of any kind: a proxy may throw when it is asked. */
export function isConnectError(thrown: unknown): thrown is ConnectError {
  try {
    return thrown instanceof ConnectError;
  } catch {
    return false;
  }
}

/** Returns what a thrown value says, as the part of a longer text. Never throws. */
export function quotedReason(thrown: unknown): string {
  return capText(thrownText(thrown), DEFAULT_ERROR_LIMITS.maxTextBytes, utf8Bytes);
}

/**
 * As `ConnectError.from`, which fails itself for some values, and copies texts of any length.
 *
 * @param code Of what is no `ConnectError`, nor the error of something aborted.
 */
export function connectErrorOf(thrown: unknown, code: Code = Code.Unknown): ConnectError {
  return isConnectError(thrown)
    ? thrown
    : new ConnectError(quotedReason(thrown), isAbort(thrown) ? Code.Canceled : code, undefined, undefined, thrown);
}

function isAbort(thrown: unknown): boolean {
  try {
    return thrown instanceof Error && (thrown.name === "AbortError" || thrown.name === "TimeoutError");
  } catch {
    return false;
  }
}
