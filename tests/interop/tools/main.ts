/** The tools that users of gRPC and Connect have, and the guides: README's commands, to the letter, print what it says, and so do those of the guides. */
import type { Verdict } from "../../conformance/verdict.ts";
import { judgeGuides } from "./guides.ts";
import { judgeReadme } from "./readme.ts";
import { makePath } from "./shell.ts";

/** See the top of the file. */
export async function* judgeTools(): AsyncGenerator<Verdict> {
  const folder = await Deno.makeTempDir();
  try {
    const path = await makePath(folder);
    yield await judgeReadme(folder, path);
    yield* judgeGuides(folder, path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
