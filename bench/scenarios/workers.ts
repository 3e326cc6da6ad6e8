/** What `--workers` costs and gives. */
import { create, toBinary } from "@bufbuild/protobuf";
import { HelloReplySchema, HelloRequestSchema } from "../../gen/hello_pb.ts";
import { grpcCheck } from "../load/checks.ts";
import { type Http2Load, measureHttp2 } from "../load/h2load.ts";
import { envelope } from "../load/messages.ts";
import { ourWorkers } from "../peers.ts";
import { type Scenario, serverFigures, serverMetrics, type Setting } from "../scenario.ts";

/** Enough for the system to spread them evenly. */
const CONNECTIONS = 64;

/**
 * One server on as many threads as it is told to, on all cores. Whoever calls it has one of them, too: on a machine of two cores what says something is
 * CPU, that is, whether a call costs more when there are several threads, and not how many there are in a second.
 */
export async function workerScenarios(setting: Setting): Promise<readonly Scenario[]> {
  const body = `${setting.folder}/workers.bin`;
  await Deno.writeFile(body, envelope(toBinary(HelloRequestSchema, create(HelloRequestSchema, { name: "World" }))));
  const answer = envelope(toBinary(HelloReplySchema, create(HelloReplySchema, { message: "Hello, World!" })));
  const cores = navigator.hardwareConcurrency;
  const load: Http2Load = {
    path: "/Greeter/SayHello",
    body,
    connections: CONNECTIONS,
    streams: 8,
    answerBytes: answer.length,
    cores: `0-${cores - 1}`,
    check: grpcCheck("SayHello"),
  };
  return [{
    key: "workers",
    title: `Unary gRPC on several threads, ${cores} cores, ${CONNECTIONS} x ${load.streams}`,
    metrics: serverMetrics("calls"),
    peers: [...new Set([1, 2, 4, cores])].filter((count) => count <= cores).map(ourWorkers),
    goals: [],
    measure: async (peer) => serverFigures(await measureHttp2(peer, load, setting)),
  }];
}
