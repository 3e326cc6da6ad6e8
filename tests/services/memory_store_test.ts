import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { ENTRY_BYTES, MemoryStore } from "../../src/services/memory_store.ts";
import { assertConnectError } from "../support/connect_error.ts";

const file = { name: "file", size: undefined, digest: undefined };
const accept = () => Promise.resolve();

Deno.test("MemoryStore is full at maxBytes, and has room again when files and uploads go", async () => {
  const store = new MemoryStore({ maxBytes: 2 * ENTRY_BYTES + 10 });
  const full = `store: full, the limit is ${2 * ENTRY_BYTES + 10} bytes`;
  const first = await store.startUpload(file, { resumable: true });
  const second = await store.startUpload(file, { resumable: true });
  await assertConnectError(store.startUpload(file, { resumable: true }), Code.ResourceExhausted, full);
  await first.write(0, new Uint8Array(10));
  await assertConnectError(second.write(0, new Uint8Array(1)), Code.ResourceExhausted, full);
  assert.equal(second.received, 0);
  await first.abort();
  await second.write(0, new Uint8Array(10));
  await second.finish(accept);

  // The file has what its upload had.
  const third = await store.startUpload({ ...file, name: "other" }, { resumable: true });
  await assertConnectError(third.write(0, new Uint8Array(1)), Code.ResourceExhausted, full);
  assert.equal(await store.delete("file"), true);
  await third.write(0, new Uint8Array(10 + ENTRY_BYTES));
  await assertConnectError(third.write(10 + ENTRY_BYTES, new Uint8Array(1)), Code.ResourceExhausted, full);
});

Deno.test("MemoryStore counts a replaced file no longer", async () => {
  const store = new MemoryStore({ maxBytes: 2 * ENTRY_BYTES + 20 });
  for (let round = 0; round < 5; round++) {
    const upload = await store.startUpload(file, { resumable: round % 2 === 0 });
    await upload.write(0, new Uint8Array(10));
    await upload.finish(accept);
    await upload.abort();
  }
  assert.equal((await store.stat("file"))?.size, 10);
});

Deno.test("MemoryStore counts a deleted file as long as it has readers", async () => {
  const store = new MemoryStore({ maxBytes: 2 * ENTRY_BYTES + 10 });
  const upload = await store.startUpload(file, { resumable: false });
  await upload.write(0, new Uint8Array(10));
  await upload.finish(accept);
  const [one, other] = [await store.open("file"), await store.open("file")];
  await store.delete("file");
  const next = await store.startUpload(file, { resumable: true });
  const full = `store: full, the limit is ${2 * ENTRY_BYTES + 10} bytes`;
  await one![Symbol.asyncDispose]();
  await one![Symbol.asyncDispose]();
  await assertConnectError(next.write(0, new Uint8Array(1)), Code.ResourceExhausted, full);
  await other![Symbol.asyncDispose]();
  assert.equal(await next.write(0, new Uint8Array(10)), 10);
});
