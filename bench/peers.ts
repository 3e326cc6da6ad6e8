/** Who takes part: our programs, and small ones of ours on the libraries of others. Servers are given a port (for TLS also a certificate and its key), and say `ready`. */
import config from "../deno.json" with { type: "json" };
import workerd from "workerd";
import { installTool } from "../tests/conformance/tools.ts";
import {
  buildCpp,
  buildEdge,
  buildGo,
  buildNode,
  buildPython,
  buildTonic,
  DATA_FOLDER,
  PROTO_FOLDERS,
} from "./builds.ts";
import { DENO_RUN, ROOT } from "./processes.ts";

/** A program, and how to run it. */
export interface Peer {
  /** The library, and its version. */
  readonly name: string;
  /** Builds it, or does nothing if that is done. @returns The command that runs it, to which its arguments are added. */
  build(): Promise<readonly string[]>;
}

/** A program of `peers/deno`. */
function denoPeer(name: string, file: string, ...args: readonly string[]): Peer {
  return { name, build: () => Promise.resolve([...DENO_RUN, `${ROOT}bench/peers/deno/${file}`, ...args]) };
}

function goPeer(name: string, program: string, ...args: readonly string[]): Peer {
  return { name, build: async () => ["env", "GOMAXPROCS=1", `${await buildGo()}/${program}`, ...args] };
}

/** A program of `peers/node`, which gets the protos' folders by `PROTO_PATH`. */
function nodePeer(name: string, program: string, ...args: readonly string[]): Peer {
  const env = ["env", `PROTO_PATH=${PROTO_FOLDERS.join(":")}`];
  return { name, build: async () => [...env, "node", `${await buildNode()}/${program}`, ...args] };
}

function tonicPeer(name: string, program: string): Peer {
  return { name, build: async () => [`${await buildTonic()}/${program}`] };
}

/** What we have of an npm package, as in `connect-es 2.2.0`. */
function versioned(name: string, specifier: string): string {
  return `${name} ${specifier.split("@").at(-1)}`;
}

export const OURS: Peer = denoPeer("edgewire", "edgewire_server.ts");
/** Server streams by `write()` instead of an async generator. */
export const OUR_WRITE: Peer = denoPeer("edgewire, write()", "edgewire_server.ts", "--write");

/** Client streams by `read()` instead of `for await`. */
export const OUR_READ: Peer = denoPeer("edgewire, read()", "edgewire_server.ts", "--read");

/** `deno task serve`, whose Greeter is the benchmark's. */
export function ourWorkers(count: number): Peer {
  const args = ["--data-dir", DATA_FOLDER, "--workers", `${count}`, "--port"];
  const name = `edgewire, ${count} ${count === 1 ? "thread" : "threads"}`;
  return { name, build: () => Promise.resolve([...DENO_RUN, `${ROOT}server.ts`, ...args]) };
}

export const TONIC: Peer = tonicPeer("tonic 0.14.9", "bench-tonic");
export const TONIC_WEB: Peer = { ...TONIC, name: "tonic-web 0.14.9" };
export const GRPC_GO: Peer = goPeer("grpc-go 1.85.0", "grpc_go_server");
/** The Greeter only. */
export const CONNECT_GO: Peer = goPeer("connect-go 1.21.1", "connect_go_server");
export const GRPC_CPP: Peer = { name: "gRPC C++ (Debian's)", build: async () => [await buildCpp()] };
export const GRPC_JS: Peer = nodePeer(versioned("grpc-js", config.imports["@grpc/grpc-js"]), "grpc_js_server.mjs");
const CONNECT_NODE = versioned("connect-node", config.imports["@connectrpc/connect-node"]);
/** The Greeter only. */
export const CONNECT_NODE_HTTP1: Peer = nodePeer(CONNECT_NODE, "connect_node_server.mjs", "http1");
/** The Greeter only. */
export const CONNECT_NODE_HTTP2: Peer = nodePeer(CONNECT_NODE, "connect_node_server.mjs", "http2");
export const GRPCIO: Peer = {
  name: "grpcio 1.85.1",
  async build() {
    const { python, stubs } = await buildPython();
    return [python, `${ROOT}bench/peers/python/server.py`, stubs];
  },
};

