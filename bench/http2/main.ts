/**
 * The HTTP/2 engine side by side with its peers, each round with all of them: the server on core 0, the load on core 1, as requests for
 * each second of CPU that the server used (user and system, all threads).
 *
 * `deno run --allow-all bench/http2/main.ts [--only calls,bodies,idle] [--rounds 3] [--prototype FOLDER]`
 *
 * `--prototype` is the folder of the `hot_path` prototype, which is not part of this repository; without it, its column is left out.
 */
import { parseArgs } from "node:util";
import { makeCertificate } from "../../tests/support/certificate.ts";
import { runProgram, startProgram } from "../../tests/support/program.ts";
import { cpuTicks, denoRun, print, ROOT, startPeer } from "../side_by_side.ts";
import { installTool } from "../../tests/conformance/tools.ts";

const CALLS = 800_000;
const BODY_OCTETS = 100_000_000;
const IDLE_CONNECTIONS = 5000;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "calls,bodies,idle" },
    rounds: { type: "string", default: "3" },
    prototype: { type: "string" },
  },
});
const rounds = Number(values.rounds);
const only = values.only.split(",");

/** A server to measure. */
interface Peer {
  readonly name: string;
  /** The command that starts it on a port. */
  command(port: number): string[];
  readonly path?: string;
  readonly isTls?: boolean;
}

await using certificate = await makeCertificate();
const scratch = await Deno.makeTempDir({ prefix: "edgewire-bench-" });
const echoServer = [...denoRun, "--config", `${ROOT}deno.json`, `${ROOT}bench/http2/echo_server.ts`];

const OURS: Peer = { name: "edgewire", command: (port) => [...echoServer, "--port", `${port}`] };
const OURS_TLS: Peer = {
  name: "edgewire, TLS",
  isTls: true,
  command: (port) => {
    Deno.writeTextFileSync(`${scratch}/cert.pem`, certificate.cert);
    Deno.writeTextFileSync(`${scratch}/key.pem`, certificate.key);
    return [...echoServer, "--port", `${port}`, "--cert", `${scratch}/cert.pem`, "--key", `${scratch}/key.pem`];
  },
};
const NODE: Peer = { name: "node:http2", command: (port) => ["node", `${ROOT}bench/http2/node_server.mjs`, `${port}`] };
const PROTOTYPE: Peer = {
  name: "prototype (nocodec, adaptive)",
  path: "/Greeter/SayHello",
  command: (port) => {
    const folder = values.prototype!;
    return [
      Deno.execPath(),
      "run",
      "-A",
      "--no-lock",
      "--config",
      `${folder}/deno.json`,
      `${folder}/main.ts`,
      `${port}`,
    ]
      .concat("nocodec", "adaptive");
  },
};
const COPY: Peer = {
  name: "bare copy loop",
  command: (port) => [...denoRun, `${ROOT}bench/http2/copy_server.ts`, "--port", `${port}`],
};

function residentKiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]);
}

/** Runs h2load on core 1. @throws {Error} A request failed. */
async function load(peer: Peer, port: number, path: string, args: readonly string[]): Promise<void> {
  const h2load = await installTool("h2load");
  const url = `${peer.isTls ? "https" : "http"}://127.0.0.1:${port}${path}`;
  const headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"];
  const stdout = await runProgram("taskset", ["-c", "1", h2load, "-t1", ...headers, ...args, url], {
    timeoutMs: 300_000,
  });
  if (!/ 0 failed, 0 errored, 0 timeout/.test(stdout)) {
    throw new Error(`Requests to ${peer.name} failed:\n${stdout}`);
  }
}

async function measureCalls(): Promise<void> {
  const body = `${scratch}/request.bin`;
  await Deno.writeFile(body, new Uint8Array([0, 0, 0, 0, 7, 10, 5, 119, 111, 114, 108, 100])); // gRPC's SayHello("world")
  const peers = [OURS, ...values.prototype === undefined ? [] : [PROTOTYPE], OURS_TLS, NODE];
  for (const [connections, streams] of [[8, 32], [50, 20]] as const) {
    const figures = new Map<string, number[]>(peers.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const peer of peers) {
        const calls = peer === NODE ? CALLS / 10 : CALLS;
        const shape = ["-c", `${connections}`, "-m", `${streams}`, "-d", body];
        const path = peer.path ?? "/echo";
        await using server = await startPeer(peer.command);
        await load(peer, server.port, path, ["-n", `${calls / 4}`, ...shape]); // Warm-up
        const before = cpuTicks(server.pid);
        await load(peer, server.port, path, ["-n", `${calls}`, ...shape]);
        figures.get(peer.name)!.push(calls / (cpuTicks(server.pid) - before) / 10);
        console.error(`calls ${connections} x ${streams}, round ${round + 1}: ${peer.name}`);
      }
    }
    print(`Calls, ${connections} connections x ${streams} streams`, "thousand for each CPU second", figures);
  }
}

