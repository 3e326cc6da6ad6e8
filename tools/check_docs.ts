/**
 * Checks what readers of the public entries and of the README rely on: all that is exported is described, and the examples compile, as they are in a
 * project of their reader, with stubs in `./gen/`.
 */
import { dirname } from "node:path";
import config from "../deno.json" with { type: "json" };
import { filesOf, ROOT, runDeno, typeCheck } from "./type_check.ts";

/**
 * Type-checks the examples in docstrings of some files, or in Markdown. They may leave unused what they make.
 *
 * @returns The errors of the compiler, or undefined.
 */
export function checkExamples(files: readonly string[]): Promise<string | undefined> {
  const stubs = [...new Set(files.map(dirname))].map((directory) => [urlOf(`${directory}/gen/`), urlOf("gen/")]);
  const entries = Object.entries(config.exports).map(([name, path]) => [`${config.name}${name.slice(1)}`, urlOf(path)]);
  return typeCheck(["--doc-only", ...files], {
    compilerOptions: { noUnusedLocals: false },
    imports: Object.fromEntries([...stubs, ...entries]),
  });
}

function urlOf(path: string): string {
  return new URL(path, ROOT).href;
}

/** What people read. The entry of generated code is for that only. */
const ENTRIES = ["mod.ts", "fetch.ts"];

if (import.meta.main) {
  const files = ["README.md", ...ENTRIES, ...await filesOf("src")];
  const errors = [
    // Types of packages are public where they come from, which the lint does not see (https://github.com/denoland/deno/issues/27364).
    await runDeno(["doc", "--quiet", "--lint", "--no-npm", ...ENTRIES]),
    await checkExamples(files),
  ].filter((error) => error !== undefined);
  console.log(
    `Checked what ${ENTRIES.join(" and ")} say of what they export, and the examples of ${files.length} files`,
  );
  if (errors.length > 0) {
    console.error(errors.join("\n"));
    Deno.exit(1);
  }
}
