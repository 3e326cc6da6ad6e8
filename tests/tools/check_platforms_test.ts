import assert from "node:assert/strict";
import { checkPlatform } from "../../tools/check_platforms.ts";

async function check(platform: "pure" | "edge", source: string): Promise<string | undefined> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, source);
    return await checkPlatform(platform, [file]);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("a pure room can name the language, and nothing that does I/O", async () => {
  assert.equal(await check("pure", "export const a = new Map([[1, new Uint8Array(2)]]);"), undefined);
  const names = ["Deno", "fetch", "setTimeout", "console", "TextDecoder", "performance", "crypto", "queueMicrotask"];
  const errors = await check("pure", `export const a = [${names}];`) ?? "";
  for (const name of names) {
    assert.match(errors, new RegExp(`Cannot find name '${name}'`));
  }
});

Deno.test("an edge can name what web workers have, and not Deno", async () => {
  assert.equal(await check("edge", "export default { fetch: (_: Request) => new Response() };"), undefined);
  assert.match(await check("edge", "export const a = Deno.args;") ?? "", /Cannot find name 'Deno'/);
});
