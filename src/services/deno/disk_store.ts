/**
 * A file store on disk: `files/` has the files under their own names, `uploads/` the uploads (`disk_upload.ts`).
 * A rename makes an upload a file, so that a crash at any moment leaves the old file, or the new one, or none.
 */
import {
  type AnnouncedFile,
  type FileStore,
  LOCAL_CALLER,
  type OpenFile,
  type StoreCaller,
  type StoredFile,
  type Upload,
  type UploadOptions,
} from "../file_store.ts";
import { Turns } from "./turns.ts";
import { type UploadLimits, Uploads } from "../uploads.ts";
import { DiskNames } from "./disk_names.ts";
import { DiskUpload, type DiskUploadHost, type StoreDirectories } from "./disk_upload.ts";
import { type FileSystem, fileSystemError, syncDirectory, unlessNotFound } from "./file_system.ts";
import { OpenFiles, type OpenFilesOptions } from "./open_files.ts";

/** How many operations go on at a time with a disk that is slow. */
const MAX_OPERATIONS = 16;

/** How many uploads, and files that are deleted, wait at a time for the disk to have what it was given. Each may take tens of milliseconds. */
const MAX_SYNCS = 4;

/** How many files are described in one turn. */
const DESCRIBED_TOGETHER = 16;

/** How many leftovers are dealt with at a time when a store is opened. */
const RECOVERED_TOGETHER = 32;

/** Options of {@linkcode DiskStore.open}. */
export interface DiskStoreOptions extends UploadLimits, OpenFilesOptions {
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** @default Deno */
  readonly fileSystem?: FileSystem | undefined;
}

/** Keeps files in a directory, which it has for itself. */
export class DiskStore implements FileStore {
  readonly #fs: FileSystem;
  readonly #directories: StoreDirectories;
  readonly #lock: Deno.FsFile;
  readonly #uploads: Uploads;
  readonly #turns: Turns;
  readonly #syncTurns: Turns;
  readonly #openFiles: OpenFiles;
  readonly #names: DiskNames;
  readonly #uploadHost: DiskUploadHost;

