/** Compression by `node:zlib`. */
import {
  brotliCompress,
  brotliCompressSync,
  brotliDecompress,
  brotliDecompressSync,
  constants,
  deflate,
  deflateSync,
  gunzip,
  gunzipSync,
  gzip,
  gzipSync,
  inflate,
  inflateSync,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from "node:zlib";
import { type Compression, damagedError, tooLargeError } from "../compression.ts";

/** Bytes up to which it is done at once: handing less to another thread costs more than it spares. */
const MAX_SYNC_BYTES = 64 * 1024;

type Callback = (error: Error | null, result: Uint8Array) => void;

/** An algorithm, both ways, at once and on other threads. */
interface Codec {
  readonly name: string;
  compress(data: Uint8Array, callback: Callback): void;
  compressSync(data: Uint8Array): Uint8Array;
  decompress(data: Uint8Array, maxOutputLength: number, callback: Callback): void;
  decompressSync(data: Uint8Array, maxOutputLength: number): Uint8Array;
}

const BROTLI_OPTIONS = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };
const ZSTD_PARAMS = { [constants.ZSTD_d_windowLogMax]: 23 };

const CODECS: readonly Codec[] = [
  {
    name: "gzip",
    compress: (data, callback) => gzip(data, callback),
    compressSync: (data) => gzipSync(data),
    decompress: (data, maxOutputLength, callback) => gunzip(data, { maxOutputLength }, callback),
    decompressSync: (data, maxOutputLength) => gunzipSync(data, { maxOutputLength }),
  },
  {
    name: "br",
    compress: (data, callback) => brotliCompress(data, BROTLI_OPTIONS, callback),
    compressSync: (data) => brotliCompressSync(data, BROTLI_OPTIONS),
    decompress: (data, maxOutputLength, callback) => brotliDecompress(data, { maxOutputLength }, callback),
    decompressSync: (data, maxOutputLength) => brotliDecompressSync(data, { maxOutputLength }),
  },
  {
    name: "zstd",
    compress: (data, callback) => zstdCompress(data, callback),
    compressSync: (data) => zstdCompressSync(data),
    decompress: (data, maxOutputLength, callback) =>
      zstdDecompress(data, { maxOutputLength, params: ZSTD_PARAMS }, callback),
    decompressSync: (data, maxOutputLength) => zstdDecompressSync(data, { maxOutputLength, params: ZSTD_PARAMS }),
  },
  {
    name: "deflate",
    compress: (data, callback) => deflate(data, callback),
    compressSync: (data) => deflateSync(data),
    decompress: (data, maxOutputLength, callback) => inflate(data, { maxOutputLength }, callback),
    decompressSync: (data, maxOutputLength) => inflateSync(data, { maxOutputLength }),
  },
];

/** gzip, br, zstd and deflate, in the order of preference. Up to 64 KiB they work at once, above on other threads. */
export const nodeCompressions: readonly Compression[] = CODECS.map(createCompression);

function createCompression(codec: Codec): Compression {
  const { name } = codec;
  return {
    name,
    compress: (data) =>
      data.length <= MAX_SYNC_BYTES
        ? toPlain(codec.compressSync(data))
        : new Promise((resolve, reject) =>
          codec.compress(data, (error, result) => error === null ? resolve(toPlain(result)) : reject(error))
        ),
    decompress: (data, maxBytes) => {
      if (data.length === 0) {
        return data;
      }
      const maxOutputLength = Math.max(1, maxBytes); // Zero is refused.
      if (data.length > MAX_SYNC_BYTES) {
        return new Promise((resolve, reject) =>
          codec.decompress(
            data,
            maxOutputLength,
            (error, result) =>
              error === null ? resolve(toPlain(result)) : reject(toConnectError(name, error, maxBytes)),
          )
        );
      }
      try {
        return toPlain(codec.decompressSync(data, maxOutputLength));
      } catch (error) {
        throw toConnectError(name, error, maxBytes);
      }
    },
  };
}

/** A `Buffer` without its own `slice`, which copies nothing. */
function toPlain(octets: Uint8Array): Uint8Array {
  return new Uint8Array(octets.buffer, octets.byteOffset, octets.byteLength);
}

function toConnectError(name: string, error: unknown, maxBytes: number): Error {
  return error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE"
    ? tooLargeError(maxBytes)
    : damagedError(name, error);
}
