/** The page without its views: the owners of its state, put together. */
import { effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { HashAlgorithm } from "../gen/edgewire/v1/hash_pb.ts";
import { waitByClock } from "./backoff.ts";
import { BrowserHasher } from "./browser_hasher.ts";
import { ServerConnection } from "./connection.ts";
import { openDownloadSink } from "./download_sink.ts";
import { Downloads } from "./downloads.ts";
import { FileList } from "./file_list.ts";
import type { Upload } from "./upload.ts";
import { UploadMemory } from "./upload_memory.ts";
import { UploadQueue } from "./upload_queue.ts";

/** One for the life of the page. */
export class Page {
  readonly connection = new ServerConnection(location.origin);
  readonly hasher = new BrowserHasher("/dist/hash_worker.js");
  readonly list = new FileList(this.connection.file);
  /** Whether uploads are checked by SHA-256 once they are stored. */
  readonly checks: Signal<boolean> = signal(true);
  readonly #announcement = signal("");

  readonly uploads = new UploadQueue({
    files: this.connection.file,
    memory: new UploadMemory(localStorage),
    wait: waitByClock,
    digest: (blob, signal) => this.hasher.hash({ kind: "local", blob }, HashAlgorithm.SHA256, { signal }),
    checks: this.checks,
    onChange: (upload) => this.#noteUpload(upload),
  });

  readonly downloads = new Downloads({
    files: this.connection.file,
    wait: waitByClock,
    openSink: openDownloadSink,
    onSaved: ({ name }) => this.announce(`Saved: ${name}.`),
  });

  constructor() {
    // Now, and whenever the server is back.
    effect(() => {
      if (this.connection.reachable.value) {
        void this.list.refresh();
        void this.uploads.locateInterrupted();
      }
    });
  }

  /** What a screen reader is to say. */
  get announcement(): ReadonlySignal<string> {
    return this.#announcement;
  }

  /** Has a screen reader say `text` when it has nothing more urgent to say. */
  readonly announce = (text: string): void => {
    this.#announcement.value = text;
  };

  /** The file on this device that was uploaded as `name`, if the page still has it. */
  localFile(name: string): File | undefined {
    return this.uploads.uploads.value.findLast((upload) => upload.name === name && upload.state.value.kind === "stored")
      ?.file;
  }

  /** Failures are not announced: their words are alerts already. */
  #noteUpload(upload: Upload): void {
    const state = upload.state.peek();
    if (state.kind === "paused") {
      this.announce(`Paused: ${upload.name}.`);
    } else if (state.kind === "stored" && (state.check.kind === "off" || state.check.kind === "running")) {
      void this.list.refresh();
      this.announce(`Stored: ${upload.name}.`);
    }
  }
}
