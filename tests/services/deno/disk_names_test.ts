/** What `List` shows of what the store does in its directory, and of what other programs do. */
import assert from "node:assert/strict";
import { DiskNames } from "../../../src/services/deno/disk_names.ts";
import type { FileSystem } from "../../../src/services/deno/file_system.ts";

/** How often the directory is looked at, and how exact its times are, in milliseconds. */
const CHECK_INTERVAL_MS = 5000;
const LONG_AGO = new Date(1_000_000);

/** A directory that says when it is read, and waits then. */
class Directory {
  names = new Set<string>();
  modified = LONG_AGO;
  reads = 0;
  gate: Promise<void> = Promise.resolve();
  readonly fileSystem = {
    lstat: () => Promise.resolve({ mtime: this.modified }),
    readDir: () => this.#read(),
  } as unknown as FileSystem;

  async *#read() {
    this.reads++;
    const names = [...this.names];
    await this.gate;
    for (const name of names) {
      yield { name, isFile: !name.endsWith("/") };
    }
  }
}

function scene() {
  const directory = new Directory();
  const clock = { nowMs: 0 };
  const names = new DiskNames(directory.fileSystem, "directory", () => clock.nowMs);
  return { directory, clock, names, all: () => names.after("", 100) };
}

const settle = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("the directory is read once, also for callers that come meanwhile, and lists files only", async () => {
  const { directory, names } = scene();
  directory.names = new Set(["b", "a", "directory/", "c"]);
  const lists = await Promise.all([names.after("", 100), names.after("a", 1)]);
  assert.deepEqual(lists, [["a", "b", "c"], ["b"]]);
  assert.equal(directory.reads, 1);
});

Deno.test("what the store does shows at once, without another look", async () => {
  const { directory, names, all, clock } = scene();
  directory.names = new Set(["a", "b"]);
  names.add("ignored, as it is read anyway");
  await all();
  names.add("c");
  names.delete("a");
  assert.deepEqual(await all(), ["b", "c"]);
  clock.nowMs += CHECK_INTERVAL_MS - 1;
  directory.modified = new Date(2_000_000);
  assert.deepEqual(await all(), ["b", "c"]);
  assert.equal(directory.reads, 1);
});

Deno.test("what the store does while the directory is read counts, whatever the directory said", async () => {
  const { directory, names, all } = scene();
  directory.names = new Set(["a", "b"]);
  const gate = Promise.withResolvers<void>();
  directory.gate = gate.promise;
  const list = all();
  await settle();
  names.delete("a");
  names.add("c");
  names.add("d");
  names.delete("d");
  gate.resolve();
  assert.deepEqual(await list, ["b", "c"]);
});

Deno.test("what other programs do shows after the next look, while the old names serve", async () => {
  const { directory, clock, all } = scene();
  directory.names = new Set(["a"]);
  await all();
  clock.nowMs += 1_000_000;
  assert.deepEqual(await all(), ["a"]);
  assert.equal(directory.reads, 1, "its time is the same");
  directory.names = new Set(["b"]);
  directory.modified = new Date(2_000_000);
  assert.deepEqual(await all(), ["a"]);
  clock.nowMs += CHECK_INTERVAL_MS;
  assert.deepEqual(await all(), ["a"]);
  await settle();
  assert.deepEqual(await all(), ["b"]);
  assert.equal(directory.reads, 2);
});

Deno.test("a directory that has just changed is read again, as its time would not say that it changed once more", async () => {
  const { directory, clock, all } = scene();
  directory.names = new Set(["a"]);
  directory.modified = new Date();
  await all();
  directory.names = new Set(["b"]);
  clock.nowMs += 1_000_000;
  await all();
  await settle();
  assert.deepEqual(await all(), ["b"]);
});

Deno.test("a directory that cannot be read fails the first list, and is tried again", async () => {
  const { directory, all, clock } = scene();
  directory.gate = Promise.reject(new Error("failed"));
  directory.gate.catch(() => {});
  await assert.rejects(all(), /failed/);
  directory.gate = Promise.resolve();
  directory.names = new Set(["a"]);
  assert.deepEqual(await all(), ["a"]);
  directory.gate = Promise.reject(new Error("failed"));
  directory.gate.catch(() => {});
  directory.modified = new Date(2_000_000);
  clock.nowMs += 1_000_000;
  assert.deepEqual(await all(), ["a"]);
  await settle();
  directory.gate = Promise.resolve();
  directory.names = new Set(["b"]);
  clock.nowMs += 1_000_000;
  await all();
  await settle();
  assert.deepEqual(await all(), ["b"]);
});
