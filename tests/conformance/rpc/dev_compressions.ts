import * as zlib from "node:zlib";
import { promisify } from "node:util";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";

// deno-lint-ignore no-explicit-any
type Any = any;
function make(name: string, c: Any, d: Any): Compression {
  const pc = promisify(c) as Any, pd = promisify(d) as Any;
  return {
    name,
    compress: async (b) => b.length === 0 ? b as Uint8Array<ArrayBuffer> : new Uint8Array(await pc(b)),
    decompress: async (b, max) => {
      if (b.length === 0) return new Uint8Array(0);
      try {
        return new Uint8Array(await pd(b, { maxOutputLength: max }));
      } catch (e) {
        throw new ConnectError(
          String(e),
          (e as Any).code === "ERR_BUFFER_TOO_LARGE" ? Code.ResourceExhausted : Code.InvalidArgument,
        );
      }
    },
  };
}
export const compressions: Compression[] = [
  make("gzip", zlib.gzip, zlib.gunzip),
  make("br", zlib.brotliCompress, zlib.brotliDecompress),
  make("zstd", zlib.zstdCompress, zlib.zstdDecompress),
  make("deflate", zlib.deflate, zlib.inflate),
];
