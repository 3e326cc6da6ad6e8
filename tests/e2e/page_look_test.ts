/**
 * The page as it is seen and read out: axe-core finds nothing to object to, nothing is wider than the window, and pictures go to
 * `.cache/screenshots/` for people to look at.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import axe from "axe-core";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { holdCall } from "../support/browser.ts";
import { makeContent, makeFile, MIB, pageTest, pick, store, storedFile, upload } from "../support/page_scene.ts";

const SCREENSHOTS = new URL("../../.cache/screenshots/", import.meta.url);

/** The windows that the page must look well in. 360 px is the narrowest phone that is still common. */
const WINDOWS = [
  { name: "desktop", width: 1280, height: 860 },
  { name: "phone", width: 390, height: 844 },
  { name: "small-phone", width: 360, height: 640 },
];

/** Checks what is on the page now, in every window, light and dark, and takes pictures of it. */
async function assertLooksWell(page: Page, name: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const { name: windowName, ...size } of WINDOWS) {
      await page.setViewportSize(size);
      await page.evaluate("scrollTo(0, 0)");
      const { violations, passes } = await page.evaluate("axe.run()") as AxeResults;
      assert.deepEqual(
        violations.map(({ id, help, nodes }) => ({ id, help, targets: nodes.map(({ target }) => target.join(" ")) })),
        [],
        `${name}, ${windowName}, ${colorScheme}`,
      );
      assert.ok(passes.length > 10, "axe-core saw the page");
      assert.ok(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), `${name}, ${windowName}`);
      const path = new URL(`${name}-${windowName}-${colorScheme}.png`, SCREENSHOTS).pathname;
      await page.screenshot({ path, fullPage: true });
    }
  }
}

pageTest("looks well when it is new, when it is busy, and when the server is away", async (scene) => {
  const { page, stopServer, directory } = scene;
  await page.getByText("Nothing stored yet").waitFor();
  await assertLooksWell(page, "new");

  await store(page, "annual-report.pdf", makeContent(1_234_567));
  await store(page, "field-recording-2026-11-21.flac", makeContent(3 * MIB));
  await store(
    page,
    "Zürich – Überlandleitung, a name that is so long that it has to be broken somewhere.tiff",
    makeContent(99),
  );

  const interrupted = await holdCall(page, "File/WriteUpload", 2);
  await pick(page, await makeFile(directory, "holiday-film.mp4", makeContent(5 * MIB)));
  await interrupted.reached;
  await page.reload();
  await interrupted.release();
  await page.unrouteAll();
  await upload(page, "holiday-film.mp4").getByText("Interrupted").waitFor();

  await page.getByLabel("Choose files").setInputFiles([
    { name: "notes.md", mimeType: "", buffer: Buffer.from("# Notes\n") },
    { name: "back\\slash.txt", mimeType: "", buffer: Buffer.from("x") },
  ]);
  await upload(page, "notes.md").getByText("agrees").waitFor();
  await page.getByRole("alert").getByText("must not contain").waitFor();
  const held = await holdCall(page, "File/WriteUpload", 3);
  await pick(page, await makeFile(directory, "measurements.parquet", makeContent(7 * MIB)));
  await held.reached;

  await page.getByRole("button", { name: "Greet" }).click();
  await page.getByText("Hello, World!").waitFor();
  await page.getByLabel("Text", { exact: true }).fill("The quick brown fox jumps over the lazy dog");
  await page.getByRole("button", { name: "Hash", exact: true }).click();
  await page.locator(".digest").waitFor();
  await page.getByRole("button", { name: "Compare digests of annual-report.pdf" }).click();
  await page.getByRole("button", { name: "Hash both" }).click();
  await page.getByText("They agree").waitFor();
  await assertLooksWell(page, "busy");

  await page.getByRole("button", { name: "Delete annual-report.pdf" }).click();
  await page.getByRole("dialog").waitFor();
  await assertLooksWell(page, "dialog");
  await page.keyboard.press("Escape");

  await stopServer();
  await page.getByRole("button", { name: "Cancel measurements.parquet" }).click();
  await storedFile(page, "annual-report.pdf").getByRole("button", { name: "Hash both" }).click();
  await page.getByText("Not compared").waitFor();
  await page.getByText("Server away").waitFor();
  await assertLooksWell(page, "away");
}, { initScript: axe.source, expectedErrors: /status of 400|net::ERR_/ });
