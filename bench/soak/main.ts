/**
 * Calls a server for an hour in every way there is, and looks at what becomes of its memory, file descriptors and threads. By hand, on Linux.
 *
 * `deno task soak [--minutes 60] [--rate 80] [--warm-up 10] [--out FOLDER] [--no-node]`
 *
 * `--rate` is in calls a second; grpc-js under Node makes a tenth as many beside them, unless there is `--no-node`. `--warm-up` is in minutes:
 * how memory grows is seen after it. It ends with 1 if a call did not end as it has to. In the folder are the summary, `samples.csv`, `live.csv`
 * (without garbage) and `unexpected.log`.
 */
import { parseArgs } from "node:util";
import { buildNodeProgram, installTool } from "../../tests/conformance/tools.ts";
import { fuzzSeed } from "../../tests/support/random.ts";
import { type RunningProgram, startProgram } from "../../tests/support/program.ts";
import { type ServerProcess, startServer } from "../../tests/support/server_process.ts";
import { createInspector } from "./inspector.ts";
import { Load } from "./load.ts";
import { Recorder } from "./recorder.ts";
import { Report } from "./report.ts";
import { countWaits, sampleProcess } from "./sample.ts";

/** How long the server is left alone at the end, in milliseconds, before it is looked at, and again while it is. */
const REST_MS = 20_000;

/** How much longer than the load its calls may take, in milliseconds: more than the longest deadline. */
const END_TIMEOUT_MS = 120_000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    rate: { type: "string", default: "80" },
    "warm-up": { type: "string", default: "10" },
    out: { type: "string" },
    "no-node": { type: "boolean", default: false },
  },
});
const [minutes, rate, warmUpMinutes] = [values.minutes, values.rate, values["warm-up"]].map(Number) as [
  number,
  number,
  number,
];

async function startGrpcJs(server: ServerProcess): Promise<RunningProgram> {
  const program = await buildNodeProgram("grpc-js", new URL("grpc_js.ts", import.meta.url).pathname);
  const args = [program, new URL(server.url).host, `${rate / 10}`, `${minutes * 60}`];
  return await startProgram(await installTool("node"), args, /ready\n/);
}

function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, REST_MS));
}

/** Makes the calls. A call that does not end, not even by its deadline, does not keep it from ending. */
async function makeCalls(load: Load): Promise<void> {
  const { promise: isLate, resolve } = Promise.withResolvers<void>();
  const end = new AbortController();
  setTimeout(() => end.abort(), minutes * 60_000);
  const timer = setTimeout(resolve, minutes * 60_000 + END_TIMEOUT_MS);
  await Promise.race([load.run(rate, end.signal), isLate]);
  clearTimeout(timer);
}

/** What a server does that nobody calls any more, in words. */
async function lookAtRest({ pid }: ServerProcess): Promise<string> {
  await rest();
  const [waits, { cpuSeconds }] = [countWaits(pid), sampleProcess(pid)];
  await rest();
  const usedSeconds = sampleProcess(pid).cpuSeconds - cpuSeconds;
  return `${countWaits(pid) - waits} waits and ${usedSeconds.toFixed(2)} s CPU in ${REST_MS / 1000} s`;
}

const folder = values.out ?? await Deno.makeTempDir({ prefix: "edgewire-soak-" });
await Deno.mkdir(folder, { recursive: true });
const dataDir = await Deno.makeTempDir({ prefix: "edgewire-soak-data-" });
const report = new Report(folder);
const seed = fuzzSeed();
const inspector = createInspector(20_000 + seed % 9000); // Below those that the system gives to clients.
const server = await startServer({
  dataDir,
  args: ["--admin-port", "0", "--host", "127.0.0.1", "--max-connection-age", "30s"], // So that there are GOAWAYs.
  runtimeArgs: inspector.runtimeArgs,
});
const load = new Load(server.url, seed, (what, error) => report.unexpected(what, error));
const recorder = new Recorder(server, inspector, load, report);

report.line(`${minutes} minutes, ${rate} calls a second, seed ${seed}, ${server.url}, Deno ${Deno.version.deno}`);
report.line(`before: ${await recorder.look()}`);
const grpcJs = values["no-node"] ? undefined : await startGrpcJs(server);
recorder.start();
await makeCalls(load);
recorder.stop();
for (const what of load.underWay) {
  report.line(`never ended: ${what}`);
}
let hasGrpcJsSucceeded = true;
if (grpcJs !== undefined) {
  const { code, stdout, stderr } = await grpcJs.stop();
  hasGrpcJsSucceeded = code === 0;
  report.line(`grpc-js under Node ended with ${code}: ${stdout}${stderr}`);
}
const atRest = await lookAtRest(server);
report.line(`after: ${await recorder.look()}; ${atRest}`);
report.line(`growth after ${warmUpMinutes} minutes:`);
for (const line of recorder.growth(warmUpMinutes / 60)) {
  report.line(`  ${line}`);
}
report.line(`${load.begun} calls, ${load.unexpected} unexpected, ${load.heldBack} held back:`);
for (const [name, { ended, unexpected }] of load.tallies.entries().toArray().sort(([a], [b]) => a < b ? -1 : 1)) {
  report.line(`  ${name.padEnd(32)} ${`${ended}`.padStart(8)}${unexpected === 0 ? "" : `, ${unexpected} unexpected`}`);
}
const { code } = await server.stop();
report.line(`the server ended with ${code}, and logged: ${await server.stderr()}`);
await Deno.remove(dataDir, { recursive: true });
console.log(folder);
Deno.exit(hasGrpcJsSucceeded && load.unexpected === 0 && load.underWay.length === 0 && code === 0 ? 0 : 1);
