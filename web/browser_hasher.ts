/** Digests in the browser: the page's end of the hash worker. */
import { ConnectError } from "@connectrpc/connect";
import type { ChosenAlgorithm } from "./algorithms.ts";
import type { HashFailure, HashReply, HashRequest, HashSource } from "./hash_messages.ts";

/** Options of {@linkcode BrowserHasher.hash}. */
export interface HashOptions {
  /** Ends the job when it aborts. */
  readonly signal: AbortSignal;
  /** Told now and then how many bytes are hashed. */
  readonly onProgress?: (hashedBytes: number) => void;
}

interface Job {
  readonly resolve: (hex: string) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: (hashedBytes: number) => void;
}

/** Hashes in a worker, which starts with the first job. Jobs run side by side. */
export class BrowserHasher {
  readonly #workerUrl: string;
  readonly #jobs = new Map<number, Job>();
  #worker: Worker | undefined;
  #lastId = 0;

  constructor(workerUrl: string) {
    this.#workerUrl = workerUrl;
  }

  /**
   * The digest in lower-case hexadecimal.
   *
   * @throws {ConnectError} The download failed.
   * @throws {DOMException} The file cannot be read, or the signal aborted.
   */
  async hash(source: HashSource, algorithm: ChosenAlgorithm, options: HashOptions): Promise<string> {
    const { signal, onProgress = () => {} } = options;
    signal.throwIfAborted();
    const worker = this.#worker ??= this.#startWorker();
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#jobs.set(id, { resolve, reject, onProgress });
    const cancel = () => {
      send(worker, { kind: "cancel", id });
      reject(signal.reason);
    };
    signal.addEventListener("abort", cancel, { once: true });
    send(worker, { kind: "hash", id, algorithm, source });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", cancel);
      this.#jobs.delete(id);
    }
  }

  #startWorker(): Worker {
    const worker = new Worker(this.#workerUrl, { type: "module" });
    worker.addEventListener("message", ({ data }: MessageEvent<HashReply>) => {
      const job = this.#jobs.get(data.id);
      switch (data.kind) {
        case "progress":
          job?.onProgress(data.hashedBytes);
          break;
        case "done":
          job?.onProgress(data.hashedBytes);
          job?.resolve(data.hex);
          break;
        case "failed":
          job?.reject(fromFailure(data.error));
          break;
      }
    });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#worker = undefined; // The next job tries once more.
      worker.terminate();
      for (const job of this.#jobs.values()) {
        job.reject(new Error(`the browser's hash worker stopped${event.message ? `: ${event.message}` : ""}`));
      }
    });
    return worker;
  }
}

function send(worker: Worker, message: HashRequest): void {
  worker.postMessage(message);
}

function fromFailure({ code, name, message }: HashFailure): Error {
  return code === undefined ? new DOMException(message, name) : new ConnectError(message, code);
}
