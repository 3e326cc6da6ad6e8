/** Of how many bytes messages may be, and from how many on they are compressed, on either side. */
import { checkWholeNumber } from "../http/mod.ts";

/** How many bytes a message may have by default, in either direction: 4 MiB, as in gRPC. */
export const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/**
 * So many times the limit of a message's bytes it may take in memory by default: what is honest takes less. A message of four million bytes can be two million
 * objects; the server would be out of memory after a few of them, and decode nothing else for a second with each.
 */
const DECODED_FACTOR = 4;
/** A message of a few bytes may take so much by default, however low the limit of its bytes. */
const MIN_DECODED_BYTES = 2 ** 20;

/** Returns what a message may take in memory when nothing is said, in bytes. */
export function defaultMaxDecodedBytes(maxMessageBytes: number): number {
  return Math.max(DECODED_FACTOR * maxMessageBytes, MIN_DECODED_BYTES);
}

/** Below so many bytes a message is sent as it is: a packet has more. */
export const DEFAULT_COMPRESS_MIN_BYTES = 1024;

/** What the length in an envelope can say. */
const MAX_MESSAGE_BYTES = 0xffff_ffff;

/** @throws {RangeError} A message cannot have so many bytes. The message names the option. */
export function checkMessageBytes(option: string, value: number): void {
  checkWholeNumber(option, value, 0, MAX_MESSAGE_BYTES);
}
