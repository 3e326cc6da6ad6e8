import assert from "node:assert/strict";
import { createSite } from "../../src/site.ts";
import { respondWith, SiteFiles } from "../../src/site_files.ts";

const SCRIPT = "export const text = 'the same again';\n".repeat(5000);

/** Runs a test with a directory that has a page. */
function testSite(name: string, run: (directory: string) => Promise<void>): void {
  Deno.test(`site: ${name}`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      await Deno.mkdir(`${directory}/dist`);
      await Deno.writeTextFile(`${directory}/dist/main.js`, SCRIPT);
      await run(directory);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

async function get(directory: string, headers: Record<string, string> = {}): Promise<Response> {
  const request = new Request("http://localhost/dist/main.js", { headers });
  return await (createSite(directory) as (request: Request) => Response | Promise<Response>)(request);
}

testSite("reads, digests and compresses a file once for all requests", async (directory) => {
  const files = new SiteFiles(directory);
  const found = await Promise.all(Array.from({ length: 128 }, () => files.find("/dist/main.js", true)));
  assert.equal(new Set(found).size, 1);
  assert.equal(found[0]!.fields["content-encoding"], "gzip");
  assert.equal(await files.find("/dist/main.js", true), found[0]);
});

testSite("reads a file again when it has changed, and forgets one that is gone", async (directory) => {
  const files = new SiteFiles(directory);
  const before = await files.find("/dist/main.js", false);
  await Deno.writeTextFile(`${directory}/dist/main.js`, "short");
  const after = await files.find("/dist/main.js", false);
  assert.equal(new TextDecoder().decode(after!.bytes), "short");
  assert.notEqual(after!.fields["etag"], before!.fields["etag"]);
  await Deno.remove(`${directory}/dist/main.js`);
  assert.equal(await files.find("/dist/main.js", false), undefined);
  assert.equal(await files.find("/dist", false), undefined);
});

testSite("has responses share the bytes of a file, which they take as their peers do", async (directory) => {
  const found = (await new SiteFiles(directory).find("/dist/main.js", false))!;
  const [first, second] = [respondWith(found), respondWith(found)];
  const reader = first.body!.getReader();
  const { value } = await reader.read();
  assert.equal(value!.buffer, found.bytes.buffer);
  assert.equal(value!.length, 16 * 1024);
  await reader.cancel();
  assert.equal(await second.text(), SCRIPT);
});

testSite("compresses for clients that accept it, and answers 304 where the client has it", async (directory) => {
  const plain = await get(directory);
  assert.equal(plain.headers.get("content-encoding"), null);
  assert.equal(plain.headers.get("content-length"), `${SCRIPT.length}`);
  assert.equal(plain.headers.get("content-type"), "text/javascript; charset=utf-8");
  assert.equal(await plain.text(), SCRIPT);
  const gzip = await get(directory, { "accept-encoding": "br, gzip" });
  assert.equal(gzip.headers.get("content-encoding"), "gzip");
  assert.equal(gzip.headers.get("vary"), "accept-encoding");
  assert.equal(await new Response(gzip.body!.pipeThrough(new DecompressionStream("gzip"))).text(), SCRIPT);
  const refused = await get(directory, { "accept-encoding": "gzip;q=0" });
  assert.equal(refused.headers.get("content-encoding"), null);
  await refused.body!.cancel();
  for (const response of [plain, gzip]) {
    const again = await get(directory, {
      "accept-encoding": response === gzip ? "gzip" : "identity",
      "if-none-match": response.headers.get("etag")!,
    });
    assert.equal(again.status, 304);
    assert.equal(again.body, null);
  }
});
