/**
 * Measures Edgewire side by side with its peers: one program on core 0, who calls it on core 1, and what came of each second of CPU that
 * the measured one used.
 *
 * `deno task bench [--quick] [--only unary,tls] [--peers tonic,grpc-go] [--rounds 3] [--seconds 3] [--save] [--profile] [--list]`
 *
 * The peers are built at the first run (`builds.ts`), which wants cargo, go, node and npm, and takes minutes. One that cannot be built or
 * measured is reported, and the others go on. `--only` takes keys of scenarios, `--peers` beginnings of names; ours always takes part.
 * `--quick` takes less than three minutes, once the peers are built: one round of a second, the scenarios that say most, and the peers that come nearest.
 *
 * Results and charts go to `.cache/bench/`, or with `--save` to `bench/results/`, from where README shows them. Figures are to be compared
 * within one run, on a machine that does nothing else.
 *
 * `--profile` measures nothing: it has V8's profiler in our programs while they are under load, prints the functions in which they spent most time
 * themselves, and writes the whole profiles to `.cache/bench/profiles/`, which Chrome's DevTools and speedscope show as flame charts.
 */
import { parseArgs } from "node:util";
import { makeCertificate } from "../tests/support/certificate.ts";
import type { Peer } from "./peers.ts";
import { ROOT } from "./processes.ts";
import { profiledPeers, profilePeer } from "./profile.ts";
import { drawCharts } from "./report/charts.ts";
import {
  describeCommit,
  describeMachine,
  describeVersions,
  type Results,
  type ScenarioResult,
  watchNoise,
} from "./report/results.ts";
import { formatScenario, formatSetting } from "./report/table.ts";
import { runScenario } from "./run.ts";
import type { Scenario } from "./scenario.ts";
import { makeScenarios } from "./scenarios/mod.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    peers: { type: "string" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    save: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
  },
});
const { quick } = values;
for (const flag of ["save", "peers", "rounds"] as const) {
  if (values.profile && values[flag]) {
    throw new Error(`--profile: cannot be combined with --${flag}, since it measures nothing`);
  }
}
const rounds = wholeNumber("--rounds", values.rounds ?? (quick ? "1" : "3"));
const seconds = wholeNumber("--seconds", values.seconds ?? (quick ? "1" : "3"));
const peers = values.peers ?? (quick ? "tonic,grpc-go,connect-go,connect-es,by hand" : "");
const beginnings = ["edgewire", ...peers.split(",")];

function wholeNumber(flag: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) {
    throw new Error(`${flag}: ${text} is not a whole number from 1`);
  }
  return Number(text);
}

/** A scenario, and those of its peers that take part. */
interface Chosen {
  readonly scenario: Scenario;
  readonly taking: readonly Peer[];
}

const startMs = performance.now();

/** Says what comes next. @param position As in `1/13`. */
function say(position: string, text: string): void {
  console.error(`[${position}, ${((performance.now() - startMs) / 60_000).toFixed(1)} min] ${text}`);
}

async function profile(chosen: readonly Chosen[]): Promise<void> {
  for (const [index, { scenario, taking }] of chosen.entries()) {
    const position = `${index + 1}/${chosen.length}`;
    for (const peer of taking) {
      say(position, `${scenario.title}: profile of ${peer.name}`);
      try {
        console.log(`\n${await profilePeer(scenario, peer, `${ROOT}.cache/bench/profiles`)}\n`);
      } catch (error) {
        say(position, `${peer.name} failed: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
}

async function measure(chosen: readonly Chosen[]): Promise<void> {
  const commit = await describeCommit();
  const noise = watchNoise();
  const scenarios: ScenarioResult[] = [];
  for (const [index, { scenario, taking }] of chosen.entries()) {
    const onProgress = (text: string) => say(`${index + 1}/${chosen.length}`, text);
    const result = await runScenario(scenario, taking, { rounds, onProgress });
    console.log(`\n${formatScenario(result)}\n`);
    scenarios.push(result);
  }
  const results: Results = {
    date: new Date().toISOString(),
    commit,
    machine: describeMachine(),
    versions: await describeVersions(),
    rounds,
    seconds,
    noise: noise(),
    scenarios,
  };
  const out = `${ROOT}${values.save ? "bench/results" : ".cache/bench"}`;
  await Deno.mkdir(out, { recursive: true });
  await Deno.writeTextFile(`${out}/latest.json`, `${JSON.stringify(results, undefined, 2)}\n`);
  const charts = drawCharts(results);
  for (const [name, svg] of charts) {
    await Deno.writeTextFile(`${out}/${name}`, svg);
  }
  console.log(formatSetting(results));
  console.log(`${out}: latest.json, ${[...charts.keys()].join(", ")}`);
}

const folder = await Deno.makeTempDir({ prefix: "edgewire-bench-" });
try {
  await using certificate = await makeCertificate();
  const { certPath, keyPath } = certificate;
  const all = await makeScenarios({ folder, seconds, warmUpSeconds: Math.min(seconds, 2), certPath, keyPath });
  const keys = new Set(all.map(({ key }) => key));
  const only = values.only?.split(",");
  const unknown = only?.find((key) => !keys.has(key));
  if (unknown !== undefined) {
    throw new Error(`There is no scenario "${unknown}", but ${[...keys].join(", ")}`);
  }
  const isTaking = ({ name }: Peer) => beginnings.some((beginning) => name.startsWith(beginning));
  const chosen = all.filter(({ key, isQuick }) => only?.includes(key) ?? (!quick || isQuick)).map((scenario) => ({
    scenario,
    taking: values.profile ? profiledPeers(scenario) : scenario.peers.filter(isTaking),
  })).filter(({ taking }) => taking.length > 0);
  if (values.list) {
    for (const { scenario: { key, title }, taking } of chosen) {
      console.log(`${key.padEnd(16)}${title}: ${taking.map(({ name }) => name).join("; ")}`);
    }
  } else {
    await (values.profile ? profile(chosen) : measure(chosen));
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
