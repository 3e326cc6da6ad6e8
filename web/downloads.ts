/** The downloads of the page. One that breaks off goes on where it was, as long as the file is still the same. */
import type { Client } from "@connectrpc/connect";
import { type ReadonlySignal, signal } from "@preact/signals";
import type { File, FileInfo } from "../gen/edgewire/v1/file_pb.ts";
import { Backoff, type Wait } from "./backoff.ts";
import { describeProblem, type Problem } from "./problem.ts";
import { Progress } from "./progress.ts";

/** Where a download is. */
export type DownloadState =
  | { readonly kind: "running" | "saved" }
  | { readonly kind: "retrying"; readonly delayMs: number; readonly problem: Problem }
  | { readonly kind: "failed"; readonly problem: Problem };

/** A download of one file. */
export interface Download {
  readonly name: string;
  readonly progress: Progress;
  readonly state: ReadonlySignal<DownloadState>;
}

/** Takes the bytes of one download. */
export interface DownloadSink {
  write(chunk: Uint8Array): Promise<void>;
  /** All bytes are there. */
  close(): Promise<void>;
  /** The download was given up. Never rejects. */
  abort(): Promise<void>;
}

/** What downloads work with. */
export interface DownloadPorts {
  readonly files: Client<typeof File>;
  readonly wait: Wait;
  /** Opens the place a file is saved in; undefined when the user thinks better of it. */
  readonly openSink: (name: string) => Promise<DownloadSink | undefined>;
  /** Called whenever a download is complete. */
  readonly onSaved?: (download: Download) => void;
}

/** One for the life of the page. At most one download of each name. */
export class Downloads {
  readonly #ports: DownloadPorts;
  readonly #running = signal<ReadonlyMap<string, RunningDownload>>(new Map());

  constructor(ports: DownloadPorts) {
    this.#ports = ports;
  }

  /** The downloads by name. Those that were saved or cancelled are gone from it. */
  get byName(): ReadonlySignal<ReadonlyMap<string, Download>> {
    return this.#running;
  }

  /** Saves a stored file. Never rejects: it fails, if it does, as the download's state. */
  async start({ name, size }: FileInfo): Promise<void> {
    this.cancel(name);
    const download = new RunningDownload(name, new Progress(Number(size)), this.#ports);
    this.#put(name, download);
    await download.run();
    const { kind } = download.state.peek();
    if (this.#running.peek().get(name) === download) {
      if (kind !== "failed") {
        this.#put(name, undefined);
      }
      if (kind === "saved") {
        this.#ports.onSaved?.(download);
      }
    }
  }

  /** Stops the download of this name, or forgets that it failed. */
  cancel(name: string): void {
    this.#running.peek().get(name)?.cancel();
    this.#put(name, undefined);
  }

  #put(name: string, download: RunningDownload | undefined): void {
    const running = new Map(this.#running.peek());
    if (download === undefined) {
      running.delete(name);
    } else {
      running.set(name, download);
    }
    this.#running.value = running;
  }
}

class RunningDownload implements Download {
  readonly name: string;
  readonly progress: Progress;
  readonly #ports: DownloadPorts;
  readonly #state = signal<DownloadState>({ kind: "running" });
  readonly #stop = new AbortController();
  /** The file as the first answer described it. */
  #info: FileInfo | undefined;
  #received = 0;

  constructor(name: string, progress: Progress, ports: DownloadPorts) {
    this.name = name;
    this.progress = progress;
    this.#ports = ports;
  }

  get state(): ReadonlySignal<DownloadState> {
    return this.#state;
  }

  cancel(): void {
    this.#stop.abort();
  }

  /** Ends as `saved`, `failed`, or, when cancelled, as it is. */
  async run(): Promise<void> {
    let sink: DownloadSink | undefined;
    try {
      sink = await this.#ports.openSink(this.name);
      if (sink !== undefined) {
        await this.#receiveAll(sink);
        await sink.close();
        this.#state.value = { kind: "saved" };
      }
    } catch (error) {
      await sink?.abort();
      this.#state.value = { kind: "failed", problem: this.#describe(error) };
    }
  }

  async #receiveAll(sink: DownloadSink): Promise<void> {
    const backoff = new Backoff();
    for (;;) {
      try {
        return await this.#receive(sink, () => backoff.reset());
      } catch (error) {
        this.#stop.signal.throwIfAborted();
        const delayMs = backoff.next(error);
        this.#state.value = { kind: "retrying", delayMs, problem: this.#describe(error) };
        await this.#ports.wait(delayMs, this.#stop.signal);
        this.#state.value = { kind: "running" };
      }
    }
  }

  async #receive(sink: DownloadSink, onProgress: () => void): Promise<void> {
    const request = { name: this.name, offset: BigInt(this.#received) };
    this.progress.start(this.#received);
    for await (const { part } of this.#ports.files.download(request, { signal: this.#stop.signal })) {
      if (part.case === "file") {
        this.#assertSame(part.value);
      } else if (part.case === "chunk") {
        await sink.write(part.value);
        this.#received += part.value.length;
        this.progress.advance(this.#received);
        onProgress();
      }
    }
  }

  /** What is there already must be the beginning of what follows. */
  #assertSame(info: FileInfo): void {
    this.#info ??= info;
    if (
      info.size !== this.#info.size || info.modified?.seconds !== this.#info.modified?.seconds ||
      info.modified?.nanos !== this.#info.modified?.nanos
    ) {
      throw new Error("the file was replaced on the server in the middle of the download");
    }
  }

  #describe(error: unknown): Problem {
    return describeProblem(`Cannot download “${this.name}”`, error);
  }
}
