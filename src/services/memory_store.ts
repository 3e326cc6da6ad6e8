/** A file store in memory, bounded: for edge runtimes and tests. */
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type AnnouncedFile,
  CHUNK_BYTES,
  type FileStore,
  type OpenFile,
  type StoredFile,
  type Upload,
} from "./file_store.ts";
import { type UploadContent, Uploads } from "./uploads.ts";

/** Options of {@linkcode MemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * How many bytes all files and uploads may have together, each counted with {@linkcode ENTRY_BYTES} for itself.
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

/** Keeps files for as long as the process lives. */
export class MemoryStore implements FileStore {
  readonly #files = new Map<string, { readonly file: StoredFile; readonly blocks: readonly Uint8Array[] }>();
  readonly #uploads: Uploads;
  readonly #maxBytes: number;
  readonly #now: () => number;
  #usedBytes = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.#maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
    this.#now = options.now ?? Date.now;
    this.#uploads = new Uploads(this.#now);
  }

  stat(name: string): Promise<StoredFile | undefined> {
    return Promise.resolve(this.#files.get(name)?.file);
  }

  list(after: string, limit: number): Promise<StoredFile[]> {
    const names = [...this.#files.keys()].filter((name) => name > after).sort().slice(0, limit);
    return Promise.resolve(names.map((name) => this.#files.get(name)!.file));
  }

  open(name: string): Promise<OpenFile | undefined> {
    const entry = this.#files.get(name);
    return Promise.resolve(
      entry && {
        file: entry.file,
        read: (offset, length) => readBlocks(entry.blocks, offset, length),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      },
    );
  }

  delete(name: string): Promise<boolean> {
    const entry = this.#files.get(name);
    if (entry === undefined) {
      return Promise.resolve(false);
    }
    this.#usedBytes -= entry.file.size + ENTRY_BYTES;
    return Promise.resolve(this.#files.delete(name));
  }

  startUpload(file: AnnouncedFile, options: { readonly resumable: boolean }): Promise<Upload> {
    // deno-lint-ignore require-await -- async, so that a full store rejects as every other error does
    return this.#uploads.start(file, options.resumable, async () => {
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
        this.#files.set(name, { file, blocks });
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

async function* readBlocks(blocks: readonly Uint8Array[], offset: number, length: number): AsyncGenerator<Uint8Array> {
  const end = offset + length;
  for (let start = offset; start < end; start += CHUNK_BYTES) {
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
