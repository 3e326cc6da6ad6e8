import assert from "node:assert/strict";
import { readGuideFiles } from "../../tools/guide_files.ts";

Deno.test("readGuideFiles() finds the blocks that have a path", () => {
  const markdown = "```ts src/a.ts\nexport {};\n```\n\n```ts\nno();\n```\n\n```proto proto/b.proto\n```\n";
  assert.deepEqual([...readGuideFiles(markdown)], [["src/a.ts", "export {};\n"], ["proto/b.proto", ""]]);
});
