/** Texts of errors, cut where they are too long for what carries them. */

/** How many bytes an encoding makes of a character, given by its code point, and by whether it is the first or the last one of the text. */
export type BytesOf = (codePoint: number, isOuter: boolean) => number;

/** Follows what was cut off. */
const CUT = "... (cut)";

/** No encoding makes more of a UTF-16 code unit: a character of three bytes in UTF-8, percent-encoded. */
const MAX_BYTES_PER_UNIT = 9;

/** UTF-8. */
export function utf8Bytes(codePoint: number): number {
  return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
}

/** As grpc-message has it. */
export function percentEncodedBytes(codePoint: number, isOuter: boolean): number {
  const isPlain = codePoint > 0x1f && codePoint < 0x7f && codePoint !== 0x25 && !(isOuter && codePoint === 0x20);
  return isPlain ? 1 : 3 * utf8Bytes(codePoint);
}

/** As `JSON.stringify` has it, in UTF-8. */
export function jsonBytes(codePoint: number): number {
  if (codePoint === 0x22 || codePoint === 0x5c || codePoint >= 0x08 && codePoint <= 0x0d && codePoint !== 0x0b) {
    return 2;
  }
  // Halves of surrogate pairs are escaped.
  return codePoint < 0x20 || codePoint >= 0xd800 && codePoint < 0xe000 ? 6 : utf8Bytes(codePoint);
}

/**
 * Returns a text of at most `maxBytes` as an encoding has it. One that is longer is cut between two characters, and says so.
 *
 * @param note Follows the text, cut or not: ASCII, shorter than `maxBytes` by some. @default ""
 */
export function capText(text: string, maxBytes: number, bytesOf: BytesOf, note = ""): string {
  if ((text.length + note.length) * MAX_BYTES_PER_UNIT <= maxBytes) {
    return text + note;
  }
  const room = maxBytes - bytesIn(note, bytesOf);
  const roomWhenCut = room - bytesIn(CUT, bytesOf);
  let bytes = 0;
  let end = 0;
  let cutEnd = 0;
  while (end < text.length) {
    const codePoint = text.codePointAt(end)!;
    bytes += bytesOf(codePoint, end === 0 || end === text.length - 1);
    if (bytes > room) {
      return text.slice(0, cutEnd) + CUT + note;
    }
    end += codePoint > 0xffff ? 2 : 1;
    if (bytes <= roomWhenCut) {
      cutEnd = end;
    }
  }
  return text + note;
}

function bytesIn(text: string, bytesOf: BytesOf): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index++) {
    bytes += bytesOf(text.charCodeAt(index), false);
  }
  return bytes;
}

/** Of a name or a value of a peer that is part of a text, in UTF-16 code units. */
const MAX_QUOTED = 200;

/** Returns the beginning of a peer's name or value, which may be as long as a head, for a text about it. */
export function quoted(value: string): string {
  return value.length <= MAX_QUOTED ? value : `${value.slice(0, MAX_QUOTED)}...`;
}
