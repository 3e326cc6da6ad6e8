/** Clients that make unary calls by gRPC on one connection, all to the same server. */
import {
  CONNECT_GO_CLIENT,
  CONNECT_NODE_CLIENT,
  GRPC_GO_CLIENT,
  GRPC_JS_CLIENT,
  OUR_CLIENT,
  type Peer,
  TONIC,
} from "../peers.ts";
import { numberIn, runOnCore1, startPeer } from "../processes.ts";
import { goals, rateMetrics, rates, type Scenario, type Setting, type Work } from "../scenario.ts";

/** All scenarios of clients. */
export function clientScenarios(setting: Setting): readonly Scenario[] {
  return [1, 32, 256].map((inFlight) => ({
    key: "client",
    title: `Client: unary gRPC to tonic, 1 x ${inFlight}`,
    metrics: rateMetrics("calls").toReversed(),
    peers: [OUR_CLIENT, GRPC_GO_CLIENT, CONNECT_GO_CLIENT, GRPC_JS_CLIENT, CONNECT_NODE_CLIENT],
    goals: goals(OUR_CLIENT, [[GRPC_GO_CLIENT, 1], [GRPC_JS_CLIENT, 7]]),
    isQuick: inFlight === 32,
    measure: async (peer) => rates(await measureClient(peer, inFlight, setting)).toReversed(),
  }));
}

/** A client checks the answers, and measures itself. */
async function measureClient(peer: Peer, inFlight: number, { warmUpSeconds, seconds }: Setting): Promise<Work> {
  const command = await peer.build();
  await using server = await startPeer(await TONIC.build());
  const output = await runOnCore1([...command, ...[server.port, inFlight, warmUpSeconds, seconds].map(String)]);
  return {
    count: numberIn(output, /(\d+) calls/),
    cpuSeconds: numberIn(output, /(\d+) cpu-ms/) / 1000,
    seconds: numberIn(output, / (\d+) ms/) / 1000,
  };
}
