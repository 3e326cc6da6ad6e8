/** Files of this machine, and its standard input and output, as the commands read and write them. */
import { basename, dirname, join } from "node:path";

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

/**
 * Writes chunks to a file that appears only when it is complete, or to standard output when `path` is `-`.
 *
 * @throws {Deno.errors.AlreadyExists} The file is there, and `overwrite` is false.
 */
export async function writeTarget(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  options: { readonly overwrite: boolean },
): Promise<void> {
  if (path === STANDARD) {
    for await (const chunk of chunks) {
      await writeAll(Deno.stdout, chunk);
    }
    return;
  }
  if (!options.overwrite && await exists(path)) {
    throw new Deno.errors.AlreadyExists(`"${path}" exists, --force overwrites it`);
  }
  const temporaryPath = join(dirname(path), `.${basename(path)}.${crypto.randomUUID()}`);
  try {
    using file = await Deno.open(temporaryPath, { createNew: true, write: true });
    for await (const chunk of chunks) {
      await writeAll(file, chunk);
    }
    await Deno.rename(temporaryPath, path);
  } catch (error) {
    await Deno.remove(temporaryPath).catch(() => {}); // It may not even have been made.
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return false;
    }
    throw error;
  }
}
