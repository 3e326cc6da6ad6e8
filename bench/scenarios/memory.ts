/** What connections that have said hello, and nothing else, cost a server. */
import { startProgram } from "../../tests/support/program.ts";
import { GRPC_GO, IDLE_CLIENT, OURS, type Peer, TONIC } from "../peers.ts";
import { residentMiB, startPeer } from "../processes.ts";
import { goals, type Scenario } from "../scenario.ts";

/** So many come first: what a server makes once is not what a connection costs. */
const WARM_UP_CONNECTIONS = 200;

/** Ours takes no more than 10,000 at a time by default. */
const MOST_CONNECTIONS = 10_000 - WARM_UP_CONNECTIONS;

/** All scenarios of memory. */
export function memoryScenarios(): readonly Scenario[] {
  return [1000, MOST_CONNECTIONS].map((connections) => ({
    key: "memory",
    title: `${connections.toLocaleString("en")} idle connections`,
    metrics: [{ name: "KiB resident for each", better: "less" }, { name: "MiB resident in all", better: "less" }],
    peers: [OURS, TONIC, GRPC_GO],
    goals: goals(OURS, [[GRPC_GO, 1]]),
    isQuick: connections === 1000,
    hasProfile: false,
    measure: (peer) => measureConnections(peer, connections),
  }));
}

async function measureConnections(peer: Peer, count: number): Promise<readonly number[]> {
  await using server = await startPeer(await peer.build());
  const hold = async (connections: number) => {
    const client = [...await IDLE_CLIENT.build(), `${connections}`, `${server.port}`];
    return await startProgram("taskset", ["-c", "1", ...client], /held/);
  };
  await using _warmUp = await hold(WARM_UP_CONNECTIONS);
  const before = residentMiB(server.pid);
  await using _connections = await hold(count);
  const after = residentMiB(server.pid);
  return [(after - before) * 1024 / count, after];
}
