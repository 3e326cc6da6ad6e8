/** `edge.ts` on the runtimes it is for, each as a process of its own, and what bundles of it and of `fetch.ts` need. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { bundle, withRuntime, withWorkerd } from "../support/edge_runtime.ts";
import { probe } from "./probe.ts";

Deno.test("edge: all calls under deno serve", async () => {
  const args = ["serve", "--no-prompt", "--host", "127.0.0.1", "--port", "0", "edge.ts"];
  await withRuntime(Deno.execPath(), args, "stderr", /http:\/\/127\.0\.0\.1:(\d+)/, probe);
});

Deno.test("edge: all calls in workerd", () => withWorkerd("edge.ts", probe));

// Of edge.ts 4 are for generated codecs of the types that are used; services that somebody adds have room.
const MAX_KIBIBYTES: Readonly<Record<string, number>> = {
  "edge.ts": 80,
  "fetch.ts": 63,
  "tests/support/user_service.ts": 53, // Calls nobody: no transports.
};
for (const [entry, maxKibibytes] of Object.entries(MAX_KIBIBYTES)) {
  Deno.test(`${entry}: the bundle needs neither Deno nor Node, and is small`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      await bundle(entry, `${directory}/bundle.js`);
      const code = await Deno.readTextFile(`${directory}/bundle.js`);
      assert.doesNotMatch(code, /\bDeno\.|["']node:/);
      const kibibytes = gzipSync(Buffer.from(code)).length / 1024;
      assert(kibibytes < maxKibibytes, `the bundle has ${kibibytes.toFixed(1)} KiB when compressed`);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}
