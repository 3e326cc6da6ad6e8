/**
 * Compression of messages: what it is for the protocols, which one is chosen, and what the web platform has of it. More of them, and faster,
 * are in `node/compression.ts`.
 */
import { Code, ConnectError } from "@connectrpc/connect";

/** One way to compress messages. */
export interface Compression {
  /** As in content-encoding (RFC 9110 §8.4.1): `gzip`, `br`, `zstd`, or `deflate`, which is the format of zlib (RFC 1950). */
  readonly name: string;
  compress(data: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /**
   * Nothing gives nothing, as some peers do not compress empty messages and say that they do.
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

/** What web browsers and edges have: gzip and deflate. */
export function createWebCompressions(): Compression[] {
  return [createWebCompression("gzip"), createWebCompression("deflate")];
}

function createWebCompression(name: "gzip" | "deflate"): Compression {
  return {
    name,
    compress: (data) => transform(data, new CompressionStream(name), Infinity),
    decompress: async (data, maxBytes) => {
      if (data.length === 0) {
        return data;
      }
      try {
        return await transform(data, new DecompressionStream(name), maxBytes);
      } catch (error) {
        throw error instanceof ConnectError ? error : damagedError(name, error);
      }
    },
  };
}

/** What is to be said of a message that would be longer than may be. */
export function tooLargeError(maxBytes: number): ConnectError {
  return new ConnectError(`message is larger than ${maxBytes} bytes after decompression`, Code.ResourceExhausted);
}

/** What is to be said of a message that cannot be decompressed. */
export function damagedError(name: string, cause: unknown): ConnectError {
  return new ConnectError(`message is not valid ${name}`, Code.InvalidArgument, undefined, undefined, cause);
}

async function transform(
  data: Uint8Array,
  { readable, writable }: CompressionStream | DecompressionStream,
  maxBytes: number,
): Promise<Uint8Array> {
  const writer = writable.getWriter();
  // What goes wrong is seen where it is read.
  writer.write(new Uint8Array(data)).then(() => writer.close()).catch(() => {});
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

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
