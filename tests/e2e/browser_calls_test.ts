/** Our transport in a real Chromium, bundled as a page's script, with our server: over HTTP/1.1, and over HTTP/2 by TLS. */
import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import type { Page } from "playwright-core";
import { serve } from "../../mod.ts";
import type { Caller, Outcome } from "../interop/rpc/call.ts";
import { createEchoRoutes } from "../interop/rpc/connect_routes.ts";
import { echoChecks, type SpecialCheck } from "../interop/rpc/echo_checks.ts";
import { buildEchoDescriptors } from "../interop/rpc/echo_descriptors.ts";
import { readEchoSchema } from "../interop/rpc/echo_schema.ts";
import { launchBrowser, openPage } from "../support/browser.ts";
import { makeCertificate } from "../support/certificate.ts";
import { within } from "../support/deadline.ts";
import { runProgram } from "../support/program.ts";

/** How long a check may take, in milliseconds. */
const CHECK_TIMEOUT_MS = 30_000;

type BrowserProtocol = "connect" | "grpc-web";

const PAGE = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>';

/** The files of the page, by their paths. */
async function bundlePage(descriptors: Uint8Array<ArrayBuffer>): Promise<ReadonlyMap<string, [BodyInit, string]>> {
  const source = new URL("echo_page.ts", import.meta.url).pathname;
  const path = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await runProgram(Deno.execPath(), ["bundle", "--quiet", "--platform=browser", "--output", path, source]);
    return new Map<string, [BodyInit, string]>([
      ["/", [PAGE, "text/html"]],
      ["/page.js", [await Deno.readTextFile(path), "text/javascript"]],
      ["/echo.binpb", [descriptors, "application/octet-stream"]],
    ]);
  } finally {
    await Deno.remove(path);
  }
}

function createPageCaller(page: Page, protocol: BrowserProtocol): Caller {
  return async (call, signal) => {
    const id = JSON.stringify(crypto.randomUUID());
    signal?.addEventListener("abort", () => page.evaluate(`cancelCall(${id})`));
    return await page.evaluate<Outcome>(`makeCall("${protocol}", ${id}, ${JSON.stringify(call)})`);
  };
}

/** What no browser can: its `fetch` has an answer when the request has ended, and streams requests by HTTP/2 only. */
function impossibleBy(version: string, protocol: BrowserProtocol): SpecialCheck[] {
  return [
    "bidi stream in turns",
    ...version === "h2" ? [] : ["client stream" as const, "bidi stream" as const, "answer of 4 MiB" as const],
    ...protocol === "connect" ? [] : ["GET" as const],
  ];
}

for (const version of ["http/1.1", "h2"]) {
  Deno.test(`browser: calls by ${version}`, async (test) => {
    await using descriptors = await buildEchoDescriptors();
    await using certificate = await makeCertificate();
    const schema = await Deno.readFile(descriptors.path);
    const files = await bundlePage(schema);
    const server = await serve({
      routes: createEchoRoutes(readEchoSchema(schema)),
      fallback: (request) => {
        const [body, type] = files.get(new URL(request.url).pathname) ?? ["", "text/plain"];
        return new Response(body, { headers: { "content-type": type } });
      },
      port: 0,
      tls: version === "h2" ? certificate : undefined,
    });
    const browser = await launchBrowser();
    try {
      // What a browser says of every call that fails.
      const expectedErrors = /^Failed to load resource/;
      await using tab = await openPage(browser, server.url, { ignoreHTTPSErrors: true, expectedErrors });
      await tab.page.waitForFunction("globalThis.makeCall !== undefined");
      for (const protocol of ["connect", "grpc-web"] as const) {
        const call = createPageCaller(tab.page, protocol);
        for (const [name, run] of echoChecks(call, impossibleBy(version, protocol))) {
          await test.step(`${protocol}: ${name}`, () => within(CHECK_TIMEOUT_MS, name, run()));
        }
        if (version === "http/1.1") {
          await test.step(`${protocol}: a client stream is refused with the reason`, async () => {
            const { error } = await call({ method: "ClientStream", requests: [{ text: "a" }] });
            assert.equal(error?.code, Code.Unavailable);
            assert.match(
              error.message,
              /^cannot reach http:.*: Failed to fetch; browsers send streams .* to https URLs$/,
            );
          });
        }
      }
      const protocols = "[...new Set(performance.getEntries().map((entry) => entry.nextHopProtocol).filter(Boolean))]";
      assert.deepEqual(await tab.page.evaluate(protocols), [version]);
      tab.assertNoErrors();
    } finally {
      await browser.close();
      await server.close();
    }
  });
}
