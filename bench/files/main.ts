/**
 * How long calls of `SayHello` take beside many calls that read, hash and store files, and how much those get done:
 *
 * `deno run --allow-all bench/files/main.ts [--kinds hash_file,download] [--calls 128] [--seconds 4] [--listed 0] [--workers 1]`
 *
 * The server runs on core 0, its callers on core 1, each in a process of its own. `--listed` stores so many empty files first, for `list`. With
 * `--calls 1` the figure of interest is the throughput of one call after the other.
 */
import { createClient } from "@connectrpc/connect";
import { parseArgs } from "node:util";
import { Greeter } from "../../gen/edgewire/v1/greeter_codec.ts";
import { createHttp2Client, createTransport } from "../../mod.ts";
import { runProgram, startProgram } from "../../tests/support/program.ts";
import { DENO_RUN, ROOT, threadCpuSeconds } from "../processes.ts";

const { values } = parseArgs({
  options: {
    kinds: { type: "string", default: "hash_file,download,hash_stream,upload" },
    calls: { type: "string", default: "128" },
    seconds: { type: "string", default: "4" },
    listed: { type: "string", default: "0" },
    workers: { type: "string", default: "1" },
  },
});

/** How often a call begins, in milliseconds, whatever has become of those before: else a long wait would count once. */
const CALL_INTERVAL_MS = 5;

/** How long single calls took, from the shortest on. @param until When to stop. */
async function watch(url: string, until: Promise<unknown>): Promise<number[]> {
  const httpClient = createHttp2Client({ baseUrl: url, maxConnections: 1 });
  const greeter = createClient(Greeter, createTransport({ protocol: "grpc", httpClient }));
  const timesMs: number[] = [];
  let isOver = false;
  until.finally(() => isOver = true);
  const calls: Promise<void>[] = [];
  while (!isOver) {
    const startMs = performance.now();
    calls.push(greeter.sayHello({ name: "World" }).then(() => void timesMs.push(performance.now() - startMs)));
    await new Promise((resolve) => setTimeout(resolve, CALL_INTERVAL_MS));
  }
  await Promise.all(calls);
  await httpClient.close();
  return timesMs.sort((one, other) => one - other);
}

function describe(timesMs: readonly number[]): string {
  const at = (share: number) =>
    timesMs[Math.min(timesMs.length - 1, Math.floor(timesMs.length * share))]?.toFixed(1).padStart(7);
  return `SayHello p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)} ms of ${timesMs.length}`;
}

const dataDir = await Deno.makeTempDir({ prefix: "edgewire-files-" });
try {
  await Deno.mkdir(`${dataDir}/files`);
  await Deno.writeFile(`${dataDir}/files/starvation.bin`, new Uint8Array(32 * 1024 * 1024).fill(7));
  for (let number = 0; number < Number(values.listed); number++) {
    Deno.writeTextFileSync(`${dataDir}/files/listed-${(number * 2_654_435_761) % 4_294_967_296}`, "");
  }
  const args = ["--port", "0", "--data-dir", dataDir, "--workers", values.workers];
  await using server = await startProgram(
    "taskset",
    ["-c", values.workers === "1" ? "0" : "0,1", ...DENO_RUN, `${ROOT}server.ts`, ...args],
    /Edgewire listening on (\S+)\n/,
  );
  const url = server.ready[1]!;
  const durationMs = Number(values.seconds) * 1000;
  await watch(url, new Promise((resolve) => setTimeout(resolve, 1000))); // Warm.
  const pause = () => new Promise((resolve) => setTimeout(resolve, durationMs));
  for (const kind of values.kinds.split(",")) {
    const idle = await watch(url, pause());
    const cpu = threadCpuSeconds(server.pid);
    const load = runProgram(
      "taskset",
      ["-c", "1", ...DENO_RUN, `${ROOT}bench/files/load.ts`, url, kind, values.calls, `${durationMs}`],
      { timeoutMs: durationMs + 120_000 },
    );
    const beside = await watch(url, load);
    const result = JSON.parse((await load).split("\n").at(-2)!);
    const cpuShare = (threadCpuSeconds(server.pid) - cpu) / (result.ms / 1000);
    console.log(
      `${kind} x ${values.calls}: ${(result.bytes / result.ms / 1000).toFixed(0)} MB/s, ${result.done} calls (${
        (result.done / result.ms * 1000).toFixed(0)
      }/s), ${result.failed} failed ${result.firstError}, thread ${(cpuShare * 100).toFixed(0)} % busy`,
    );
    console.log(`  idle:   ${describe(idle)}\n  beside: ${describe(beside)}`);
  }
} finally {
  await Deno.remove(dataDir, { recursive: true });
}
