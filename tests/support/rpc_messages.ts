/** Messages of the Greeter and what they are packed in, octet by octet. */
import { concat } from "./frame_builder.ts";

const ENCODER = new TextEncoder();

/** A message whose first field is a text: `HelloRequest`, `HelloReply` and those of `Converse`. At most 127 octets. */
export function greeting(text: string): Uint8Array {
  const octets = ENCODER.encode(text);
  return octets.length === 0 ? octets : concat(Uint8Array.of(0x0a, octets.length), octets);
}

/** An envelope. */
export function envelope(content: Uint8Array | string, flags = 0): Uint8Array {
  const octets = typeof content === "string" ? ENCODER.encode(content) : content;
  const head = new Uint8Array(5);
  head[0] = flags;
  new DataView(head.buffer).setUint32(1, octets.length);
  return concat(head, octets);
}

/** Text as octets. */
export function octets(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(ENCODER.encode(text));
}