/** Greeters as fetch handlers, by the name of their module in `peers/deno`. */
export const FETCH_MODULES = {
  edgewire: "edgewire_fetch",
  byHand: "fetch_by_hand",
  connectEs: "connect_es_fetch",
} as const;

export const OUR_FETCH: Peer = denoPeer("edgewire", "serve_fetch.ts", `./${FETCH_MODULES.edgewire}.ts`);
export const FETCH_BY_HAND: Peer = denoPeer("by hand", "serve_fetch.ts", `./${FETCH_MODULES.byHand}.ts`);
export const CONNECT_ES: Peer = denoPeer(
  versioned("connect-es", config.imports["@connectrpc/connect"]),
  "serve_fetch.ts",
  `./${FETCH_MODULES.connectEs}.ts`,
);

/** A fetch handler of `peers/deno` in workerd. */
function workerdPeer(name: string, module: string): Peer {
  const serve = 'exec "$0" serve --control-fd=1 --socket-addr="http=127.0.0.1:$2" "$1"';
  return { name, build: async () => ["sh", "-c", serve, workerd.default, (await buildEdge(module)).config] };
}

export const OUR_FETCH_WORKERD: Peer = workerdPeer("edgewire, workerd", FETCH_MODULES.edgewire);
export const CONNECT_ES_WORKERD: Peer = workerdPeer("connect-es, workerd", FETCH_MODULES.connectEs);

/** A fetch handler of `peers/deno` on Bun. */
function bunPeer(name: string, module: string): Peer {
  const program = `${ROOT}bench/peers/bun/serve_fetch.mjs`;
  return { name, build: async () => [await installTool("bun"), program, (await buildEdge(module)).module] };
}

export const OUR_FETCH_BUN: Peer = bunPeer("edgewire, Bun", FETCH_MODULES.edgewire);
export const FETCH_BY_HAND_BUN: Peer = bunPeer("by hand, Bun", FETCH_MODULES.byHand);
export const CONNECT_ES_BUN: Peer = bunPeer("connect-es, Bun", FETCH_MODULES.connectEs);

/** HTTP without RPC. */
export const OUR_ECHO: Peer = denoPeer("edgewire's engines", "echo_server.ts");
export const NODE_HTTP2: Peer = nodePeer("node:http2", "http2_echo_server.mjs");
export const DENO_SERVE: Peer = denoPeer("Deno.serve", "deno_serve_echo.ts");
/** What sockets alone can do. */
export const COPY_LOOP: Peer = denoPeer("bare copy loop", "copy_server.ts");
export const HASH_IN_PROCESS: Peer = denoPeer("node:crypto in process", "hash_in_process.ts");

/** Clients: they are given a port, the calls at a time, and seconds to warm up and to measure. */
export const OUR_CLIENT: Peer = denoPeer("edgewire", "edgewire_client.ts");
export const GRPC_GO_CLIENT: Peer = goPeer(GRPC_GO.name, "client", "grpc-go");
export const CONNECT_GO_CLIENT: Peer = goPeer(CONNECT_GO.name, "client", "connect-go");
export const GRPC_JS_CLIENT: Peer = nodePeer(GRPC_JS.name, "client.mjs", "grpc-js");
export const CONNECT_NODE_CLIENT: Peer = nodePeer(CONNECT_NODE, "client.mjs", "connect-node");

/** Programs of ours on Deno, whose time `--profile` looks at. */
export const PROFILED: readonly Peer[] = [OURS, OUR_WRITE, OUR_READ, OUR_FETCH, OUR_ECHO, OUR_CLIENT];

/** Those who load servers, and those who look whether answers are right. */
export const LOAD: Peer = tonicPeer("tonic's client", "bench-load");
export const GRPC_CHECK: Peer = nodePeer("grpc-js' client", "check.mjs");
export const CONNECT_CHECK: Peer = nodePeer("connect-node's client", "check_connect.mjs");
/** Holds connections: it is given how many, and the port. */
export const IDLE_CLIENT: Peer = denoPeer("connections", "idle_client.ts");
export const COPY_CLIENT: Peer = denoPeer("bare copy loop", "copy_client.ts");
