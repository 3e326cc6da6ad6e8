/**
 * V8's profiler in the program that is loaded after it: `PROFILE_PATH=FILE deno run --inspect=127.0.0.1:0 --preload=profiler.ts PROGRAM`. It begins with
 * the first line that the program writes. The file is written at SIGTERM, or when the program has come to its end, and only then the process ends.
 *
 * Nobody connects to the inspector: with that flag Deno leaves the source maps in what V8 has, which say where functions are in TypeScript.
 */
import { type Profiler, Session } from "node:inspector/promises";
import { SourceMap } from "node:module";
import process from "node:process";
import { tryProgram } from "../../../tests/support/program.ts";
import { threadCpuSeconds } from "../../processes.ts";
import type { Profile } from "../../report/self_times.ts";

/** Half of what V8 has by default: some thousand samples of a load of a few seconds. */
const INTERVAL_MICROSECONDS = 500;

const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.setSamplingInterval", { interval: INTERVAL_MICROSECONDS });
await session.post("Runtime.enable"); // Tells of what is written.
const begun = new Promise((resolve) => session.once("Runtime.consoleAPICalled", resolve)).then(begin);
process.once("SIGTERM", end);
process.once("beforeExit", end);

interface Start {
  readonly cpuSeconds: number;
  readonly hasPrecedence: boolean;
}

async function begin(): Promise<Start> {
  await session.post("Profiler.start");
  return { cpuSeconds: threadCpuSeconds(Deno.pid), hasPrecedence: await takePrecedence() };
}

async function end(): Promise<void> {
  const { cpuSeconds, hasPrecedence } = await begun;
  const { profile } = await session.post("Profiler.stop");
  const cpuMicroseconds = (threadCpuSeconds(Deno.pid) - cpuSeconds) * 1e6;
  const nodes = await inTypeScript(profile.nodes);
  const whole: Profile = { ...profile, nodes, cpuMicroseconds, hasPrecedence };
  Deno.writeTextFileSync(Deno.env.get("PROFILE_PATH")!, JSON.stringify(whole));
  Deno.exit();
}

/**
 * Has the profiler's thread interrupt a program that keeps its core busy. Without, samples are taken when the program waits for something, above all for
 * the threads of the garbage collector: 88 % of the samples of a client instead of 32. @returns Whether that is allowed: it is for root.
 */
async function takePrecedence(): Promise<boolean> {
  const threads = [...Deno.readDirSync("/proc/self/task")].map(({ name }) => name);
  const thread = threads.find((id) => Deno.readTextFileSync(`/proc/self/task/${id}/comm`) === "v8:ProfEvntProc\n");
  return thread !== undefined && (await tryProgram("chrt", ["--fifo", "--pid", "1", thread])).code === 0;
}

/** The nodes, with functions where they are in their source instead of what Deno made of it. */
async function inTypeScript(nodes: readonly Profiler.ProfileNode[]): Promise<Profiler.ProfileNode[]> {
  await session.post("Debugger.enable"); // Has the sources.
  const scripts = new Set(
    nodes.filter(({ callFrame }) => callFrame.url.endsWith(".ts")).map(({ callFrame }) => callFrame.scriptId),
  );
  const maps = new Map<string, SourceMap>();
  for (const scriptId of scripts) {
    const { scriptSource } = await session.post("Debugger.getScriptSource", { scriptId });
    const [, map] = /^\/\/# sourceMappingURL=data:application\/json;base64,(\S+)/m.exec(scriptSource) ?? [];
    if (map !== undefined) {
      maps.set(scriptId, new SourceMap(JSON.parse(atob(map))));
    }
  }
  // What V8 says of single lines is left out.
  return nodes.map(({ callFrame, positionTicks: _, ...node }) => {
    const entry = maps.get(callFrame.scriptId)?.findEntry(callFrame.lineNumber, callFrame.columnNumber);
    return entry !== undefined && "originalLine" in entry
      ? {
        ...node,
        callFrame: { ...callFrame, lineNumber: entry.originalLine, columnNumber: entry.originalColumn },
      }
      : { ...node, callFrame };
  });
}
