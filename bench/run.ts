/** Measures scenarios, each round with all peers, so that what else the machine does hits all of them. */
import { figuresOf, type GoalResult, median, type PeerResult, type ScenarioResult } from "./report/results.ts";
import type { Peer } from "./peers.ts";
import type { Scenario } from "./scenario.ts";

/** How scenarios are measured. */
export interface RunOptions {
  readonly rounds: number;
  /** Is told before each measurement, as in `unary 8 x 32, round 1 of 3: tonic`. */
  onProgress(text: string): void;
}

/** Measures some peers of a scenario. One that fails is left out from then on, and the others go on. */
export async function runScenario(
  scenario: Scenario,
  peers: readonly Peer[],
  { rounds, onProgress }: RunOptions,
): Promise<ScenarioResult> {
  const figures = new Map<Peer, (readonly number[])[]>(peers.map((peer) => [peer, []]));
  const failures = new Map<Peer, string>();
  for (let round = 1; round <= rounds; round++) {
    for (const peer of peers.filter((peer) => !failures.has(peer))) {
      onProgress(`${scenario.title}, round ${round} of ${rounds}: ${peer.name}`);
      try {
        figures.get(peer)!.push(await scenario.measure(peer));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        onProgress(`${peer.name} failed: ${reason}`);
        failures.set(peer, shorten(reason));
      }
    }
  }
  const results = peers.map((peer): PeerResult => {
    const failure = failures.get(peer);
    return { name: peer.name, rounds: figures.get(peer)!, ...failure === undefined ? {} : { failure } };
  });
  const { key, title, metrics } = scenario;
  return { key, title, metrics, peers: results, goals: goalResults(scenario, results) };
}

/** The first line of an error; of a program that failed what it said was wrong, if that can be found. */
function shorten(reason: string): string {
  const [first = "", ...output] = reason.split("\n");
  const said = /(ended with \d+|within \d+ ms):$/.test(first)
    ? output.find((line) => /error|cannot|panic/i.test(line))
    : undefined;
  return (said ?? first).trim();
}

/** Those goals whose both sides were measured to the end. */
function goalResults({ goals, metrics }: Scenario, results: readonly PeerResult[]): readonly GoalResult[] {
  const measured = (peer: Peer) =>
    results.find(({ name, rounds, failure }) => name === peer.name && rounds.length > 0 && failure === undefined);
  return goals.flatMap(({ ours, other, metric, atLeast }) => {
    const [our, their] = [measured(ours), measured(other)];
    if (our === undefined || their === undefined) {
      return [];
    }
    const ratio = median(figuresOf(our, metric)) / median(figuresOf(their, metric));
    const better = metrics[metric]!.better === "more" ? ratio : 1 / ratio;
    return [{ ours: ours.name, other: other.name, metric, atLeast, ratio: better }];
  });
}
