/** Where a download goes: straight into a file where the browser can do that, else by way of a Blob. */

import type { DownloadSink } from "./downloads.ts";

/** The part of the File System Access API that is used here. TypeScript does not know it: only Chromium has it. */
interface FilePicker {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;
}

/**
 * Opens the sink for a file; with a file picker where there is one, so call it while the user's click is handled.
 *
 * @returns Undefined when the user closed the picker.
 */
export async function openDownloadSink(name: string): Promise<DownloadSink | undefined> {
  const { showSaveFilePicker } = globalThis as FilePicker;
  if (showSaveFilePicker === undefined) {
    return new BlobSink(name);
  }
  try {
    const handle = await showSaveFilePicker({ suggestedName: name });
    return new FileSink(await handle.createWritable());
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") {
      return undefined;
    }
    throw error;
  }
}

class FileSink implements DownloadSink {
  readonly #file: FileSystemWritableFileStream;

  constructor(file: FileSystemWritableFileStream) {
    this.#file = file;
  }

  write(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#file.write(chunk);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  abort(): Promise<void> {
    return this.#file.abort().catch(() => {});
  }
}

/** How many bytes are put into one Blob, which the browser can move to disk. */
const BLOB_BYTES = 8 * 1024 * 1024;

/** How long the browser gets to begin to save a Blob, in milliseconds. It does not say when it has. */
const SAVE_MS = 60_000;

class BlobSink implements DownloadSink {
  readonly #name: string;
  #blobs: Blob[] = [];
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  #chunkBytes = 0;

  constructor(name: string) {
    this.#name = name;
  }

  write(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
    if (this.#chunkBytes >= BLOB_BYTES) {
      this.#foldChunks();
    }
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#foldChunks();
    const url = URL.createObjectURL(new Blob(this.#blobs, { type: "application/octet-stream" }));
    this.#blobs = [];
    const link = document.createElement("a");
    link.href = url;
    link.download = this.#name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), SAVE_MS);
    return Promise.resolve();
  }

  abort(): Promise<void> {
    this.#blobs = [];
    this.#chunks = [];
    return Promise.resolve();
  }

  #foldChunks(): void {
    this.#blobs.push(new Blob(this.#chunks));
    this.#chunks = [];
    this.#chunkBytes = 0;
  }
}
