/** README's commands, on a server that runs. */
import assert from "node:assert/strict";
import type { Verdict } from "../../conformance/verdict.ts";
import { launchBrowser, openPage } from "../../support/browser.ts";
import { startServer } from "../../support/server_process.ts";
import { type Check, runChecks } from "../checks.ts";
import { type Example, isOutput, readExamples, sectionOf } from "./examples.ts";
import { INSTALL_COMMANDS, runInShell } from "./shell.ts";

const ROOT = new URL("../../..", import.meta.url);

/** Where README's server listens. */
const README_HOST = "localhost:50051";

/** @param folder Where the server may keep files. @param path Where programs are looked for. */
export async function judgeReadme(folder: string, path: string): Promise<Verdict> {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const [_serve, ...calls] = readExamples(sectionOf(readme, "## Start, and call it"));
  const examples = [...calls, ...readExamples(sectionOf(readme, "## Tools"))].filter(({ language }) =>
    language !== "python"
  );
  const server = await startServer({ dataDir: `${folder}/readme` });
  try {
    return await runChecks("README's commands", examples.map((example) => checkOf(example, server.url, path)));
  } finally {
    await server.stop();
  }
}

function checkOf({ language, code, output }: Example, url: string, path: string): Check {
  const name = code.split("\n", 1)[0]?.slice(0, 60) ?? "";
  if (output === undefined) {
    return [name, () => {
      assert(INSTALL_COMMANDS.includes(code.trim()), "is not how it is installed here");
      return Promise.resolve();
    }];
  }
  return [name, async () => {
    const { host } = new URL(url);
    const printed = language === "js"
      ? await runInConsole(code, url)
      : await runInShell(code.replaceAll(README_HOST, host), ROOT, { PATH: path });
    assert(isOutput(output, printed.replaceAll(host, README_HOST)), `printed\n${printed}`);
  }];
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
