/**
 * The files that readers of a guide write: blocks with a path behind the language, as in "ts src/services/payment.ts". "ignore" behind it leaves
 * them out of type-checking.
 */
import { dirname } from "node:path";
import { ROOT, runDeno } from "./type_check.ts";

/** Files by their paths from the root. */
export function readGuideFiles(markdown: string): Map<string, string> {
  const blocks = markdown.matchAll(/^```\w+ (\S+)(?: ignore)?\n([^]*?)^```$/gm);
  return new Map(Array.from(blocks, ([, path = "", content = ""]) => [path, content]));
}

/**
 * Writes the files of guides into a directory, with the stubs of their protos.
 *
 * @returns The errors of the protos, or undefined.
 */
export async function writeGuideFiles(guides: readonly string[], directory: string): Promise<string | undefined> {
  for (const guide of guides) {
    for (const [path, content] of readGuideFiles(await Deno.readTextFile(new URL(guide, ROOT)))) {
      await Deno.mkdir(dirname(`${directory}/${path}`), { recursive: true });
      await Deno.writeTextFile(`${directory}/${path}`, content);
    }
  }
  return await runDeno(["task", "--quiet", "gen", `${directory}/proto`, "--output", directory]);
}
