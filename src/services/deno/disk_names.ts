/** The names of the files in a directory, in order: read once, and kept right from then on. */
import { NameIndex } from "../name_index.ts";
import type { FileSystem } from "./file_system.ts";

/** How often the directory is looked at for what other programs have done in it, in milliseconds: where that takes long, more seldom. */
const CHECK_INTERVAL_MS = 5000;

/** How much of the time reading a directory may take that changes all the time: one part in so many. */
const CHECK_SHARE = 50;

/** How many names are put in order before others may use the thread: a millisecond of it. */
const NAMES_TOGETHER = 1000;

/** How exact the times of directories are, in milliseconds: a change soon after another may not show. */
const TIME_GRAIN_MS = 50;

/**
 * See the top of the file. The store says what it does to them itself. What other programs do shows after seconds: the time of the directory says that
 * there was something, and then it is read again, while the old names serve.
 */
export class DiskNames {
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #now: () => number;
  #names: NameIndex | undefined;
  #reading: Promise<void> | undefined;
  /** What the store did while the directory was being read: whether a name was added last, or deleted. */
  #changes = new Map<string, boolean>();
  /** Of the directory, when it was read last; undefined when that says nothing. */
  #modifiedMs: number | undefined;
  #checkAtMs = 0;

  /** @param now The time in milliseconds since 1970. */
  constructor(fs: FileSystem, directory: string, now: () => number) {
    this.#fs = fs;
    this.#directory = directory;
    this.#now = now;
  }

  /** At most `limit` names that come after `name`. */
  async after(name: string, limit: number): Promise<string[]> {
    if (this.#names === undefined) {
      await this.#read();
    } else if (this.#now() >= this.#checkAtMs) {
      await this.#check();
    }
    return this.#names!.after(name, limit);
  }

  /** A file has been made. */
  add(name: string): void {
    this.#names?.add(name);
    this.#note(name, true);
  }

  /** A file is no more. */
  delete(name: string): void {
    this.#names?.delete(name);
    this.#note(name, false);
  }

  #note(name: string, isThere: boolean): void {
    if (this.#reading !== undefined) {
      this.#changes.set(name, isThere);
    }
  }

  async #check(): Promise<void> {
    this.#checkAtMs = this.#now() + CHECK_INTERVAL_MS;
    const modifiedMs = await this.#modified();
    if (modifiedMs === undefined || modifiedMs !== this.#modifiedMs) {
      this.#read().catch(() => {}); // The old names serve, and it is tried again.
    }
  }

  #read(): Promise<void> {
    return this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
      this.#changes.clear();
    });
  }

  async #readAll(): Promise<void> {
    const startMs = performance.now();
    const modifiedMs = await this.#modified();
    const names = new NameIndex();
    let count = 0;
    for await (const entry of this.#fs.readDir(this.#directory)) {
      if (entry.isFile) {
        names.add(entry.name);
      }
      if (++count % NAMES_TOGETHER === 0) {
        await new Promise((resolve) => setTimeout(resolve));
      }
    }
    for (const [name, isThere] of this.#changes) {
      isThere ? names.add(name) : names.delete(name);
    }
    this.#names = names;
    this.#modifiedMs = modifiedMs;
    const tookMs = performance.now() - startMs;
    this.#checkAtMs = this.#now() + Math.max(CHECK_INTERVAL_MS, CHECK_SHARE * tookMs);
  }

  /** Undefined while a change that comes now could have the same time. */
  async #modified(): Promise<number | undefined> {
    const modifiedMs = (await this.#fs.lstat(this.#directory)).mtime?.getTime();
    return modifiedMs !== undefined && Date.now() - modifiedMs > TIME_GRAIN_MS ? modifiedMs : undefined;
  }
}
