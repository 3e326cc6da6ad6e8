/** What pages of other sites can have a browser do to a server on its machine, in a real Chromium. */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { launchBrowser } from "../support/browser.ts";
import { runClient } from "../support/client_process.ts";
import { type ServerProcess, startServer } from "../support/server_process.ts";

/**
 * The name of an attacker, which resolves to this machine. Chromium's own check (Local Network Access) is off: not every browser has one, and
 * users answer its question.
 */
const EVIL = "evil.example";
const ARGUMENTS = [`--host-resolver-rules=MAP ${EVIL} 127.0.0.1`, "--disable-features=LocalNetworkAccessChecks"];

interface Scene {
  readonly browser: Browser;
  readonly server: ServerProcess;
  /** Whether the file `victim` is there. */
  isStored(): Promise<boolean>;
}

async function withScene(args: readonly string[], test: (scene: Scene) => Promise<void>): Promise<void> {
  const dataDir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dataDir}/victim`, "precious");
  const server = await startServer({ dataDir: `${dataDir}/data`, args: ["--admin-port", "0", ...args] });
  const run = (...args: string[]) => runClient(args, { cwd: dataDir, url: server.url });
  const browser = await launchBrowser(ARGUMENTS);
  try {
    assert.equal((await run("put", "victim")).code, 0);
    await test({ browser, server, isStored: async () => (await run("stat", "victim")).code === 0 });
  } finally {
    await browser.close();
    await server.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** A page of an attacker at an origin, of which only the document is his: all else goes to what listens there. */
async function openEvilPage(browser: Browser, origin: string, html = ""): Promise<Page> {
  const page = await browser.newPage();
  await page.route(`${origin}/evil`, (route) => route.fulfill({ contentType: "text/html", body: `<p>evil${html}` }));
  await page.goto(`${origin}/evil`);
  return page;
}

const originOf = (url: string, host: string) => `http://${host}:${new URL(url).port}`;

const DELETE = `fetch("/edgewire.v1.File/Delete", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: '{"name":"victim"}',
}).then(async (response) => [response.status, await response.text()])`;

const REASON = /host \\?"evil\.example:\d+\\?" is not one that this server answers for: --allowed-hosts/;

Deno.test("back doors: a page whose name was bound to this machine gets nothing, on no port", () =>
  withScene([], async ({ browser, server, isStored }) => {
    const page = await openEvilPage(browser, originOf(server.url, EVIL));
    const [status, text] = await page.evaluate<[number, string]>(DELETE);
    assert.equal(status, 403);
    assert.match(text, REASON);
    assert(await isStored());
    const answer = (path: string) =>
      `fetch("${path}").then(async (response) => [response.status, await response.text()])`;
    assert.match(String(await page.evaluate(answer("/"))), /^403,Forbidden: host "evil\.example/);

    const admin = await openEvilPage(browser, originOf(server.adminUrl!, EVIL));
    for (const path of ["/metrics", "/healthz"]) {
      const [status, text] = await admin.evaluate<[number, string]>(answer(path));
      assert.equal(status, 403);
      assert.match(text, REASON);
    }
    // A user's own page may, by each name of this machine.
    for (const host of ["localhost", "127.0.0.1", "a.localhost"]) {
      const own = await browser.newPage();
      assert.equal((await own.goto(originOf(server.url, host)))?.status(), 200, host);
      await own.close();
    }
    const own = await browser.newPage();
    await own.goto(server.url);
    assert.deepEqual(await own.evaluate(DELETE), [200, "{}"]);
    assert(!await isStored());
  }));

Deno.test("back doors: a host that is allowed is an origin like any other", () =>
  withScene(["--allowed-hosts", EVIL], async ({ browser, server, isStored }) => {
    const page = await openEvilPage(browser, originOf(server.url, EVIL));
    assert.deepEqual(await page.evaluate(DELETE), [200, "{}"]);
    assert(!await isStored());
  }));

Deno.test("back doors: images, links, scripts, frames and forms of other sites cost nothing", () =>
  withScene(["--log", "debug"], async ({ browser, server, isStored }) => {
    const evil = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response("evil", { headers: { "content-type": "text/html" } }),
    );
    try {
      for (const host of [EVIL, "localhost"]) { // Cross-site, and same-site: another port of the same name.
        const target = originOf(server.url, "localhost");
        const hashUrl =
          `${target}/edgewire.v1.File/HashFile?connect=v1&encoding=json&message=%7B%22name%22%3A%22victim%22%7D`;
        const page = await browser.newPage();
        await page.goto(`http://${host}:${evil.addr.port}/`);
        const tries = [
          `document.body.append(Object.assign(new Image(), { src: "${hashUrl}" }))`,
          `document.body.append(Object.assign(document.createElement("script"), { src: "${hashUrl}" }))`,
          `document.body.append(Object.assign(document.createElement("iframe"), { src: "${hashUrl}" }))`,
          `void fetch("${hashUrl}", { mode: "no-cors" }).catch(() => {})`,
          `void fetch("${hashUrl}").catch(() => {})`,
        ];
        for (const attempt of tries) {
          await page.evaluate(attempt);
          const [line] = await server.logged(/.*HashFile.*\}\n/);
          assert.match(line, /"code":"permission_denied"/, attempt);
        }
        // A form, and a fetch that asks nothing before, cannot say a content type of a call.
        const simple = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];
        for (const type of simple) {
          const response = page.waitForResponse(`${target}/edgewire.v1.File/Delete`);
          await page.evaluate(`void fetch("${target}/edgewire.v1.File/Delete", {
            method: "POST", mode: "no-cors", headers: { "content-type": "${type}" }, body: '{"name":"victim"}',
          }).catch(() => {})`);
          assert.equal((await response).status(), 415, type);
        }
        // With one the browser asks first, and is told no.
        assert.equal(
          await page.evaluate(
            DELETE.replace('"/edgewire', `"${target}/edgewire`) + ".catch((error) => `${error}`)",
          ),
          "TypeError: Failed to fetch",
        );
        // The user who follows a link has the server work for the page that made it.
        await page.evaluate(`document.body.innerHTML = '<a href="${hashUrl}">go</a>'`);
        await page.click("a");
        assert.match((await server.logged(/.*HashFile.*\}\n/))[0], /"code":"permission_denied"/);
        await page.close();
        assert(await isStored());
      }
      // Who types it, and the server's own page, get it.
      const own = await browser.newPage();
      const path = "/edgewire.v1.File/HashFile?connect=v1&encoding=json&message=%7B%22name%22%3A%22victim%22%7D";
      assert.equal((await own.goto(server.url + path))?.status(), 200);
      await own.goto(server.url);
      assert.equal(await own.evaluate(`fetch("${path}").then(({ status }) => status)`), 200);
    } finally {
      await evil.shutdown();
    }
  }));
