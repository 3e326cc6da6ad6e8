/**
 * Second names (hard links) of files that are read: a file that has a name is not gone, whatever becomes of its first one, and can be opened again. All
 * readers of a file share one.
 */
import type { FileSystem } from "./file_system.ts";

/** A second name, and how many readers use it. */
export interface SecondName {
  readonly path: string;
  readonly identity: string;
  users: number;
}

/** See the top of the file. */
export class SecondNames {
  readonly #fs: FileSystem;
  readonly #directory: string;
  /** By the identity of the file. */
  readonly #names = new Map<string, Promise<SecondName | undefined>>();

  /** @param directory Where they go. What is left there is removed when the store is opened. */
  constructor(fs: FileSystem, directory: string) {
    this.#fs = fs;
    this.#directory = directory;
  }

  /**
   * Gives a file a second name, or another user to the one that it has. Undefined where its first one is another file's by now, or the file system has
   * one name for each file.
   */
  async take(path: string, info: Deno.FileInfo): Promise<SecondName | undefined> {
    const identity = identityOf(info);
    for (;;) {
      const naming = this.#names.get(identity) ?? this.#name(path, identity);
      this.#names.set(identity, naming);
      const name = await naming;
      if (this.#names.get(identity) === naming) { // Else its last user has gone meanwhile.
        if (name === undefined) {
          this.#names.delete(identity);
        } else {
          name.users++;
        }
        return name;
      } else if (name === undefined) {
        return undefined;
      }
    }
  }

  /** It has one user less. */
  async release(name: SecondName): Promise<void> {
    if (--name.users === 0) {
      this.#names.delete(name.identity);
      await this.#fs.remove(name.path);
    }
  }

  async #name(path: string, identity: string): Promise<SecondName | undefined> {
    const second = `${this.#directory}/${crypto.randomUUID()}.reader`;
    try {
      await this.#fs.link(path, second);
    } catch {
      return undefined;
    }
    try {
      if (identityOf(await this.#fs.lstat(second)) === identity) {
        return { path: second, identity, users: 0 };
      }
      await this.#fs.remove(second);
      return undefined;
    } catch {
      return undefined;
    }
  }
}

/** Files of systems that have no such numbers are all alike: then the time and the size have to do. */
function identityOf({ dev, ino, size, mtime }: Deno.FileInfo): string {
  return `${dev}:${ino}:${size}:${mtime?.getTime()}`;
}
