/** The certificates of a server as files, which others renew while it runs. Certificate, key and the clients' authority are one set. */
import { dirname, join, parse, resolve, sep } from "node:path";
import { type Clock, SYSTEM_CLOCK } from "./clock.ts";
import type { KeyPair, TlsServerOptions } from "./tls.ts";

/** How long a change has to be over, in milliseconds: certificate and key are two files, and are rarely written at once. */
const SETTLE_MS = 200;

/** How long other changes in the same directories may put that off, in milliseconds: a log file beside the certificate changes all the time. */
const MAX_SETTLE_MS = 1000;

/** As many links as Linux follows in a path. */
const MAX_LINKS = 40;

/** Where certificate chain, key and the clients' authority are, as PEM. */
export interface TlsPaths {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly clientCa?: string | undefined;
}

/** What is told of files that are watched. */
export interface TlsFilesHooks {
  /** They have other contents than those that were read last. */
  onChange(certificates: TlsServerOptions): Promise<void>;
  /** They cannot be read, or their directories not be watched any more. */
  onFailure(error: unknown): void;
}

/** What is needed to watch files. */
export interface TlsFilesHost {
  readonly watch: (paths: string[], options: { recursive: boolean }) => DirectoryWatch;
  readonly clock: Clock;
}

/** The part of `Deno.FsWatcher` that is needed. */
export type DirectoryWatch = AsyncIterable<Pick<Deno.FsEvent, "kind">> & { close(): void };

/** See the top of the file. */
export class TlsFiles {
  readonly #paths: TlsPaths;
  readonly #pair: KeyPair | undefined;
  readonly #host: TlsFilesHost;
  /** What was read last, or what it failed with. */
  #lastRead = "";

  /** @param pair What there is in the place of files for certificate and key. */
  constructor(paths: TlsPaths, pair?: KeyPair, host: Partial<TlsFilesHost> = {}) {
    this.#paths = paths;
    this.#pair = pair;
    this.#host = { watch: host.watch ?? Deno.watchFs, clock: host.clock ?? SYSTEM_CLOCK };
  }

  /** The names of the files, for the log. */
  get names(): string {
    return this.#all.join(", ");
  }

  get #all(): string[] {
    const { cert, key, clientCa } = this.#paths;
    return [cert, key, clientCa].filter((path) => path !== undefined);
  }

  /** Reads all files. @throws {Error} A file cannot be read. The message names it. */
  async read(): Promise<TlsServerOptions> {
    const { cert, key, clientCa } = this.#paths;
    try {
      const certificates = {
        cert: cert === undefined ? this.#pair!.cert : await readText(cert),
        key: key === undefined ? this.#pair!.key : await readText(key),
        clientCa: clientCa === undefined ? undefined : await readText(clientCa),
      };
      this.#lastRead = JSON.stringify(certificates);
      return certificates;
    } catch (error) {
      this.#lastRead = String(error);
      throw error;
    }
  }

  /**
   * Tells of contents that change, by whatever is done to the files, their directories, and links on the way to them. To be disposed of.
   *
   * @throws {Error} Directories cannot be watched: the system has no more watches to give, say.
   */
  async watch(hooks: TlsFilesHooks): Promise<Disposable> {
    const watch = new TlsFilesWatch(() => this.#check(hooks), hooks, this.#host);
    await watch.follow(this.#all);
    return watch;
  }

  async #check({ onChange, onFailure }: TlsFilesHooks): Promise<readonly string[]> {
    const before = this.#lastRead;
    try {
      const certificates = await this.read();
      if (this.#lastRead !== before) {
        await onChange(certificates);
      }
    } catch (error) {
      if (this.#lastRead !== before) { // Once is enough, while it stays that way.
        onFailure(error);
      }
    }
    return this.#all;
  }
}

/** Watches the directories of files, and looks at the files when something has happened there. */
class TlsFilesWatch implements Disposable {
  readonly #check: () => Promise<readonly string[]>;
  readonly #hooks: TlsFilesHooks;
  readonly #host: TlsFilesHost;
  /** Which directories are watched: another one may come to have the path of one. */
  #identities = "";
  #watcher: DirectoryWatch | undefined;
  /** Takes back what is scheduled. */
  #cancel: () => void = () => {};
  /** When the first of the changes was that are being waited for to end. */
  #changedAtMs: number | undefined;
  #isChecking = false;
  #isDisposed = false;

