/** The page in a real Chromium, against a real server: what it does. How it looks is in `page_look_test.ts`. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Page } from "playwright-core";
import { holdCall } from "../support/browser.ts";
import { makeContent, makeFile, MIB, pageTest, pick, store, storedFile, upload } from "../support/page_scene.ts";
import { startServer } from "../support/server_process.ts";

function digestOf(algorithm: string, content: Uint8Array): string {
  return algorithm === "BLAKE3"
    ? bytesToHex(blake3(content))
    : createHash(algorithm.toLowerCase().replace(/^sha-/, "sha").replace(/ .*/, "")).update(content).digest("hex");
}

/** As the page names them. */
const ALGORITHMS = ["SHA-256", "SHA-512", "SHA3-256", "BLAKE3", "SHA-1 (not secure)", "MD5 (not secure)"];

/** What a click on Download saves. */
async function download(page: Page, name: string): Promise<Uint8Array> {
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: `Download ${name}` }).click();
  const saved = await saving;
  assert.equal(saved.suggestedFilename(), name);
  return await Deno.readFile(await saved.path());
}

/** Makes the page save by way of a Blob, as browsers without the File System Access API do. */
const WITHOUT_FILE_PICKER = "delete globalThis.showSaveFilePicker;";

for (const protocol of ["Connect", "gRPC-Web"]) {
  pageTest(`greets and hashes a text over ${protocol}`, async ({ page }) => {
    await page.getByRole("radio", { name: protocol }).check();
    await page.getByLabel("Name").fill("Ada");
    await page.getByLabel("Name").press("Enter");
    await page.getByText("Hello, Ada!").waitFor();

    await page.getByLabel("Text", { exact: true }).fill("zwölf");
    for (const algorithm of ALGORITHMS) {
      await page.getByLabel("Algorithm").selectOption(algorithm);
      await page.getByRole("button", { name: "Hash", exact: true }).click();
      await page.getByText(digestOf(algorithm, new TextEncoder().encode("zwölf")), { exact: true }).waitFor();
    }
    assert.match(await page.locator("footer").innerText(), new RegExp(`Hash\\.Sha\\s+${protocol}\\s+\\d+ ms`));

    await page.getByRole("button", { name: "Copy the digest of the text" }).click();
    await page.getByRole("status").filter({ hasText: "Copied: the digest of the text." }).waitFor({
      state: "attached",
    });
    assert.equal(await page.evaluate("navigator.clipboard.readText()"), await page.locator(".digest code").innerText());
  }, { permissions: ["clipboard-read", "clipboard-write"] });
}

