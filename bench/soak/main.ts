/**
 * Calls a server for an hour in every way there is, and looks at what becomes of its memory, file descriptors and threads. By hand, on Linux.
 *
 * `deno task soak [--minutes 60] [--rate 100] [--warm-up 10] [--grpc-js] [--out FOLDER]`
 *
 * `--rate` is in calls a second, `--warm-up` in minutes: the slope of memory is that of the time after it. `--grpc-js` has grpc-js under
 * Node call, too, at a tenth of the rate. Samples go to `samples.csv` in the folder, unexpected ends to `unexpected.log`, the summary to `summary.txt`.
 */
import { parseArgs } from "node:util";
import { buildNodeProgram, installTool } from "../../tests/conformance/tools.ts";
import { fuzzSeed } from "../../tests/support/random.ts";
import { startProgram } from "../../tests/support/program.ts";
import { startServer } from "../../tests/support/server_process.ts";
import { Load } from "./load.ts";
import { countWaits, sampleProcess, sampleServer, type ServerSample, slope } from "./sample.ts";

const SAMPLE_INTERVAL_MS = 10_000;
const REPORT_INTERVAL_MS = 60_000;

/** How long the server is left alone at the end, in milliseconds. */
const REST_MS = 20_000;

/** How much longer than the load its calls may take: more than the longest deadline. */
const END_TIMEOUT_MS = 120_000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    rate: { type: "string", default: "100" },
    "warm-up": { type: "string", default: "10" },
    "grpc-js": { type: "boolean", default: false },
    out: { type: "string" },
  },
});
const [minutes, rate, warmUp] = [Number(values.minutes), Number(values.rate), Number(values["warm-up"])];
const out = values.out ?? await Deno.makeTempDir({ prefix: "edgewire-soak-" });
await Deno.mkdir(out, { recursive: true });
const dataDir = await Deno.makeTempDir({ prefix: "edgewire-soak-data-" });
const seed = fuzzSeed();

const inspectorPort = 20_000 + seed % 9000;
const server = await startServer({
  dataDir,
  args: ["--admin-port", "0", "--host", "127.0.0.1"],
  runtimeArgs: [`--inspect=127.0.0.1:${inspectorPort}`],
});
const adminUrl = server.adminUrl!;
let unexpectedCount = 0;
const load = new Load(server.url, seed, (what, error) => {
  unexpectedCount++;
  const detail = error instanceof Error ? `${error.stack}\n  cause: ${error.cause}` : error;
  append("unexpected.log", `${new Date().toISOString()} ${what}: ${detail}\n`);
});

/** Hours since the start, and what was seen. */
const samples: { readonly hours: number; readonly server: ServerSample; readonly clientRss: number }[] = [];
const startMs = performance.now();

function append(name: string, text: string): void {
  Deno.writeTextFileSync(`${out}/${name}`, text, { append: true });
}

function round(number: number): number {
  return Math.round(number * 100) / 100;
}

async function sample(): Promise<void> {
  const [seen, client] = [await sampleServer(server.pid, adminUrl), sampleProcess(Deno.pid)];
  const hours = (performance.now() - startMs) / 3_600_000;
  samples.push({ hours, server: seen, clientRss: client.rss });
  const row = {
    seconds: hours * 3600,
    ...seen,
    clientRss: client.rss,
    clientFds: client.fds,
    clientThreads: client.threads,
    clientCpuSeconds: client.cpuSeconds,
    begun: load.begun,
    underWay: load.underWay.length,
    heldBack: load.heldBack,
    unexpected: unexpectedCount,
  };
  if (samples.length === 1) {
    append("samples.csv", `${Object.keys(row).join(",")}\n`);
  }
  append("samples.csv", `${Object.values(row).map(round).join(",")}\n`);
}

function line(text: string): void {
  console.log(text);
  append("summary.txt", `${text}\n`);
}

function describe({ rss, fds, threads, heap, external, connections, openCalls, cpuSeconds }: ServerSample): string {
  return `${rss.toFixed(1)} MiB RSS, ${heap.toFixed(1)} heap, ${external.toFixed(1)} external, ${fds} fds, ` +
    `${threads} threads, ${connections} connections, ${openCalls} open calls, ${cpuSeconds.toFixed(1)} s CPU`;
}

