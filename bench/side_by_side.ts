/** What benchmarks that run programs side by side have in common: each server on core 0, who loads it on core 1. */
import { type RunningProgram, startProgram } from "../tests/support/program.ts";

/** The folder of this repository, with a slash. */
export const ROOT = new URL("..", import.meta.url).pathname;

/** Runs a program on Deno as `deno task serve` does. */
export const denoRun: readonly string[] = [
  Deno.execPath(),
  "run",
  "--allow-all",
  "--no-lock",
  "--v8-flags=--max-semi-space-size=1",
];

/** Clock ticks of CPU that a process has used, all its threads together: a hundredth of a second each. */
export function cpuTicks(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!.split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** Starts a server on a port of its own, and waits for the line that begins with `ready`. */
export async function startPeer(
  command: (port: number) => readonly string[],
): Promise<RunningProgram & { readonly port: number }> {
  const port = 20_000 + Math.floor(Math.random() * 9000); // Below those that the system gives to clients.
  return Object.assign(await startProgram("taskset", ["-c", "0", ...command(port)], /^ready/), { port });
}

export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

/** Prints a line for each peer: the median, how far the rounds were apart, and the ratio to the first. */
export function print(title: string, unit: string, figures: ReadonlyMap<string, readonly number[]>): void {
  console.log(`\n${title} (${unit}; median, lowest to highest, ratio to the first)`);
  const [first] = figures.values();
  for (const [name, all] of figures) {
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const ratio = (median(all) / median(first!)).toFixed(2);
    console.log(`  ${name.padEnd(30)} ${format(median(all)).padStart(8)}  ${format(low)} to ${format(high)}  ${ratio}`);
  }
}

function format(figure: number): string {
  return figure >= 100 ? figure.toFixed(0) : figure.toFixed(1);
}
