/** The list of stored files, a page at a time. */
import type { Client } from "@connectrpc/connect";
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { File, FileInfo } from "../gen/edgewire/v1/file_pb.ts";
import { describeProblem, type Problem } from "./problem.ts";

/** How many files are on a page. */
export const PAGE_SIZE = 20;

/** One for the life of the page. */
export class FileList {
  readonly #client: Client<typeof File>;
  /** Undefined until the first page is there. */
  readonly #files = signal<readonly FileInfo[]>();
  readonly #problem = signal<Problem>();
  readonly #loading = signal(false);
  /** What asks for each page up to the one that is shown. */
  readonly #tokens = signal<readonly string[]>([""]);
  readonly #nextToken = signal("");
  /** Counts the requests, so that an answer that was overtaken is not shown. */
  #requests = 0;

  /** From 1. */
  readonly pageNumber: ReadonlySignal<number> = computed(() => this.#tokens.value.length);
  readonly hasNext: ReadonlySignal<boolean> = computed(() => this.#nextToken.value !== "");

  constructor(client: Client<typeof File>) {
    this.#client = client;
  }

  get files(): ReadonlySignal<readonly FileInfo[] | undefined> {
    return this.#files;
  }

  /** Why the last request for a page failed. */
  get problem(): ReadonlySignal<Problem | undefined> {
    return this.#problem;
  }

  get loading(): ReadonlySignal<boolean> {
    return this.#loading;
  }

  /** Asks for the page that is shown once more. Never rejects. */
  refresh(): Promise<void> {
    return this.#show(this.#tokens.peek());
  }

  /** Never rejects. */
  next(): Promise<void> {
    return this.#show([...this.#tokens.peek(), this.#nextToken.peek()]);
  }

  /** Never rejects. */
  previous(): Promise<void> {
    return this.#show(this.#tokens.peek().slice(0, -1));
  }

  /** Removes a file, and shows the list without it. @throws {ConnectError} */
  async delete(name: string): Promise<void> {
    await this.#client.delete({ name });
    await this.refresh();
  }

  async #show(tokens: readonly string[]): Promise<void> {
    const request = ++this.#requests;
    this.#loading.value = true;
    try {
      const { files, nextPageToken } = await this.#client.list({ pageSize: PAGE_SIZE, pageToken: tokens.at(-1) ?? "" });
      if (request !== this.#requests) {
        return;
      }
      if (files.length === 0 && tokens.length > 1) {
        return this.#show(tokens.slice(0, -1)); // The last file of the last page is gone.
      }
      this.#files.value = files;
      this.#tokens.value = tokens;
      this.#nextToken.value = nextPageToken;
      this.#problem.value = undefined;
    } catch (error) {
      if (request === this.#requests) {
        this.#problem.value = describeProblem("Cannot list the files", error);
      }
    }
    if (request === this.#requests) {
      this.#loading.value = false;
    }
  }
}
