/**
 * Checks what readers of the public entries, of the README and of the guides rely on: all that is exported is described, and the examples compile, as they are in a
 * project of their reader, with stubs in `./gen/`.
 */
import { dirname } from "node:path";
import config from "../deno.json" with { type: "json" };
import { writeGuideFiles } from "./guide_files.ts";
import { filesOf, ROOT, runDeno, typeCheck } from "./type_check.ts";

/**
 * Type-checks the examples in docstrings of some files, or in Markdown. They may leave unused what they make.
 *
 * @param written Where files are that readers of guides have written, with their stubs.
 * @returns The errors of the compiler, or undefined.
 */
export function checkExamples(files: readonly string[], written?: string): Promise<string | undefined> {
  const stubs = [...new Set(files.map(dirname))].map((directory) => [urlOf(`${directory}/gen/`), urlOf("gen/")]);
  const entries = Object.entries(config.exports).map(([name, path]) => [`${config.name}${name.slice(1)}`, urlOf(path)]);
  return typeCheck(["--doc-only", ...files], {
    compilerOptions: { noUnusedLocals: false },
    imports: Object.fromEntries([...stubs, ...entries, ...written === undefined ? [] : guideImports(written)]),
  });
}

/** What guides import is seen from the root, or from a directory as deep as theirs, and there are the files of their readers. */
function guideImports(written: string): string[][] {
  return [
    ...ENTRIES.map((entry) => [urlOf(`${GUIDES}/${entry}`), urlOf(entry)]),
    ...[`${GUIDES}/gen/payment/`, "gen/payment/"].map((path) => [urlOf(path), urlOf(`${written}/gen/payment/`)]),
    [urlOf("src/services/payment.ts"), urlOf(`${written}/src/services/payment.ts`)],
    [urlOf(`${written}/src/codec/`), urlOf("src/codec/")],
  ];
}

function urlOf(path: string): string {
  return new URL(path, ROOT).href;
}

/** What people read. The entry of generated code is for that only. */
const ENTRIES = ["mod.ts", "fetch.ts"];

const GUIDES = "docs/guides";

async function checkAll(files: readonly string[], guides: readonly string[]): Promise<(string | undefined)[]> {
  const written = await Deno.makeTempDir();
  try {
    return [
      // Types of packages are public where they come from, which the lint does not see (https://github.com/denoland/deno/issues/27364).
      await runDeno(["doc", "--quiet", "--lint", "--no-npm", ...ENTRIES]),
      await writeGuideFiles(guides, written) ?? await checkExamples([...files, ...guides], written),
    ];
  } finally {
    await Deno.remove(written, { recursive: true });
  }
}

if (import.meta.main) {
  const files = ["README.md", ...ENTRIES, ...await filesOf("src")];
  const guides = await filesOf(GUIDES, ".md");
  const errors = (await checkAll(files, guides)).filter((error) => error !== undefined);
  console.log(
    `Checked what ${ENTRIES.join(" and ")} say of what they export, and the examples of ${
      files.length + guides.length
    } files`,
  );
  if (errors.length > 0) {
    console.error(errors.join("\n"));
    Deno.exit(1);
  }
}
