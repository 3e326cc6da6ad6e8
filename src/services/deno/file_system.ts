/** The file system as the disk store uses it. */
import { CHUNK_BYTES } from "../file_store.ts";

/** The part of the `Deno` namespace that the store uses. */
export type FileSystem = Pick<
  typeof Deno,
  "lstat" | "mkdir" | "open" | "readDir" | "readTextFile" | "remove" | "rename"
>;

/** Gives undefined where the file system says that there is no such file. */
export async function unlessNotFound<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return undefined;
    }
    throw error;
  }
}

/** Reads `length` bytes from `offset`, less if the file ends before, in chunks of at most {@linkcode CHUNK_BYTES}, each in a buffer of its own. */
export async function* readChunks(file: Deno.FsFile, offset: number, length: number): AsyncGenerator<Uint8Array> {
  await file.seek(offset, Deno.SeekMode.Start);
  for (let remaining = length; remaining > 0;) {
    const buffer = new Uint8Array(Math.min(CHUNK_BYTES, remaining));
    const read = await file.read(buffer);
    if (read === null) {
      return;
    }
    remaining -= read;
    yield buffer.subarray(0, read);
  }
}

/** Writes all bytes: one `write` may write fewer. */
export async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written));
  }
}

/** Makes the creations, renames and removals in a directory last: they are data of the directory. */
export async function syncDirectory(fs: FileSystem, path: string): Promise<void> {
  using directory = await fs.open(path, { read: true });
  await directory.sync();
}
