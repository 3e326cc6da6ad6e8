/** Promises, also those that are not the runtime's own. */

/** Returns whether `await` waits for a value. @throws {unknown} What a getter named `then` throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (typeof value === "object" && value !== null || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function";
}

/**
 * Marks a promise for user code as handled: it may be awaited later, or never. Without that, a rejection which a client causes at the wrong moment ends
 * the process.
 */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
