/** What a run found out, as it is kept in JSON. */
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { tryProgram } from "../../tests/support/program.ts";
import { ROOT } from "../processes.ts";
import type { Metric } from "../scenario.ts";

/** A whole run. */
export interface Results {
  /** When it ended, as RFC 3339 has it. */
  readonly date: string;
  /** The commit of this repository, and `+` if something was changed. */
  readonly commit: string;
  readonly machine: Machine;
  /** Versions of compilers and runtimes. Those of libraries are in the names of peers. */
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly seconds: number;
  /**
   * How many cores other work had on average: above 0.1 or so figures tell little. A virtual machine also knows of time that was taken from it.
   */
  readonly noise: Noise;
  readonly scenarios: readonly ScenarioResult[];
}

/** Where it ran. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
}

/** What else went on, in cores. */
export interface Noise {
  readonly otherCores: number;
  readonly stolenCores: number;
  /** Of the minute before the run. */
  readonly loadAverage: number;
}

/** What came of a scenario. */
export interface ScenarioResult {
  readonly key: string;
  readonly title: string;
  readonly metrics: readonly Metric[];
  readonly peers: readonly PeerResult[];
  readonly goals: readonly GoalResult[];
}

/** What came of a peer. */
export interface PeerResult {
  readonly name: string;
  /** Of each round, a figure for each metric. */
  readonly rounds: readonly (readonly number[])[];
  /** Why it was left out after these rounds. */
  readonly failure?: string;
}

/** How far ahead we are. */
export interface GoalResult {
  readonly ours: string;
  readonly other: string;
  readonly metric: number;
  readonly atLeast: number;
  /** How many times as good our median is. */
  readonly ratio: number;
}

/** The one in the middle, of an even number the higher one. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

/** The figures of all rounds for one metric. */
export function figuresOf({ rounds }: PeerResult, metric: number): readonly number[] {
  return rounds.map((figures) => figures[metric]!);
}

/** The machine that this runs on. */
export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
  };
}

/** The commit of this repository, and `+` if something was changed. */
export async function describeCommit(): Promise<string> {
  const { stdout } = await tryProgram("git", ["-C", ROOT, "describe", "--always", "--abbrev=12", "--dirty=+"]);
  return stdout.trim();
}

/** Versions of compilers and runtimes; those that are not there are left out. */
export async function describeVersions(): Promise<Readonly<Record<string, string>>> {
  const versions: Record<string, string> = { Deno: Deno.version.deno, V8: Deno.version.v8 };
  const programs = { Node: ["node", "--version"], Go: ["go", "version"], Rust: ["rustc", "--version"] };
  for (const [name, [command, arg]] of Object.entries(programs)) {
    const text = await tryProgram(command!, [arg!]).then(({ stdout }) => stdout, () => "");
    const version = /\d+\.\d+(\.\d+)?/.exec(text)?.[0];
    if (version !== undefined) {
      versions[name] = version;
    }
  }
  return versions;
}

const TICKS_A_SECOND = 100;

/** Begins to look at who uses the machine. The result tells what others have used since. */
export function watchNoise(): () => Noise {
  const startMs = performance.now();
  const start = usedTicks();
  const loadAverage = Deno.loadavg()[0]!;
  return () => {
    const now = usedTicks();
    const ticks = (performance.now() - startMs) / 1000 * TICKS_A_SECOND;
    const cores = (used: number) => Math.max(Math.round(used / ticks * 100) / 100, 0);
    return {
      otherCores: cores(now.all - start.all - (now.ours - start.ours)),
      stolenCores: cores(now.stolen - start.stolen),
      loadAverage,
    };
  };
}

/** Ticks of the whole machine, of this process with all the programs that it has run, and of those that run beside the machine. */
function usedTicks(): { readonly all: number; readonly ours: number; readonly stolen: number } {
  const [user, nice, system, , , irq, softIrq, stolen] = Deno.readTextFileSync("/proc/stat").split("\n")[0]!
    .split(/\s+/).slice(1).map(Number) as [number, number, number, number, number, number, number, number];
  const own = Deno.readTextFileSync("/proc/self/stat").split(") ")[1]!.split(" ").slice(11, 15).map(Number);
  return { all: user + nice + system + irq + softIrq, ours: own.reduce((sum, ticks) => sum + ticks), stolen };
}
