/** Where `get` writes: what the path names decides whether a file is made or replaced, or something else is written to, as `cp` and `curl` do it. */
import { dirname, join } from "node:path";
import { writeAll } from "./local_file.ts";

/** A place to write to, which was found before anything is fetched. */
export type DownloadTarget =
  | { readonly kind: "stdout" }
  /** A device or a FIFO, which takes the bytes and stays what it is. */
  | { readonly kind: "stream"; readonly path: string }
  /**
   * A file that is to appear when it is complete. `realPath` is without symbolic links; `mode` is that of the file to be replaced, undefined when there
   * must be none.
   */
  | { readonly kind: "file"; readonly path: string; readonly realPath: string; readonly mode: number | undefined };

/** Standard output. */
export const STDOUT: DownloadTarget = { kind: "stdout" };

/**
 * Finds out what a path names. Symbolic links are followed, and stay. A directory stands for the file `name` in it; devices and FIFOs are written to.
 *
 * @param options `overwrite` also allows what would destroy data: a regular file, a block device.
 * @throws {Error} There is something that cannot or, without `overwrite`, may not be written to.
 */
export async function findTarget(
  path: string,
  name: string,
  options: { readonly overwrite: boolean },
): Promise<DownloadTarget> {
  let info = await statIfThere(path);
  if (info?.isDirectory) {
    path = join(path, localName(name));
    info = await statIfThere(path);
  }
  if (info === undefined) {
    if (path.endsWith("/")) {
      throw new Deno.errors.NotFound(`"${path}" is no directory`);
    }
    if (await isLink(path)) {
      throw new Deno.errors.NotFound(`"${path}" is a symbolic link to nothing`);
    }
    return { kind: "file", path, realPath: path, mode: undefined };
  }
  if (info.isDirectory || info.isSocket) {
    throw new Error(`"${path}" is a ${info.isDirectory ? "directory" : "socket"}`);
  }
  if ((info.isFile || info.isBlockDevice) && !options.overwrite) {
    throw alreadyExists(path);
  }
  return info.isFile
    ? { kind: "file", path, realPath: await Deno.realPath(path), mode: (info.mode ?? 0o666) & 0o777 }
    : { kind: "stream", path };
}

/**
 * The name under which a stored file may be kept here. It comes from a server, or from a list of one: it leads nowhere else.
 *
 * @throws {Error} It is no plain name.
 */
export function localName(name: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  if (name === "" || name === "." || name === ".." || /[/\\\u0000-\u001f\u007f]/.test(name)) {
    throw new Error(`"${name}" is no file name here, --output says another`);
  }
  return name;
}

/** Writes all chunks. A file is made beside its place and moved there when it is complete. */
export async function writeTarget(target: DownloadTarget, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  switch (target.kind) {
    case "stdout":
      return await writeChunks(Deno.stdout, chunks);
    case "stream":
      return await writeStream(target.path, chunks);
    case "file":
      return await writeFile(target.realPath, target.mode, target.path, chunks);
  }
}

async function writeChunks(
  writer: { write(bytes: Uint8Array): Promise<number> },
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  for await (const chunk of chunks) {
    await writeAll(writer, chunk);
  }
}

async function writeStream(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  using stream = await Deno.open(path, { write: true });
  if ((await stream.stat()).isFile) { // It was something else a moment ago. A file is never written in place.
    throw alreadyExists(path);
  }
  await writeChunks(stream, chunks);
}

async function writeFile(
  realPath: string,
  mode: number | undefined,
  path: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  // A name of its own: that of the file may be as long as names can be.
  const temporaryPath = join(dirname(realPath), `.edgewire-${crypto.randomUUID()}`);
  try {
    {
      using file = await Deno.open(temporaryPath, {
        createNew: true,
        write: true,
        ...mode === undefined ? {} : { mode },
      });
      await writeChunks(file, chunks);
    }
    if (mode === undefined) {
      await moveToNew(temporaryPath, realPath, path);
    } else {
      await moveOver(temporaryPath, realPath, path);
    }
  } catch (error) {
    await Deno.remove(temporaryPath).catch(() => {}); // It may not even have been made.
    throw error;
  }
}

/** Gives a file its name if nothing has it, even if something has got it meanwhile. */
async function moveToNew(from: string, to: string, path: string): Promise<void> {
  try {
    await Deno.link(from, to);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw alreadyExists(path);
    }
    if (await lstatIfThere(to) !== undefined) {
      throw alreadyExists(path);
    }
    return await Deno.rename(from, to); // A file system without hard links.
  }
  await Deno.remove(from);
}

/** Replaces a regular file, and nothing else that may have come into its place. */
async function moveOver(from: string, to: string, path: string): Promise<void> {
  const info = await lstatIfThere(to);
  if (info !== undefined && !info.isFile) {
    throw new Error(`"${path}" is no regular file any more`);
  }
  await Deno.rename(from, to);
}

function alreadyExists(path: string): Error {
  return new Deno.errors.AlreadyExists(`"${path}" exists, --force overwrites it`);
}

async function isLink(path: string): Promise<boolean> {
  return (await lstatIfThere(path))?.isSymlink ?? false;
}

function statIfThere(path: string): Promise<Deno.FileInfo | undefined> {
  return ifThere(Deno.stat(path));
}

function lstatIfThere(path: string): Promise<Deno.FileInfo | undefined> {
  return ifThere(Deno.lstat(path));
}

async function ifThere(info: Promise<Deno.FileInfo>): Promise<Deno.FileInfo | undefined> {
  try {
    return await info;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return undefined;
    }
    throw error;
  }
}
