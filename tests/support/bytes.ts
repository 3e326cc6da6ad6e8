/** Bytes and streams for tests: made from a seed, collected, digested. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/** `length` bytes that look random and are the same every time (xorshift32). */
export function sampleBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let index = 0; index < length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state;
  }
  return bytes;
}

/** All chunks put together. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) {
    parts.push(chunk);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** SHA-256 in lower-case hexadecimal, by OpenSSL. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The same items, one at a time: what the clients of connect-es take for a stream. */
export async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** Splits bytes into chunks of `length`, the last one shorter. */
export function* split(bytes: Uint8Array, length: number): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += length) {
    yield bytes.subarray(start, start + length);
  }
}
