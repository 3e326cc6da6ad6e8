/** The guides, followed to the letter on a clone: files are written, commands are run, and print what the guides say. */
import assert from "node:assert/strict";
import { delimiter, dirname } from "node:path";
import { installTool } from "../../conformance/tools.ts";
import type { Verdict } from "../../conformance/verdict.ts";
import { probe } from "../../edge/probe.ts";
import { runProgram, startProgram } from "../../support/program.ts";
import { type CheckResult, verdictOf } from "../checks.ts";
import { readGuideFiles } from "../../../tools/guide_files.ts";
import { isOutput, readExamples, sectionOf } from "./examples.ts";
import { runInShell } from "./shell.ts";

const ROOT = new URL("../../..", import.meta.url);

/** Ports of the guides. */
const GUIDE_PORTS = ["50051", "8000"];

/** Commands that go on until they are stopped. */
const SERVER = /^(deno (task serve|serve)|deno run .*_server\.ts|BUN_PORT=|node |npx -y workerd)/;

/** A reader's machine. */
interface Reader {
  /** Where the clone is; `caller` is beside it. */
  readonly folder: string;
  readonly path: string;
  /** The ports that are free here, by those of the guides. */
  readonly ports: ReadonlyMap<string, string>;
}

/** @param folder Where the clone is made. @param path Where programs are looked for. */
export async function* judgeGuides(folder: string, path: string): AsyncGenerator<Verdict> {
  await runProgram("git", ["clone", "--quiet", ROOT.pathname, `${folder}/edgewire`]);
  await Deno.mkdir(`${folder}/caller`);
  const reader = { folder, path, ports: new Map(GUIDE_PORTS.map((port) => [port, freePort()])) };
  yield await followGuide(reader, "own_service", ["edgewire"]);
  yield await followGuide(reader, "call_it", ["caller", "## Python"], ["caller", "## Go"], ["edgewire", "## Deno"]);
  yield await followGuide(reader, "interceptors", ["edgewire"]);
  yield await followGuide(reader, "errors_and_deadlines", ["edgewire"]);
  yield await followGuide(reader, "tls", ["edgewire"]);
  const runtimes = ["## Deno Deploy", "## Bun", "## Node", "## workerd and Cloudflare"];
  const node = `${dirname(await installTool("node-24"))}${delimiter}${path}`;
  yield await followGuide(
    { ...reader, path: node },
    "deploy",
    ...runtimes.map((heading) => ["edgewire", heading] as const),
  );
}

/** Follows a guide, or some sections of it, each in a folder, until something does not do what it says. */
async function followGuide(
  reader: Reader,
  guide: string,
  ...parts: readonly (readonly [folder: string, heading?: string])[]
): Promise<Verdict> {
  const path = `docs/guides/${guide}.md`;
  const markdown = await Deno.readTextFile(new URL(path, ROOT));
  const results: CheckResult[] = [];
  await using server = new ServerOfGuide(reader);
  try {
    for (const [folder, heading] of parts) {
      const text = heading === undefined ? markdown : sectionOf(markdown, heading);
      const cwd = `${reader.folder}/${folder}`;
      await writeFiles(reader, cwd, text);
      const examples = readExamples(text).filter(({ language }) => language === "sh");
      if (guide === "call_it") {
        await server.start("deno task serve", `${reader.folder}/edgewire`);
      }
      for (const { code, output } of examples) {
        results.push({ check: code.split("\n", 1)[0]?.slice(0, 40) ?? "" });
        if (SERVER.test(code)) {
          await server.start(code, cwd);
          if (guide === "deploy") {
            await probe(`http://127.0.0.1:${reader.ports.get("8000")}`);
          }
        } else {
          await follow(reader, code, output, cwd);
        }
      }
    }
  } catch (error) {
    const check = results.pop()?.check ?? path;
    results.push({ check, error: error instanceof Error ? error.message : String(error) });
  }
  return verdictOf(path, results);
}

async function follow(reader: Reader, code: string, output: string | undefined, cwd: string): Promise<void> {
  if (output === undefined) {
    await runProgram("bash", ["-e", "-c", here(reader, code)], { cwd, env: environment(reader), timeoutMs: 300_000 });
    return;
  }
  const printed = await runInShell(here(reader, code), cwd, environment(reader));
  assert(isOutput(here(reader, output), printed), `printed\n${printed}`);
}

/** The one server that a guide has at a time. */
class ServerOfGuide implements AsyncDisposable {
  readonly #reader: Reader;
  #stop: (() => Promise<unknown>) | undefined;

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  /** Starts another one in its place, and waits until it says that it is there. */
  async start(code: string, cwd: string): Promise<void> {
    await this[Symbol.asyncDispose]();
    const ready = /listening on|Started development server|"event":"listen"/i;
    const workerd = code.startsWith("npx -y workerd") ? " --control-fd=1" : "";
    // npx leaves what it has started: the whole group has to end.
    const command = `trap 'trap - TERM; kill 0' TERM; ${here(this.#reader, code).trim()}${workerd} & wait`;
    const env = environment(this.#reader);
    this.#stop = (await startProgram("setsid", ["bash", "-c", command], ready, { cwd, env, timeoutMs: 300_000 })).stop;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop?.();
    this.#stop = undefined;
  }
}

function environment({ path, ports }: Reader): Record<string, string> {
  return { PATH: path, PORT: ports.get("50051") ?? "", NO_COLOR: "1" };
}

/** A text of a guide, with the ports that are free here. */
function here({ ports }: Reader, text: string): string {
  return [...ports].reduce((text, [port, free]) => text.replaceAll(port, free), text);
}

async function writeFiles(reader: Reader, cwd: string, markdown: string): Promise<void> {
  for (const [path, content] of readGuideFiles(markdown)) {
    await Deno.mkdir(dirname(`${cwd}/${path}`), { recursive: true });
    await Deno.writeTextFile(`${cwd}/${path}`, here(reader, content));
  }
  for (const [, path = "", diff = ""] of markdown.matchAll(/^In `([^`]+)`[^]*?^```diff\n([^]*?)^```$/gm)) {
    await Deno.writeTextFile(`${cwd}/${path}`, addLines(await Deno.readTextFile(`${cwd}/${path}`), diff));
  }
}

/** Adds the lines with a plus behind the line that is before them, or at the beginning. */
function addLines(source: string, diff: string): string {
  const lines = source.split("\n");
  let at = 0;
  for (const line of diff.split("\n")) {
    if (line.startsWith("+")) {
      lines.splice(at++, 0, line.slice(1));
    } else if (line.trim() !== "") {
      at = lines.findIndex((each) => each.trim() === line.trim()) + 1;
      assert(at > 0, `the line "${line.trim()}" is not there`);
    }
  }
  return lines.join("\n");
}

function freePort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return String(listener.addr.port);
}
