/** The programs that take part: the one that is measured on core 0, who calls it on core 1. */
import { type RunningProgram, runProgram, startProgram } from "../tests/support/program.ts";

/** The folder of this repository, with a slash. */
export const ROOT = new URL("..", import.meta.url).pathname;

/** Runs a program of ours on Deno as `deno task serve` does. */
export const DENO_RUN: readonly string[] = [
  Deno.execPath(),
  "run",
  "--allow-all",
  "--no-lock",
  "--v8-flags=--max-semi-space-size=1,--max-inlined-bytecode-size-cumulative=3000",
  "--config",
  `${ROOT}deno.json`,
];

/** Seconds of CPU that a process has used, all its threads together, in steps of a hundredth. */
export function cpuSeconds(pid: number): number {
  return secondsIn(`/proc/${pid}/stat`);
}

/** The same of its first thread alone, which is that of JavaScript. */
export function threadCpuSeconds(pid: number): number {
  return secondsIn(`/proc/${pid}/task/${pid}/stat`);
}

function secondsIn(path: string): number {
  const fields = Deno.readTextFileSync(path).split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** MiB of memory that a process has resident. */
export function residentMiB(pid: number): number {
  return numberIn(Deno.readTextFileSync(`/proc/${pid}/status`), /VmRSS:\s+(\d+)/) / 1024;
}

/** A server that was started, and its port. */
export type RunningPeer = RunningProgram & { readonly port: number };

/** Starts a server on core 0 and on a port of its own, and waits for the line by which it says that it listens. */
export function startPeer(command: readonly string[], ...args: readonly string[]): Promise<RunningPeer> {
  return startPeerOn("0", command, ...args);
}

/** As {@linkcode startPeer}. @param cores As `taskset -c` has them. */
export async function startPeerOn(
  cores: string,
  command: readonly string[],
  ...args: readonly string[]
): Promise<RunningPeer> {
  const port = 20_000 + Math.floor(Math.random() * 9000); // Below those that the system gives to clients.
  const program = await startProgram(
    "taskset",
    ["-c", cores, ...command, `${port}`, ...args],
    /^ready|^Edgewire listening|"event":"listen"/m,
  );
  return Object.assign(program, { port });
}

/** Runs a program on the core of those who call, and gives what it wrote. */
export async function runOnCore1(command: readonly string[], timeoutMs = 120_000): Promise<string> {
  return await runProgram("taskset", ["-c", "1", ...command], { timeoutMs });
}

/** The number in a text. @throws {Error} There is none. */
export function numberIn(text: string, pattern: RegExp): number {
  const match = pattern.exec(text);
  if (match === null) {
    throw new Error(`Cannot find ${pattern} in:\n${text}`);
  }
  return Number(match[1]);
}
