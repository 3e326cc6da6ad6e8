/** Compression by `node:zlib`. */
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateSync,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";
import { type Compression, concat, damagedError, tooLargeError } from "../compression.ts";
import { zstdFrameEnd } from "./zstd_frame.ts";

/** An algorithm, both ways. */
interface Algorithm {
  readonly name: string;
  /** As in {@linkcode Compression}. */
  readonly maxResponseBytes: number;
  compress(data: Uint8Array, isLarge: boolean): Uint8Array;
  /** Throws an error when the data is damaged, or a `RangeError` when `maxOutputLength`, at least 1, is exceeded. */
  decompress(data: Uint8Array, maxOutputLength: number): Uint8Array;
}

/**
 * Above so many bytes a message is compressed in the fastest way. Attack: answers of 4 MiB, of which gzip takes 174 ms and br 249 in their usual ways,
 * and requests for them of a few KiB; in these ways it is 75 ms, 61, and 23 with zstd.
 */
const LARGE_BYTES = 256 * 1024;

/** Above so many bytes the fastest way takes more than 40 ms, too, if the message was chosen for that. */
const MAX_RESPONSE_BYTES = 2 * 1024 * 1024;
const MAX_ZSTD_RESPONSE_BYTES = 8 * 1024 * 1024;

const FAST_DEFLATE_OPTIONS = { level: constants.Z_BEST_SPEED };
const FAST_BROTLI_OPTIONS = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
const FAST_ZSTD_OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** With 11, the default, 20 kB take 34 ms; with 4 they take 0.2 ms, and no more room than with gzip. */
const BROTLI_OPTIONS = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };
/** 8 MiB, which is what decoders should take (RFC 8878 §3.1.1.1.2): a frame may demand that memory before it has content. */
const ZSTD_PARAMS = { [constants.ZSTD_d_windowLogMax]: 23 };

/** Empty ones have 9 octets and take as long as others. */
const MAX_ZSTD_FRAMES = 8;

const ALGORITHMS: readonly Algorithm[] = [
  {
    name: "gzip",
    maxResponseBytes: MAX_RESPONSE_BYTES,
    compress: (data, isLarge) => gzipSync(data, isLarge ? FAST_DEFLATE_OPTIONS : undefined),
    decompress: (data, maxOutputLength) => gunzipSync(data, { maxOutputLength }),
  },
  {
    name: "br",
    maxResponseBytes: MAX_RESPONSE_BYTES,
    compress: (data, isLarge) => brotliCompressSync(data, isLarge ? FAST_BROTLI_OPTIONS : BROTLI_OPTIONS),
    decompress: decompressBrotli,
  },
  {
    name: "zstd",
    maxResponseBytes: MAX_ZSTD_RESPONSE_BYTES,
    compress: (data, isLarge) => zstdCompressSync(data, isLarge ? FAST_ZSTD_OPTIONS : undefined),
    decompress: decompressZstd,
  },
  {
    name: "deflate",
    maxResponseBytes: MAX_RESPONSE_BYTES,
    compress: (data, isLarge) => deflateSync(data, isLarge ? FAST_DEFLATE_OPTIONS : undefined),
    decompress: (data, maxOutputLength) => inflateSync(data, { maxOutputLength }),
  },
];

/**
 * gzip, br, zstd and deflate, in the order of preference. They work at once: in Deno 2.9 the asynchronous functions of `node:zlib` block the
 * thread as long, and for eight messages of 2 MiB take 1.8 times the time.
 *
 * ```ts
 * import { createTransport, nodeCompressions } from "@edgewire/edgewire";
 *
 * const transport = createTransport({ baseUrl: "https://example.com", acceptCompressions: nodeCompressions });
 * ```
 */
export const nodeCompressions: readonly Compression[] = ALGORITHMS.map(createCompression);

function createCompression({ name, maxResponseBytes, compress, decompress }: Algorithm): Compression {
  return {
    name,
    maxResponseBytes,
    compress: (data) => toPlain(compress(data, data.length > LARGE_BYTES)),
    decompress: (data, maxBytes) => {
      if (data.length === 0) {
        return data;
      }
      let message: Uint8Array;
      try {
        message = decompress(data, Math.max(1, maxBytes));
      } catch (error) {
        throw isTooLarge(error) ? tooLargeError(maxBytes) : damagedError(name, error);
      }
      if (message.length > maxBytes) {
        throw tooLargeError(maxBytes);
      }
      return toPlain(message);
    },
  };
}

/** A `Buffer` without its own `slice`, which does not copy. */
function toPlain(octets: Uint8Array): Uint8Array {
  return new Uint8Array(octets.buffer, octets.byteOffset, octets.byteLength);
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
}

/** What `info` makes of a result, which its type does not know. */
interface ResultInfo {
  readonly buffer: Uint8Array;
  /** `bytesWritten` are the octets that were taken in. */
  readonly engine: { readonly bytesWritten: number };
}

/** Deno gives what there is of data that was cut short. So there is an octet more than it should take: whole data leaves that. */
function decompressBrotli(data: Uint8Array, maxOutputLength: number): Uint8Array {
  const padded = new Uint8Array(data.length + 1);
  padded.set(data);
  const result: unknown = brotliDecompressSync(padded, { maxOutputLength, info: true });
  const { buffer, engine } = result as ResultInfo;
  if (engine.bytesWritten !== data.length) {
    throw new Error("Cannot decompress: the data does not end where it says");
  }
  return buffer;
}

/**
 * Deno gives what there is of data that was cut short, and of several frames the first, so it gets one whole frame after the other. Its own
 * encoder adds an empty frame at times.
 */
function decompressZstd(data: Uint8Array, maxOutputLength: number): Uint8Array {
  const contents: Uint8Array[] = [];
  let length = 0;
  for (let start = 0; start < data.length;) {
    const end = zstdFrameEnd(data, start);
    if (end === undefined || contents.length === MAX_ZSTD_FRAMES) {
      throw new Error("Cannot decompress: the data is not a few whole frames");
    }
    const room = Math.max(1, maxOutputLength - length);
    const content = zstdDecompressSync(data.subarray(start, end), { maxOutputLength: room, params: ZSTD_PARAMS });
    contents.push(content);
    length += content.length;
    start = end;
  }
  return concat(contents, length);
}
