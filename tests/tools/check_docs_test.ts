import assert from "node:assert/strict";
import { checkExamples } from "../../tools/check_docs.ts";

async function check(suffix: string, source: string): Promise<string | undefined> {
  const file = await Deno.makeTempFile({ suffix });
  try {
    await Deno.writeTextFile(file, source);
    return await checkExamples([file]);
  } finally {
    await Deno.remove(file);
  }
}

const IMPORTS = `import { createFetchHandler } from "@edgewire/edgewire/fetch";
import { serve } from "@edgewire/edgewire";
import { Greeter } from "./gen/edgewire/v1/greeter_pb.ts";`;

Deno.test("examples in Markdown find the library and the stubs, and may leave unused what they make", async () => {
  const example = "const handler = createFetchHandler({ routes: (router) => void router.service(Greeter, {}) });";
  assert.equal(await check(".md", `\`\`\`ts\n${IMPORTS}\n${example}\n\`\`\`\n`), undefined);
  assert.match(await check(".md", `\`\`\`ts\n${IMPORTS}\nawait serve({});\n\`\`\`\n`) ?? "", /'routes' is missing/);
});

Deno.test("examples in docstrings are checked, too", async () => {
  const docstring = (example: string) => `/**\n * \`\`\`ts\n * ${example}\n * \`\`\`\n */\nexport const size = 1;\n`;
  assert.equal(await check(".ts", docstring("console.log(size + 1);")), undefined);
  assert.match(await check(".ts", docstring("size.length;")) ?? "", /'length' does not exist/);
});
