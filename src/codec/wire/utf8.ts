/** UTF-8 by the language alone: for short text, and for platforms whose own means nobody has named. */

/** As in `writer.ts`. */
const charCodeAt = String.prototype.charCodeAt;

/** How many UTF-16 code units `String.fromCharCode` gets at once: more arguments would be too many for the stack. */
const CHUNK = 4096;

/** The text of the octets, or undefined if they are not UTF-8. A byte order mark is text. */
export function decodeUtf8(buffer: Uint8Array, start: number, end: number): string | undefined {
  let text = "";
  let units: number[] = [];
  let position = start;
  while (position < end) {
    const first = buffer[position++]!;
    if (first < 0x80) {
      units.push(first);
    } else {
      const more = first < 0xc2 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 0;
      if (more === 0 || position + more > end) {
        return undefined;
      }
      let point = first & 0x3f >> more;
      for (let i = 0; i < more; i++) {
        const next = buffer[position++]!;
        if ((next & 0xc0) !== 0x80) {
          return undefined;
        }
        point = point << 6 | next & 0x3f;
      }
      if (more === 1) {
        units.push(point);
      } else if (more === 2) {
        if (point < 0x800 || point >= 0xd800 && point < 0xe000) {
          return undefined;
        }
        units.push(point);
      } else {
        if (point < 0x10000 || point > 0x10ffff) {
          return undefined;
        }
        units.push(0xd7c0 + (point >> 10), 0xdc00 | point & 0x3ff);
      }
    }
    if (units.length >= CHUNK) {
      text += String.fromCharCode(...units);
      units = [];
    }
  }
  return text + String.fromCharCode(...units);
}

/**
 * Writes a text from its code unit `from` on; what is behind the buffer's end is lost. Half a surrogate pair becomes U+FFFD.
 *
 * @returns Where the text ends.
 */
export function encodeUtf8(text: string, from: number, buffer: Uint8Array, position: number): number {
  const length = text.length;
  for (let i = from; i < length; i++) {
    let point = charCodeAt.call(text, i);
    if (point < 0x80) {
      buffer[position++] = point;
      continue;
    }
    if (point < 0x800) {
      buffer[position++] = 0xc0 | point >> 6;
      buffer[position++] = 0x80 | point & 0x3f;
      continue;
    }
    if (point >= 0xd800 && point < 0xe000) {
      const low = point < 0xdc00 ? charCodeAt.call(text, i + 1) : 0;
      if (low >= 0xdc00 && low < 0xe000) {
        point = 0x10000 + ((point & 0x3ff) << 10 | low & 0x3ff);
        i++;
        buffer[position++] = 0xf0 | point >> 18;
        buffer[position++] = 0x80 | point >> 12 & 0x3f;
        buffer[position++] = 0x80 | point >> 6 & 0x3f;
        buffer[position++] = 0x80 | point & 0x3f;
        continue;
      }
      point = 0xfffd;
    }
    buffer[position++] = 0xe0 | point >> 12;
    buffer[position++] = 0x80 | point >> 6 & 0x3f;
    buffer[position++] = 0x80 | point & 0x3f;
  }
  return position;
}
