/** The uploads of the page: which there are, which of them run, and those that a reload interrupted. Knows nothing of the DOM. */
import { effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import { Upload, type UploadPorts } from "./upload.ts";

/** Options of {@linkcode UploadQueue}. */
export interface UploadQueueOptions extends UploadPorts {
  /** Whether to check by SHA-256 what the server got. Asked when an upload is added. @default always, with `digest` */
  readonly checks?: ReadonlySignal<boolean> | undefined;
  /** Called whenever an upload has got into another state. */
  readonly onChange?: ((upload: Upload) => void) | undefined;
}

/** How many uploads run at a time: the next one's round trips fill the gaps of the one before. */
const MAX_RUNNING = 2;

/** One for the life of the page. */
export class UploadQueue {
  readonly #options: UploadQueueOptions;
  readonly #uploads = signal<readonly Upload[]>([]);
  readonly #running = new Set<Upload>();

  /** Begins with the uploads that are remembered, which are interrupted. */
  constructor(options: UploadQueueOptions) {
    this.#options = options;
    for (const record of options.memory.records()) {
      this.#append(Upload.ofRecord(record, options));
    }
  }

  /** In the order in which they were added. */
  get uploads(): ReadonlySignal<readonly Upload[]> {
    return this.#uploads;
  }

  /** Uploads files. One that is here already, unfinished, goes on instead. */
  add(files: Iterable<File>): void {
    for (const file of files) {
      const known = this.#uploads.peek().find((upload) => upload.state.peek().kind !== "stored" && upload.isOf(file));
      if (known === undefined) {
        const { checks, digest } = this.#options;
        this.#append(Upload.ofFile(file, { ...this.#options, digest: checks?.peek() === false ? undefined : digest }));
      } else if (known.state.peek().kind === "interrupted") {
        known.attach(file);
      } else {
        known.resume();
      }
    }
    this.#runNext();
  }

  /** Stops an upload for now. Resolves when nothing is sent any more; never rejects. */
  pause(upload: Upload): Promise<void> {
    return upload.pause();
  }

  /** Goes on with a paused upload, or tries a failed one again. */
  resume(upload: Upload): void {
    upload.resume();
    this.#runNext();
  }

  /** Takes an upload off the list, and cancels it if it is not stored. Never rejects. */
  async remove(upload: Upload): Promise<void> {
    this.#uploads.value = this.#uploads.peek().filter((other) => other !== upload);
    await upload.drop();
  }

  /** Asks the server how far the interrupted uploads got, and takes off the list those that it no longer has. */
  async locateInterrupted(): Promise<void> {
    const interrupted = this.#uploads.peek().filter((upload) => upload.state.peek().kind === "interrupted");
    const gone = new Set<Upload>();
    await Promise.all(interrupted.map(async (upload) => await upload.locate() || gone.add(upload)));
    this.#uploads.value = this.#uploads.peek().filter((upload) => !gone.has(upload));
  }

  #append(upload: Upload): void {
    this.#uploads.value = [...this.#uploads.peek(), upload];
    effect(() => {
      upload.state.value;
      untracked(() => this.#options.onChange?.(upload));
    });
  }

  #runNext(): void {
    for (const upload of this.#uploads.peek()) {
      if (this.#running.size >= MAX_RUNNING) {
        return;
      }
      // One that was paused and resumed at once may still be about to stop: its turn comes when it has.
      if (upload.state.peek().kind === "waiting" && !this.#running.has(upload)) {
        this.#running.add(upload);
        void upload.run().then(() => {
          this.#running.delete(upload);
          this.#runNext();
        });
      }
    }
  }
}
