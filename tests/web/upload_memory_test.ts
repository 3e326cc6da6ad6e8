import assert from "node:assert/strict";
import { UploadMemory } from "../../web/upload_memory.ts";
import { MemoryStorage } from "./memory_storage.ts";

const record = { uploadId: "one", name: "a.bin", size: 10, lastModified: 1 };

Deno.test("records are remembered one by one, and forgotten", () => {
  const memory = new UploadMemory(new MemoryStorage());
  memory.remember(record);
  memory.remember({ ...record, uploadId: "two" });
  memory.forget("one");
  assert.deepEqual(memory.records(), [{ ...record, uploadId: "two" }]);
});

Deno.test("what others keep in the storage, or have broken, is left alone", () => {
  const storage = new MemoryStorage();
  storage.setItem("theme", "dark");
  storage.setItem("edgewire.upload.broken", "{");
  storage.setItem("edgewire.upload.null", "null");
  storage.setItem("edgewire.upload.old", '{"uploadId":"old"}');
  assert.deepEqual(new UploadMemory(storage).records(), []);
});

Deno.test("a storage that is full or forbidden does not stop an upload", () => {
  const storage = new MemoryStorage();
  storage.setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  new UploadMemory(storage).remember(record);
});
