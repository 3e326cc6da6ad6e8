/** File descriptors: how many the process may have, and how many of them connections may take. */
import { closeSync, openSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";

/**
 * What connections leave for all else: files that are read and written (the store has up to 256), calls to other servers, the admin address, modules
 * and certificates that are read again. Attack: connections that take all descriptors, so that no file can be opened.
 */
const RESERVE = 384;

/** Descriptors of a thread that serves: its event loop, its listeners. 8 to 14 were seen. */
const PER_THREAD = 16;

/**
 * Lowers a number of connections to what the process has descriptors for. Half of those that are free, and at most {@linkcode RESERVE}, are kept from
 * connections.
 *
 * @param threads How many threads are going to share the connections, beside this one.
 * @param countFree Counts the free descriptors, up to a number.
 */
export function limitConnections(
  maxConnections: number,
  threads = 0,
  countFree: (atMost: number) => number = countFreeDescriptors,
): number {
  const forThreads = threads * PER_THREAD;
  const free = Math.max(0, countFree(maxConnections + RESERVE + forThreads) - forThreads);
  return Math.max(1, Math.min(maxConnections, free - reserveOf(free)));
}

/**
 * Returns how many descriptors stored files may have at a time: two thirds of what {@linkcode limitConnections} keeps from connections, at most 256.
 *
 * @param countFree Counts the free descriptors, up to a number.
 */
export function limitFiles(countFree: (atMost: number) => number = countFreeDescriptors): number {
  return Math.max(1, Math.floor(reserveOf(countFree(2 * RESERVE)) * 2 / 3));
}

function reserveOf(free: number): number {
  return Math.min(RESERVE, Math.ceil(free / 2));
}

/** The limit as it was probed: it does not change, and probing takes some 6 us for each descriptor. */
let probed: { readonly atMost: number; readonly free: number } | undefined;

/** Counts the free descriptors of the process, up to a number. Infinity when that cannot be found out. */
function countFreeDescriptors(atMost: number): number {
  const known = readFree();
  if (known !== undefined) {
    return known;
  }
  if (probed === undefined || (probed.free === probed.atMost && probed.atMost < atMost)) {
    probed = { atMost, free: probe(atMost) };
  }
  return probed.free;
}

/** Asks Linux. Undefined elsewhere, and without Deno's permission for all, which it demands for `/proc`. */
function readFree(): number | undefined {
  try {
    const limits = Deno.readTextFileSync("/proc/self/limits");
    const limit = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Infinity);
    return limit - [...Deno.readDirSync("/proc/self/fd")].length;
  } catch {
    return undefined;
  }
}

/** Opens descriptors until there are enough, or none is free, and closes them before anything else can want one. */
function probe(atMost: number): number {
  const opened: number[] = [];
  try {
    while (opened.length < atMost) {
      opened.push(openSync("/dev/null", "r"));
    }
  } catch (error) {
    if (!hasFreeDescriptor(error)) {
      return opened.length;
    }
    return Infinity; // It may not be opened, or there is none on this system.
  } finally {
    opened.forEach((descriptor) => closeSync(descriptor));
  }
  return atMost;
}

function hasFreeDescriptor(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code !== "EMFILE";
}

/**
 * Looks for free descriptors.
 *
 * @returns The system's error when there are fewer; undefined when there are as many, and when that cannot be found out.
 */
export function descriptorShortage(count = 1): Error | undefined {
  const opened: number[] = [];
  try {
    while (opened.length < count) {
      opened.push(openSync("/dev/null", "r"));
    }
    return undefined;
  } catch (error) {
    return hasFreeDescriptor(error) ? undefined : error as Error;
  } finally {
    opened.forEach((descriptor) => closeSync(descriptor));
  }
}

/** Looks for the descriptors of another thread: Deno 2.9.6 panics in one that does not get them. @returns As {@linkcode descriptorShortage}. */
export function threadShortage(): Error | undefined {
  return descriptorShortage(PER_THREAD);
}

/**
 * Has Deno 2.9.6 do now what it would do at its first need, and for which it opens descriptors. It panics if it does not get them.
 *
 * A stack is mapped to a module's source when it is read. Without a descriptor for what Deno keeps of the module, it compiles it again, and at the first
 * `if` its compiler opens `/proc/self/maps`, in the main thread. A socket pair is made for signals, which Deno itself wants a second after it started.
 */
export function prepareForShortage(): void {
  stripTypeScriptTypes("if (isReady) {}");
  try {
    const ignore = () => {};
    Deno.addSignalListener("SIGWINCH", ignore); // By default it is ignored.
    Deno.removeSignalListener("SIGWINCH", ignore);
  } catch {
    // Windows does not have it.
  }
}
