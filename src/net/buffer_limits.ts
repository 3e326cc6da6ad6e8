/** How many bytes a server may keep for its peers: what it is told, or what the memory of the process allows. */
import { totalmem } from "node:os";
import process from "node:process";
import { type ByteBudgetLimits, checkWholeNumber, MAX_COUNT } from "../http/mod.ts";

/**
 * A part of the memory that the process may use. Beside what waits there are 85 MiB of the server itself, messages in the making, and garbage: under
 * attack by 200 requests of 3.9 MB that never end, 64 MiB that wait took 214 MiB more than an idle server, 256 MiB took 330.
 */
const MEMORY_PART = 1 / 8;

/** Room for eight of the largest messages, and no more than so many connections at a time have any use for, in bytes. */
const MIN_DEFAULT_BYTES = 32 << 20;
const MAX_DEFAULT_BYTES = 256 << 20;

const MIN_DEFAULT_CALLS = 4096;
const MEMORY_PER_CALL = 65_536;

/** Where it is not known how much memory there is, in bytes. */
const UNKNOWN_MEMORY = 1 << 30;

/** A connection may have eight of the largest messages wait, as 32 calls of 1 MB, but never all that there is, in bytes. */
const MESSAGES_PER_CONNECTION = 8;
const MAX_DEFAULT_CONNECTION_BYTES = 32 << 20;

/** Less would refuse what every connection has: full windows and heads, in bytes. */
export const MIN_BUFFERED_BYTES = 1 << 20;

/** What may be set of {@linkcode ByteBudgetLimits}. */
export interface BufferLimits {
  /**
   * How many bytes of requests and responses may wait on all connections together: requests that are not complete or in the hands of their handlers, and
   * responses that are not taken. Above, the largest of them are refused, those of the largest connections first. Stops peers that never end their
   * requests or never take their responses, on however many connections.
   *
   * @default an eighth of the memory that the process may use, from 32 MiB to 256 MiB; 128 MiB without `--allow-sys=systemMemoryInfo`
   */
  readonly maxBufferedBytes?: number | undefined;
  /**
   * How many of them may be those of one connection. Above, its largest ones are refused.
   *
   * @default 32 MiB, or eight times `maxMessageBytes` if that is more, or half of `maxBufferedBytes` if that is less
   */
  readonly maxConnectionBufferedBytes?: number | undefined;
}

/** @throws {RangeError} A limit is out of its range. */
export function resolveBudget({ maxBufferedBytes, maxConnectionBufferedBytes }: BufferLimits): ByteBudgetLimits {
  const maxBytes = maxBufferedBytes ?? defaultMaxBufferedBytes();
  const maxConnectionBytes = maxConnectionBufferedBytes ??
    Math.min(MAX_DEFAULT_CONNECTION_BYTES, Math.floor(maxBytes / 2));
  checkWholeNumber("maxBufferedBytes", maxBytes, MIN_BUFFERED_BYTES, MAX_COUNT);
  checkWholeNumber("maxConnectionBufferedBytes", maxConnectionBytes, MIN_BUFFERED_BYTES / 2, MAX_COUNT);
  return { maxBytes, maxConnectionBytes };
}

/** The limits with room for messages of up to so many bytes, where they are not said: eight of them on a connection, and those of two connections. */
export function withRoomFor(messageBytes: number, limits: BufferLimits): BufferLimits {
  const maxConnectionBytes = MESSAGES_PER_CONNECTION * messageBytes;
  if (maxConnectionBytes <= MAX_DEFAULT_CONNECTION_BYTES) {
    return limits;
  }
  const maxBufferedBytes = limits.maxBufferedBytes ?? Math.max(defaultMaxBufferedBytes(), 2 * maxConnectionBytes);
  return {
    maxBufferedBytes,
    maxConnectionBufferedBytes: limits.maxConnectionBufferedBytes ??
      Math.min(maxConnectionBytes, Math.floor(maxBufferedBytes / 2)),
  };
}

/** See {@linkcode BufferLimits}. */
export function defaultMaxBufferedBytes(memoryBytes: number = usableMemory() ?? UNKNOWN_MEMORY): number {
  return Math.floor(Math.min(MAX_DEFAULT_BYTES, Math.max(MIN_DEFAULT_BYTES, memoryBytes * MEMORY_PART)));
}

/** One for each 64 KiB of memory, an eighth of which are the 7 KiB that a call takes on which nothing is sent, and no more than `maxCalls`. */
export function defaultMaxOpenCalls(maxCalls: number, memoryBytes: number = usableMemory() ?? UNKNOWN_MEMORY): number {
  return Math.floor(Math.min(maxCalls, Math.max(MIN_DEFAULT_CALLS, memoryBytes / MEMORY_PER_CALL)));
}

/** The memory of the control group that the process is in, or of the machine, in bytes; undefined when the process may not know. */
export function usableMemory(): number | undefined {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "systemMemoryInfo" });
  if (state !== "granted") {
    return undefined; // To ask would have Deno ask a person.
  }
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
