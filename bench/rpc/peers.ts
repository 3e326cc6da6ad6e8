/**
 * The programs of others that RPC is measured beside: our own small ones on their libraries, at the versions of `tonic/Cargo.lock`,
 * `go/go.mod` and `node/package-lock.json`. They are built in `.cache/bench/`, each by its own tools, which build only what has changed.
 */
import { runProgram } from "../../tests/support/program.ts";
import { ROOT } from "../side_by_side.ts";

const SOURCES = new URL(".", import.meta.url).pathname;
const CACHE = `${ROOT}.cache/bench/`;

/** For cold caches, and cores that others use as well. */
const BUILD_TIMEOUT_MS = 1_200_000;

/** Where `hello.proto` and those of the benchmark are. */
const PROTO_FOLDERS = [`${ROOT}proto`, `${SOURCES}proto`];

/** A program, and how to run it. */
export interface Peer {
  /** The library, and its version. */
  readonly name: string;
  /** Builds it, or does nothing if that is done. @returns The command that runs it, to which its arguments are added. */
  build(): Promise<readonly string[]>;
}

/** Does something once, however many ask for it. */
function once<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => started ??= start();
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    await (isDirectory
      ? copyFolder(`${from}/${name}`, `${to}/${name}`)
      : Deno.copyFile(`${from}/${name}`, `${to}/${name}`));
  }
}

async function build(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<void> {
  console.error(`building in ${cwd}: ${command} ${args.slice(0, 2).join(" ")}`);
  await runProgram(command, args, { cwd, env, timeoutMs: BUILD_TIMEOUT_MS });
}

/** Makes stubs of the protos. @param plugins As in a `buf.gen.yaml`. */
async function makeStubs(plugins: readonly unknown[], managed: unknown = {}): Promise<void> {
  const template = JSON.stringify({ version: "v2", managed, plugins });
  const paths = ["--path", "proto/hello.proto", "--path", "bench/rpc/proto/edgewire"];
  await build(
    Deno.execPath(),
    ["run", "-A", "npm:@bufbuild/buf@1.74.0", "generate", "--template", template, ...paths],
    ROOT,
  );
}

const buildTonic = once(async () => {
  const options = ["--release", "--locked", "--manifest-path", `${SOURCES}tonic/Cargo.toml`];
  await build("cargo", ["build", ...options, "--target-dir", `${CACHE}tonic`], ROOT);
  return `${CACHE}tonic/release/bench-tonic`;
});

const buildGo = once(async () => {
  const folder = `${CACHE}go`;
  await copyFolder(`${SOURCES}go`, folder);
  await build("go", ["install", "tool"], folder, { GOBIN: `${folder}/plugins` });
  const module = "edgewire.test/bench";
  const goPackage = (path: string, name: string) => ({
    file_option: "go_package",
    path,
    value: `${module}/gen/${name}`,
  });
  await makeStubs(
    ["protoc-gen-go", "protoc-gen-go-grpc", "protoc-gen-connect-go"].map((name) => ({
      local: `${folder}/plugins/${name}`,
      out: folder,
      opt: [`module=${module}`],
    })),
    {
      enabled: true,
      override: [goPackage("hello.proto", "hello"), goPackage("edgewire/bench/v1/streams.proto", "streams")],
    },
  );
  await build("go", ["build", "-o", "programs/", "./..."], folder);
  return `${folder}/programs`;
});

const buildNode = once(async () => {
  const folder = `${CACHE}node`;
  await copyFolder(`${SOURCES}node`, folder);
  await build("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], folder);
  const plugin = ["deno", "run", "--allow-read", "--allow-env", "npm:@bufbuild/protoc-gen-es@2.17.0"];
  await makeStubs([{ local: plugin, out: `${folder}/gen`, opt: ["target=js", "import_extension=js"] }]);
  return folder;
});

function goPeer(name: string, program: string): Peer {
  return { name, build: async () => ["env", "GOMAXPROCS=1", `${await buildGo()}/${program}`] };
}

/** A program of `node/`, which gets the protos' folders by `PROTO_PATH`. */
function nodePeer(name: string, program: string): Peer {
  return {
    name,
    build: async () => ["env", `PROTO_PATH=${PROTO_FOLDERS.join(":")}`, "node", `${await buildNode()}/${program}`],
  };
}

/** Servers: they are given a port, and say `ready`. Each has the Greeter and Streams. */
export const TONIC: Peer = { name: "tonic 0.14.9", build: async () => [await buildTonic()] };
export const GRPC_GO: Peer = goPeer("grpc-go 1.85.0", "grpc_go_server");
export const CONNECT_GO: Peer = goPeer("connect-go 1.21.1", "connect_go_server");
export const GRPC_JS: Peer = nodePeer("grpc-js 1.14.7", "grpc_js_server.mjs");
export const CONNECT_NODE: Peer = nodePeer("connect-node 2.2.0", "connect_node_server.mjs");

/** Clients: they are given a port, the calls at a time, and seconds to warm up and to measure. */
export const CONNECT_GO_CLIENT: Peer = goPeer("connect-go 1.21.1", "connect_go_client");
export const GRPC_JS_CLIENT: Peer = nodePeer("grpc-js 1.14.7", "grpc_js_client.mjs");

/** Asks a gRPC server on a port, by grpc-js, for the answers that every server has to give; ends with an error if they are wrong. */
export const GRPC_CHECK: Peer = nodePeer("grpc-js 1.14.7", "check.mjs");