  private constructor(directories: StoreDirectories, lock: Deno.FsFile, options: DiskStoreOptions) {
    const fileSystem = options.fileSystem ?? Deno;
    const now = options.now ?? Date.now;
    const { clock } = options;
    const turns = new Turns({ what: "file operations", maxOperations: MAX_OPERATIONS, clock });
    const syncTurns = new Turns({ what: "uploads and deletions", atOnce: MAX_SYNCS, clock });
    this.#turns = turns;
    this.#syncTurns = syncTurns;
    this.#fs = fileSystem;
    this.#directories = directories;
    this.#lock = lock;
    this.#uploads = new Uploads(now, options);
    this.#openFiles = new OpenFiles(fileSystem, directories.uploads, turns, options);
    this.#names = new DiskNames(fileSystem, directories.files, now);
    this.#uploadHost = {
      fileSystem,
      directories,
      openFiles: this.#openFiles,
      turns,
      syncTurns,
      onPublished: (name) => this.#names.add(name),
    };
  }

  /**
   * Opens the store in `directory`, which is made if it is not there. Uploads that a crash broke off are thrown away,
   * except those that can be resumed.
   *
   * @throws {Error} The directory cannot be written, or another process has it.
   */
  static async open(directory: string, options: DiskStoreOptions = {}): Promise<DiskStore> {
    const fs = options.fileSystem ?? Deno;
    const directories = { files: `${directory}/files`, uploads: `${directory}/uploads` };
    let lock: Deno.FsFile | undefined;
    try {
      await fs.mkdir(directories.files, { recursive: true });
      await fs.mkdir(directories.uploads, { recursive: true });
      lock = await fs.open(`${directory}/lock`, { create: true, write: true });
      if (!await lock.tryLock(true)) {
        throw new Error("Another process uses it");
      }
      const store = new DiskStore(directories, lock, options);
      await store.#recoverUploads();
      return store;
    } catch (error) {
      lock?.close();
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Cannot open the store in "${directory}": ${reason}`, { cause: error });
    }
  }

  stat(name: string, caller: StoreCaller = LOCAL_CALLER): Promise<StoredFile | undefined> {
    return inTurn(this.#turns, caller, () => this.#describe(name));
  }

  async list(after: string, limit: number, caller: StoreCaller = LOCAL_CALLER): Promise<StoredFile[]> {
    const files: StoredFile[] = [];
    for (let last = after; files.length < limit;) {
      const wanted = Math.min(DESCRIBED_TOGETHER, limit - files.length);
      const names = await inTurn(this.#turns, caller, async () => {
        const names = await this.#names.after(last, wanted);
        files.push(...(await Promise.all(names.map((name) => this.#describe(name)))).filter(isThere));
        return names;
      });
      if (names.length < wanted) {
        break;
      }
      last = names.at(-1)!;
    }
    return files;
  }

  async open(name: string, caller: StoreCaller = LOCAL_CALLER): Promise<OpenFile | undefined> {
    if (await this.stat(name, caller) === undefined) {
      return undefined;
    }
    const opened = await unlessNotFound(this.#openFiles.open(this.#filePath(name), caller));
    return opened && {
      file: storedFile(name, opened.info),
      read: (offset, length) => opened.read(offset, length),
      readThrough: (offset, length) => opened.readThrough(offset, length),
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    };
  }

  delete(name: string, caller: StoreCaller = LOCAL_CALLER): Promise<boolean> {
    return inTurn(this.#syncTurns, caller, async () => {
      if (await this.#describe(name) === undefined) {
        return false;
      }
      const path = this.#filePath(name);
      await this.#openFiles.keep(path);
      if (await unlessNotFound(this.#fs.remove(path).then(() => true)) === undefined) {
        return false; // Deleted since.
      }
      this.#names.delete(name);
      await syncDirectory(this.#fs, this.#directories.files);
      return true;
    });
  }

  startUpload(file: AnnouncedFile, options: UploadOptions): Promise<Upload> {
    const { resumable, caller: { peer } = LOCAL_CALLER } = options;
    return this.#uploads.start(
      file,
      options,
      (id) => DiskUpload.begin(this.#uploadHost, { id, file, resumable, peer }),
    );
  }

  findUpload(id: string): Promise<Upload | undefined> {
    return Promise.resolve(this.#uploads.find(id));
  }

  removeExpiredUploads(): Promise<void> {
    return this.#uploads.removeExpired();
  }

  async close(): Promise<void> {
    await this.#uploads.close();
    this.#lock.close();
  }

  async #describe(name: string): Promise<StoredFile | undefined> {
    const info = await unlessNotFound(this.#fs.lstat(this.#filePath(name)));
    return info?.isFile ? storedFile(name, info) : undefined;
  }

  async #recoverUploads(): Promise<void> {
    const { uploads } = this.#directories;
    const resumed = new Set<string>();
    const names = (await Array.fromAsync(this.#fs.readDir(uploads))).map((entry) => entry.name);
    const ids = names.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -".json".length));
    const states: Awaited<ReturnType<typeof DiskUpload.resume>>[] = [];
    await together(ids, async (id) => {
      const upload = await DiskUpload.resume(this.#uploadHost, id);
      if (upload !== undefined) {
        states.push(upload);
        resumed.add(`${id}.json`).add(`${id}.part`);
      }
    });
    const leftovers = names.filter((name) => !resumed.has(name));
    await together(leftovers, (name) => this.#fs.remove(`${uploads}/${name}`, { recursive: true }));
    await this.#uploads.restore(states.filter(isThere));
  }

  #filePath(name: string): string {
    return `${this.#directories.files}/${name}`;
  }
}

async function inTurn<T>(turns: Turns, caller: StoreCaller, operation: () => Promise<T>): Promise<T> {
  try {
    return await turns.run(caller, operation);
  } catch (error) {
    throw fileSystemError(error);
  }
}

/** Does something with each of many things, a few at a time. */
async function together<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += RECOVERED_TOGETHER) {
    await Promise.all(items.slice(start, start + RECOVERED_TOGETHER).map(action));
  }
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined;
}

function storedFile(name: string, info: Deno.FileInfo): StoredFile {
  return { name, size: info.size, modified: info.mtime ?? new Date(0) };
}
