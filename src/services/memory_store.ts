/** A file store in memory, bounded: for edge runtimes and tests. */
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type AnnouncedFile,
  CHUNK_BYTES,
  type FileStore,
  LOCAL_CALLER,
  type OpenFile,
  type StoreCaller,
  type StoredFile,
  type Upload,
  type UploadOptions,
} from "./file_store.ts";
import { NameIndex } from "./name_index.ts";
import { type ReaderLimitOptions, ReaderLimits } from "./reader_limits.ts";
import type { UploadContent } from "./staged_upload.ts";
import { type UploadLimits, Uploads } from "./uploads.ts";

/** Options of {@linkcode MemoryStore}. */
export interface MemoryStoreOptions extends UploadLimits, ReaderLimitOptions {
  /**
   * How many bytes all files and uploads may have together, each counted with {@linkcode ENTRY_BYTES} for itself. Files that were deleted count as
   * long as they are read.
   *
   * @default 64 MiB
   */
  readonly maxBytes?: number | undefined;
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/** What a file or an upload counts beside its content, in bytes, so that empty ones are bounded too. */
export const ENTRY_BYTES = 1024;

/** Content is kept in blocks of this length, the last one of a file trimmed, so that tiny chunks cost no more than long ones. */
const BLOCK_BYTES = 16 * 1024;

/** How many chunks are read before others may use the thread: half a megabyte, which the slowest digests take 17 ms for. */
const CHUNKS_TOGETHER = 8;

/** A file, and how many readers it has. */
interface Entry {
  readonly file: StoredFile;
  readonly blocks: readonly Uint8Array[];
  readers: number;
  isDeleted: boolean;
}

/** Keeps files for as long as the process lives. */
export class MemoryStore implements FileStore {
  readonly #files = new Map<string, Entry>();
  readonly #names = new NameIndex();
  readonly #uploads: Uploads;
  readonly #readers: ReaderLimits;
  readonly #maxBytes: number;
  readonly #now: () => number;
  #usedBytes = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.#maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
    this.#now = options.now ?? Date.now;
    this.#uploads = new Uploads(this.#now, options);
    this.#readers = new ReaderLimits(options);
  }

  stat(name: string): Promise<StoredFile | undefined> {
    return Promise.resolve(this.#files.get(name)?.file);
  }

  list(after: string, limit: number): Promise<StoredFile[]> {
    return Promise.resolve(this.#names.after(after, limit).map((name) => this.#files.get(name)!.file));
  }

  // deno-lint-ignore require-await -- async, so that too many open files reject as every other error does
  async open(name: string, { peer, signal }: StoreCaller = LOCAL_CALLER): Promise<OpenFile | undefined> {
    const entry = this.#files.get(name);
    if (entry === undefined) {
      return undefined;
    }
    this.#readers.take(peer);
    entry.readers++;
    let isOpen = true;
    return {
      file: entry.file,
      read: (offset, length) => readBlocks(entry.blocks, offset, length, signal),
      readThrough: (offset, length) => readBlocks(entry.blocks, offset, length, signal),
      [Symbol.asyncDispose]: () => {
        if (isOpen) {
          isOpen = false;
          this.#readers.release(peer);
          entry.readers--;
          this.#releaseIfGone(entry);
        }
        return Promise.resolve();
      },
    };
  }

  delete(name: string): Promise<boolean> {
    const entry = this.#files.get(name);
    if (entry === undefined) {
      return Promise.resolve(false);
    }
    this.#files.delete(name);
    this.#names.delete(name);
    entry.isDeleted = true;
    this.#releaseIfGone(entry);
    return Promise.resolve(true);
  }

  startUpload(file: AnnouncedFile, options: UploadOptions): Promise<Upload> {
    // deno-lint-ignore require-await -- async, so that a full store rejects as every other error does
    return this.#uploads.start(file, options, async () => {
      this.#take(ENTRY_BYTES);
      return this.#newContent(file.name);
    });
  }

  findUpload(id: string): Promise<Upload | undefined> {
    return Promise.resolve(this.#uploads.find(id));
  }

  removeExpiredUploads(): Promise<void> {
    return this.#uploads.removeExpired();
  }

  close(): Promise<void> {
    return this.#uploads.close();
  }

  /** Gives back the bytes of a file that is deleted and has no readers. */
  #releaseIfGone({ file, readers, isDeleted }: Entry): void {
    if (isDeleted && readers === 0) {
      this.#usedBytes -= file.size + ENTRY_BYTES;
    }
  }

  #take(bytes: number): void {
    if (this.#usedBytes + bytes > this.#maxBytes) {
      throw new ConnectError(`store: full, the limit is ${this.#maxBytes} bytes`, Code.ResourceExhausted);
    }
    this.#usedBytes += bytes;
  }

  #newContent(name: string): UploadContent {
    let blocks: Uint8Array[] = [];
    // What the upload counts: its entry and its bytes, until both are the file's.
    let taken = ENTRY_BYTES;
    return {
      // deno-lint-ignore require-await -- as above
      write: async (offset, bytes) => {
        this.#take(bytes.length);
        taken += bytes.length;
        writeBlocks(blocks, offset, bytes);
      },
      read: (length) => readBlocks(blocks, 0, length),
      publish: async (size) => {
        await this.delete(name);
        const last = blocks.pop();
        if (last !== undefined) {
          blocks.push(last.slice(0, size - blocks.length * BLOCK_BYTES));
        }
        const file = { name, size, modified: new Date(this.#now()) };
        this.#files.set(name, { file, blocks, readers: 0, isDeleted: false });
        this.#names.add(name);
        blocks = [];
        taken = 0;
        return file;
      },
      discard: () => {
        this.#usedBytes -= taken;
        taken = 0;
        blocks = [];
        return Promise.resolve();
      },
    };
  }
}

function writeBlocks(blocks: Uint8Array[], offset: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    const at = (offset + written) % BLOCK_BYTES;
    if (at === 0) {
      blocks.push(new Uint8Array(BLOCK_BYTES));
    }
    const part = bytes.subarray(written, written + BLOCK_BYTES - at);
    blocks.at(-1)!.set(part, at);
    written += part.length;
  }
}

async function* readBlocks(
  blocks: readonly Uint8Array[],
  offset: number,
  length: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const end = offset + length;
  let chunks = 0;
  for (let start = offset; start < end; start += CHUNK_BYTES) {
    if (++chunks % CHUNKS_TOGETHER === 0) {
      await new Promise((resolve) => setTimeout(resolve));
    }
    signal?.throwIfAborted();
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, end - start));
    for (let filled = 0; filled < chunk.length;) {
      const position = start + filled;
      const at = position % BLOCK_BYTES;
      const part = blocks[Math.floor(position / BLOCK_BYTES)]!.subarray(at, at + chunk.length - filled);
      chunk.set(part, filled);
      filled += part.length;
    }
    yield chunk;
  }
}
