/** What is measured, who takes part, and how far ahead we want to be. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { SayManyRequestSchema } from "../../gen/edgewire/bench/v1/streams_pb.ts";
import { HelloReplySchema, HelloRequestSchema } from "../../gen/hello_pb.ts";
import { denoRun, ROOT } from "../side_by_side.ts";
import { type Http2Load, measureClient, measureHttp1, measureHttp2, type Sample } from "./measure.ts";
import {
  CONNECT_GO,
  CONNECT_GO_CLIENT,
  CONNECT_NODE,
  GRPC_GO,
  GRPC_JS,
  GRPC_JS_CLIENT,
  type Peer,
  TONIC,
} from "./peers.ts";

/** So many answers has a stream. */
const STREAM_MESSAGES = 1000;

/** One thing that all peers are measured at. */
export interface Scenario {
  /** What `--only` calls it. Several may have the same name. */
  readonly key: string;
  readonly title: string;
  /** What is counted, in thousands. */
  readonly unit: string;
  readonly peers: readonly Peer[];
  readonly goals: readonly Goal[];
  measure(peer: Peer): Promise<Sample>;
}

/** That one of ours does at least so many times as much for each second of CPU as another. */
export interface Goal {
  readonly ours: Peer;
  readonly other: Peer;
  readonly atLeast: number;
}

/** A program of ours in this folder. */
function ourPeer(name: string, file: string, ...args: readonly string[]): Peer {
  return {
    name,
    build: () => Promise.resolve([...denoRun, "--config", `${ROOT}deno.json`, `${ROOT}bench/rpc/${file}`, ...args]),
  };
}

const OURS = ourPeer("edgewire", "edgewire_server.ts");
const OUR_WRITE = ourPeer("edgewire, write()", "edgewire_server.ts", "--write");
const OUR_FETCH = ourPeer("edgewire, fetch", "edgewire_fetch.ts");
const BY_HAND = ourPeer("by hand", "fetch_by_hand.ts");
const OUR_CLIENT = ourPeer("edgewire", "edgewire_client.ts");

/** Each goal as the peer and how many times as much. */
function goals(ours: Peer, ...all: readonly (readonly [Peer, number])[]): readonly Goal[] {
  return all.map(([other, atLeast]) => ({ ours, other, atLeast }));
}

/** A message of gRPC, neither compressed nor the last. */
function envelope(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const octets = new Uint8Array(5 + message.length);
  new DataView(octets.buffer).setUint32(1, message.length);
  octets.set(message, 5);
  return octets;
}

/** The octets of a gRPC message with `Hello, World!` in its field 1. */
const GREETING_BYTES =
  envelope(toBinary(HelloReplySchema, create(HelloReplySchema, { message: "Hello, World!" }))).length;

async function checkConnect(port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/Greeter/SayHello`, {
    method: "POST",
    headers: { "content-type": "application/proto", "connect-protocol-version": "1" },
    body: Uint8Array.from(toBinary(HelloRequestSchema, create(HelloRequestSchema, { name: "World" }))),
  });
  const body = await response.bytes();
  if (response.status !== 200 || fromBinary(HelloReplySchema, body).message !== "Hello, World!") {
    throw new Error(`Wrong answer: ${response.status} ${new TextDecoder().decode(body)}`);
  }
}

/**
 * All scenarios.
 *
 * @param folder Where files for those who load servers are written.
 * @param seconds How long each measurement takes, about.
 */
export async function makeScenarios(folder: string, seconds: number): Promise<readonly Scenario[]> {
  const hello = `${folder}/hello.bin`;
  await Deno.writeFile(hello, envelope(toBinary(HelloRequestSchema, create(HelloRequestSchema, { name: "World" }))));
  const many = `${folder}/many.bin`;
  const request = create(SayManyRequestSchema, { name: "World", count: STREAM_MESSAGES });
  await Deno.writeFile(many, envelope(toBinary(SayManyRequestSchema, request)));
  const script = `${folder}/post.lua`;
  await Deno.writeTextFile(
    script,
    `wrk.method = "POST"
wrk.body = "\\10\\10aaaaaaaaaa"
wrk.headers["Content-Type"] = "application/proto"
wrk.headers["Connect-Protocol-Version"] = "1"
`,
  );

  const unary = (connections: number, streams: number): Scenario => {
    const load: Http2Load = {
      path: "/Greeter/SayHello",
      body: hello,
      connections,
      streams,
      answerBytes: GREETING_BYTES,
    };
    return {
      key: "unary",
      title: `Unary gRPC, HTTP/2 without TLS, ${connections} connections x ${streams} calls`,
      unit: "calls",
      peers: [OURS, TONIC, GRPC_GO, GRPC_JS, CONNECT_NODE],
      goals: goals(OURS, [TONIC, 1.5], [GRPC_GO, 3], [GRPC_JS, 12], [CONNECT_NODE, 80]),
      measure: (peer) => measureHttp2(peer, load, seconds),
    };
  };
  const http1 = { path: "/Greeter/SayHello", script, check: checkConnect };
  const stream: Http2Load = {
    path: "/edgewire.bench.v1.Streams/SayMany",
    body: many,
    connections: 8,
    streams: 4,
    answerBytes: STREAM_MESSAGES * GREETING_BYTES,
  };
  return [
    unary(8, 32),
    unary(50, 20),
    {
      key: "http1",
      title: "Unary Connect, binary, HTTP/1.1, 32 connections",
      unit: "calls",
      peers: [OURS, CONNECT_GO],
      goals: goals(OURS, [CONNECT_GO, 1.3]),
      measure: (peer) => measureHttp1(peer, http1, seconds),
    },
    {
      key: "fetch",
      title: "Fetch handler on Deno.serve: unary Connect, binary, HTTP/1.1, 32 connections",
      unit: "calls",
      peers: [OUR_FETCH, BY_HAND],
      goals: goals(OUR_FETCH, [BY_HAND, 0.8]),
      measure: (peer) => measureHttp1(peer, http1, seconds),
    },
    {
      key: "client",
      title: "Client: unary gRPC to tonic, one connection x 32 calls",
      unit: "calls",
      peers: [OUR_CLIENT, CONNECT_GO_CLIENT, GRPC_JS_CLIENT],
      goals: goals(OUR_CLIENT, [CONNECT_GO_CLIENT, 1], [GRPC_JS_CLIENT, 4]),
      measure: (peer) => measureClient(peer, TONIC, 32, seconds),
    },
    {
      key: "stream",
      title: `Server streams of ${STREAM_MESSAGES} messages, gRPC, HTTP/2 without TLS, 8 connections x 4 calls`,
      unit: "messages",
      peers: [OUR_WRITE, OURS, TONIC, GRPC_GO, GRPC_JS],
      goals: [...goals(OUR_WRITE, [TONIC, 0.8], [GRPC_GO, 2]), ...goals(OURS, [GRPC_JS, 6])],
      measure: async (peer) => {
        const { count, ...times } = await measureHttp2(peer, stream, seconds);
        return { count: count * STREAM_MESSAGES, ...times };
      },
    },
  ];
}
