/** What tests of the page have in common: a scene to play in, and the words for what is on it. */
import { Buffer } from "node:buffer";
import type { Locator, Page } from "playwright-core";
import { launchBrowser, openPage, type OpenPageOptions } from "./browser.ts";
import { startServer } from "./server_process.ts";

/** Bytes. */
export const MIB = 1024 * 1024;

/** What a test of the page works with. */
export interface Scene {
  /** The server's. */
  readonly url: string;
  /** Ends the server, as the end of the test does otherwise. */
  stopServer(): Promise<void>;
  readonly page: Page;
  /** An empty directory for files of this device. */
  readonly directory: string;
}

/** Declares a test that has a server, a browser and the page to itself, and in which the console stays empty. */
export function pageTest(name: string, run: (scene: Scene) => Promise<void>, options: OpenPageOptions = {}): void {
  Deno.test(`page: ${name}`, async () => {
    const directory = await Deno.makeTempDir();
    const browser = await launchBrowser();
    try {
      const server = await startServer({ dataDir: `${directory}/data` });
      let stopped: Promise<unknown> | undefined;
      const stopServer = async () => void await (stopped ??= server.stop());
      try {
        await using tab = await openPage(browser, server.url, options);
        await run({ url: server.url, stopServer, page: tab.page, directory });
        tab.assertNoErrors();
      } finally {
        await stopServer();
      }
    } finally {
      await browser.close();
      await Deno.remove(directory, { recursive: true });
    }
  });
}

/** Bytes that do not repeat within any chunk. */
export function makeContent(size: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let index = 0, state = 1; index < words.length; index++) {
    state = Math.imul(state, 1664525) + 1013904223;
    words[index] = state;
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** Puts a file on this device, and gives its path. */
export async function makeFile(directory: string, name: string, content: Uint8Array): Promise<string> {
  const path = `${directory}/${name}`;
  await Deno.writeFile(path, content);
  return path;
}

/** The row of an upload. */
export function upload(page: Page, name: string): Locator {
  return page.locator(".upload").filter({ hasText: name });
}

/** The row of a stored file. */
export function storedFile(page: Page, name: string): Locator {
  return page.locator(".file").filter({ hasText: name });
}

/** Picks files of this device by the page's file picker. */
export async function pick(page: Page, ...files: string[]): Promise<void> {
  await page.getByLabel("Choose files").setInputFiles(files);
}

/** Uploads a file, and clears the upload's row. */
export async function store(page: Page, name: string, content: Uint8Array): Promise<void> {
  await page.getByLabel("Choose files").setInputFiles({ name, mimeType: "", buffer: Buffer.from(content) });
  await upload(page, name).getByText("agrees").waitFor();
  await page.getByRole("button", { name: `Clear ${name}` }).click();
}