/** How much a figure grows in an hour, after the warm-up. */
function growth(read: (sample: typeof samples[number]) => number): string {
  const warm = samples.filter(({ hours }) => hours * 60 >= warmUp);
  return warm.length < 3 ? "unknown" : `${slope(warm.map((each) => [each.hours, read(each)])).toFixed(2)} MiB/h`;
}

async function startGrpcJs() {
  const program = await buildNodeProgram("grpc-js", new URL("grpc_js.ts", import.meta.url).pathname);
  const args = [program, new URL(server.url).host, `${rate / 10}`, `${minutes * 60}`];
  return await startProgram(await installTool("node"), args, /ready/);
}

line(
  `${
    new Date().toISOString()
  } ${minutes} minutes, ${rate} calls/s, seed ${seed}, ${server.url}, server ${server.pid}, inspector ${inspectorPort}, Deno ${Deno.version.deno}`,
);
await sample();
line(`before: ${describe(samples[0]!.server)}`);
const sampling = setInterval(() => sample().catch((error) => line(`no sample: ${error}`)), SAMPLE_INTERVAL_MS);
const reporting = setInterval(() => {
  const { hours, server: seen, clientRss } = samples.at(-1)!;
  line(
    `${
      (hours * 60).toFixed(0)
    } min: ${load.begun} calls, ${unexpectedCount} unexpected, ${load.underWay.length} under way, ${load.heldBack} held back; ${
      describe(seen)
    }; client ${clientRss.toFixed(1)} MiB`,
  );
}, REPORT_INTERVAL_MS);
const grpcJs = values["grpc-js"] ? await startGrpcJs() : undefined;
const stopping = new AbortController();
const timer = setTimeout(() => stopping.abort(), minutes * 60_000);
Deno.addSignalListener("SIGINT", () => stopping.abort());
const running = load.run(rate, stopping.signal);
const late = Promise.withResolvers<void>();
stopping.signal.addEventListener("abort", () => setTimeout(late.resolve, END_TIMEOUT_MS));
await Promise.race([running, late.promise]);
clearTimeout(timer);
clearInterval(sampling);
clearInterval(reporting);
for (const what of load.underWay) {
  line(`never ended: ${what}`);
}
if (grpcJs !== undefined) {
  const { code, stdout, stderr } = await grpcJs.stop();
  line(`grpc-js (exit code ${code}): ${stdout.split("\n").slice(1).join("\n")}${stderr}`);
}

await new Promise((resolve) => setTimeout(resolve, REST_MS));
const [waits, { cpuSeconds }] = [countWaits(server.pid), sampleProcess(server.pid)];
await new Promise((resolve) => setTimeout(resolve, REST_MS));
const rest = `${countWaits(server.pid) - waits} waits, ${
  (sampleProcess(server.pid).cpuSeconds - cpuSeconds).toFixed(2)
} s CPU`;
const last = await sampleServer(server.pid, adminUrl);
line(`after: ${describe(last)}`);
line(`at rest, ${REST_MS / 1000} s: ${rest}`);
line(
  `slopes after ${warmUp} min: RSS ${growth(({ server }) => server.rss)}, heap ${
    growth(({ server }) => server.heap)
  }, external ${growth(({ server }) => server.external)}, client's RSS ${growth(({ clientRss }) => clientRss)}`,
);
line(`${load.begun} calls, ${unexpectedCount} unexpected, ${load.heldBack} held back`);
for (const [name, { ended, unexpected }] of [...load.tallies].sort(([a], [b]) => a < b ? -1 : 1)) {
  line(`  ${name.padEnd(32)} ${`${ended}`.padStart(8)}${unexpected === 0 ? "" : `  ${unexpected} unexpected`}`);
}
const { code } = await server.stop();
line(`the server ended with ${code}; its log: ${(await server.stderr()).slice(-4000)}`);
await Deno.remove(dataDir, { recursive: true });
console.log(out);
Deno.exit(unexpectedCount === 0 && code === 0 ? 0 : 1);
