/** Field lines (RFC 9112 §5), of heads and of trailers. This module performs no I/O. */
import type { HeaderField } from "../http/mod.ts";
import { type Fault, Faults } from "./faults.ts";
import { fieldNameOf, hashOf } from "./field_names.ts";
import { CLASSES, COLON, CR, HTAB, LF, LOWER_TOKEN, SP, textOf, VALUE } from "./octets.ts";

/** A section without fields. */
export const NO_FIELDS: readonly HeaderField[] = Object.freeze([]);

/** Whether it is whitespace within a line (RFC 9110 §5.6.3). */
function isBlank(octet: number): boolean {
  return octet === SP || octet === HTAB;
}

/**
 * The fields of a section, frozen, with names in lower case.
 *
 * @param end Where the empty line begins that ends the section: CRLF must be there.
 */
export function parseFieldLines(buffer: Uint8Array, start: number, end: number): readonly HeaderField[] | Fault {
  if (start === end) {
    return NO_FIELDS;
  }
  const fields: HeaderField[] = [];
  let position = start;
  while (position < end) {
    const nameStart = position;
    let hash = 0;
    let octet = buffer[position]!;
    for (let lower = LOWER_TOKEN[octet]!; lower !== 0; lower = LOWER_TOKEN[octet]!) {
      hash = hashOf(hash, lower);
      octet = buffer[++position]!;
    }
    if (octet !== COLON || position === nameStart) {
      return nameFault(buffer, nameStart, position);
    }
    const name = fieldNameOf(buffer, nameStart, position, hash);
    do {
      octet = buffer[++position]!;
    } while (isBlank(octet));
    const valueStart = position;
    while ((CLASSES[octet]! & VALUE) !== 0) {
      octet = buffer[++position]!;
    }
    // There is a CRLF, so this stops in time.
    if (octet !== CR || buffer[position + 1] !== LF) {
      return octet === CR ? Faults.BARE_CR : Faults.BAD_FIELD_VALUE;
    }
    let valueEnd = position;
    while (valueEnd > valueStart && isBlank(buffer[valueEnd - 1]!)) {
      valueEnd--;
    }
    fields.push({ name, value: textOf(buffer, valueStart, valueEnd) });
    position += 2;
  }
  return Object.freeze(fields);
}

function nameFault(buffer: Uint8Array, start: number, stop: number): Fault {
  if (isBlank(buffer[start]!)) {
    // "A server that receives an obs-fold in a request message [...] MUST either reject the message" (RFC 9112 §5.2). Of the first line:
    // "A recipient that receives whitespace between the start-line and the first header field MUST either reject the message" (§2.2)
    return Faults.OBS_FOLD;
  }
  // "A server MUST reject, with a response status code of 400 (Bad Request), any received request message that contains whitespace between
  // a header field name and colon." (RFC 9112 §5.1)
  let position = stop;
  while (isBlank(buffer[position]!)) {
    position++;
  }
  return stop > start && buffer[position] === COLON ? Faults.SPACE_BEFORE_COLON : Faults.BAD_FIELD_NAME;
}
