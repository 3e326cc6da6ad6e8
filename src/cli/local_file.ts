/** Files of this machine, and its standard input and output, as the commands read and write them. */

/**
 * How long the chunks are that are read and sent, in bytes. With 256 KiB our server grew by 100 to 127 MiB while it hashed or stored 1.2 GB, with these
 * by 27: larger buffers live longer than V8's young generation.
 */
const CHUNK_BYTES = 64 * 1024;

/** Means standard input or output where a path is expected. */
export const STANDARD = "-";

/** Something open for reading. */
export interface Source extends Disposable {
  /** In bytes; undefined when it is not known before the end. */
  readonly size: number | undefined;
  /** All of it, each chunk in a buffer of its own. Call it once. */
  chunks(): AsyncGenerator<Uint8Array>;
}

/** Opens a file, or standard input when `path` is `-`. */
export async function openSource(path: string): Promise<Source> {
  if (path === STANDARD) {
    return { size: undefined, chunks: () => readChunks(Deno.stdin), [Symbol.dispose]: () => {} };
  }
  const file = await Deno.open(path, { read: true });
  try {
    const { isFile, isDirectory, size } = await file.stat();
    if (isDirectory) {
      throw new Deno.errors.IsADirectory("Is a directory");
    }
    return {
      size: isFile ? size : undefined, // A pipe or device has no size to speak of.
      chunks: () => readChunks(file),
      [Symbol.dispose]: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

async function* readChunks(reader: { read(buffer: Uint8Array): Promise<number | null> }): AsyncGenerator<Uint8Array> {
  while (true) {
    const buffer = new Uint8Array(CHUNK_BYTES);
    const length = await reader.read(buffer);
    if (length === null) {
      return;
    }
    yield buffer.subarray(0, length);
  }
}

/** Writes all bytes: one `write` may write fewer. */
export async function writeAll(
  writer: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await writer.write(bytes.subarray(written));
  }
}
