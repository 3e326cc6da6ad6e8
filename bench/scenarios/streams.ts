/** Streams of small messages, by gRPC over HTTP/2: from the server, from the client, and to and fro. */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  CountRequestSchema,
  CountResponseSchema,
  SayManyRequestSchema,
  SayManyResponseSchema,
} from "../gen/edgewire/bench/v1/streams_pb.ts";
import { grpcCheck } from "../load/checks.ts";
import { type Http2Load, measureHttp2 } from "../load/h2load.ts";
import { envelope } from "../load/messages.ts";
import { GRPC_GO, GRPC_JS, GRPCIO, LOAD, OUR_READ, OUR_WRITE, OURS, type Peer, TONIC } from "../peers.ts";
import { cpuSeconds, numberIn, residentMiB, runOnCore1, startPeer } from "../processes.ts";
import {
  type Goal,
  goals,
  type Scenario,
  serverFigures,
  serverMetrics,
  type ServerWork,
  type Setting,
  type Work,
} from "../scenario.ts";

/** So many messages has a stream in one direction. */
const MESSAGES = 1000;

const SHAPE = { connections: 8, streams: 4 };

/** So many messages each stream has at first, to find out how fast they are answered. */
const FIRST_MESSAGES = 500;

/** All scenarios of streams. */
export async function streamScenarios(setting: Setting): Promise<readonly Scenario[]> {
  const { folder } = setting;
  const many = `${folder}/many.bin`;
  const request = create(SayManyRequestSchema, { name: "World", count: MESSAGES });
  await Deno.writeFile(many, envelope(toBinary(SayManyRequestSchema, request)));
  const greeting = create(SayManyResponseSchema, { message: "Hello, World!" });
  const greetingBytes = envelope(toBinary(SayManyResponseSchema, greeting)).length;

  const count = `${folder}/count.bin`;
  const message = envelope(toBinary(CountRequestSchema, create(CountRequestSchema, { name: "World" })));
  await Deno.writeFile(count, new Blob(Array.from({ length: MESSAGES }, () => message)).stream());
  const counted = envelope(toBinary(CountResponseSchema, create(CountResponseSchema, { count: MESSAGES })));

  const scenario = (
    key: string,
    what: string,
    method: string,
    load: Pick<Http2Load, "body" | "answerBytes">,
    peers: readonly Peer[],
    goals: readonly Goal[],
  ): Scenario => ({
    key,
    title: `${what} of ${MESSAGES} messages, ${SHAPE.connections} x ${SHAPE.streams}`,
    metrics: serverMetrics("messages"),
    peers,
    goals,
    isQuick: true,
    async measure(peer) {
      const path = `/edgewire.bench.v1.Streams/${method}`;
      const work = await measureHttp2(peer, { ...SHAPE, ...load, path, check: grpcCheck(method) }, setting);
      return serverFigures({ ...work, count: work.count * MESSAGES });
    },
  });
  const ahead = (ours: Peer) => goals(ours, [[TONIC, 0.8], [GRPC_GO, 2]]);
  return [
    scenario(
      "server-stream",
      "Server streams",
      "SayMany",
      { body: many, answerBytes: MESSAGES * greetingBytes },
      [OUR_WRITE, OURS, TONIC, GRPC_GO, GRPC_JS, GRPCIO],
      [...ahead(OUR_WRITE), ...goals(OURS, [[GRPC_JS, 6]])],
    ),
    scenario(
      "client-stream",
      "Client streams",
      "Count",
      { body: count, answerBytes: counted.length },
      [OUR_READ, OURS, TONIC, GRPC_GO, GRPC_JS, GRPCIO],
      [...ahead(OUR_READ), ...goals(OURS, [[GRPC_GO, 2], [GRPC_JS, 6]])],
    ),
    {
      key: "bidi",
      title: `Messages to and fro, one at a time, ${SHAPE.connections} x ${SHAPE.streams}`,
      metrics: serverMetrics("messages"),
      peers: [OURS, TONIC, GRPC_GO, GRPC_JS],
      goals: ahead(OURS),
      measure: async (peer) => serverFigures(await measurePingPong(peer, setting)),
    },
  ];
}

async function measurePingPong(peer: Peer, { seconds, warmUpSeconds }: Setting): Promise<ServerWork> {
  const { connections, streams } = SHAPE;
  await using server = await startPeer(await peer.build());
  await grpcCheck("PingPong")(server.port);
  const play = async (messages: number): Promise<Work> => {
    const before = cpuSeconds(server.pid);
    const numbers = [server.port, connections, streams, messages].map(String);
    const output = await runOnCore1([...await LOAD.build(), "ping-pong", ...numbers]);
    return {
      count: numberIn(output, /(\d+) messages/),
      cpuSeconds: cpuSeconds(server.pid) - before,
      seconds: numberIn(output, /(\d+) ms/) / 1000,
    };
  };
  const messagesIn = (time: number, work: Work) =>
    Math.max(Math.round(work.count / work.seconds * time / connections / streams), FIRST_MESSAGES);
  const first = await play(FIRST_MESSAGES);
  const warm = await play(messagesIn(warmUpSeconds, first));
  return { ...await play(messagesIn(seconds, warm)), residentMiB: residentMiB(server.pid) };
}
