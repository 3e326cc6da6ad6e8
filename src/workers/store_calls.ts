/**
 * What threads ask each other for about files. One has the store (`store_host.ts`): its lock, its limits and its uploads are those of all.
 * The others have a `RemoteStore`.
 */
import type { AnnouncedFile, StoredFile } from "../services/mod.ts";

/** An upload as it was when a call ended. */
export interface UploadSnapshot {
  readonly id: string;
  readonly file: AnnouncedFile;
  readonly received: number;
  readonly expires: Date;
  readonly finished: StoredFile | undefined;
}

/** An upload that has become a file. */
export interface FinishedUpload extends UploadSnapshot {
  readonly finished: StoredFile;
}

/** Of the thread that has the store. Open files and content on its way go by numbers, uploads by their id. */
export interface StoreMethods {
  stat(name: string, peer: string | undefined): Promise<StoredFile | undefined>;
  list(after: string, limit: number, peer: string | undefined): Promise<StoredFile[]>;
  delete(name: string, peer: string | undefined): Promise<boolean>;

  /** @param handle The file's number from then on, which `closeFile` takes also before it is open. */
  open(handle: number, name: string, peer: string | undefined): Promise<StoredFile | undefined>;
  /** Begins to read an open file. @returns The content's number, for `nextChunk`. */
  read(handle: number, offset: number, length: number): number;
  /** Also ends what waits for it. */
  closeFile(handle: number): Promise<void>;

  /** Undefined at the end. @param spare A chunk that is not needed any more: the next one may be in its place. */
  nextChunk(content: number, spare?: Uint8Array): Promise<Uint8Array | undefined>;
  /** No more of the content is wanted, or there is none. */
  endContent(content: number): Promise<void>;

  startUpload(file: AnnouncedFile, resumable: boolean, peer: string | undefined): Promise<UploadSnapshot>;
  findUpload(id: string): Promise<UploadSnapshot | undefined>;
  write(id: string, offset: number, chunk: Uint8Array): Promise<UploadSnapshot>;
  /** Calls back `verify` with the same number. */
  finish(id: string, verification: number): Promise<FinishedUpload>;
  abort(id: string): Promise<void>;
  removeExpiredUploads(): Promise<void>;

  /** Closes open files, and throws away the uploads that cannot be resumed. */
  release(): Promise<void>;
}

/** Of a thread that has a `RemoteStore`. */
export interface VerifierMethods {
  /** Looks at the content of an upload that is to be finished. @throws {Error} It is not what it should be. */
  verify(verification: number, content: number): Promise<void>;
}
