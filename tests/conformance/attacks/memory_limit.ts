/** A limit for the memory of a process: by a cgroup, of either version, or by looking at it. */
import { MIB } from "./messages.ts";
import { sampleProcess } from "./servers.ts";

const ROOT = "/sys/fs/cgroup";

/** Where a version of cgroups has its files. */
interface Version {
  readonly parent: string;
  readonly limit: string;
  readonly usage: string;
}

const VERSIONS: readonly Version[] = [
  { parent: `${ROOT}/memory`, limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes" },
  { parent: ROOT, limit: "memory.max", usage: "memory.current" },
];

/** A limit for one process, which begins with {@linkcode MemoryLimit.wrap}. */
export class MemoryLimit implements AsyncDisposable {
  /** Set when the process took more and was ended, where no cgroup does it. */
  isExceeded = false;
  readonly #limitMib: number;
  readonly #folder: string | undefined;

  private constructor(limitMib: number, folder: string | undefined) {
    this.#limitMib = limitMib;
    this.#folder = folder;
  }

  static async create(limitMib: number): Promise<MemoryLimit> {
    for (const { parent, limit, usage } of VERSIONS) {
      const folder = `${parent}/edgewire-${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;
      try {
        await Deno.mkdir(folder);
      } catch {
        continue; // Not root, or another version.
      }
      try {
        await Deno.stat(`${folder}/${usage}`);
        await Deno.writeTextFile(`${folder}/${limit}`, `${limitMib * MIB}`);
        return new MemoryLimit(limitMib, folder);
      } catch {
        await Deno.remove(folder);
      }
    }
    return new MemoryLimit(limitMib, undefined);
  }

  /** What starts the program: it enters the cgroup and becomes what its arguments say. */
  get wrap(): readonly string[] {
    return this.#folder === undefined ? [] : ["bash", "-c", `echo $$ > ${this.#folder}/cgroup.procs && exec "$0" "$@"`];
  }

  get text(): string {
    return `at most ${this.#limitMib} MiB by ${
      this.#folder === undefined ? "watching it" : `the cgroup ${this.#folder}`
    }`;
  }

  /** Looks at the resident memory, in MiB; ends the process if it is too much and no cgroup is there to do it. */
  sample(pid: number): number {
    const rssMib = sampleProcess(pid)?.rssMib ?? 0;
    if (this.#folder === undefined && rssMib > this.#limitMib) {
      this.isExceeded = true;
      Deno.kill(pid, "SIGKILL");
    }
    return rssMib;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#folder !== undefined) {
      await Deno.remove(this.#folder); // Its process has ended.
    }
  }
}
