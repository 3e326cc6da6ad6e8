/** What servers are sent. */

/** A message of gRPC, and of streams of Connect. */
export function envelope(message: Uint8Array, isCompressed = false): Uint8Array<ArrayBuffer> {
  const octets = new Uint8Array(5 + message.length);
  octets[0] = isCompressed ? 1 : 0;
  new DataView(octets.buffer).setUint32(1, message.length);
  octets.set(message, 5);
  return octets;
}

/** A text of so many characters that compresses as texts do. */
export function textOf(length: number): Uint8Array {
  const words = ["stream", "window", "frame", "header", "message", "deadline", "cancelled", "unary"];
  let [text, seed] = ["", 1];
  while (text.length < length) {
    seed = seed * 48_271 % 2_147_483_647;
    text += `${words[seed % words.length]} ${seed % 1000} `;
  }
  return new TextEncoder().encode(text.slice(0, length));
}
