/** Of how many bytes messages may be, and from how many on they are compressed, on either side. */
import { checkWholeNumber } from "../http/mod.ts";

/** How many bytes a message may have by default, in either direction: 4 MiB, as in gRPC. */
export const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** Below so many bytes a message is sent as it is: a packet has more. */
export const DEFAULT_COMPRESS_MIN_BYTES = 1024;

/** What the length in an envelope can say. */
const MAX_MESSAGE_BYTES = 0xffff_ffff;

/** @throws {RangeError} A message cannot have so many bytes. The message names the option. */
export function checkMessageBytes(option: string, value: number): void {
  checkWholeNumber(option, value, 0, MAX_MESSAGE_BYTES);
}
