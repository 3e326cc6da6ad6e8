/** A real Chromium for tests, from the npm package `@sparticuz/chromium`: nothing has to be installed on the machine. */
import assert from "node:assert/strict";
import chromiumBinary from "@sparticuz/chromium";
import { type Browser, type BrowserContextOptions, chromium, type Page, type Route } from "playwright-core";

const ARGUMENTS = [
  "--no-sandbox", // It refuses to start as root, as in containers, otherwise.
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Starts a headless Chromium. Close it in a `finally`: it outlives the test otherwise.
 *
 * @param args More for its command line.
 */
export async function launchBrowser(args: readonly string[] = []): Promise<Browser> {
  return await chromium.launch({
    executablePath: await chromiumBinary.executablePath(),
    args: [...ARGUMENTS, ...args],
  });
}

/**
 * Hands request bodies over as Blobs. Playwright listens to the network, and then Chromium copies every other body into an
 * event for it: 150 ms for each MiB, beside which an upload would measure nothing else.
 */
const BODIES_AS_BLOBS = `{
  const { fetch } = globalThis;
  globalThis.fetch = (input, init) =>
    fetch(input, init?.body instanceof Uint8Array ? { ...init, body: new Blob([init.body]) } : init);
}`;

/** Options of {@linkcode openPage}. */
export interface OpenPageOptions extends BrowserContextOptions {
  /** The errors in the console that the test provokes: a refused call is one. None by default. */
  readonly expectedErrors?: RegExp;
  /** Runs in the page before its own scripts. */
  readonly initScript?: string;
}

/** A tab with the page in it. */
export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  /** @throws When there were errors in the console, uncaught ones, or violations of the content security policy. */
  assertNoErrors(): void;
}

/** Opens `url` in a tab of its own, which shares nothing with others: it is a browser context. */
export async function openPage(browser: Browser, url: string, options: OpenPageOptions = {}): Promise<OpenPage> {
  const { expectedErrors, initScript, ...contextOptions } = options;
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "UTC", ...contextOptions });
  const errors: string[] = [];
  await context.addInitScript(BODIES_AS_BLOBS);
  if (initScript !== undefined) {
    await context.addInitScript(initScript);
  }
  const page = await context.newPage();
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !expectedErrors?.test(message.text())) {
      errors.push(message.text());
    }
  });
  await page.goto(url);
  return {
    page,
    assertNoErrors: () => assert.deepEqual(errors, []),
    [Symbol.asyncDispose]: () => context.close(),
  };
}

/** Calls of one method that a test holds back before they reach the server. */
export interface HeldCalls {
  /** Resolves when the call that is to be held was made. */
  readonly reached: Promise<void>;
  /** Lets it through. */
  release(): Promise<void>;
  /** How many calls of the method were made so far. */
  count(): number;
}

/** Holds back the call of `method`, as in `File/WriteUpload`, before which `number` others were made, and those after it. */
export async function holdCall(page: Page, method: string, number: number): Promise<HeldCalls> {
  const reached = Promise.withResolvers<void>();
  const held: Route[] = [];
  let count = 0;
  let holding = true;
  await page.route(`**/edgewire.v1.${method}`, async (route) => {
    if (count++ >= number && holding) {
      held.push(route);
      reached.resolve();
    } else {
      await route.continue();
    }
  });
  return {
    reached: reached.promise,
    count: () => count,
    release: async () => {
      holding = false;
      // A call whose page was reloaded in the meantime cannot go on, and need not.
      await Promise.all(held.splice(0).map((route) => route.continue().catch(() => {})));
    },
  };
}