pageTest("a file of 50 MB, the page reloaded in the middle, ends up whole", async ({ page, directory }) => {
  const content = makeContent(50_000_000);
  const path = await makeFile(directory, "big.bin", content);
  const beforeReload = await holdCall(page, "File/WriteUpload", 20);
  await pick(page, path);
  await beforeReload.reached;
  await upload(page, "big.bin").getByText("41 %", { exact: true }).waitFor();
  await page.reload();
  await beforeReload.release();

  await upload(page, "big.bin").getByText("Interrupted").waitFor();
  await upload(page, "big.bin").getByText("41 %", { exact: true }).waitFor();
  const other = await makeFile(directory, "other.bin", makeContent(10));
  await page.getByLabel("Pick big.bin again").setInputFiles(other);
  await page.getByText("“other.bin” is another file").waitFor();

  let writes = 0;
  page.on("request", (request) => writes += Number(request.url().endsWith("File/WriteUpload")));
  await page.getByLabel("Pick big.bin again").setInputFiles(path);
  await upload(page, "big.bin").getByText("agrees").waitFor();
  assert.equal(writes, Math.ceil(content.length / MIB) - 20);

  assert.match(await storedFile(page, "big.bin").innerText(), /50 MB/);
  assert.equal(Buffer.compare(await download(page, "big.bin"), content), 0);

  await page.getByRole("button", { name: "Compare digests of big.bin" }).click();
  await page.getByLabel("the server’s copy, downloaded").check();
  await page.getByRole("button", { name: "Hash both" }).click();
  await page.getByText("They agree").waitFor();
  const shown = await storedFile(page, "big.bin").locator(".digest code").allInnerTexts();
  assert.deepEqual(shown, Array(2).fill(digestOf("SHA-256", content)));

  await page.getByRole("button", { name: "Delete big.bin" }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("Nothing stored yet").waitFor();
}, { initScript: WITHOUT_FILE_PICKER });

pageTest("an upload pauses, goes on, and can be cancelled, by keyboard too", async ({ page, directory }) => {
  const held = await holdCall(page, "File/WriteUpload", 2);
  await pick(page, await makeFile(directory, "a.bin", makeContent(4 * MIB)));
  await held.reached;
  await upload(page, "a.bin").getByText("2.1 MB of 4.19 MB").waitFor();
  assert.equal(await page.getByRole("progressbar", { name: "Upload of a.bin" }).getAttribute("value"), "0.5");

  await page.getByRole("button", { name: "Pause a.bin" }).focus();
  await page.keyboard.press("Space");
  await upload(page, "a.bin").getByText("Paused", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Resume a.bin" }).and(page.locator(":focus")).waitFor();
  await page.getByRole("status").filter({ hasText: "Paused: a.bin." }).waitFor({ state: "attached" });
  await held.release();
  await page.keyboard.press("Space");
  await upload(page, "a.bin").getByText("agrees").waitFor();

  await page.unrouteAll();
  const second = await holdCall(page, "File/WriteUpload", 1);
  await pick(page, await makeFile(directory, "b.bin", makeContent(3 * MIB)));
  await second.reached;
  const aborted = page.waitForResponse(/AbortUpload/);
  await page.getByRole("button", { name: "Cancel b.bin" }).click();
  await second.release();
  assert.equal((await aborted).status(), 200);
  assert.equal(await upload(page, "b.bin").count(), 0);
  await page.getByRole("heading", { name: "Uploads" }).and(page.locator(":focus")).waitFor();
  await page.reload();
  await storedFile(page, "a.bin").waitFor();
  assert.equal(await upload(page, "b.bin").count(), 0);
});

pageTest("files that are dropped anywhere on the page are uploaded", async ({ page }) => {
  const files = await page.evaluateHandle(`(() => {
    const dropped = new DataTransfer();
    dropped.items.add(new File(["one"], "one.txt"));
    dropped.items.add(new File(["two"], "two.txt"));
    return dropped;
  })()`);
  await page.dispatchEvent("h1", "dragover", { dataTransfer: files });
  await page.locator(".drop-zone.over").waitFor();
  await page.dispatchEvent("h1", "drop", { dataTransfer: files });
  await storedFile(page, "one.txt").waitFor();
  await storedFile(page, "two.txt").waitFor();
  assert.equal(await page.locator(".drop-zone.over").count(), 0);
});

pageTest("server and browser agree with each other and with node:crypto", async ({ page, directory }) => {
  const content = makeContent(3 * MIB + 7);
  await store(page, "a.bin", content);
  await page.getByRole("button", { name: "Compare digests of a.bin" }).click();
  const comparison = page.getByRole("region", { name: "Digests of a.bin" });
  for (const algorithm of ALGORITHMS) {
    await comparison.getByLabel("Algorithm").selectOption(algorithm);
    await comparison.getByRole("button", { name: "Hash both" }).click();
    const digest = comparison.getByText(digestOf(algorithm, content), { exact: true });
    await digest.nth(1).waitFor();
    await comparison.getByText("They agree").waitFor();
  }

  await page.getByRole("radio", { name: "gRPC-Web" }).check();
  await comparison.getByRole("button", { name: "Hash both" }).click();
  await comparison.getByText("They agree").waitFor();

  // A file of this device that is not the one on the server.
  await comparison.getByLabel("a file on this device").check();
  const other = await makeFile(directory, "other.bin", content.subarray(1));
  await comparison.getByLabel("Pick the file").setInputFiles(other);
  await comparison.getByRole("button", { name: "Hash both" }).click();
  await comparison.getByText("They differ").waitFor();
});

pageTest("downloads go straight into a file where the browser can do that", async ({ page }) => {
  const content = makeContent(2 * MIB + 1);
  await store(page, "a.bin", content);
  await page.getByRole("button", { name: "Download a.bin" }).click();
  await page.getByRole("status").filter({ hasText: "Saved: a.bin." }).waitFor({ state: "attached" });
  const saved = await page.evaluate(`(async () => {
    const file = await (await globalThis.pickedFile).getFile();
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return new Uint8Array(digest).toHex();
  })()`);
  assert.equal(saved, digestOf("SHA-256", content));
}, {
  // The picker is the browser's own window, which tests cannot reach: a real file of the origin stands in for the choice.
  initScript: `globalThis.showSaveFilePicker = ({ suggestedName }) =>
    globalThis.pickedFile = navigator.storage.getDirectory().then((root) =>
      root.getFileHandle(suggestedName, { create: true }));`,
});

pageTest("a file is deleted only when that is confirmed", async ({ page }) => {
  await store(page, "a.bin", makeContent(10));
  const button = page.getByRole("button", { name: "Delete a.bin" });
  await button.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Delete this file?" });
  await dialog.getByText("a.bin (10 bytes)").waitFor();
  await dialog.getByRole("button", { name: "Keep it" }).and(page.locator(":focus")).waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await button.and(page.locator(":focus")).waitFor();

  await button.press("Enter");
  await dialog.getByRole("button", { name: "Delete", exact: true }).press("Enter");
  await page.getByText("Nothing stored yet").waitFor();
  await page.getByRole("heading", { name: "On the server" }).and(page.locator(":focus")).waitFor();
});

pageTest("a list of several pages is walked through", async ({ page }) => {
  const names = Array.from({ length: 41 }, (_, index) => `file-${String(index).padStart(2, "0")}`);
  await page.getByLabel("Choose files").setInputFiles(
    names.map((name) => ({ name, mimeType: "", buffer: Buffer.from(name) })),
  );
  await page.locator(".upload[data-state=stored]").nth(40).waitFor();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("Page 2").waitFor();
  await page.getByRole("button", { name: "Next" }).click();
  await storedFile(page, "file-40").waitFor();
  assert.equal(await page.locator(".file").count(), 1);
  assert.equal(await page.getByRole("button", { name: "Next" }).isDisabled(), true);

  // The last file of the last page goes: the page before is shown.
  await page.getByRole("button", { name: "Delete file-40" }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("Page 2").waitFor();
  assert.equal(await page.locator(".file").count(), 20);
  await page.getByRole("button", { name: "Previous" }).click();
  await storedFile(page, "file-00").waitFor();
});

pageTest("a name that the server refuses is explained", async ({ page }) => {
  await page.getByLabel("Choose files").setInputFiles({ name: "a\\b", mimeType: "", buffer: Buffer.from("x") });
  await page.getByRole("alert").getByText("must not contain").waitFor();
  assert.equal(
    await page.getByRole("alert").innerText(),
    'Cannot upload “a\\b”. The file name must not contain "\\\\". Rename the file, then upload it again.',
  );
}, { expectedErrors: /status of 400/ });

pageTest(
  "a server that is away is said to be so, and found when it is back",
  async ({ page, url, stopServer, directory }) => {
    await store(page, "a.bin", makeContent(10));
    const held = await holdCall(page, "File/WriteUpload", 1);
    await pick(page, await makeFile(directory, "b.bin", makeContent(3 * MIB)));
    await held.reached;
    await stopServer();
    await held.release();
    await page.getByText(`The server at ${new URL(url).host} cannot be reached.`).waitFor();
    await upload(page, "b.bin").getByText("Trying again in").waitFor();
    await page.getByRole("button", { name: "Greet" }).click();
    await page.getByText("Cannot greet. The server cannot be reached.").waitFor();
    await page.getByRole("button", { name: "Delete a.bin" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("dialog").getByText("Cannot delete “a.bin”.").waitFor();
    await page.keyboard.press("Escape");

    const { port } = new URL(url);
    const again = await startServer({ dataDir: `${directory}/data`, args: ["--port", port] });
    try {
      await upload(page, "b.bin").getByText("agrees").waitFor();
      await page.getByText("Connected", { exact: true }).waitFor();
      assert.equal(await page.locator(".away-note").count(), 0);
    } finally {
      await again.stop();
    }
  },
  { expectedErrors: /net::ERR_/ },
);
