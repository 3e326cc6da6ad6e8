/** Errors on their way to another thread: cloning would lose the code of a `ConnectError`, and fail with a cause that cannot be cloned. */
import { type Code, ConnectError } from "@connectrpc/connect";

/** An error as plain data. */
export interface ErrorData {
  readonly name: string;
  /** Of a `ConnectError` without its code. */
  readonly message: string;
  /** Undefined of a `ConnectError`. */
  readonly stack: string | undefined;
  /** Of a `ConnectError`. */
  readonly code: Code | undefined;
  /** Of an error of the system: `EMFILE`. */
  readonly systemCode: string | undefined;
}

/**
 * A `ConnectError` is an answer, so that its stack says nothing, and it is not looked at: it may say that no descriptor is free, and then
 * Deno 2.9.6 ends the process when it maps a stack to sources.
 *
 * @param error Anything that was thrown.
 */
export function toErrorData(error: unknown): ErrorData {
  if (error instanceof ConnectError) {
    const { name, rawMessage, code } = error;
    return { name, message: rawMessage, stack: undefined, code, systemCode: undefined };
  }
  const { name, message, stack, code }: Error & { readonly code?: unknown } = error instanceof Error
    ? error
    : new Error(String(error));
  return { name, message, stack, code: undefined, systemCode: typeof code === "string" ? code : undefined };
}

/** The inverse of {@linkcode toErrorData}. The error shows where it was made, in the other thread. */
export function fromErrorData({ name, message, stack, code, systemCode }: ErrorData): Error {
  const error: Error & { code?: unknown } = code === undefined ? new Error(message) : new ConnectError(message, code);
  error.name = name;
  if (systemCode !== undefined) {
    error.code = systemCode;
  }
  if (stack !== undefined) {
    error.stack = stack;
  }
  return error;
}