async function measureBodies(): Promise<void> {
  const body = `${scratch}/body`;
  await Deno.writeFile(body, new Uint8Array(BODY_OCTETS));
  const times = 10;
  const direction = async (
    name: string,
    ours: (port: number) => Promise<void>,
    copy: (port: number) => Promise<void>,
  ) => {
    const figures = new Map<string, number[]>([[COPY.name, []], [OURS.name, []]]);
    for (let round = 0; round < rounds; round++) {
      for (const [peer, run] of [[COPY, copy], [OURS, ours]] as const) {
        await using server = await startPeer(peer.command);
        // Warm-up: it takes a few hundred MB until all code is compiled.
        for (let time = 0; time < times; time++) {
          await run(server.port);
        }
        const before = cpuTicks(server.pid);
        for (let time = 0; time < times; time++) {
          await run(server.port);
        }
        figures.get(peer.name)!.push(BODY_OCTETS * times / 1e6 / ((cpuTicks(server.pid) - before) / 100));
        console.error(`${name}, round ${round + 1}: ${peer.name}`);
      }
    }
    print(`${name} of ${BODY_OCTETS / 1e6} MB`, "MB for each CPU second", figures);
  };
  const client = (args: string[]) => async (port: number) =>
    void await runProgram("taskset", ["-c", "1", ...denoRun, `${ROOT}bench/http2/copy_client.ts`, `${port}`, ...args]);
  const one = ["-n", "1", "-c", "1"];
  const windows = ["-w", "30", "-W", "30"];
  await direction(
    "Upload",
    (port) => load(OURS, port, "/upload", [...one, "-d", body]),
    client(["upload", `${BODY_OCTETS}`]),
  );
  await direction(
    "Download",
    (port) => load(OURS, port, `/download/${BODY_OCTETS}`, [...one, ...windows]),
    client(["download", `${BODY_OCTETS}`]),
  );
}

async function measureIdle(): Promise<void> {
  const interopServer = await installTool("grpc-go-server");
  const grpcGo: Peer = {
    name: "grpc-go",
    // It does not say when it listens: its client tries again.
    command: (port) => ["sh", "-c", 'echo ready; exec "$0" --port "$1"', interopServer, `${port}`],
  };
  const figures = new Map<string, number[]>([[OURS.name, []], [grpcGo.name, []]]);
  for (let round = 0; round < rounds; round++) {
    for (const peer of [OURS, grpcGo]) {
      const port = 20_000 + Math.floor(Math.random() * 9000);
      await using server = await startProgram(
        "taskset",
        ["-c", "0", ...peer.command(port)],
        peer === OURS ? /ready/ : /^/,
      );
      const holder = [...denoRun, `${ROOT}bench/http2/idle_client.ts`, `${port}`];
      await using _warmUp = await startProgram("taskset", ["-c", "1", ...holder, "200"], /held/);
      const before = residentKiB(server.pid);
      await using _connections = await startProgram("taskset", ["-c", "1", ...holder, `${IDLE_CONNECTIONS}`], /held/);
      figures.get(peer.name)!.push((residentKiB(server.pid) - before) / IDLE_CONNECTIONS);
      console.error(`idle connections, round ${round + 1}: ${peer.name}`);
    }
  }
  print(`${IDLE_CONNECTIONS} idle connections`, "KiB resident for each", figures);
}

try {
  const [, model] = /model name\s*:\s*(.*)/.exec(Deno.readTextFileSync("/proc/cpuinfo")) ?? [];
  console.log(`${model}, ${navigator.hardwareConcurrency} cores, Deno ${Deno.version.deno}`);
  const scenarios: Record<string, () => Promise<void>> = {
    calls: measureCalls,
    bodies: measureBodies,
    idle: measureIdle,
  };
  for (const name of only) {
    const measure = scenarios[name];
    if (measure === undefined) {
      throw new Error(`There is no scenario "${name}", but ${Object.keys(scenarios).join(", ")}`);
    }
    await measure();
  }
} finally {
  await Deno.remove(scratch, { recursive: true });
}
