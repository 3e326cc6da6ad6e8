/**
 * One file on its way to the server in chunks, and what can become of it:
 *
 *     interrupted --attach--> waiting --run--> sending <--> retrying
 *                                ^               |\
 *                              resume <- paused <-+ +--> finishing --> stored
 *
 * Knows nothing of the DOM. Which uploads run, and when, is the queue's business.
 */
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { type ReadonlySignal, signal } from "@preact/signals";
import type { File as FileService } from "../gen/edgewire/v1/file_pb.ts";
import { HashAlgorithm } from "../gen/edgewire/v1/hash_pb.ts";
import { Backoff, type Wait } from "./backoff.ts";
import { describeProblem, type Problem } from "./problem.ts";
import { Progress } from "./progress.ts";
import type { UploadMemory, UploadRecord } from "./upload_memory.ts";

/** The length of a chunk in bytes: the most that WriteUpload takes. */
export const CHUNK_BYTES = 1024 * 1024;

/** How long one chunk may take, in milliseconds: 1 MiB at 10 kB/s. After that the connection is taken for dead. */
const CHUNK_TIMEOUT_MS = 105_000;

/** `out_of_range`: a server that crashed may have less of an upload than it said. Asking it where to go on helps. */
const TRANSIENT_CODES = [Code.Unavailable, Code.DeadlineExceeded, Code.OutOfRange];

/** What an upload works with. */
export interface UploadPorts {
  readonly files: Client<typeof FileService>;
  readonly memory: UploadMemory;
  readonly wait: Wait;
  /** The SHA-256 of a file on this device, in lower-case hexadecimal, to check what the server got. Absent: no check. */
  readonly digest?: ((file: Blob, signal: AbortSignal) => Promise<string>) | undefined;
}

/** Whether the server's copy is the file that was picked, by SHA-256. `unknown`: it could not be found out. */
export type CopyCheck =
  | { readonly kind: "off" | "running" | "unknown" }
  | { readonly kind: "agrees" | "differs"; readonly digest: string };

/** Where an upload is. */
export type UploadState =
  /** Begun before the page was reloaded: it needs its file again. */
  | { readonly kind: "interrupted" }
  /** For its turn. */
  | { readonly kind: "waiting" }
  | { readonly kind: "sending" }
  | { readonly kind: "retrying"; readonly delayMs: number; readonly problem: Problem }
  | { readonly kind: "paused" }
  /** All bytes are there, and are being made a file. */
  | { readonly kind: "finishing" }
  | { readonly kind: "stored"; readonly check: CopyCheck }
  | { readonly kind: "failed"; readonly problem: Problem };

/** An upload of one file. */
export class Upload {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly progress: Progress;
  readonly #lastModified: number;
  readonly #ports: UploadPorts;
  readonly #state = signal<UploadState>({ kind: "waiting" });
  #file: File | undefined;
  #uploadId: string | undefined;
  /** Aborts when the present run is to end. */
  #stop = new AbortController();
  #run: Promise<void> = Promise.resolve();
  /** Aborts when nobody wants to know the outcome any more. */
  readonly #dropped = new AbortController();
  #digest: Promise<string> | undefined;

  private constructor(file: Omit<UploadRecord, "uploadId">, ports: UploadPorts) {
    this.name = file.name;
    this.size = file.size;
    this.#lastModified = file.lastModified;
    this.#ports = ports;
    this.progress = new Progress(file.size);
  }

  /** A new upload, waiting. */
  static ofFile(file: File, ports: UploadPorts): Upload {
    const upload = new Upload(file, ports);
    upload.#file = file;
    return upload;
  }

  /** An upload from before a reload, interrupted. */
  static ofRecord(record: UploadRecord, ports: UploadPorts): Upload {
    const upload = new Upload(record, ports);
    upload.#uploadId = record.uploadId;
    upload.#state.value = { kind: "interrupted" };
    return upload;
  }

  get state(): ReadonlySignal<UploadState> {
    return this.#state;
  }

  /** The file on this device. Undefined while interrupted. */
  get file(): File | undefined {
    return this.#file;
  }

  /** Whether `file` is, by all a browser tells, the file that this upload is of. */
  isOf(file: File): boolean {
    return file.name === this.name && file.size === this.size && file.lastModified === this.#lastModified;
  }

  /** Gives an interrupted upload its file back. It waits then. */
  attach(file: File): void {
    this.#file = file;
    this.#state.value = { kind: "waiting" };
  }

  /** Makes a paused or failed upload wait for its turn. */
  resume(): void {
    const { kind } = this.#state.peek();
    if (kind === "paused" || kind === "failed") {
      this.#state.value = { kind: "waiting" };
    }
  }

  /** Stops for now, unless all bytes are there. Resolves when nothing is sent any more; never rejects. */
  pause(): Promise<void> {
    const { kind } = this.#state.peek();
    if (kind === "waiting" || kind === "sending" || kind === "retrying") {
      this.#state.value = { kind: "paused" };
      this.#stop.abort();
    }
    return this.#run;
  }

