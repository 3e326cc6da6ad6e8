/**
 * HTTP/1.1 through the front door beside its peers, each round with all of them: the server on core 0, `wrk` on core 1, 32 connections that are
 * kept, 12 octets there and back, as requests for each second of CPU that the server used.
 *
 * `deno run --allow-all bench/http1/main.ts [--rounds 3]`
 */
import { parseArgs } from "node:util";
import { buildGoProgram, installTool } from "../../tests/conformance/tools.ts";
import { runProgram } from "../../tests/support/program.ts";
import { cpuTicks, denoRun, median, print, ROOT, startPeer } from "../side_by_side.ts";

const SECONDS = 4;

const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" } } });
const wrk = await installTool("wrk");
const goProgram = await buildGoProgram("connect-go-echo", new URL("connect_go.go", import.meta.url).pathname, [
  "connectrpc.com/connect",
  "google.golang.org/protobuf",
]);

const PEERS: ReadonlyMap<string, (port: number) => string[]> = new Map([
  [
    "edgewire",
    (port) => [...denoRun, "--config", `${ROOT}deno.json`, `${ROOT}bench/http2/echo_server.ts`, "--port", `${port}`],
  ],
  ["Deno.serve", (port) => [...denoRun, `${ROOT}bench/http1/deno_serve.ts`, `${port}`]],
  ["connect-go", (port) => ["env", "GOMAXPROCS=1", goProgram, `${port}`]],
]);

const script = await Deno.makeTempFile({ suffix: ".lua" });
await Deno.writeTextFile(
  script,
  `wrk.method = "POST"
wrk.body = "\\10\\10aaaaaaaaaa"
wrk.headers["Content-Type"] = "application/proto"
wrk.headers["Connect-Protocol-Version"] = "1"
`,
);

async function load(port: number, seconds: number): Promise<number> {
  const args = ["-c", "1", wrk, "-t1", "-c32", `-d${seconds}s`, "-s", script, `http://127.0.0.1:${port}/echo`];
  const output = await runProgram("taskset", args);
  if (/Non-2xx|Socket errors/.test(output)) {
    throw new Error(`Requests failed:\n${output}`);
  }
  return Number(/(\d+) requests in/.exec(output)![1]);
}

try {
  const figures = new Map<string, number[]>([...PEERS.keys()].map((name) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, command] of PEERS) {
      await using server = await startPeer(command);
      await load(server.port, 2); // Warm-up
      const before = cpuTicks(server.pid);
      const requests = await load(server.port, SECONDS);
      figures.get(name)!.push(requests / (cpuTicks(server.pid) - before) / 10);
      console.error(`HTTP/1.1, round ${round + 1}: ${name}, ${median(figures.get(name)!).toFixed(0)}`);
    }
  }
  print("HTTP/1.1, 32 connections", "thousand requests for each CPU second", figures);
} finally {
  await Deno.remove(script);
}
