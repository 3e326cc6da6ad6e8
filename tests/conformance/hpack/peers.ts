/** The other implementations of HPACK: installed into `.cache/hpack/`, and run as programs. */

const SOURCES = import.meta.dirname!;
const CACHE = new URL("../../../.cache/hpack/", import.meta.url).pathname;
const PYPI_HPACK = "4.2.0";
const GO_NET = "v0.62.0";

/** One field: name and value in hexadecimal, and whether it is never indexed. */
export type PeerField = [name: string, value: string, sensitive: boolean];

/** What a peer does: one connection in one direction. `sizes` are set before the block of the step. */
export type Job =
  | { kind: "decode"; steps: { sizes: number[]; block: string }[] }
  | { kind: "encode"; huffman: boolean; steps: { sizes: number[]; fields: PeerField[] }[] };

/** Lists for "decode", blocks for "encode"; or what went wrong. */
export type Answer = { result: PeerField[][] | string[]; error?: never } | { result?: never; error: string };

/** Another implementation. */
export interface Peer {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Whether its encoder writes an index for a sensitive field, which loses the mark, when its table has the name and value. */
  readonly indexesSensitive: boolean;
}

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args: [...args], cwd }).output();
  const text = new TextDecoder();
  if (!success) {
    throw new Error(`Cannot run ${command} ${args.join(" ")}: ${text.decode(stderr)}${text.decode(stdout)}`);
  }
  return text.decode(stdout);
}

async function installPython(): Promise<Peer> {
  const python = `${CACHE}venv/bin/python`;
  const version = () =>
    run(python, ["-c", "import importlib.metadata as m; print(m.version('hpack'))"], CACHE).catch(() => "");
  if ((await version()).trim() !== PYPI_HPACK) {
    await run("python3", ["-m", "venv", `${CACHE}venv`], CACHE);
    await run(python, ["-m", "pip", "install", "--quiet", `hpack==${PYPI_HPACK}`], CACHE);
  }
  return {
    name: `PyPI hpack ${(await version()).trim()}`,
    command: python,
    args: [`${SOURCES}/peer.py`],
    indexesSensitive: true,
  };
}

async function installGo(): Promise<Peer> {
  const folder = `${CACHE}go/`;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.copyFile(`${SOURCES}/peer.go`, `${folder}peer.go`);
  const list = () => run("go", ["list", "-m", "-f", "{{.Version}}", "golang.org/x/net"], folder).catch(() => "");
  if (await list() === "") {
    await Deno.writeTextFile(`${folder}go.mod`, "module edgewire.test/hpack\n");
    await run("go", ["get", `golang.org/x/net/http2/hpack@${GO_NET}`], folder).catch(() =>
      run("go", ["get", "golang.org/x/net/http2/hpack@latest"], folder)
    );
  }
  await run("go", ["build", "-o", "peer", "."], folder);
  return {
    name: `golang.org/x/net/http2/hpack ${(await list()).trim()}`,
    command: `${folder}peer`,
    args: [],
    indexesSensitive: false,
  };
}

/** Installs what is missing. @throws {Error} It cannot be installed: there is no skipping. */
export async function installPeers(): Promise<Peer[]> {
  await Deno.mkdir(CACHE, { recursive: true });
  return await Promise.all([installPython(), installGo()]);
}

/** Has a peer do jobs, and gives an answer for each. */
export async function askPeer(peer: Peer, jobs: readonly Job[]): Promise<Answer[]> {
  const child = new Deno.Command(peer.command, {
    args: [...peer.args],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  try {
    const input = new Blob(jobs.map((job) => `${JSON.stringify(job)}\n`)).stream();
    const [output] = await Promise.all([new Response(child.stdout).text(), input.pipeTo(child.stdin)]);
    const answers = output.trim().split("\n").map((line) => JSON.parse(line) as Answer);
    if (answers.length !== jobs.length) {
      throw new Error(`${peer.name} gave ${answers.length} answers to ${jobs.length} jobs`);
    }
    return answers;
  } finally {
    await child.status;
  }
}
