/**
 * A file store on disk: `files/` has the files under their own names, `uploads/` the uploads (`disk_upload.ts`).
 * A rename makes an upload a file, so that a crash at any moment leaves the old file, or the new one, or none.
 */
import type { AnnouncedFile, FileStore, OpenFile, StoredFile, Upload } from "../file_store.ts";
import { Uploads } from "../uploads.ts";
import { DiskUpload, type StoreDirectories } from "./disk_upload.ts";
import { type FileSystem, readChunks, syncDirectory, unlessNotFound } from "./file_system.ts";

/** Options of {@linkcode DiskStore.open}. */
export interface DiskStoreOptions {
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

  private constructor(directories: StoreDirectories, lock: Deno.FsFile, options: DiskStoreOptions) {
    this.#fs = options.fileSystem ?? Deno;
    this.#directories = directories;
    this.#lock = lock;
    this.#uploads = new Uploads(options.now ?? Date.now);
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

  async stat(name: string): Promise<StoredFile | undefined> {
    const info = await unlessNotFound(this.#fs.lstat(this.#filePath(name)));
    return info?.isFile ? storedFile(name, info) : undefined;
  }

  async list(after: string, limit: number): Promise<StoredFile[]> {
    const names: string[] = [];
    for await (const entry of this.#fs.readDir(this.#directories.files)) {
      if (entry.isFile && entry.name > after) {
        names.push(entry.name);
      }
    }
    names.sort();
    const files: StoredFile[] = [];
    for (const name of names) {
      if (files.length === limit) {
        break;
      }
      const file = await this.stat(name);
      if (file !== undefined) { // It may have been deleted since.
        files.push(file);
      }
    }
    return files;
  }

  async open(name: string): Promise<OpenFile | undefined> {
    if (await this.stat(name) === undefined) {
      return undefined;
    }
    const handle = await unlessNotFound(this.#fs.open(this.#filePath(name), { read: true }));
    if (handle === undefined) {
      return undefined;
    }
    return {
      file: storedFile(name, await handle.stat()),
      read: (offset, length) => readChunks(handle, offset, length),
      // deno-lint-ignore require-await
      [Symbol.asyncDispose]: async () => handle.close(),
    };
  }

  async delete(name: string): Promise<boolean> {
    if (await this.stat(name) === undefined) {
      return false;
    }
    try {
      await this.#fs.remove(this.#filePath(name));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) { // Deleted since.
        return false;
      }
      throw error;
    }
    await syncDirectory(this.#fs, this.#directories.files);
    return true;
  }

  startUpload(file: AnnouncedFile, options: { readonly resumable: boolean }): Promise<Upload> {
    const { resumable } = options;
    return this.#uploads.start(
      file,
      resumable,
      (id) => DiskUpload.begin(this.#fs, this.#directories, { id, file, resumable }),
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

  async #recoverUploads(): Promise<void> {
    const { uploads } = this.#directories;
    const resumed = new Set<string>();
    const names = (await Array.fromAsync(this.#fs.readDir(uploads))).map((entry) => entry.name);
    for (const id of names.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -".json".length))) {
      const upload = await DiskUpload.resume(this.#fs, this.#directories, id);
      if (upload !== undefined) {
        this.#uploads.add(upload.state, upload.content);
        resumed.add(`${id}.json`).add(`${id}.part`);
      }
    }
    for (const name of names.filter((name) => !resumed.has(name))) {
      await this.#fs.remove(`${uploads}/${name}`, { recursive: true });
    }
    await this.#uploads.removeExpired();
  }

  #filePath(name: string): string {
    return `${this.#directories.files}/${name}`;
  }
}

function storedFile(name: string, info: Deno.FileInfo): StoredFile {
  return { name, size: info.size, modified: info.mtime ?? new Date(0) };
}
