/** Unary calls of Connect and gRPC-Web, and the fetch handler. */
import { create, toBinary } from "@bufbuild/protobuf";
import { HelloReplySchema, HelloRequestSchema } from "../../gen/hello_pb.ts";
import { connectCheck } from "../load/checks.ts";
import { measureHttp2 } from "../load/h2load.ts";
import { envelope } from "../load/messages.ts";
import { type Http1Load, measureHttp1, postScript } from "../load/wrk.ts";
import {
  CONNECT_ES,
  CONNECT_ES_BUN,
  CONNECT_ES_WORKERD,
  CONNECT_GO,
  CONNECT_NODE_HTTP1,
  CONNECT_NODE_HTTP2,
  FETCH_BY_HAND,
  FETCH_BY_HAND_BUN,
  OUR_FETCH,
  OUR_FETCH_BUN,
  OUR_FETCH_WORKERD,
  OURS,
  type Peer,
  TONIC_WEB,
} from "../peers.ts";
import { type Goal, goals, type Scenario, serverFigures, serverMetrics, type Setting } from "../scenario.ts";

const PATH = "/Greeter/SayHello";

/** All scenarios of unary calls by Connect and gRPC-Web. */
export async function httpScenarios(setting: Setting): Promise<readonly Scenario[]> {
  const { folder } = setting;
  const binaryRequest = toBinary(HelloRequestSchema, create(HelloRequestSchema, { name: "World" }));
  const binaryReply = toBinary(HelloReplySchema, create(HelloReplySchema, { message: "Hello, World!" }));
  const jsonRequest = new TextEncoder().encode('{"name":"World"}');
  const jsonReply = '{"message":"Hello, World!"}';

  const http1Load = async (contentType: string, body: Uint8Array, check: Http1Load["check"]): Promise<Http1Load> => {
    const script = `${folder}/${contentType.replaceAll(/[/+]/g, "-")}.lua`;
    const version = contentType.includes("grpc") ? {} : { "Connect-Protocol-Version": "1" };
    await Deno.writeTextFile(script, postScript(body, { "Content-Type": contentType, ...version }));
    return { path: PATH, script, check };
  };
  const binary = await http1Load("application/proto", binaryRequest, connectCheck("connect", "binary", "1.1"));
  const json = await http1Load("application/json", jsonRequest, connectCheck("connect", "json", "1.1"));
  const webCheck = connectCheck("grpc-web", "binary", "1.1");
  const web = await http1Load("application/grpc-web+proto", envelope(binaryRequest), webCheck);

  const http1 = (
    key: string,
    what: string,
    loadOf: (peer: Peer) => Http1Load,
    peers: readonly Peer[],
    goals: readonly Goal[],
    isQuick = false,
  ): Scenario => ({
    key,
    title: `${what}, HTTP/1.1, 32 connections`,
    metrics: serverMetrics("calls"),
    peers,
    goals,
    isQuick,
    measure: async (peer) => serverFigures(await measureHttp1(peer, loadOf(peer), setting)),
  });
  const http2 = async (
    format: "binary" | "json",
    contentType: string,
    request: Uint8Array,
    answerBytes: (peer: Peer) => number | undefined,
  ): Promise<Scenario> => {
    const body = `${folder}/connect-${format}.bin`;
    await Deno.writeFile(body, request);
    const headers = [`content-type: ${contentType}`, "connect-protocol-version: 1"];
    const check = connectCheck("connect", format, "2");
    const load = { path: PATH, body, connections: 8, streams: 32, headers, check };
    return {
      key: "connect",
      title: `Connect, ${format}, HTTP/2, 8 x 32`,
      metrics: serverMetrics("calls"),
      peers: [OURS, CONNECT_GO, CONNECT_NODE_HTTP2],
      goals: [],
      measure: async (peer) =>
        serverFigures(await measureHttp2(peer, { ...load, answerBytes: answerBytes(peer) }, setting)),
    };
  };
  return [
    http1(
      "connect",
      "Connect, binary",
      // tonic has no Connect: gRPC-Web is what comes nearest.
      (peer) => peer === TONIC_WEB ? web : binary,
      [OURS, CONNECT_GO, CONNECT_NODE_HTTP1, TONIC_WEB],
      goals(OURS, [[CONNECT_GO, 1.5], [CONNECT_NODE_HTTP1, 10], [TONIC_WEB, 1]]),
      true,
    ),
    http1("connect", "Connect, json", () => json, [OURS, CONNECT_GO, CONNECT_NODE_HTTP1], []),
    await http2("binary", "application/proto", binaryRequest, () => binaryReply.length),
    // Where spaces are in Go's JSON is another matter in each build.
    await http2("json", "application/json", jsonRequest, (peer) => peer === CONNECT_GO ? undefined : jsonReply.length),
    http1("grpc-web", "gRPC-Web", () => web, [OURS, TONIC_WEB, CONNECT_GO, CONNECT_NODE_HTTP1], []),
    http1(
      "fetch",
      "Fetch handler on Deno.serve, workerd and Bun: Connect, binary",
      () => binary,
      [
        OUR_FETCH,
        FETCH_BY_HAND,
        CONNECT_ES,
        OUR_FETCH_WORKERD,
        CONNECT_ES_WORKERD,
        OUR_FETCH_BUN,
        FETCH_BY_HAND_BUN,
        CONNECT_ES_BUN,
      ],
      goals(OUR_FETCH, [[FETCH_BY_HAND, 0.85], [CONNECT_ES, 8]]),
      true,
    ),
  ];
}
