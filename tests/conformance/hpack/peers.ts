/** The other implementations of HPACK, run as programs. */
import { buildGoProgram, installTool, toolVersion } from "../tools.ts";

const SOURCES = import.meta.dirname!;

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

async function installPython(): Promise<Peer> {
  return {
    name: toolVersion("python-hpack"),
    command: await installTool("python-hpack"),
    args: [`${SOURCES}/peer.py`],
    indexesSensitive: true,
  };
}

async function installGo(): Promise<Peer> {
  return {
    name: toolVersion("golang.org/x/net"),
    command: await buildGoProgram("hpack", `${SOURCES}/peer.go`, ["golang.org/x/net"]),
    args: [],
    indexesSensitive: false,
  };
}

/** Installs what is missing. @throws {Error} It cannot be installed: there is no skipping. */
export async function installPeers(): Promise<Peer[]> {
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
