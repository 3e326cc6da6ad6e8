/** The tools that users of gRPC and Connect have: README's commands, to the letter, print what it says. */
import assert from "node:assert/strict";
import { delimiter, dirname } from "node:path";
import config from "../../../deno.json" with { type: "json" };
import { goInstallCommand, type GoToolName, installTool } from "../../conformance/tools.ts";
import type { Verdict } from "../../conformance/verdict.ts";
import { launchBrowser, openPage } from "../../support/browser.ts";
import { tryProgram } from "../../support/program.ts";
import { startServer } from "../../support/server_process.ts";
import { type Check, runChecks } from "../checks.ts";
import { type Example, isOutput, readExamples } from "./examples.ts";

const ROOT = new URL("../../..", import.meta.url);

/** Where README's server listens. */
const README_HOST = "localhost:50051";

const GO_TOOLS: readonly GoToolName[] = ["grpcurl", "grpc-health-probe", "ghz"];

/** `deno run --allow-all npm:@bufbuild/buf@...`, as the tasks have it. */
const BUF = config.tasks.gen.command.replace(/ generate$/, "");

/** See the top of the file. */
export async function* judgeTools(): AsyncGenerator<Verdict> {
  const folder = await Deno.makeTempDir();
  const server = await startServer({ dataDir: `${folder}/data` });
  try {
    await Deno.writeTextFile(`${folder}/buf`, `#!/bin/sh\nexec ${BUF} "$@"\n`, { mode: 0o755 });
    const programs = await Promise.all([...GO_TOOLS, "curl" as const].map((name) => installTool(name)));
    const folders = [folder, dirname(Deno.execPath()), ...programs.map(dirname)];
    const path = [...folders, Deno.env.get("PATH")].join(delimiter);
    const readme = await Deno.readTextFile(new URL("README.md", ROOT));
    const examples = [...readExamples(readme, "## Start").slice(1), ...readExamples(readme, "## Tools")];
    yield await runChecks("README's commands", examples.map((example) => checkOf(example, server.url, path)));
  } finally {
    await server.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

function checkOf(example: Example, url: string, path: string): Check {
  const { language, code, output } = example;
  const name = code.split("\n", 1)[0]?.slice(0, 60) ?? "";
  if (output === undefined) {
    return [name, () => {
      assert(installCommands().includes(code.trim()), "is not how it is installed here");
      return Promise.resolve();
    }];
  }
  return [name, async () => {
    const { host } = new URL(url);
    const printed = language === "js"
      ? await runInConsole(code, url)
      : await runInShell(code.replaceAll(README_HOST, host), path);
    assert(isOutput(output, printed.replaceAll(host, README_HOST)), `printed\n${printed}`);
  }];
}

function installCommands(): string[] {
  return [...GO_TOOLS.map(goInstallCommand), `npm install --global ${BUF.replace(/^.*npm:/, "")}`];
}

async function runInShell(commands: string, path: string): Promise<string> {
  const { stdout, stderr } = await tryProgram("bash", ["-c", commands], { cwd: ROOT, env: { PATH: path } });
  return stdout === "" ? stderr : stdout;
}

/** Runs code as the console of DevTools does, on the server's page. @returns What it logged. */
async function runInConsole(code: string, url: string): Promise<string> {
  const browser = await launchBrowser();
  try {
    await using opened = await openPage(browser, url);
    const lines: string[] = [];
    opened.page.on("console", (message) => lines.push(message.text()));
    const devTools = await opened.page.context().newCDPSession(opened.page);
    await devTools.send("Runtime.evaluate", { expression: code, replMode: true, awaitPromise: true });
    return lines.join("\n");
  } finally {
    await browser.close();
  }
}
