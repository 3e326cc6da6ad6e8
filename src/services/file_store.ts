/** Where files are kept: the interface that the File service stands on. `MemoryStore` and `DiskStore` implement it. */
import type { ConcreteHashAlgorithm } from "./hasher.ts";

/** A stored file. */
export interface StoredFile {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** When the last of its content was written. */
  readonly modified: Date;
}

/** What is said of a file before its content arrives. What is said must be true of the content. */
export interface AnnouncedFile {
  /** A valid file name: the store does not check it. */
  readonly name: string;
  /** In bytes; undefined when it is not known. */
  readonly size: number | undefined;
  /** Undefined when it is not known. */
  readonly digest: { readonly algorithm: ConcreteHashAlgorithm; readonly hex: string } | undefined;
}

/** The caller of a store. */
export interface StoreCaller {
  /** The key that limits are counted by, the same for all calls of a peer (`peerKey`). Undefined for callers that have no address. */
  readonly peer: string | undefined;
  /** Aborts when the result is no longer wanted. A caller that waits for its turn then waits no longer. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Files by name, and uploads on their way to become files. Every method may be called at any time, also concurrently.
 *
 * Callers may have to wait for their turn. All methods reject with `resource_exhausted` where too many wait already, or the system has no
 * descriptor left. A call without a `caller` counts for the callers that have no address.
 */
export interface FileStore {
  /** Describes a file; undefined when there is none. */
  stat(name: string, caller?: StoreCaller): Promise<StoredFile | undefined>;
  /** Describes at most `limit` files whose names come after `after`, in the order of their names by UTF-16 code unit. */
  list(after: string, limit: number, caller?: StoreCaller): Promise<StoredFile[]>;
  /**
   * Opens a file; undefined when there is none. What is read is the file as it was then, even if it is replaced or deleted.
   * Reading ends with the caller's signal, too.
   *
   * @throws {ConnectError} `resource_exhausted`: too many files are open.
   */
  open(name: string, caller?: StoreCaller): Promise<OpenFile | undefined>;
  /** Removes a file; false when there is none. */
  delete(name: string, caller?: StoreCaller): Promise<boolean>;

  /**
   * Begins an upload, which its caller's peer has from then on. A resumable one can be found by its id until it expires, also after a restart where the store lasts;
   * one that is not is gone unless it is finished.
   *
   * @throws {ConnectError} `resource_exhausted`: too many uploads, of all peers or of this one.
   */
  startUpload(file: AnnouncedFile, options: UploadOptions): Promise<Upload>;
  /** Finds a resumable upload that has not expired, finished or not. */
  findUpload(id: string): Promise<Upload | undefined>;
  /** Throws away the resumable uploads that have expired. */
  removeExpiredUploads(): Promise<void>;
  /** Throws away the uploads that cannot be resumed, and lets go of the store. */
  close(): Promise<void>;
}

/** Options of {@linkcode FileStore.startUpload}. */
export interface UploadOptions {
  readonly resumable: boolean;
  readonly caller?: StoreCaller | undefined;
}

/** The caller of calls that do not say. */
export const LOCAL_CALLER: StoreCaller = { peer: undefined };

/** A file open for reading. */
export interface OpenFile extends AsyncDisposable {
  readonly file: StoredFile;
  /** Reads `length` bytes from `offset`, both within the file, in chunks of at most {@linkcode CHUNK_BYTES}. The chunks are the caller's. */
  read(offset: number, length: number): AsyncIterable<Uint8Array>;
  /**
   * As read, for callers that are done with each chunk when they ask for the next one, which may be in its place. 128 files that are read at once leave
   * 60 MiB of garbage otherwise.
   */
  readThrough(offset: number, length: number): AsyncIterable<Uint8Array>;
}

/** An upload on its way to become a file. Its methods queue up: each begins when the one before it has ended. */
export interface Upload {
  /** Hard to guess. */
  readonly id: string;
  readonly file: AnnouncedFile;
  /** How many bytes have arrived. */
  readonly received: number;
  /** When the upload expires if nothing new is written. */
  readonly expires: Date;
  /** The file, once the upload is finished. */
  readonly finished: StoredFile | undefined;

  /**
   * Writes a chunk at `offset`, of which what is there already is left as it is. Gives the next offset.
   *
   * @throws {ConnectError} The upload stays as it was. `out_of_range`: the chunk begins past the next offset, or ends past the
   * announced size; `resource_exhausted`: the store is full, or too much waits to be written; `failed_precondition`: the upload is finished or
   * was thrown away.
   */
  write(offset: number, chunk: Uint8Array): Promise<number>;
  /**
   * Makes the upload a file, in place of a file of the same name, unless `verify` throws when it is given the content.
   * Then the upload is thrown away. Finishing once more gives the file once more.
   *
   * @throws {ConnectError} `failed_precondition`: bytes are missing, or the upload was thrown away. What `verify` throws.
   */
  finish(verify: (content: AsyncIterable<Uint8Array>) => Promise<void>): Promise<StoredFile>;
  /** Throws the upload away. A file that it has become stays. */
  abort(): Promise<void>;
}

/** The largest chunk that stores read, in bytes. Long enough for speed, short enough to hold one for each of many readers. */
export const CHUNK_BYTES = 64 * 1024;