  /** Stops for good, and has the server throw away what it got. A file that is stored stays. Never rejects. */
  async drop(): Promise<void> {
    this.#stop.abort();
    this.#dropped.abort();
    await this.#run;
    const uploadId = this.#forget();
    if (uploadId !== undefined) {
      // When the server is away it throws the upload away by itself, a day later.
      await this.#ports.files.abortUpload({ uploadId }).catch(() => {});
    }
  }

  /** Asks how far an interrupted upload got. False when the server no longer has it, or has it finished. */
  async locate(): Promise<boolean> {
    try {
      const { nextOffset, file } = await this.#ports.files.getUpload({ uploadId: this.#uploadId! });
      if (this.#state.peek().kind !== "interrupted") {
        return true; // Its file came in the meantime: the run knows more.
      }
      if (file === undefined) {
        this.progress.start(Number(nextOffset));
        return true;
      }
    } catch (error) {
      if (!isNotFound(error) || this.#state.peek().kind !== "interrupted") {
        return true;
      }
    }
    this.#forget();
    return false;
  }

  /** Sends a waiting upload. Settles, never rejects, when it no longer does: stored, paused, failed or dropped. */
  run(): Promise<void> {
    this.#stop = new AbortController();
    return this.#run = this.#transfer(this.#file!, this.#stop.signal);
  }

  async #transfer(file: File, signal: AbortSignal): Promise<void> {
    this.#state.value = { kind: "sending" };
    const backoff = new Backoff(TRANSIENT_CODES);
    for (;;) {
      try {
        await this.#send(file, signal, () => backoff.reset());
        this.#state.value = { kind: "finishing" };
        await this.#ports.files.finishUpload({ uploadId: this.#uploadId! }, { signal });
        this.#forget();
        this.#state.value = { kind: "stored", check: { kind: this.#digest === undefined ? "off" : "running" } };
        void this.#check();
        return;
      } catch (error) {
        if (signal.aborted || !await this.#mayRetry(error, backoff, signal)) {
          return;
        }
      }
    }
  }

  /** Sends what the server does not have yet. */
  async #send(file: File, signal: AbortSignal, onProgress: () => void): Promise<void> {
    let offset = await this.#nextOffset();
    signal.throwIfAborted();
    this.#state.value = { kind: "sending" };
    this.progress.start(offset);
    this.#digest ??= this.#ports.digest?.(file, this.#dropped.signal);
    this.#digest?.catch(() => {}); // It is awaited when the file is stored.
    const uploadId = this.#uploadId!;
    while (offset < this.size) {
      const chunk = new Uint8Array(await file.slice(offset, offset + CHUNK_BYTES).arrayBuffer());
      const answer = await this.#ports.files.writeUpload(
        { uploadId, offset: BigInt(offset), chunk },
        { signal, timeoutMs: CHUNK_TIMEOUT_MS },
      );
      offset = Number(answer.nextOffset);
      this.progress.advance(offset);
      onProgress();
    }
    signal.throwIfAborted();
  }

  /** Where to go on. Begins the upload if the server does not have it, or no longer. */
  async #nextOffset(): Promise<number> {
    const { files, memory } = this.#ports;
    if (this.#uploadId !== undefined) {
      try {
        const { nextOffset } = await files.getUpload({ uploadId: this.#uploadId });
        return Number(nextOffset);
      } catch (error) {
        if (!isNotFound(error)) {
          throw error;
        }
        this.#forget();
      }
    }
    // Not aborted with the run: an upload whose id is lost would stay with the server for a day.
    const { uploadId } = await files.startUpload({ name: this.name, size: BigInt(this.size) });
    this.#uploadId = uploadId;
    memory.remember({ uploadId, name: this.name, size: this.size, lastModified: this.#lastModified });
    return 0;
  }

  /** Waits for the next attempt, and tells whether there is to be one. */
  async #mayRetry(error: unknown, backoff: Backoff, signal: AbortSignal): Promise<boolean> {
    const problem = describeProblem(`Cannot upload “${this.name}”`, error);
    try {
      const delayMs = backoff.next(error);
      this.#state.value = { kind: "retrying", delayMs, problem };
      await this.#ports.wait(delayMs, signal);
      return true;
    } catch {
      if (!signal.aborted) {
        this.#state.value = { kind: "failed", problem };
      }
      return false;
    }
  }

  /** Has the server hash the stored file, which shows whether it is what was picked. */
  async #check(): Promise<void> {
    if (this.#digest === undefined) {
      return;
    }
    let check: CopyCheck = { kind: "unknown" };
    try {
      const request = { name: this.name, algorithm: HashAlgorithm.SHA256 };
      const [here, there] = await Promise.all([
        this.#digest,
        this.#ports.files.hashFile(request, { signal: this.#dropped.signal }),
      ]);
      check = { kind: here === there.digest?.hex ? "agrees" : "differs", digest: here };
    } catch {
      // The file is stored all the same; only the check could not be made.
    }
    this.#state.value = { kind: "stored", check };
  }

  #forget(): string | undefined {
    const uploadId = this.#uploadId;
    if (uploadId !== undefined) {
      this.#uploadId = undefined;
      this.#ports.memory.forget(uploadId);
    }
    return uploadId;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.NotFound;
}
