/**
 * The field grpc-message: text in UTF-8, percent-encoded
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses).
 */

const TEXT_ENCODER = new TextEncoder();
/** What is not UTF-8 becomes U+FFFD; a byte order mark stays. */
const TEXT_DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

const PERCENT = 0x25;
const SPACE = 0x20;
const TILDE = 0x7e;

/** Text that is its own encoding. Spaces at its ends are not: HTTP would take them for padding (RFC 9110 §5.5). */
const PLAIN = /^(?! )[\x20-\x24\x26-\x7e]*(?<! )$/;

/** The value of grpc-message for a text. Halves of surrogate pairs become U+FFFD. */
export function encodeGrpcMessage(text: string): string {
  if (PLAIN.test(text)) {
    return text;
  }
  const octets = TEXT_ENCODER.encode(text);
  let value = "";
  for (const [index, octet] of octets.entries()) {
    const isOuterSpace = octet === SPACE && (index === 0 || index === octets.length - 1);
    value += octet < SPACE || octet > TILDE || octet === PERCENT || isOuterSpace
      ? `%${octet.toString(16).toUpperCase().padStart(2, "0")}`
      : String.fromCharCode(octet);
  }
  return value;
}

/** The text of a value of grpc-message. Never fails: what is no percent-encoding stands for itself, what is not UTF-8 becomes U+FFFD. */
export function decodeGrpcMessage(value: string): string {
  if (PLAIN.test(value)) {
    return value;
  }
  const octets = new Uint8Array(value.length);
  let length = 0;
  for (let index = 0; index < value.length; index++) {
    const octet = value.charCodeAt(index);
    const hex = value.slice(index + 1, index + 3);
    if (octet === PERCENT && /^[0-9A-Fa-f]{2}$/.test(hex)) {
      octets[length++] = Number.parseInt(hex, 16);
      index += 2;
    } else {
      octets[length++] = octet;
    }
  }
  return TEXT_DECODER.decode(octets.subarray(0, length));
}