  constructor(check: () => Promise<readonly string[]>, hooks: TlsFilesHooks, host: TlsFilesHost) {
    this.#check = check;
    this.#hooks = hooks;
    this.#host = host;
  }

  /** Watches where files are now: a link may lead elsewhere than it did. @throws {Error} The directories cannot be watched. */
  async follow(paths: readonly string[]): Promise<void> {
    const found = await Promise.all(paths.map(directoriesOf));
    const directories = await identify([...new Set(found.flat())].sort());
    const identities = directories.map(({ identity }) => identity).join("\n");
    if (this.#isDisposed || identities === this.#identities) {
      return;
    }
    this.#identities = identities;
    const watcher = this.#host.watch(directories.map(({ path }) => path), { recursive: false });
    if (this.#watcher !== undefined) {
      this.#watcher.close();
      this.#noteChange(); // Before they were watched something may have changed there.
    }
    this.#watcher = watcher;
    this.#listen(watcher);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#cancel();
    this.#watcher?.close();
  }

  async #listen(watcher: DirectoryWatch): Promise<void> {
    try {
      for await (const { kind } of watcher) {
        if (kind !== "access") { // Reading the files is one.
          this.#noteChange();
        }
      }
    } catch (error) {
      if (watcher === this.#watcher && !this.#isDisposed) {
        this.#hooks.onFailure(error);
      }
    }
  }

  #noteChange(): void {
    if (this.#isDisposed) {
      return;
    }
    const nowMs = this.#host.clock.nowMs();
    this.#changedAtMs ??= nowMs;
    this.#cancel();
    const delayMs = Math.min(SETTLE_MS, this.#changedAtMs + MAX_SETTLE_MS - nowMs);
    this.#cancel = this.#host.clock.schedule(this.#settle, delayMs);
  }

  readonly #settle = async (): Promise<void> => {
    this.#changedAtMs = undefined;
    if (this.#isChecking) {
      this.#noteChange();
      return;
    }
    this.#isChecking = true;
    try {
      await this.follow(await this.#check());
    } catch (error) {
      this.#hooks.onFailure(error);
    }
    this.#isChecking = false;
  };
}

/**
 * Returns the directories in which something has to change for a path to lead to another file: that of the file, the one which that is in, and those of all
 * links on the way.
 */
async function directoriesOf(path: string): Promise<string[]> {
  const directories: string[] = [];
  const absolute = resolve(path);
  let { root: directory } = parse(absolute);
  let names = namesOf(absolute);
  for (let links = 0; names.length > 0;) {
    const [name, ...rest] = names as [string, ...string[]];
    const target = links < MAX_LINKS ? await readLink(join(directory, name)) : undefined;
    if (target === undefined) {
      directory = join(directory, name);
      names = rest;
    } else {
      links++;
      directories.push(directory);
      const next = resolve(directory, target);
      directory = parse(next).root;
      names = [...namesOf(next), ...rest];
    }
  }
  return [...directories, dirname(directory), dirname(dirname(directory))];
}

/** Finds out which directories there are behind paths. Those that are not there, or may not be looked at, are left out. */
async function identify(paths: readonly string[]): Promise<{ path: string; identity: string }[]> {
  const found = await Promise.all(paths.map(async (path) => {
    try {
      const { dev, ino } = await Deno.stat(path);
      return [{ path, identity: `${path} ${dev} ${ino}` }];
    } catch {
      return [];
    }
  }));
  return found.flat();
}

function namesOf(absolute: string): string[] {
  return absolute.slice(parse(absolute).root.length).split(sep).filter((name) => name !== "");
}

/** Undefined for what is no link, or may not be looked at. */
async function readLink(path: string): Promise<string | undefined> {
  try {
    return await Deno.readLink(path);
  } catch {
    return undefined;
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/ \(os error \d+\).*$/s, "") : String(error);
    throw new Error(`Cannot read ${path}: ${reason}`, { cause: error });
  }
}
