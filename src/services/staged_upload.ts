/** One upload of a store: the order of its events, and when it expires. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { AnnouncedFile, StoredFile, Upload } from "./file_store.ts";

/** How long an upload lasts in which nothing new is written, in milliseconds: a day. */
export const UPLOAD_TTL_MS = 24 * 60 * 60 * 1000;

/**
 * The same while nothing was written at all, in milliseconds: ten minutes. Beginning one costs a client a few bytes, and a client that means it goes on at
 * once.
 */
export const EMPTY_UPLOAD_TTL_MS = 10 * 60 * 1000;

/**
 * How many calls wait for an upload at a time. Each holds a chunk: without a limit a client that writes faster than the disk fills the memory. An honest
 * one writes one chunk after the other.
 */
export const MAX_PENDING_CALLS = 64;

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
  /** The peer that it is counted by. */
  readonly peer: string | undefined;
  readonly received: number;
  readonly finished: StoredFile | undefined;
  /** When something new was written last, or it began, in milliseconds since 1970. */
  readonly lastWriteMs: number;
}

/** What an upload asks its store for. */
export interface UploadHost {
  now(): number;
  /** A chunk waits to be written. @throws {ConnectError} `resource_exhausted`: too many bytes wait. */
  holdChunk(bytes: number): void;
  letGoOfChunk(bytes: number): void;
  /** Bytes are about to be written, and wait for it. @throws {ConnectError} `resource_exhausted`: that is too much. */
  takeBytes(upload: StagedUpload, bytes: number): void;
  /** They were not written after all, or are the upload's no longer. */
  releaseBytes(upload: StagedUpload, bytes: number): void;
  /** It has become a file: what is left of it is its record. */
  onFinished(upload: StagedUpload): void;
  onDiscarded(upload: StagedUpload): void;
}

/** See the top of the file. */
export class StagedUpload implements Upload {
  readonly id: string;
  readonly file: AnnouncedFile;
  readonly resumable: boolean;
  readonly peer: string | undefined;
  readonly #content: UploadContent;
  readonly #host: UploadHost;
  #received: number;
  #finished: StoredFile | undefined;
  #discarded = false;
  #hasMadeRoom = false;
  #lastWriteMs: number;
  #pendingCalls = 0;
  /** Settles, never rejects, when the last method called so far has ended. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(state: UploadState, content: UploadContent, host: UploadHost) {
    this.id = state.id;
    this.file = state.file;
    this.resumable = state.resumable;
    this.peer = state.peer;
    this.#received = state.received;
    this.#finished = state.finished;
    this.#lastWriteMs = state.lastWriteMs;
    this.#content = content;
    this.#host = host;
  }

  get received(): number {
    return this.#received;
  }

  get expires(): Date {
    const isEmpty = this.#received === 0 && this.#finished === undefined;
    return new Date(this.#lastWriteMs + (isEmpty ? EMPTY_UPLOAD_TTL_MS : UPLOAD_TTL_MS));
  }

  get lastWriteMs(): number {
    return this.#lastWriteMs;
  }

  /** Whether methods that were called have not ended. */
  get isBusy(): boolean {
    return this.#pendingCalls > 0;
  }

  get finished(): StoredFile | undefined {
    return this.#finished;
  }

  async write(offset: number, chunk: Uint8Array): Promise<number> {
    const { length } = chunk;
    this.#host.holdChunk(length);
    try {
      return await this.#enqueue(() => this.#writeChunk(offset, chunk));
    } finally {
      this.#host.letGoOfChunk(length);
    }
  }

  async #writeChunk(offset: number, chunk: Uint8Array): Promise<number> {
    const bytes = this.#newBytes(offset, chunk);
    if (bytes.length > 0) { // Else it would be a way to keep an upload for ever that costs nothing.
      await this.#writeNew(bytes);
      this.#lastWriteMs = this.#host.now();
    }
    return this.#received;
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
      this.#host.releaseBytes(this, this.#received);
      this.#host.onFinished(this);
      if (!this.resumable) {
        await this.#discard();
      }
      return this.#finished;
    });
  }

  /** As {@linkcode abort}, to make room for others. Its client hears why. */
  drop(): Promise<void> {
    this.#hasMadeRoom = true;
    return this.abort();
  }

  abort(): Promise<void> {
    return this.#enqueue(() => this.#discard(), { evenIfDiscarded: true });
  }

  async #writeNew(bytes: Uint8Array): Promise<void> {
    this.#host.takeBytes(this, bytes.length);
    try {
      await this.#content.write(this.#received, bytes);
    } catch (error) {
      this.#host.releaseBytes(this, bytes.length);
      throw error;
    }
    this.#received += bytes.length;
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
      if (this.#finished === undefined) {
        this.#host.releaseBytes(this, this.#received);
      }
      this.#host.onDiscarded(this);
      await this.#content.discard();
    }
  }

  #enqueue<T>(task: () => Promise<T>, options?: { evenIfDiscarded: boolean }): Promise<T> {
    if (this.#pendingCalls >= MAX_PENDING_CALLS && !options?.evenIfDiscarded) {
      const limit = `the limit is ${MAX_PENDING_CALLS} calls waiting for each upload`;
      return Promise.reject(new ConnectError(`upload_id: ${limit}`, Code.ResourceExhausted));
    }
    this.#pendingCalls++;
    const result = this.#queue.then(() => {
      if (this.#discarded && !options?.evenIfDiscarded) {
        throw this.#hasMadeRoom
          ? new ConnectError("uploads: the upload made room for another one", Code.ResourceExhausted)
          : new ConnectError("upload_id: the upload was thrown away", Code.FailedPrecondition);
      }
      return task();
    });
    this.#queue = result.then(() => {}, () => {}).then(() => void this.#pendingCalls--);
    return result;
  }
}
