/**
 * The bytes of one upload on disk: `<id>.part`, and for a resumable upload its record, `<id>.json`.
 *
 * A record without a part is that of a finished upload, if it says so: it is written just before the rename that makes the part a file.
 */
import { create, fromJson, toJson } from "@bufbuild/protobuf";
import { FileInfoSchema, StartUploadRequestSchema } from "../../../gen/edgewire/v1/file_pb.ts";
import { announcedFile, fromFileInfo, toFileInfo } from "../file_messages.ts";
import type { AnnouncedFile, StoreCaller, StoredFile } from "../file_store.ts";
import type { UploadContent, UploadState } from "../staged_upload.ts";
import type { Turns } from "./turns.ts";
import { type FileSystem, fileSystemError, syncDirectory, unlessNotFound, writeAll } from "./file_system.ts";
import type { OpenFiles } from "./open_files.ts";

/** The directories of a store. */
export interface StoreDirectories {
  readonly files: string;
  readonly uploads: string;
}

/** What a store gives its uploads. */
export interface DiskUploadHost {
  readonly fileSystem: FileSystem;
  readonly directories: StoreDirectories;
  readonly openFiles: OpenFiles;
  /** For reading and writing. */
  readonly turns: Turns;
  /** For what waits until it is on disk. */
  readonly syncTurns: Turns;
  /** An upload has become a file. */
  onPublished(name: string): void;
}

/** What an upload is known by. */
interface UploadIdentity {
  readonly id: string;
  readonly file: AnnouncedFile;
  readonly resumable: boolean;
  readonly peer: string | undefined;
}

/** See the top of the file. */
export class DiskUpload implements UploadContent {
  readonly #host: DiskUploadHost;
  readonly #file: AnnouncedFile;
  readonly #caller: StoreCaller;
  readonly #partPath: string;
  readonly #recordPath: string | undefined;

  private constructor(host: DiskUploadHost, { id, file, resumable, peer }: UploadIdentity) {
    const { uploads } = host.directories;
    this.#host = host;
    this.#file = file;
    this.#caller = { peer };
    this.#partPath = `${uploads}/${id}.part`;
    this.#recordPath = resumable ? `${uploads}/${id}.json` : undefined;
  }

  /** Begins an upload that has no bytes yet. */
  static begin(host: DiskUploadHost, upload: UploadIdentity): Promise<DiskUpload> {
    const content = new DiskUpload(host, upload);
    return host.syncTurns.run(content.#caller, async () => {
      try {
        (await host.fileSystem.open(content.#partPath, { createNew: true, write: true })).close();
        await content.#writeRecord(undefined);
      } catch (error) {
        await content.#remove();
        throw fileSystemError(error);
      }
      return content;
    });
  }

  /** Picks up what a store left of a resumable upload; undefined when it is nothing one could go on with. */
  static async resume(
    host: DiskUploadHost,
    id: string,
  ): Promise<{ state: UploadState; content: UploadContent } | undefined> {
    const { fileSystem: fs, directories } = host;
    const json = await unlessNotFound(fs.readTextFile(`${directories.uploads}/${id}.json`));
    const record = json === undefined ? undefined : parseRecord(json);
    if (record === undefined) {
      return undefined;
    }
    const upload = { id, file: record.file, resumable: true, peer: record.peer };
    const content = new DiskUpload(host, upload);
    const part = await unlessNotFound(fs.lstat(content.#partPath));
    if (part !== undefined) {
      const lastWriteMs = part.mtime?.getTime() ?? 0;
      return {
        state: { ...upload, received: part.size, finished: undefined, lastWriteMs },
        content,
      };
    }
    const { finished } = record;
    return finished && {
      state: { ...upload, received: finished.size, finished, lastWriteMs: finished.modified.getTime() },
      content,
    };
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    try {
      await this.#host.turns.run(this.#caller, () => this.#write(offset, bytes));
    } catch (error) {
      throw fileSystemError(error);
    }
  }

  async *read(length: number): AsyncGenerator<Uint8Array> {
    await using part = await this.#host.openFiles.open(this.#partPath, this.#caller);
    yield* part.readThrough(0, length);
  }

  async publish(length: number): Promise<StoredFile> {
    try {
      return await this.#host.syncTurns.run(this.#caller, () => this.#publish(length));
    } catch (error) {
      throw fileSystemError(error);
    }
  }

  async discard(): Promise<void> {
    try {
      await this.#remove(); // Without a turn: it makes room, and has to be done also when too many wait.
    } catch (error) {
      throw fileSystemError(error);
    }
  }

  async #write(offset: number, bytes: Uint8Array): Promise<void> {
    using part = await this.#host.fileSystem.open(this.#partPath, { write: true });
    try {
      await part.seek(offset, Deno.SeekMode.Start);
      await writeAll(part, bytes);
    } catch (error) {
      await part.truncate(offset);
      throw error;
    }
  }

  async #publish(length: number): Promise<StoredFile> {
    const { fileSystem: fs, directories, openFiles } = this.#host;
    const modified = await this.#seal(length);
    const file = { name: this.#file.name, size: length, modified };
    await this.#writeRecord(file);
    const path = `${directories.files}/${file.name}`;
    await openFiles.keep(path);
    await fs.rename(this.#partPath, path);
    this.#host.onPublished(file.name);
    await syncDirectory(fs, directories.files);
    return file;
  }

  async #remove(): Promise<void> {
    // The record first: a part alone is nothing, a record alone might pass for a finished upload.
    const record = this.#recordPath === undefined ? [] : [this.#recordPath, `${this.#recordPath}.tmp`];
    for (const path of [...record, this.#partPath]) {
      await unlessNotFound(this.#host.fileSystem.remove(path));
    }
  }

  /** Puts the content on disk for good. Gives the time of the last write. */
  async #seal(length: number): Promise<Date> {
    using part = await this.#host.fileSystem.open(this.#partPath, { read: true, write: true });
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
    const { fileSystem: fs, directories } = this.#host;
    const temporaryPath = `${this.#recordPath}.tmp`;
    {
      using record = await fs.open(temporaryPath, { create: true, truncate: true, write: true });
      await writeAll(record, new TextEncoder().encode(formatRecord(this.#file, this.#caller.peer, finished)));
      await record.sync();
    }
    await fs.rename(temporaryPath, this.#recordPath);
    await syncDirectory(fs, directories.uploads);
  }
}

function formatRecord(file: AnnouncedFile, peer: string | undefined, finished: StoredFile | undefined): string {
  const announced = create(StartUploadRequestSchema, {
    name: file.name,
    size: BigInt(file.size ?? 0),
    ...(file.digest === undefined ? {} : { digest: file.digest }),
  });
  return JSON.stringify({
    announced: toJson(StartUploadRequestSchema, announced),
    peer,
    ...(finished === undefined
      ? {}
      : { finished: toJson(FileInfoSchema, create(FileInfoSchema, toFileInfo(finished))) }),
  });
}

/** Undefined when the text is not a record. */
function parseRecord(
  json: string,
): { file: AnnouncedFile; peer: string | undefined; finished: StoredFile | undefined } | undefined {
  try {
    const { announced, peer, finished } = JSON.parse(json);
    return {
      peer: typeof peer === "string" ? peer : undefined, // Older records have none.
      file: announcedFile(fromJson(StartUploadRequestSchema, announced)),
      finished: finished === undefined ? undefined : fromFileInfo(fromJson(FileInfoSchema, finished)),
    };
  } catch {
    return undefined;
  }
}
