/** Who speaks with whom. One who adds a client or a server adds a line to {@linkcode CLIENTS} or {@linkcode SERVERS}. */
import {
  buildCppProgram,
  buildGoProgram,
  buildNodeProgram,
  buildRustProgram,
  installTool,
  type NpmToolName,
} from "../../conformance/tools.ts";
import { type RunningProgram, startProgram } from "../../support/program.ts";
import type { RunningClient } from "./call.ts";
import type { SpecialCheck } from "./echo_checks.ts";
import { createGrpcurlCaller } from "./grpcurl_caller.ts";
import { startOurFetchClient, startOurHttp2Client } from "./our_clients.ts";
import { startProgramCaller } from "./program_caller.ts";
import type { ClientTask, ServerTask } from "./task.ts";
import type { Wire } from "./wire.ts";

interface Peer {
  /** As in a table. */
  readonly name: string;
  readonly isOurs: boolean;
  /** Whether it can go that way. */
  speaks(wire: Wire): boolean;
  /** What it cannot do on that way. */
  cannot?(wire: Wire): readonly SpecialCheck[];
}

/** A server of `echo.proto`. */
export interface ServerPeer extends Peer {
  /** Starts it. Its `ready` has the port. */
  start(task: ServerTask): Promise<RunningProgram>;
}

/** A client that can make calls. */
export interface ClientPeer extends Peer {
  start(task: ClientTask): Promise<RunningClient>;
}

const LISTENING = /listening on (\d+)\n/;

function isGrpc({ protocol }: Wire): boolean {
  return protocol === "grpc";
}

/** A program of Node's, which is bundled once. */
interface NodeProgram {
  readonly tool: NpmToolName;
  readonly source: string;
  built?: Promise<string>;
}

const GRPC_JS: NodeProgram = { tool: "grpc-js", source: "node/grpc_js.ts" };
const CONNECT_NODE: NodeProgram = { tool: "connect-node", source: "node/connect_node.ts" };

async function nodeCommand(
  program: NodeProgram,
  task: ServerTask | ClientTask,
): Promise<[node: string, args: string[]]> {
  program.built ??= buildNodeProgram(program.tool, new URL(program.source, import.meta.url).pathname);
  return [await installTool("node"), [await program.built, JSON.stringify(task)]];
}

async function startNodeServer(program: NodeProgram, task: ServerTask): Promise<RunningProgram> {
  return await startProgram(...await nodeCommand(program, task), LISTENING);
}

async function startNodeClient(program: NodeProgram, task: ClientTask): Promise<RunningClient> {
  return startProgramCaller(...await nodeCommand(program, task));
}

let connectGo: Promise<string> | undefined;

/** connect-go's program, which is built once. */
function buildConnectGo(): Promise<string> {
  const source = new URL("go/main.go", import.meta.url).pathname;
  return connectGo ??= buildGoProgram("interop-rpc", source, ["connectrpc.com/connect", "google.golang.org/protobuf"]);
}

let tonic: Promise<string> | undefined;

/** tonic's program, which is built once. */
function buildTonic(): Promise<string> {
  return tonic ??= buildRustProgram("tonic-peer", new URL("tonic/", import.meta.url).pathname);
}

let cpp: Promise<string> | undefined;

/** The program of Debian's gRPC, which is built once. */
function buildCpp(): Promise<string> {
  const folder = new URL(".", import.meta.url).pathname;
  return cpp ??= buildCppProgram(`${folder}cpp/echo_peer.cpp`, folder, ["echo.proto"]);
}

/** grpcio's program, for a Python that has it. */
async function grpcioCommand(task: ServerTask | ClientTask): Promise<[python: string, args: string[]]> {
  return [await installTool("grpcio"), [new URL("python/peer.py", import.meta.url).pathname, JSON.stringify(task)]];
}

const OUR_SERVER = new URL("our_server.ts", import.meta.url).pathname;

function startOurServer(task: ServerTask): Promise<RunningProgram> {
  const args = ["run", "--quiet", "--allow-net", "--allow-read", OUR_SERVER, JSON.stringify(task)];
  return startProgram(Deno.execPath(), args, LISTENING);
}

async function startGrpcurl(task: ClientTask): Promise<RunningClient> {
  const call = createGrpcurlCaller(await installTool("grpcurl"), task);
  return { call, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** Servers. */
export const SERVERS: readonly ServerPeer[] = [
  { name: "our server", isOurs: true, speaks: () => true, start: startOurServer },
  { name: "grpc-js server", isOurs: false, speaks: isGrpc, start: (task) => startNodeServer(GRPC_JS, task) },
  {
    name: "connect-node server",
    isOurs: false,
    speaks: () => true,
    // It answers with 505.
    cannot: ({ version }) => version === "1.1" ? ["bidi stream"] : [],
    start: (task) => startNodeServer(CONNECT_NODE, task),
  },
  {
    name: "connect-go server",
    isOurs: false,
    speaks: () => true,
    // It answers with 505.
    cannot: ({ version }) => version === "1.1" ? ["bidi stream"] : [],
    start: async (task) => startProgram(await buildConnectGo(), [JSON.stringify(task)], LISTENING),
  },
  {
    name: "grpcio server",
    isOurs: false,
    speaks: isGrpc,
    start: async (task) => startProgram(...await grpcioCommand(task), LISTENING),
  },
  {
    name: "tonic server",
    isOurs: false,
    speaks: isGrpc,
    start: async (task) => startProgram(await buildTonic(), [JSON.stringify(task)], LISTENING),
  },
  {
    name: "grpc C++ server",
    isOurs: false,
    speaks: isGrpc,
    start: async (task) => startProgram(await buildCpp(), [JSON.stringify(task)], LISTENING),
  },
];

/** Clients. */
export const CLIENTS: readonly ClientPeer[] = [
  { name: "our HTTP/2 client", isOurs: true, speaks: ({ version }) => version === "2", start: startOurHttp2Client },
  {
    name: "our fetch client",
    isOurs: true,
    speaks: (wire) => !isGrpc(wire),
    cannot: () => ["bidi stream in turns"],
    start: startOurFetchClient,
  },
  {
    name: "grpcurl",
    isOurs: false,
    speaks: isGrpc,
    // It is a program for each call, and says of none why it failed when it did not reach the server.
    cannot: () => ["bidi stream in turns", "50 at once", "our server goes away"],
    start: startGrpcurl,
  },
  { name: "grpc-js client", isOurs: false, speaks: isGrpc, start: (task) => startNodeClient(GRPC_JS, task) },
  {
    name: "connect-node client",
    isOurs: false,
    speaks: () => true,
    start: (task) => startNodeClient(CONNECT_NODE, task),
  },
  {
    name: "connect-go client",
    isOurs: false,
    speaks: () => true,
    // It has none over HTTP/1.1.
    cannot: ({ version }) => version === "1.1" ? ["bidi stream"] : [],
    start: async (task) => startProgramCaller(await buildConnectGo(), [JSON.stringify(task)]),
  },
  {
    name: "grpcio client",
    isOurs: false,
    speaks: isGrpc,
    start: async (task) => startProgramCaller(...await grpcioCommand(task)),
  },
  {
    name: "tonic client",
    isOurs: false,
    speaks: isGrpc,
    start: async (task) => startProgramCaller(await buildTonic(), [JSON.stringify(task)]),
  },
  {
    name: "grpc C++ client",
    isOurs: false,
    speaks: isGrpc,
    start: async (task) => startProgramCaller(await buildCpp(), [JSON.stringify(task)]),
  },
];
