/** The file system as the disk store uses it. */
import { Code, ConnectError } from "@connectrpc/connect";

/** The part of the `Deno` namespace that the store uses. */
export type FileSystem = Pick<
  typeof Deno,
  "link" | "lstat" | "mkdir" | "open" | "readDir" | "readTextFile" | "remove" | "rename"
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

/** What is used up, by the code of the system's error. */
const EXHAUSTED: Readonly<Record<string, string>> = {
  ENOSPC: "store: full",
  EDQUOT: "store: full",
  EFBIG: "store: full",
  EMFILE: "store: no file descriptor is free",
  ENFILE: "store: no file descriptor is free",
};

/**
 * The error that a caller gets for one of the file system. Its stack is not looked at: without a free descriptor Deno cannot map it to sources,
 * and 2.9.6 ends the process.
 */
export function fileSystemError(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return Object.hasOwn(EXHAUSTED, code)
    ? new ConnectError(`${EXHAUSTED[code]} (${code})`, Code.ResourceExhausted, undefined, undefined, error)
    : error;
}
