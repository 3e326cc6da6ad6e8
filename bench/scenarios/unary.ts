/** Unary calls of gRPC over HTTP/2: small messages, complex ones, with TLS, with deadlines; and how long they take. */
import { create, toBinary } from "@bufbuild/protobuf";
import { Color, EchoProfileRequestSchema } from "../gen/edgewire/bench/v1/profiles_pb.ts";
import { HelloReplySchema, HelloRequestSchema } from "../../gen/hello_pb.ts";
import { grpcCheck } from "../load/checks.ts";
import { GRPC_HEADERS, type Http2Load, type Http2Work, measureHttp2 } from "../load/h2load.ts";
import { envelope } from "../load/messages.ts";
import { CONNECT_NODE_HTTP2, GRPC_CPP, GRPC_GO, GRPC_JS, GRPCIO, LOAD, OURS, type Peer, TONIC } from "../peers.ts";
import { numberIn, runOnCore1, startPeer } from "../processes.ts";
import {
  type Goal,
  goals,
  type Metric,
  type Scenario,
  serverFigures,
  serverMetrics,
  type Setting,
} from "../scenario.ts";

/** The shape of grpc_bench's `complex_proto`, with other words. */
const PROFILE = {
  name: "Ada of Somewhere",
  weight: 61.25,
  height: 1.75,
  tame: true,
  count: 1234,
  serial: 123_456_789_012n,
  choice: { case: "word" as const, value: "chosen" },
  pets: [
    { name: "Rex", color: Color.BLACK },
    { name: "Tom", color: Color.WHITE },
    { name: "Polly", color: Color.UNSPECIFIED },
  ],
};

const LATENCY_METRICS: readonly Metric[] = [
  { name: "microseconds, p50", better: "less" },
  { name: "microseconds, p99", better: "less" },
];

function percentiles({ latencies }: Http2Work): readonly number[] {
  return [50, 99].map((percent) => latencies[Math.floor(latencies.length * percent / 100)]!);
}

/** All scenarios of unary calls. */
export async function unaryScenarios(setting: Setting): Promise<readonly Scenario[]> {
  const { folder, certPath } = setting;
  const hello = `${folder}/hello.bin`;
  await Deno.writeFile(hello, envelope(toBinary(HelloRequestSchema, create(HelloRequestSchema, { name: "World" }))));
  const answer = envelope(toBinary(HelloReplySchema, create(HelloReplySchema, { message: "Hello, World!" })));
  const profile = `${folder}/profile.bin`;
  const profileRequest = create(EchoProfileRequestSchema, { profile: PROFILE });
  const profileOctets = envelope(toBinary(EchoProfileRequestSchema, profileRequest));
  await Deno.writeFile(profile, profileOctets);

  const sayHello = (connections: number, streams: number): Http2Load => ({
    path: "/Greeter/SayHello",
    body: hello,
    connections,
    streams,
    answerBytes: answer.length,
    check: grpcCheck("SayHello"),
  });
  const scenario = (
    key: string,
    what: string,
    load: Http2Load,
    peers: readonly Peer[],
    goals: readonly Goal[],
    isQuick = false,
  ): Scenario => ({
    key,
    title: `${what}, ${load.connections} x ${load.streams}`,
    metrics: serverMetrics("calls"),
    peers,
    goals,
    isQuick,
    measure: async (peer) => serverFigures(await measureHttp2(peer, load, setting)),
  });
  const unary = "Unary gRPC";
  const all = [OURS, TONIC, GRPC_GO, GRPC_CPP, GRPC_JS, GRPCIO, CONNECT_NODE_HTTP2];
  const many = goals(OURS, [[TONIC, 4], [GRPC_GO, 8], [GRPC_JS, 30], [CONNECT_NODE_HTTP2, 180]]);
  const some = goals(OURS, [[TONIC, 3], [GRPC_GO, 5]]);
  const deadline = (connections: number, streams: number, isQuick: boolean): Scenario => {
    const load = { ...sayHello(connections, streams), headers: [...GRPC_HEADERS, "grpc-timeout: 5S"] };
    return scenario("deadline", `${unary} with a deadline`, load, [OURS, TONIC, GRPC_GO, GRPC_JS], some, isQuick);
  };
  const one = { ...sayHello(1, 1), withLatencies: true };
  const tls: Http2Load = { ...sayHello(8, 32), isTls: true, check: grpcCheck("SayHello", certPath) };
  const complex: Http2Load = {
    path: "/edgewire.bench.v1.Profiles/EchoProfile",
    body: profile,
    connections: 50,
    streams: 20,
    answerBytes: profileOctets.length,
    check: grpcCheck("EchoProfile"),
  };
  return [
    {
      key: "unary",
      title: `${unary}, 1 x 1`,
      metrics: [...LATENCY_METRICS, ...serverMetrics("calls")],
      peers: all,
      goals: [...goals(OURS, [[GRPC_GO, 1]], 0), ...goals(OURS, [[GRPC_GO, 1]], 1)],
      isQuick: true,
      async measure(peer) {
        const work = await measureHttp2(peer, one, setting);
        return [...percentiles(work), ...serverFigures(work)];
      },
    },
    scenario("unary", unary, sayHello(1, 32), all, goals(OURS, [[TONIC, 3]])),
    scenario("unary", unary, sayHello(8, 32), all, many, true),
    scenario("unary", unary, sayHello(50, 20), all, many),
    scenario("tls", `${unary} with TLS`, tls, [OURS, TONIC, GRPC_GO, GRPC_JS], some, true),
    scenario(
      "complex",
      `${unary}, complex message`,
      complex,
      [OURS, TONIC, GRPC_GO, GRPC_CPP, GRPC_JS, GRPCIO],
      some,
      true,
    ),
    deadline(8, 32, true),
    deadline(50, 20, false),
    latencyScenario(sayHello(8, 32), setting),
  ];
}

/** How long calls take that come at fixed times, half as many as grpc-go can answer: the same for all, though others can do more. */
function latencyScenario(load: Http2Load, setting: Setting): Scenario {
  const { connections } = load;
  let rate: Promise<number> | undefined;
  const halfOfGrpcGo = async () => {
    const { count, seconds } = await measureHttp2(GRPC_GO, load, setting);
    return Math.max(Math.floor(count / seconds / 2000), 1) * 1000;
  };
  return {
    key: "latency",
    title: `Unary gRPC at half of grpc-go's rate, ${connections} connections`,
    metrics: [...LATENCY_METRICS, { name: "thousand calls a second", better: "more" }],
    peers: [OURS, TONIC, GRPC_GO],
    goals: [...goals(OURS, [[GRPC_GO, 1]], 0), ...goals(OURS, [[GRPC_GO, 1]], 1)],
    isQuick: true,
    async measure(peer) {
      const calls = await (rate ??= halfOfGrpcGo());
      await using server = await startPeer(await peer.build());
      const numbers = [server.port, connections, calls, setting.warmUpSeconds, setting.seconds].map(String);
      const output = await runOnCore1([...await LOAD.build(), "rate", ...numbers]);
      return [
        numberIn(output, /p50 (\d+) us/),
        numberIn(output, /p99 (\d+) us/),
        numberIn(output, /(\d+) calls/) / numberIn(output, /(\d+) ms/),
      ];
    },
  };
}
