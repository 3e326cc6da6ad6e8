/**
 * RPC side by side with its peers, each round with all of them: one program on core 0, one on core 1, and what came of each second of CPU
 * that the measured one used.
 *
 * `deno run --allow-all bench/rpc/main.ts [--only unary,http1,fetch,client,stream] [--peers tonic,grpc-go] [--rounds 3] [--seconds 3]`
 *
 * The peers are built at the first run (`peers.ts`), which wants cargo, go, node and npm, and takes minutes. One that cannot be built or
 * measured is reported, and the others go on. `--peers` takes beginnings of names; ours always takes part.
 */
import { parseArgs } from "node:util";
import { median } from "../side_by_side.ts";
import type { Sample } from "./measure.ts";
import { makeScenarios, type Scenario } from "./scenarios.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    peers: { type: "string" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
  },
});
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
const only = values.only?.split(",");
const beginnings = ["edgewire", ...values.peers?.split(",") ?? [""]];

/** What was measured of each peer by name, and why some could not be. */
interface Result {
  readonly samples: Map<string, Sample[]>;
  readonly failures: Map<string, string>;
}

/** Thousands for each second of CPU. */
function perCpuSecond({ count, cpuSeconds }: Sample): number {
  return count / cpuSeconds / 1000;
}

async function measure(scenario: Scenario): Promise<Result> {
  const peers = scenario.peers.filter(({ name }) => beginnings.some((beginning) => name.startsWith(beginning)));
  const result: Result = { samples: new Map(), failures: new Map() };
  for (let round = 1; round <= rounds; round++) {
    for (const peer of peers.filter(({ name }) => !result.failures.has(name))) {
      try {
        const sample = await scenario.measure(peer);
        result.samples.set(peer.name, [...result.samples.get(peer.name) ?? [], sample]);
        console.error(`${scenario.key}, round ${round}: ${peer.name}, ${perCpuSecond(sample).toFixed(1)}`);
      } catch (error) {
        console.error(`${scenario.key}, round ${round}: ${peer.name} failed: ${error}`);
        result.failures.set(peer.name, String(error).split("\n")[0]!);
      }
    }
  }
  return result;
}

function print(scenario: Scenario, { samples, failures }: Result): void {
  console.log(`\n${scenario.title}`);
  const columns = ["median", "lowest", "highest", "a second"].map((column) => column.padStart(10)).join("");
  console.log(`  ${`thousand ${scenario.unit} for each CPU second`.padEnd(40)}${columns}`);
  const medians = new Map<string, number>();
  for (const [name, all] of samples) {
    const figures = all.map(perCpuSecond);
    medians.set(name, median(figures));
    const seen = median(all.map(({ count, seconds }) => count / seconds / 1000));
    const row = [median(figures), Math.min(...figures), Math.max(...figures), seen];
    console.log(`  ${name.padEnd(40)}${row.map((figure) => figure.toFixed(1).padStart(10)).join("")}`);
  }
  for (const [name, reason] of failures) {
    console.log(`  ${name.padEnd(40)} failed: ${reason}`);
  }
  for (const { ours, other, atLeast } of scenario.goals) {
    const [our, their] = [medians.get(ours.name), medians.get(other.name)];
    if (our !== undefined && their !== undefined) {
      const ratio = our / their;
      const verdict = ratio >= atLeast ? "reached" : "not reached";
      console.log(
        `  ${`${ours.name} : ${other.name}`.padEnd(40)}${ratio.toFixed(2).padStart(10)}  goal ${atLeast}, ${verdict}`,
      );
    }
  }
}

const folder = await Deno.makeTempDir({ prefix: "edgewire-bench-" });
try {
  const scenarios = await makeScenarios(folder, seconds);
  const keys = new Set(scenarios.map(({ key }) => key));
  const unknown = only?.find((key) => !keys.has(key));
  if (unknown !== undefined) {
    throw new Error(`There is no scenario "${unknown}", but ${[...keys].join(", ")}`);
  }
  const [, model] = /model name\s*:\s*(.*)/.exec(await Deno.readTextFile("/proc/cpuinfo")) ?? [];
  console.log(
    `${model}, ${navigator.hardwareConcurrency} cores, Deno ${Deno.version.deno}; ${rounds} rounds of ${seconds} s`,
  );
  for (const scenario of scenarios.filter(({ key }) => only?.includes(key) ?? true)) {
    print(scenario, await measure(scenario));
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
