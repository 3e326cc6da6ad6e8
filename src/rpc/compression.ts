/**
 * Compression of messages: what it is for the protocols, which one is chosen, and what the web platform has of it. There are more
 * of them, and faster, in `node/compression.ts`.
 */
import { Code, ConnectError } from "@connectrpc/connect";

/** How much is decompressed before it is counted what came of it, which is at most 1,032 times as much (RFC 1951). */
const PIECE_BYTES = 4096;

/** One way to compress messages. */
export interface Compression {
  /** As in content-encoding (RFC 9110 §8.4.1): `gzip`, `br`, `zstd`, or `deflate`, which is the format of zlib (RFC 1950). */
  readonly name: string;
  /**
   * A server sends responses of more bytes as they are: to compress one would hold up other calls for too long.
   *
   * @default any number
   */
  readonly maxResponseBytes?: number | undefined;
  /** Compresses a message. What is given to it stays as it is, and is not kept. */
  compress(data: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /**
   * Decompresses a message. Nothing gives nothing, as some peers do not compress empty messages and say that they do.
   *
   * @throws {ConnectError} `resource_exhausted`: there come more than `maxBytes` of it, and it stopped there. `invalid_argument`: it is
   *   damaged or cut short.
   */
  decompress(data: Uint8Array, maxBytes: number): Uint8Array | Promise<Uint8Array>;
}

/**
 * The first in the peer's list that we have too; undefined when there is none.
 *
 * @param accepted A list of names as in accept-encoding (RFC 9110 §12.5.3). Of weights only zero is heeded: gRPC has none, and browsers send
 *   none.
 */
export function chooseCompression(
  supported: readonly Compression[],
  accepted: string | undefined,
): Compression | undefined {
  for (const item of accepted?.split(",") ?? []) {
    const [name, weight] = item.split(";");
    const compression = supported.find((candidate) => candidate.name === name?.trim().toLowerCase());
    if (compression !== undefined && !/^\s*q=0(\.0*)?\s*$/i.test(weight ?? "")) {
      return compression;
    }
  }
  return undefined;
}

/** Whether a response of so many bytes is to be compressed, where its caller takes that. */
export function isCompressible({ maxResponseBytes }: Compression, bytes: number, minBytes: number): boolean {
  return bytes >= minBytes && (maxResponseBytes === undefined || bytes <= maxResponseBytes);
}

/**
 * What browsers and edges have: gzip. They have deflate too, but not all of them notice that it was cut short (Deno 2.9 does not).
 *
 * ```ts
 * import { createTransport, createWebCompressions } from "@edgewire/edgewire/fetch";
 *
 * const [gzip] = createWebCompressions();
 * const transport = createTransport({ baseUrl: "https://example.com", sendCompression: gzip });
 * ```
 */
export function createWebCompressions(): Compression[] {
  return [{ name: "gzip", compress: compressGzip, decompress: decompressGzip }];
}

function compressGzip(data: Uint8Array): Promise<Uint8Array> {
  return transform(data, data.length, new CompressionStream("gzip"), Infinity);
}

async function decompressGzip(data: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  if (data.length === 0) {
    return data;
  }
  try {
    return await transform(data, PIECE_BYTES, new DecompressionStream("gzip"), maxBytes);
  } catch (error) {
    throw error instanceof ConnectError ? error : damagedError("gzip", error);
  }
}

/** What is to be said of a message that would be longer than may be. */
export function tooLargeError(maxBytes: number): ConnectError {
  return new ConnectError(`message is larger than ${maxBytes} bytes after decompression`, Code.ResourceExhausted);
}

/** What is to be said of a message that cannot be decompressed. */
export function damagedError(name: string, cause: unknown): ConnectError {
  return new ConnectError(`message is not valid ${name}`, Code.InvalidArgument, undefined, undefined, cause);
}

/** @param pieceBytes How much is given to the stream at a time. */
async function transform(
  data: Uint8Array,
  pieceBytes: number,
  { readable, writable }: CompressionStream | DecompressionStream,
  maxBytes: number,
): Promise<Uint8Array> {
  feed(data, pieceBytes, writable).catch(() => {}); // What goes wrong is seen where it is read.
  const reader = readable.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    length += part.value.length;
    if (length > maxBytes) {
      await reader.cancel();
      throw tooLargeError(maxBytes);
    }
  }
  return concat(chunks, length);
}

async function feed(data: Uint8Array, pieceBytes: number, writable: WritableStream<BufferSource>): Promise<void> {
  const writer = writable.getWriter();
  for (let start = 0; start < data.length; start += pieceBytes) {
    await writer.write(data.slice(start, start + pieceBytes));
  }
  await writer.close();
}

/** Puts chunks together that have so many bytes in all. */
export function concat(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = chunks;
  if (chunks.length === 1 && first !== undefined) {
    return first;
  }
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
