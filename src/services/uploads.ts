/**
 * The uploads of a store: their order of events, their number and their end. Where their bytes are is the store's business.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import type { AnnouncedFile, StoredFile, Upload } from "./file_store.ts";

/** How long an upload lasts in which nothing is written, in milliseconds: a day. */
export const UPLOAD_TTL_MS = 24 * 60 * 60 * 1000;

/** How many unfinished uploads a store has at a time. More are an attack, or the work of clients that neither finish nor abort. */
export const MAX_UPLOADS = 1000;

/** The bytes of one upload. The calls come one at a time. */
export interface UploadContent {
  /** Writes `bytes` at `offset`, which is where the bytes written so far end. When it throws, they are as before. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Reads the first `length` bytes, which is all of them. */
  read(length: number): AsyncIterable<Uint8Array>;
  /** Makes the first `length` bytes the file, all at once, and lasting. */
  publish(length: number): Promise<StoredFile>;
  /** Throws away the bytes and every trace of the upload; of a published one, what is left beside the file. */
  discard(): Promise<void>;
}

/** What a store knows of an upload when it registers it. */
export interface UploadState {
  readonly id: string;
  readonly file: AnnouncedFile;
  readonly resumable: boolean;
  readonly received: number;
  readonly finished: StoredFile | undefined;
  /** When it was written to last, in milliseconds since 1970. */
  readonly lastWriteMs: number;
}

/** The uploads of a store. */
export class Uploads {
  /** In the order in which they began. */
  readonly #uploads = new Map<string, StagedUpload>();
  readonly #now: () => number;
  #starting = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Begins an upload, whose bytes go where `prepare` says.
   *
   * @throws {ConnectError} `resource_exhausted`: there are {@linkcode MAX_UPLOADS} unfinished ones. What `prepare` throws.
   */
  async start(
    file: AnnouncedFile,
    resumable: boolean,
    prepare: (id: string) => Promise<UploadContent>,
  ): Promise<Upload> {
    await this.#makeRoom();
    this.#starting++;
    try {
      const id = crypto.randomUUID();
      const content = await prepare(id);
      return this.add({ id, file, resumable, received: 0, finished: undefined, lastWriteMs: this.#now() }, content);
    } finally {
      this.#starting--;
    }
  }

  /** Adds an upload that began before, in an earlier life of the store. */
  add(state: UploadState, content: UploadContent): Upload {
    const upload = new StagedUpload(state, content, this.#now, () => this.#uploads.delete(state.id));
    this.#uploads.set(state.id, upload);
    return upload;
  }

  find(id: string): Upload | undefined {
    const upload = this.#uploads.get(id);
    return upload?.resumable && upload.expires.getTime() > this.#now() ? upload : undefined;
  }

  async removeExpired(): Promise<void> {
    const now = this.#now();
    const expired = [...this.#uploads.values()].filter((upload) => upload.resumable && upload.expires.getTime() <= now);
    await Promise.all(expired.map((upload) => upload.abort()));
  }

  /** Throws away the uploads that cannot be resumed. */
  async close(): Promise<void> {
    const transient = [...this.#uploads.values()].filter((upload) => !upload.resumable);
    await Promise.all(transient.map((upload) => upload.abort()));
  }

  /** Finished uploads are kept only to answer those who finish again: the oldest go when room is needed. */
  async #makeRoom(): Promise<void> {
    while (this.#uploads.size + this.#starting >= MAX_UPLOADS) {
      const oldest = this.#uploads.values().find((upload) => upload.finished !== undefined);
      if (oldest === undefined) {
        throw new ConnectError(`uploads: the limit is ${MAX_UPLOADS} unfinished ones`, Code.ResourceExhausted);
      }
      await oldest.abort();
    }
  }
}

class StagedUpload implements Upload {
  readonly id: string;
  readonly file: AnnouncedFile;
  readonly resumable: boolean;
  readonly #content: UploadContent;
  readonly #now: () => number;
  readonly #forget: () => void;
  #received: number;
  #finished: StoredFile | undefined;
  #discarded = false;
  #lastWriteMs: number;
  /** Settles, never rejects, when the last method called so far has ended. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(state: UploadState, content: UploadContent, now: () => number, forget: () => void) {
    this.id = state.id;
    this.file = state.file;
    this.resumable = state.resumable;
    this.#received = state.received;
    this.#finished = state.finished;
    this.#lastWriteMs = state.lastWriteMs;
    this.#content = content;
    this.#now = now;
    this.#forget = forget;
  }

  get received(): number {
    return this.#received;
  }

  get expires(): Date {
    return new Date(this.#lastWriteMs + UPLOAD_TTL_MS);
  }

  get finished(): StoredFile | undefined {
    return this.#finished;
  }

  write(offset: number, chunk: Uint8Array): Promise<number> {
    return this.#enqueue(async () => {
      const bytes = this.#newBytes(offset, chunk);
      if (bytes.length > 0) {
        await this.#content.write(this.#received, bytes);
        this.#received += bytes.length;
      }
      this.#lastWriteMs = this.#now();
      return this.#received;
    });
  }

  finish(verify: (content: AsyncIterable<Uint8Array>) => Promise<void>): Promise<StoredFile> {
    return this.#enqueue(async () => {
      if (this.#finished !== undefined) {
        return this.#finished;
      }
      const { size } = this.file;
      if (size !== undefined && this.#received !== size) {
        throw new ConnectError(`size: announced ${size} bytes, received ${this.#received}`, Code.FailedPrecondition);
      }
      try {
        await verify(this.#content.read(this.#received));
      } catch (error) {
        await this.#discard();
        throw error;
      }
      this.#finished = await this.#content.publish(this.#received);
      if (!this.resumable) {
        await this.#discard();
      }
      return this.#finished;
    });
  }

  abort(): Promise<void> {
    return this.#enqueue(() => this.#discard(), { evenIfDiscarded: true });
  }

  /** The part of a chunk that has not arrived before. */
  #newBytes(offset: number, chunk: Uint8Array): Uint8Array {
    const { size } = this.file;
    if (this.#finished !== undefined) {
      throw new ConnectError("upload_id: the upload is finished", Code.FailedPrecondition);
    }
    if (offset > this.#received) {
      throw new ConnectError(`offset: ${offset} is past the next offset, ${this.#received}`, Code.OutOfRange);
    }
    const end = offset + chunk.length;
    if (size !== undefined && end > size) {
      throw new ConnectError(`chunk: ends at ${end}, past the announced size, ${size}`, Code.OutOfRange);
    }
    return chunk.subarray(Math.min(this.#received - offset, chunk.length));
  }

  async #discard(): Promise<void> {
    if (!this.#discarded) {
      this.#discarded = true;
      this.#forget();
      await this.#content.discard();
    }
  }

  #enqueue<T>(task: () => Promise<T>, options?: { evenIfDiscarded: boolean }): Promise<T> {
    const result = this.#queue.then(() => {
      if (this.#discarded && !options?.evenIfDiscarded) {
        throw new ConnectError("upload_id: the upload was thrown away", Code.FailedPrecondition);
      }
      return task();
    });
    this.#queue = result.catch(() => {});
    return result;
  }
}
