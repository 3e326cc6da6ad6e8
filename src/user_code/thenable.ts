/** Promises, also those that are not the runtime's own. */

/** Returns whether `await` waits for a value. @throws {unknown} What a getter named `then` throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (typeof value === "object" && value !== null || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function";
}
