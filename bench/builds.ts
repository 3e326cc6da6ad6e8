/**
 * How the programs of others are built: at the versions of `peers/tonic/Cargo.lock`, `peers/go/go.mod` and `peers/node/package-lock.json`, each by
 * its own tools, which build only what has changed. Outside of the repository, so that all its clones have one: in `~/.cache/edgewire/bench`.
 */
import workerd from "workerd";
import { installTool } from "../tests/conformance/tools.ts";
import { runProgram } from "../tests/support/program.ts";
import { ROOT } from "./processes.ts";

const SOURCES = `${ROOT}bench/peers/`;
const CACHE = `${Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`}/edgewire/bench/`;

/** For cold caches, and cores that others use as well. */
const BUILD_TIMEOUT_MS = 1_200_000;

/** Where `hello.proto` and those of the benchmark are. */
export const PROTO_FOLDERS: readonly string[] = [`${ROOT}proto`, `${ROOT}bench/proto`];

/** What peers have stubs of. */
const PROTOS = ["hello.proto", ...["blobs", "profiles", "streams"].map((name) => `edgewire/bench/v1/${name}.proto`)];

/** Where a server of ours keeps its files. */
export const DATA_FOLDER = `${CACHE}data`;

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
  const paths = ["--path", "proto/hello.proto", "--path", "bench/proto/edgewire"];
  await build(
    Deno.execPath(),
    ["run", "-A", "npm:@bufbuild/buf@1.74.0", "generate", "--template", template, ...paths],
    ROOT,
  );
}

/** The folder of `bench-tonic` and `bench-load`. */
export const buildTonic: () => Promise<string> = once(async () => {
  const options = ["--release", "--locked", "--manifest-path", `${SOURCES}tonic/Cargo.toml`];
  await build("cargo", ["build", ...options, "--target-dir", `${CACHE}tonic`], ROOT);
  return `${CACHE}tonic/release`;
});

/** The folder of the programs of `peers/go`. */
export const buildGo: () => Promise<string> = once(async () => {
  const folder = `${CACHE}go`;
  const programs = `${folder}/programs`;
  await copyFolder(`${SOURCES}go`, folder);
  await build("go", ["install", "tool"], folder, { GOBIN: `${folder}/plugins` });
  const module = "edgewire.test/bench";
  await makeStubs(
    ["protoc-gen-go", "protoc-gen-go-grpc", "protoc-gen-connect-go"].map((name) => ({
      local: `${folder}/plugins/${name}`,
      out: folder,
      opt: [`module=${module}`],
    })),
    {
      enabled: true,
      override: PROTOS.map((path) => ({
        file_option: "go_package",
        path,
        value: `${module}/gen/${path === "hello.proto" ? "hello" : "bench"}`,
      })),
    },
  );
  await Deno.mkdir(programs, { recursive: true });
  for (const name of ["grpc_go_server", "connect_go_server", "client"]) {
    await build("go", ["build", "-o", `${programs}/${name}`, `./${name}`], folder);
  }
  return programs;
});

/** The folder with the programs of `peers/node`, their packages and stubs. */
export const buildNode: () => Promise<string> = once(async () => {
  const folder = `${CACHE}node`;
  await copyFolder(`${SOURCES}node`, folder);
  await build(await installTool("npm"), ["install", "--no-audit", "--no-fund", "--ignore-scripts"], folder);
  const plugin = ["deno", "run", "--allow-read", "--allow-env", "npm:@bufbuild/protoc-gen-es@2.17.0"];
  await makeStubs([{ local: plugin, out: `${folder}/gen`, opt: ["target=js", "import_extension=js"] }]);
  return folder;
});

/** What protoc is to find the protos by, and they themselves. */
const PROTOC_ARGS = [...PROTO_FOLDERS.map((folder) => `-I${folder}`), ...PROTOS];

/** A Python that has grpcio, and the folder of its stubs. */
export const buildPython: () => Promise<{ readonly python: string; readonly stubs: string }> = once(async () => {
  const [python, stubs] = [await installTool("grpcio"), `${CACHE}python`];
  await Deno.mkdir(stubs, { recursive: true });
  const outputs = [`--python_out=${stubs}`, `--grpc_python_out=${stubs}`];
  await build(python, ["-m", "grpc_tools.protoc", ...outputs, ...PROTOC_ARGS], ROOT);
  return { python, stubs };
});

/** The server on gRPC's C++ library, at the version that Debian has. */
export const buildCpp: () => Promise<string> = once(async () => {
  for (const tool of ["g++", "pkg-config", "protoc", "c++-protobuf", "c++-grpc"] as const) {
    await installTool(tool);
  }
  const [folder, name] = [`${CACHE}cpp`, "bench_grpc_cpp"];
  const source = `${SOURCES}cpp/${name}.cpp`;
  await Deno.mkdir(folder, { recursive: true });
  const built = await Deno.stat(`${folder}/${name}`).then(({ mtime }) => mtime, () => null);
  if (built === null || built < (await Deno.stat(source)).mtime!) {
    const outputs = [`--cpp_out=${folder}`, `--plugin=protoc-gen-grpc=${await installTool("grpc_cpp_plugin")}`];
    await build("protoc", [...outputs, `--grpc_out=${folder}`, ...PROTOC_ARGS], folder);
    const stubs = ["hello", "edgewire/bench/v1/profiles"].flatMap((proto) => [`${proto}.pb.cc`, `${proto}.grpc.pb.cc`]);
    const libraries = await runProgram("pkg-config", ["--cflags", "--libs", "protobuf", "grpc++"]);
    const args = ["-std=c++17", "-O2", "-I.", "-o", name, source, ...stubs];
    await build("g++", [...args, ...libraries.trim().split(/\s+/)], folder);
  }
  return `${folder}/${name}`;
});

/** A fetch handler as an edge wants it. */
export interface EdgeBuild {
  /** The path of the one module that it is. */
  readonly module: string;
  /** The path of a configuration by which workerd serves it, on any port. */
  readonly config: string;
}

/** Bundles a fetch handler of `peers/deno`, by the name of its module. */
export async function buildEdge(name: string): Promise<EdgeBuild> {
  const folder = `${CACHE}edge/`;
  const [module, config] = [`${folder}${name}.js`, `${folder}${name}.capnp`];
  await Deno.mkdir(folder, { recursive: true });
  const args = ["bundle", "--quiet", "--minify", "--platform=browser", "--output", module, `${SOURCES}deno/${name}.ts`];
  await runProgram(Deno.execPath(), args, { cwd: ROOT });
  await Deno.writeTextFile(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "edge", worker = (
    modules = [(name = "edge.js", esModule = embed "${name}.js")],
    compatibilityDate = "${workerd.compatibilityDate}",
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "edge")],
);
`,
  );
  return { module, config };
}
