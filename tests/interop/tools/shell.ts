/** The shell of a user who reads our text: programs of others are on its path. */
import { delimiter, dirname } from "node:path";
import config from "../../../deno.json" with { type: "json" };
import { goInstallCommand, type GoToolName, installTool } from "../../conformance/tools.ts";
import { tryProgram } from "../../support/program.ts";

const GO_TOOLS: readonly GoToolName[] = ["grpcurl", "grpc-health-probe", "ghz"];

/** `deno run --allow-all npm:@bufbuild/buf@...`, as the tasks have it. */
const BUF = config.tasks.gen.command.replace(/ generate$/, "");

/** How the programs are installed that are there already. */
export const INSTALL_COMMANDS: readonly string[] = [
  ...GO_TOOLS.map(goInstallCommand),
  `npm install --global ${BUF.replace(/^.*npm:/, "")}`,
];

/** Makes the path of that shell: grpcurl and all that README names. @param folder Where what is missing is made. */
export async function makePath(folder: string): Promise<string> {
  await Deno.writeTextFile(`${folder}/buf`, `#!/bin/sh\nexec ${BUF} "$@"\n`, { mode: 0o755 });
  const programs = await Promise.all(
    [...GO_TOOLS, "curl" as const, "openssl" as const].map((name) => installTool(name)),
  );
  const folders = [folder, dirname(Deno.execPath()), ...programs.map(dirname)];
  return [...folders, Deno.env.get("PATH")].join(delimiter);
}

/** Runs commands. @returns What they printed, errors only if that was nothing else. */
export async function runInShell(commands: string, cwd: string | URL, env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await tryProgram("bash", ["-e", "-c", commands], { cwd, env, timeoutMs: 300_000 });
  return stdout === "" || code !== 0 ? `${stdout}${stderr}` : stdout;
}
