/** Text to and from UTF-8 by the means of the platform, which this room cannot name: whoever knows them gives them. */
import { decline } from "./decline.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** UTF-8 both ways. */
export interface TextCodec {
  /** The text of `start..end`, or undefined if that is not UTF-8. A byte order mark is text. */
  decode(buffer: Uint8Array, start: number, end: number): string | undefined;
  /** Writes a text and gives where it ends; declines if it does not fit. */
  encodeInto(text: string, buffer: Uint8Array, start: number): number;
}

/** What {@linkcode createTextCodec} makes a codec of. */
export interface TextPlatform {
  /** `new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })`. */
  readonly decoder: { decode(octets: Uint8Array): string };
  /** `new TextEncoder()`. */
  readonly encoder: { encodeInto(text: string, octets: Uint8Array): { read: number; written: number } };
  /**
   * `Buffer.prototype.utf8Slice` of Node and Deno: 47 ns instead of the decoder's 240 for 32 octets, but U+FFFD for what is not UTF-8.
   */
  readonly utf8Slice?: (this: Uint8Array, start: number, end: number) => string;
}

/** A longer text is left to the decoder, in bytes: `utf8Slice` takes 60 ms to replace 4 MiB that are not UTF-8, the decoder 0.4 to refuse them. */
const LONG_TEXT = 65_536;

/** The first octet of a byte order mark, which some leave out of the text. */
export const BYTE_ORDER_MARK = 0xef;

/** Makes a codec of what the platform has. */
export function createTextCodec({ decoder, encoder, utf8Slice }: TextPlatform): TextCodec {
  const decodeStrictly = (buffer: Uint8Array, start: number, end: number) => {
    try {
      return decoder.decode(buffer.subarray(start, end));
    } catch {
      return undefined;
    }
  };
  return {
    decode: utf8Slice === undefined ? decodeStrictly : (buffer, start, end) => {
      if (buffer[start] !== BYTE_ORDER_MARK && end - start <= LONG_TEXT) {
        const text = utf8Slice.call(buffer, start, end);
        if (!text.includes("\ufffd")) {
          return text;
        }
      }
      return decodeStrictly(buffer, start, end);
    },
    encodeInto: (text, buffer, start) => {
      const { read, written } = encoder.encodeInto(text, buffer.subarray(start));
      return read === text.length ? start + written : decline();
    },
  };
}

/** The codec in use. */
export let textCodec: TextCodec = {
  decode: decodeUtf8,
  encodeInto: (text, buffer, start) => encodeUtf8(text, 0, buffer, start),
};

/** Has text be encoded and decoded by the means of the platform. Without it the language alone does it, several times slower. */
export function setTextCodec(codec: TextCodec): void {
  textCodec = codec;
}
