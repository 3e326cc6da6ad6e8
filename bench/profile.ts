/** Profiles programs of ours while they are under the load of a scenario. What else a scenario finds out is of no use then, and is dropped. */
import { type Peer, PROFILED } from "./peers.ts";
import { ROOT } from "./processes.ts";
import { formatSelfTimes, type Profile, selfTimes } from "./report/self_times.ts";
import type { Scenario } from "./scenario.ts";

/** So many functions are shown. */
const SHOWN = 10;

/** Those peers of a scenario that can be profiled: ours that it runs on Deno. */
export function profiledPeers({ peers, hasProfile = true }: Scenario): readonly Peer[] {
  return hasProfile ? peers.filter((peer) => PROFILED.includes(peer)) : [];
}

/** Writes the profile of a peer into a folder. @returns The functions that took most, for a terminal. */
export async function profilePeer(scenario: Scenario, peer: Peer, folder: string): Promise<string> {
  const path = `${folder}/${slug(scenario.title)}-${slug(peer.name)}.cpuprofile`;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.remove(path).catch(() => {}); // There may be one of another run.
  await scenario.measure({ name: peer.name, build: async () => withProfiler(await peer.build(), path) });
  const profile: Profile = JSON.parse(await Deno.readTextFile(path));
  const times = selfTimes(profile, `file://${ROOT}`).slice(0, SHOWN);
  const lines = [`${scenario.title}: ${peer.name}`, formatSelfTimes(times), `  ${path}`];
  return [...lines, ...profile.hasPrecedence ? [] : ["  overrates waiting, since it was not run by root"]].join("\n");
}

/** The command of a program of Deno's, with the profiler. @param path Of the file that is written. */
function withProfiler([deno, run, ...args]: readonly string[], path: string): readonly string[] {
  const profiler = ["--inspect=127.0.0.1:0", `--preload=${ROOT}bench/peers/deno/profiler.ts`];
  return ["env", `PROFILE_PATH=${path}`, deno!, run!, ...profiler, ...args];
}

function slug(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
}
