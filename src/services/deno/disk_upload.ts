/**
 * The bytes of one upload on disk: `<id>.part`, and for a resumable upload its record, `<id>.json`.
 *
 * A record without a part is that of a finished upload, if it says so: it is written just before the rename that makes the part a file.
 */
import { create, fromJson, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { FileInfoSchema, StartUploadRequestSchema } from "../../../gen/edgewire/v1/file_pb.ts";
import { announcedFile, fromFileInfo, toFileInfo } from "../file_messages.ts";
import type { AnnouncedFile, StoredFile } from "../file_store.ts";
import type { UploadContent, UploadState } from "../uploads.ts";
import { type FileSystem, readChunks, syncDirectory, unlessNotFound, writeAll } from "./file_system.ts";

/** The directories of a store. */
export interface StoreDirectories {
  readonly files: string;
  readonly uploads: string;
}

/** See the top of the file. */
export class DiskUpload implements UploadContent {
  readonly #fs: FileSystem;
  readonly #directories: StoreDirectories;
  readonly #file: AnnouncedFile;
  readonly #partPath: string;
  readonly #recordPath: string | undefined;

  private constructor(
    fs: FileSystem,
    directories: StoreDirectories,
    upload: { readonly id: string; readonly file: AnnouncedFile; readonly resumable: boolean },
  ) {
    this.#fs = fs;
    this.#directories = directories;
    this.#file = upload.file;
    this.#partPath = `${directories.uploads}/${upload.id}.part`;
    this.#recordPath = upload.resumable ? `${directories.uploads}/${upload.id}.json` : undefined;
  }

  /** Begins an upload that has no bytes yet. */
  static async begin(
    fs: FileSystem,
    directories: StoreDirectories,
    upload: { readonly id: string; readonly file: AnnouncedFile; readonly resumable: boolean },
  ): Promise<DiskUpload> {
    const content = new DiskUpload(fs, directories, upload);
    try {
      (await fs.open(content.#partPath, { createNew: true, write: true })).close();
      await content.#writeRecord(undefined);
    } catch (error) {
      await content.discard();
      throw storeError(error);
    }
    return content;
  }

  /** Picks up what a store left of a resumable upload; undefined when it is nothing one could go on with. */
  static async resume(
    fs: FileSystem,
    directories: StoreDirectories,
    id: string,
  ): Promise<{ state: UploadState; content: UploadContent } | undefined> {
    const json = await unlessNotFound(fs.readTextFile(`${directories.uploads}/${id}.json`));
    const record = json === undefined ? undefined : parseRecord(json);
    if (record === undefined) {
      return undefined;
    }
    const { file } = record;
    const content = new DiskUpload(fs, directories, { id, file, resumable: true });
    const part = await unlessNotFound(fs.lstat(content.#partPath));
    if (part !== undefined) {
      const lastWriteMs = part.mtime?.getTime() ?? 0;
      return {
        state: { id, file, resumable: true, received: part.size, finished: undefined, lastWriteMs },
        content,
      };
    }
    const { finished } = record;
    return finished && {
      state: { id, file, resumable: true, received: finished.size, finished, lastWriteMs: finished.modified.getTime() },
      content,
    };
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    using part = await this.#fs.open(this.#partPath, { write: true });
    try {
      await part.seek(offset, Deno.SeekMode.Start);
      await writeAll(part, bytes);
    } catch (error) {
      await part.truncate(offset);
      throw storeError(error);
    }
  }

  async *read(length: number): AsyncGenerator<Uint8Array> {
    using part = await this.#fs.open(this.#partPath, { read: true });
    yield* readChunks(part, 0, length);
  }

  async publish(length: number): Promise<StoredFile> {
    try {
      const modified = await this.#seal(length);
      const file = { name: this.#file.name, size: length, modified };
      await this.#writeRecord(file);
      await this.#fs.rename(this.#partPath, `${this.#directories.files}/${file.name}`);
      await syncDirectory(this.#fs, this.#directories.files);
      return file;
    } catch (error) {
      throw storeError(error);
    }
  }

  async discard(): Promise<void> {
    // The record first: a part alone is nothing, a record alone might pass for a finished upload.
    const record = this.#recordPath === undefined ? [] : [this.#recordPath, `${this.#recordPath}.tmp`];
    for (const path of [...record, this.#partPath]) {
      await unlessNotFound(this.#fs.remove(path));
    }
  }

  /** Puts the content on disk for good. Gives the time of the last write. */
  async #seal(length: number): Promise<Date> {
    using part = await this.#fs.open(this.#partPath, { read: true, write: true });
    const { size, mtime } = await part.stat();
    if (size > length) { // A failed write left bytes behind, and could not take them back.
      await part.truncate(length);
    }
    await part.sync();
    return mtime ?? new Date(0);
  }

  async #writeRecord(finished: StoredFile | undefined): Promise<void> {
    if (this.#recordPath === undefined) {
      return;
    }
    const temporaryPath = `${this.#recordPath}.tmp`;
    {
      using record = await this.#fs.open(temporaryPath, { create: true, truncate: true, write: true });
      await writeAll(record, new TextEncoder().encode(formatRecord(this.#file, finished)));
      await record.sync();
    }
    await this.#fs.rename(temporaryPath, this.#recordPath);
    await syncDirectory(this.#fs, this.#directories.uploads);
  }
}

function formatRecord(file: AnnouncedFile, finished: StoredFile | undefined): string {
  const announced = create(StartUploadRequestSchema, {
    name: file.name,
    size: BigInt(file.size ?? 0),
    ...(file.digest === undefined ? {} : { digest: file.digest }),
  });
  return JSON.stringify({
    announced: toJson(StartUploadRequestSchema, announced),
    ...(finished === undefined
      ? {}
      : { finished: toJson(FileInfoSchema, create(FileInfoSchema, toFileInfo(finished))) }),
  });
}

/** Undefined when the text is not a record. */
function parseRecord(json: string): { file: AnnouncedFile; finished: StoredFile | undefined } | undefined {
  try {
    const { announced, finished } = JSON.parse(json);
    return {
      file: announcedFile(fromJson(StartUploadRequestSchema, announced)),
      finished: finished === undefined ? undefined : fromFileInfo(fromJson(FileInfoSchema, finished)),
    };
  } catch {
    return undefined;
  }
}

/** The error that a caller gets for one of the file system. */
function storeError(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG"
    ? new ConnectError(`store: full (${code})`, Code.ResourceExhausted, undefined, undefined, error)
    : error;
}
