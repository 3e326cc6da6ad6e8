/** That what is measured is what readers run. */
import assert from "node:assert/strict";
import { toolVersion } from "../conformance/tools.ts";

Deno.test("The guide runs the version of Bun that is measured", async () => {
  const guide = await Deno.readTextFile(new URL("../../docs/guides/deploy.md", import.meta.url));
  const [, version] = /npx -y bun@(\S+)/.exec(guide)!;
  assert.equal(`bun ${version}`, toolVersion("bun"));
});
