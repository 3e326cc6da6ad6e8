/** Real sockets in tests: waiting without hanging, and counting what stays behind. */
import assert from "node:assert/strict";

/** What the tests need of a socket. */
export type Socket = Pick<Deno.Conn, "read" | "write" | "close" | "closeWrite">;

/** What a promise resolves to. @throws {Error} It takes longer than `ms`. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Nothing happened within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for what is about to happen on its own, for at most 5 seconds. */
export async function until(condition: () => boolean, what = "It happens at last"): Promise<void> {
  const endMs = performance.now() + 5000;
  while (!condition()) {
    assert.ok(performance.now() < endMs, what);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** How many file descriptors this process has that are sockets. */
export async function socketCount(): Promise<number> {
  let count = 0;
  for await (const { name } of Deno.readDir("/proc/self/fd")) {
    const target = await Deno.readLink(`/proc/self/fd/${name}`).catch(() => "");
    count += target.startsWith("socket:") ? 1 : 0;
  }
  return count;
}

/** Counts what nobody caught while something goes on. */
export async function uncaughtDuring(action: () => Promise<void>): Promise<string[]> {
  const uncaught: string[] = [];
  const onError = (event: ErrorEvent) => (event.preventDefault(), uncaught.push(String(event.error)));
  const onRejection = (event: PromiseRejectionEvent) => (event.preventDefault(), uncaught.push(String(event.reason)));
  addEventListener("error", onError);
  addEventListener("unhandledrejection", onRejection);
  try {
    await action();
    await new Promise((resolve) => setTimeout(resolve));
  } finally {
    removeEventListener("error", onError);
    removeEventListener("unhandledrejection", onRejection);
  }
  return uncaught;
}
