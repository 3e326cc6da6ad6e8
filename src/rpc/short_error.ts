/** What is sent in the place of an answer whose head or trailers are larger than may be sent. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { FieldSectionTooLargeError } from "../http/mod.ts";

/** What follows the text of an error. Not part of it, so that a long text does not push it out. */
const notes = new WeakMap<ConnectError, string>();

/**
 * Returns the error to answer with: one of the same code without details and metadata, whose text says so.
 *
 * @param error What the call failed with; undefined when it did not. Metadata that a method gives is part of its answer, so that it fails then.
 */
export function shortened(
  { size, maxSize, unit }: FieldSectionTooLargeError,
  error: ConnectError | undefined,
): ConnectError {
  if (error === undefined) {
    return new ConnectError(
      `response metadata of ${size} ${unit} is larger than the limit, ${maxSize}`,
      Code.ResourceExhausted,
    );
  }
  const short = new ConnectError(error.rawMessage, error.code);
  notes.set(short, ` (details and metadata left out: ${size} ${unit}, the limit is ${maxSize})`);
  return short;
}

/** Returns what the text of an error is to end with; empty for most. */
export function noteOf(error: ConnectError): string {
  return notes.get(error) ?? "";
}
