/**
 * How a codec says that something is not for it. What it says no to is done again by protobuf-es, which decides what it means and
 * words the error: unusual input costs more, and both answer alike.
 */

/** What is thrown. Not an `Error`: a stack trace would cost more than the rest. */
const DECLINED = Symbol("declined");

/** Whether a codec declined, rather than failed. */
export function isDeclined(error: unknown): boolean {
  return error === DECLINED;
}

/** Leaves the message to protobuf-es. */
export function decline(): never {
  throw DECLINED;
}
