/** Answers one `RemoteStore` from the store of this thread. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { FileStore, OpenFile, StoredFile, Upload } from "../services/mod.ts";
import { PortCalls } from "./port_calls.ts";
import type { StoreMethods, UploadSnapshot, VerifierMethods } from "./store_calls.ts";

/** See the top of the file. What the other thread has begun lasts until the host is closed. */
export class StoreHost {
  readonly #store: FileStore;
  readonly #calls: PortCalls<StoreMethods, VerifierMethods>;
  readonly #files = new Map<number, OpenFile>();
  /** What ends the waiting of those that are open, or on their way. */
  readonly #endings = new Map<number, AbortController>();
  readonly #contents = new Map<number, AsyncIterator<Uint8Array>>();
  /** Those that cannot be resumed: nobody else finds them. */
  readonly #transient = new Map<string, Upload>();
  #lastNumber = 0;
  #isClosed = false;

  constructor(store: FileStore, port: MessagePort) {
    this.#store = store;
    this.#calls = new PortCalls(port, this.#methods());
  }

  /**
   * The other thread is over: its open files are closed, its verifications fail, and its uploads that cannot be resumed are thrown away. Others go
   * on without it.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#calls.close(new Error("Cannot verify the upload: the worker that does it has ended"));
    await this.#release();
  }

  #methods(): StoreMethods {
    const store = this.#store;
    return {
      stat: (name, peer) => store.stat(name, { peer }),
      list: (after, limit, peer) => store.list(after, limit, { peer }),
      delete: (name, peer) => store.delete(name, { peer }),
      open: (handle, name, peer) => this.#open(handle, name, peer),
      read: (handle, offset, length) => this.#addContent(this.#openFile(handle).read(offset, length)),
      closeFile: (handle) => this.#closeFile(handle),
      nextChunk: async (content, spare) => {
        const result = await this.#contents.get(content)?.next(spare); // The host may have been closed.
        return result?.done ? undefined : result?.value;
      },
      endContent: (content) => this.#endContent(content),
      startUpload: async (file, resumable, peer) => {
        const upload = await store.startUpload(file, { resumable, caller: { peer } });
        if (!resumable) {
          this.#transient.set(upload.id, upload);
          if (this.#isClosed) {
            await this.#release();
          }
        }
        return snapshot(upload);
      },
      findUpload: async (id) => {
        const upload = await store.findUpload(id);
        return upload && snapshot(upload);
      },
      write: async (id, offset, chunk) => {
        const upload = await this.#upload(id);
        await upload.write(offset, chunk);
        return snapshot(upload);
      },
      finish: async (id, verification) => {
        const upload = await this.#upload(id);
        const finished = await upload.finish((content) => this.#verify(verification, content));
        return { ...snapshot(upload), finished };
      },
      abort: async (id) => {
        const upload = this.#transient.get(id) ?? await store.findUpload(id);
        this.#transient.delete(id);
        await upload?.abort();
      },
      removeExpiredUploads: () => store.removeExpiredUploads(),
      release: () => this.#release(),
    };
  }

  async #open(handle: number, name: string, peer: string | undefined): Promise<StoredFile | undefined> {
    const ending = new AbortController();
    this.#endings.set(handle, ending);
    let file: OpenFile | undefined;
    try {
      file = await this.#store.open(name, { peer, signal: ending.signal });
    } finally {
      if (file === undefined) {
        this.#endings.delete(handle);
      }
    }
    if (file === undefined) {
      return undefined;
    }
    this.#files.set(handle, file);
    if (this.#isClosed) {
      await this.#release();
    } else if (ending.signal.aborted) {
      await this.#closeFile(handle);
    }
    return file.file;
  }

  /** @throws {ConnectError} `canceled`: its caller has gone meanwhile. */
  #openFile(handle: number): OpenFile {
    const file = this.#files.get(handle);
    if (file === undefined) {
      throw closedError();
    }
    return file;
  }

  async #closeFile(handle: number): Promise<void> {
    const file = this.#files.get(handle);
    this.#endings.get(handle)?.abort(closedError());
    if (file !== undefined) {
      this.#files.delete(handle);
      this.#endings.delete(handle);
      await file[Symbol.asyncDispose]();
    }
  }

  /** @throws {ConnectError} `failed_precondition`: it is no more, as an upload itself would say. */
  async #upload(id: string): Promise<Upload> {
    const upload = this.#transient.get(id) ?? await this.#store.findUpload(id);
    if (upload === undefined) {
      throw new ConnectError("upload_id: the upload was thrown away", Code.FailedPrecondition);
    }
    return upload;
  }

  async #verify(verification: number, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const content = this.#addContent(chunks);
    try {
      await this.#calls.call("verify", verification, content);
    } finally {
      await this.#endContent(content); // It may not have been looked at.
    }
  }

  #addContent(chunks: AsyncIterable<Uint8Array>): number {
    const content = ++this.#lastNumber;
    this.#contents.set(content, chunks[Symbol.asyncIterator]());
    return content;
  }

  async #endContent(content: number): Promise<void> {
    const chunks = this.#contents.get(content);
    this.#contents.delete(content);
    await chunks?.return?.();
  }

  async #release(): Promise<void> {
    this.#endings.forEach((ending) => ending.abort(closedError()));
    this.#endings.clear();
    await Promise.all([...this.#contents.keys()].map((content) => this.#endContent(content)));
    const [files, uploads] = [[...this.#files.values()], [...this.#transient.values()]];
    this.#files.clear();
    this.#transient.clear();
    await Promise.all([
      ...files.map((file) => file[Symbol.asyncDispose]()),
      ...uploads.map((upload) => upload.abort()),
    ]);
  }
}

function closedError(): ConnectError {
  return new ConnectError("the file is closed", Code.Canceled);
}

function snapshot({ id, file, received, expires, finished }: Upload): UploadSnapshot {
  return { id, file, received, expires, finished };
}
