/** A file store that another thread has. */
import {
  type AnnouncedFile,
  type FileStore,
  type OpenFile,
  Pace,
  type StoreCaller,
  type StoredFile,
  type Upload,
  type UploadOptions,
} from "../services/mod.ts";
import { PortCalls } from "./port_calls.ts";
import type { FinishedUpload, StoreMethods, UploadSnapshot, VerifierMethods } from "./store_calls.ts";

type Calls = PortCalls<VerifierMethods, StoreMethods>;
type Verify = Parameters<Upload["finish"]>[0];
type Finish = (verify: Verify) => Promise<FinishedUpload>;

/** See the top of the file. At the other end of its port is a `StoreHost`. */
export class RemoteStore implements FileStore {
  readonly #calls: Calls;
  readonly #verifications = new Map<number, Verify>();
  /** The messages of the other thread keep this one from its sockets. */
  readonly #pace = new Pace();
  #lastVerification = 0;
  #lastHandle = 0;

  constructor(port: MessagePort) {
    this.#calls = new PortCalls(port, {
      verify: (verification, content) => this.#verifications.get(verification)!(this.#receive(() => content, false)),
    });
  }

  stat(name: string, caller?: StoreCaller): Promise<StoredFile | undefined> {
    return this.#calls.call("stat", name, caller?.peer);
  }

  list(after: string, limit: number, caller?: StoreCaller): Promise<StoredFile[]> {
    return this.#calls.call("list", after, limit, caller?.peer);
  }

  async open(name: string, { peer, signal }: Partial<StoreCaller> = {}): Promise<OpenFile | undefined> {
    signal?.throwIfAborted();
    const handle = ++this.#lastHandle;
    const close = () => this.#calls.call("closeFile", handle);
    // Where it waits is in the other thread. When the store is closed, there is nothing left to tell.
    const onAbort = () => void close().catch(() => {});
    signal?.addEventListener("abort", onAbort);
    let file: StoredFile | undefined;
    try {
      file = await this.#calls.call("open", handle, name, peer);
    } finally {
      if (file === undefined) {
        signal?.removeEventListener("abort", onAbort);
      }
    }
    return file && {
      file,
      read: (offset, length) => this.#receive(() => this.#calls.call("read", handle, offset, length), false),
      readThrough: (offset, length) => this.#receive(() => this.#calls.call("read", handle, offset, length), true),
      [Symbol.asyncDispose]: async () => {
        signal?.removeEventListener("abort", onAbort);
        await close();
      },
    };
  }

  delete(name: string, caller?: StoreCaller): Promise<boolean> {
    return this.#calls.call("delete", name, caller?.peer);
  }

  async startUpload(file: AnnouncedFile, { resumable, caller }: UploadOptions): Promise<Upload> {
    return this.#upload(await this.#calls.call("startUpload", file, resumable, caller?.peer));
  }

  async findUpload(id: string): Promise<Upload | undefined> {
    const found = await this.#calls.call("findUpload", id);
    return found && this.#upload(found);
  }

  removeExpiredUploads(): Promise<void> {
    return this.#calls.call("removeExpiredUploads");
  }

  async close(): Promise<void> {
    await this.#calls.call("release");
    this.#calls.close(new Error("Cannot use the store: it is closed"));
  }

  #upload(snapshot: UploadSnapshot): Upload {
    return new RemoteUpload(snapshot, this.#calls, (verify) => this.#finish(snapshot.id, verify));
  }

  async #finish(id: string, verify: Verify): Promise<FinishedUpload> {
    const verification = ++this.#lastVerification;
    this.#verifications.set(verification, verify);
    try {
      return await this.#calls.call("finish", id, verification);
    } finally {
      this.#verifications.delete(verification);
    }
  }

  /** A chunk is fetched when it is wanted. @param givesBack Whether the one before goes back, to be used again. */
  async *#receive(begin: () => number | Promise<number>, givesBack: boolean): AsyncGenerator<Uint8Array> {
    const content = await begin();
    using _reading = this.#pace.join();
    try {
      let chunk: Uint8Array | undefined;
      while ((chunk = await this.#calls.call("nextChunk", content, givesBack ? chunk : undefined)) !== undefined) {
        yield chunk;
        const rest = this.#pace.next();
        if (rest !== undefined) {
          await rest;
        }
      }
    } finally {
      await this.#calls.call("endContent", content);
    }
  }
}

class RemoteUpload implements Upload {
  readonly #calls: Calls;
  readonly #finish: Finish;
  #snapshot: UploadSnapshot;

  constructor(snapshot: UploadSnapshot, calls: Calls, finish: Finish) {
    this.#snapshot = snapshot;
    this.#calls = calls;
    this.#finish = finish;
  }

  get id(): string {
    return this.#snapshot.id;
  }

  get file(): AnnouncedFile {
    return this.#snapshot.file;
  }

  get received(): number {
    return this.#snapshot.received;
  }

  get expires(): Date {
    return this.#snapshot.expires;
  }

  get finished(): StoredFile | undefined {
    return this.#snapshot.finished;
  }

  async write(offset: number, chunk: Uint8Array): Promise<number> {
    // A copy goes over: the chunk stays the caller's, and may be part of something longer.
    this.#snapshot = await this.#calls.call("write", this.id, offset, chunk.slice());
    return this.received;
  }

  async finish(verify: Verify): Promise<StoredFile> {
    const finished = await this.#finish(verify);
    this.#snapshot = finished;
    return finished.finished;
  }

  abort(): Promise<void> {
    return this.#calls.call("abort", this.id);
  }
}
