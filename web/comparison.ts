/** One file hashed twice, on the server and in the browser, so that one sees the two agree. */
import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { ChosenAlgorithm } from "./algorithms.ts";
import type { BrowserHasher } from "./browser_hasher.ts";
import type { ServerConnection } from "./connection.ts";
import type { HashSource } from "./hash_messages.ts";
import { describeProblem, type Problem } from "./problem.ts";
import { Progress } from "./progress.ts";

/** One of the two hashes. */
export type Hashing =
  | { readonly kind: "running"; readonly progress: Progress }
  | { readonly kind: "done"; readonly hex: string }
  | { readonly kind: "failed"; readonly problem: Problem };

/** What the two together say. */
export type Verdict = "running" | "agree" | "differ" | "failed" | "stopped";

/** What is compared. */
export interface ComparisonSubject {
  readonly name: string;
  /** On the server, in bytes. */
  readonly size: number;
  readonly algorithm: ChosenAlgorithm;
  /** The file on this device to hash in the browser. Undefined: the browser downloads the server's. */
  readonly local: Blob | undefined;
}

/** A comparison under way or ended. It begins when it is made. */
export class Comparison {
  readonly subject: ComparisonSubject;
  readonly #server = signal<Hashing>({ kind: "running", progress: new Progress(0) });
  readonly #browser = signal<Hashing>({ kind: "running", progress: new Progress(0) });
  readonly #stopped = signal(false);
  readonly #stop = new AbortController();

  readonly verdict: ReadonlySignal<Verdict> = computed(() => {
    const [server, browser] = [this.#server.value, this.#browser.value];
    if (server.kind === "done" && browser.kind === "done") {
      return server.hex === browser.hex ? "agree" : "differ";
    }
    if (this.#stopped.value) {
      return "stopped";
    }
    return server.kind === "running" || browser.kind === "running" ? "running" : "failed";
  });

  constructor(subject: ComparisonSubject, connection: ServerConnection, hasher: BrowserHasher) {
    this.subject = subject;
    void this.#follow(this.#server, subject.size, "on the server", (advance) => this.#hashThere(connection, advance));
    const size = subject.local?.size ?? subject.size;
    void this.#follow(
      this.#browser,
      size,
      "in the browser",
      (advance) => this.#hashHere(connection, hasher, advance),
    );
  }

  get server(): ReadonlySignal<Hashing> {
    return this.#server;
  }

  get browser(): ReadonlySignal<Hashing> {
    return this.#browser;
  }

  /** Ends what still runs. */
  stop(): void {
    this.#stopped.value = true;
    this.#stop.abort();
  }

  async #follow(
    side: Signal<Hashing>,
    size: number,
    where: string,
    hash: (advance: (done: number) => void) => Promise<string>,
  ): Promise<void> {
    const progress = new Progress(size);
    progress.start(0);
    side.value = { kind: "running", progress };
    try {
      side.value = { kind: "done", hex: await hash((done) => progress.advance(done)) };
    } catch (error) {
      side.value = { kind: "failed", problem: describeProblem(`Cannot hash “${this.subject.name}” ${where}`, error) };
    }
  }

  async #hashThere(connection: ServerConnection, advance: (done: number) => void): Promise<string> {
    const { name, algorithm } = this.subject;
    const news = connection.file.hashFileWithProgress({ name, algorithm }, { signal: this.#stop.signal });
    for await (const { event } of news) {
      if (event.case === "progress") {
        advance(Number(event.value.hashedBytes));
      } else if (event.case === "result") {
        return event.value.digest?.hex ?? "";
      }
    }
    throw new Error("the server ended without a digest");
  }

  #hashHere(connection: ServerConnection, hasher: BrowserHasher, advance: (done: number) => void): Promise<string> {
    const { name, algorithm, local } = this.subject;
    const source: HashSource = local === undefined
      ? { kind: "stored", name, baseUrl: connection.baseUrl, protocol: connection.protocol.peek() }
      : { kind: "local", blob: local };
    return hasher.hash(source, algorithm, { signal: this.#stop.signal, onProgress: advance });
  }
}
