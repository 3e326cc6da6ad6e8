/** What a service costs on an edge before its first answer: its size, and its start in workerd. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { gzipSync } from "node:zlib";
import workerd from "workerd";
import { Greeter } from "../../gen/hello_pb.ts";
import { startProgram } from "../../tests/support/program.ts";
import { buildEdge } from "../builds.ts";
import { CONNECT_ES, FETCH_BY_HAND, FETCH_MODULES, OUR_FETCH, type Peer } from "../peers.ts";
import { median } from "../report/results.ts";
import { goals, type Scenario } from "../scenario.ts";

const STARTS = 5;

const MODULES: ReadonlyMap<Peer, string> = new Map([
  [OUR_FETCH, FETCH_MODULES.edgewire],
  [FETCH_BY_HAND, FETCH_MODULES.byHand],
  [CONNECT_ES, FETCH_MODULES.connectEs],
]);

/** All scenarios of edges. */
export function edgeScenarios(): readonly Scenario[] {
  return [{
    key: "edge",
    title: "Greeter on an edge: one module, and its first answer in workerd",
    metrics: [
      { name: "KiB, gzip", better: "less" },
      { name: "KiB", better: "less" },
      { name: "ms from start to answer", better: "less" },
    ],
    peers: [...MODULES.keys()],
    goals: [...goals(OUR_FETCH, [[CONNECT_ES, 1]], 0), ...goals(OUR_FETCH, [[CONNECT_ES, 1]], 2)],
    isQuick: true,
    hasProfile: false,
    async measure(peer) {
      const { module, config } = await buildEdge(MODULES.get(peer)!);
      const octets = await Deno.readFile(module);
      return [gzipSync(octets).length / 1024, octets.length / 1024, await medianStart(config)];
    },
  }];
}

/** Of several starts, after one that reads workerd's 100 MB from the disk and compiles the client here: 80 ms that are not the module's. */
async function medianStart(configPath: string): Promise<number> {
  await startToAnswer(configPath);
  const times: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    times.push(await startToAnswer(configPath));
  }
  return median(times);
}

async function startToAnswer(configPath: string): Promise<number> {
  const startMs = performance.now();
  const args = ["-c", "0", workerd.default, "serve", "--control-fd=1", configPath];
  await using server = await startProgram("taskset", args, /"port":(\d+)/);
  const transport = createConnectTransport({ baseUrl: `http://127.0.0.1:${server.ready[1]}`, useBinaryFormat: true });
  const { message } = await createClient(Greeter, transport).sayHello({ name: "World" });
  if (message !== "Hello, World!") {
    throw new Error(`Wrong answer: ${message}`);
  }
  return performance.now() - startMs;
}
