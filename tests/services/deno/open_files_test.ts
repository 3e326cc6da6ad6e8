/** The disk store with fewer descriptors than readers. */
import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { DiskStore } from "../../../src/services/deno/mod.ts";
import type { FileSystem } from "../../../src/services/deno/file_system.ts";
import { CHUNK_BYTES, type FileStore, type OpenFile } from "../../../src/services/mod.ts";
import { collect, sampleBytes } from "../../support/bytes.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";

const CONTENT = sampleBytes(3 * CHUNK_BYTES);
const OTHER = sampleBytes(3 * CHUNK_BYTES, 2);
/** How long a reader has to be idle for others to have its descriptor. */
const STALLED_MS = 50;
/** How long for it to be ended when there are too many. */
const GIVEN_UP_MS = 5000;

/** The file system, which knows how many files are open for reading, and can have none left. */
class CountingFileSystem implements FileSystem {
  readonly link: FileSystem["link"] = Deno.link;
  readonly lstat = Deno.lstat;
  readonly mkdir = Deno.mkdir;
  readonly readDir = Deno.readDir;
  readonly readTextFile = Deno.readTextFile;
  readonly remove = Deno.remove;
  readonly rename = Deno.rename;
  openFiles = 0;
  exhaustedBy: string | undefined;

  readonly open = async (...args: Parameters<typeof Deno.open>): Promise<Deno.FsFile> => {
    if (this.exhaustedBy !== undefined) {
      throw Object.assign(new Error("Too many open files (os error 24)"), { code: this.exhaustedBy });
    }
    const file = await Deno.open(...args);
    if (args[1]?.write === undefined) {
      this.openFiles++;
      const close = file.close.bind(file);
      file.close = file[Symbol.dispose] = () => {
        this.openFiles--;
        close();
      };
    }
    return file;
  };
}

interface Scene {
  readonly directory: string;
  readonly store: DiskStore;
  readonly fileSystem: CountingFileSystem;
  readonly clock: VirtualClock;
}

function testWithFew(name: string, test: (scene: Scene) => Promise<void>, fileSystem?: () => CountingFileSystem): void {
  Deno.test(`DiskStore ${name}`, async () => {
    const directory = await Deno.makeTempDir();
    const clock = new VirtualClock();
    const counting = fileSystem?.() ?? new CountingFileSystem();
    const options = {
      fileSystem: counting,
      clock,
      maxDescriptors: 3,
      maxDescriptorsPerPeer: 2,
      maxReaders: 9,
      maxReadersPerPeer: 8,
    };
    const store = await DiskStore.open(directory, options);
    try {
      await put(store, "file", CONTENT);
      await test({ directory, store, fileSystem: counting, clock });
      assert.deepEqual(await Array.fromAsync(Deno.readDir(`${directory}/uploads`)), []);
    } finally {
      await store.close();
      await Deno.remove(directory, { recursive: true });
    }
  });
}

async function put(store: FileStore, name: string, content: Uint8Array): Promise<void> {
  const upload = await store.startUpload({ name, size: undefined, digest: undefined }, { resumable: false });
  await upload.write(0, content);
  await upload.finish(() => Promise.resolve());
}

/** A reader that has taken its first chunk, and then stalls. */
async function stall({ store, clock }: Scene, peer: string, name = "file") {
  const reader = await within(clock, Infinity, startReading(store, peer, name));
  assert(reader !== "waiting");
  return reader;
}

async function startReading(store: FileStore, peer: string, name: string) {
  const file = (await store.open(name, { peer }))!;
  const chunks = file.read(0, file.file.size)[Symbol.asyncIterator]();
  const first = (await chunks.next()).value!;
  const rest = async () => {
    await using _file = file;
    return await collect(prepend(first, chunks));
  };
  return { file, rest };
}

async function* prepend(first: Uint8Array, chunks: AsyncIterator<Uint8Array>) {
  yield first;
  yield* { [Symbol.asyncIterator]: () => chunks };
}

/** Lets the store do what it does without time passing: operations of the system that were begun before one of ours have mostly ended by its end. */
async function pause(clock: VirtualClock): Promise<void> {
  for (let round = 0; round < 4; round++) {
    await Deno.lstat(".");
    await clock.advance(0);
  }
}

/** What becomes of a call within so much time. */
async function within<T>(clock: VirtualClock, milliseconds: number, call: Promise<T>): Promise<T | "waiting"> {
  let outcome: { value: T } | undefined;
  let error: { reason: unknown } | undefined;
  call.then((value) => outcome = { value }, (reason) => error = { reason });
  await pause(clock);
  for (let passed = 0; passed < milliseconds && outcome === undefined && error === undefined; passed += 2) {
    await clock.advance(2);
    await pause(clock);
  }
  if (error !== undefined) {
    throw error.reason;
  }
  return outcome === undefined ? "waiting" : outcome.value;
}

testWithFew(
  "lends the descriptor of a reader that has stalled to the next one",
  async (scene) => {
    const { store, fileSystem, clock } = scene;
    const readers = [await stall(scene, "a"), await stall(scene, "a"), await stall(scene, "b")];
    assert.equal(fileSystem.openFiles, 3);
    const opening = store.open("file", { peer: "c" });
    assert.equal(await within(clock, STALLED_MS - 20, opening), "waiting");
    const opened = await within(clock, Infinity, opening) as OpenFile;
    assert.equal(fileSystem.openFiles, 3);
    await opened[Symbol.asyncDispose]();
    for (const reader of readers) {
      assert.deepEqual(await within(clock, Infinity, reader.rest()), CONTENT);
    }
    assert.equal(fileSystem.openFiles, 0);
  },
);

testWithFew("has a peer that has its share make room for itself", async (scene) => {
  const { store, fileSystem, clock } = scene;
  const other = await stall(scene, "b");
  await clock.advance(STALLED_MS);
  const readers = [await stall(scene, "a"), await stall(scene, "a")];
  await other.file[Symbol.asyncDispose]();
  assert.equal(fileSystem.openFiles, 2);
  const opening = startReading(store, "a", "file");
  assert.equal(await within(clock, STALLED_MS - 20, opening), "waiting");
  const third = await within(clock, Infinity, opening);
  assert.equal(fileSystem.openFiles, 2);
  for (const reader of [...readers, third]) {
    assert.notEqual(reader, "waiting");
    assert.deepEqual(await within(clock, Infinity, (reader as typeof other).rest()), CONTENT);
  }
});

for (
  const [what, change] of Object.entries({
    replaced: (store: FileStore) => put(store, "file", OTHER),
    deleted: async (store: FileStore) => assert.equal(await store.delete("file"), true),
  })
) {
  testWithFew(
    `has a reader read its file to the end that was ${what}, with a descriptor and without one`,
    async (scene) => {
      const { store, clock } = scene;
      const suspended = [await stall(scene, "a"), await stall(scene, "a")];
      const fast = await stall(scene, "a");
      assert.notEqual(await within(clock, Infinity, change(store)), "waiting");
      // All of them lose their descriptors now, to readers of another file.
      assert.notEqual(await within(clock, Infinity, put(store, "other", OTHER)), "waiting");
      const others = [];
      for (const peer of ["b", "b", "c"]) {
        others.push(await stall(scene, peer, "other"));
      }
      for (const reader of [...suspended, fast]) {
        assert.deepEqual(await within(clock, Infinity, reader.rest()), CONTENT);
      }
      for (const reader of others) {
        assert.deepEqual(await within(clock, Infinity, reader.rest()), OTHER);
      }
    },
  );
}

testWithFew("gives many readers of a file one second name", async (scene) => {
  const { directory } = scene;
  const readers = [];
  for (let count = 0; count < 8; count++) {
    readers.push(await stall(scene, `${count % 4}`));
  }
  const names = await Array.fromAsync(Deno.readDir(`${directory}/uploads`));
  assert.deepEqual(names.map(({ name }) => /\.reader$/.test(name)), [true]);
  await Promise.all(readers.map((reader) => reader.file[Symbol.asyncDispose]()));
});

testWithFew(
  "has readers wait for the end of others where files have one name",
  async (scene) => {
    const { store, clock, fileSystem } = scene;
    const readers = [await stall(scene, "a"), await stall(scene, "a"), await stall(scene, "b")];
    const opening = store.open("file", { peer: "c" });
    assert.equal(await within(clock, 4 * STALLED_MS, opening), "waiting");
    assert.deepEqual(await within(clock, Infinity, readers[0]!.rest()), CONTENT);
    await (await within(clock, Infinity, opening) as OpenFile)[Symbol.asyncDispose]();
    await Promise.all(readers.map((reader) => reader.file[Symbol.asyncDispose]()));
    assert.equal(fileSystem.openFiles, 0);
  },
  () => {
    const fileSystem = new CountingFileSystem();
    return Object.assign(fileSystem, { link: () => Promise.reject(new Error("Not supported")) });
  },
);

testWithFew("ends the reader that stalled longest, if that was long, when there are too many", async (scene) => {
  const { store, clock } = scene;
  const other = await stall(scene, "b");
  const readers = [];
  for (let count = 0; count < 8; count++) {
    readers.push(await stall(scene, "a"));
  }
  const lastMs = clock.nowMs();
  const limit = "files: the limit is 8 open for each peer";
  const open = (peer: string) => within(clock, Infinity, store.open("file", { peer }));
  await assertConnectError(open("a"), Code.ResourceExhausted, limit);
  await assertConnectError(open("b"), Code.ResourceExhausted, "files: the limit is 9 open");
  await clock.advance(GIVEN_UP_MS - (clock.nowMs() - lastMs));
  const late = [await stall(scene, "a"), await stall(scene, "c")];
  const gaveUp = `files: a reader that stalled for ${GIVEN_UP_MS} ms made room`;
  for (const reader of [readers.shift()!, other]) { // One of the peer, and the one of all that stalled longest.
    await assertConnectError(within(clock, Infinity, reader.rest()), Code.ResourceExhausted, gaveUp);
  }
  for (const reader of [...readers, ...late]) {
    assert.deepEqual(await within(clock, Infinity, reader.rest()), CONTENT);
  }
});

testWithFew(
  "ends at once what waits for a descriptor when its caller has gone",
  async (scene) => {
    const { store, clock, fileSystem } = scene;
    const readers = [await stall(scene, "a"), await stall(scene, "a"), await stall(scene, "b")];
    const gone = new AbortController();
    const opening = store.open("file", { peer: "c", signal: gone.signal });
    assert.equal(await within(clock, 10, opening), "waiting");
    const reason = new Error("gone");
    gone.abort(reason);
    await assert.rejects(opening, reason);
    await assert.rejects(store.open("file", { peer: "c", signal: gone.signal }), reason);
    assert.equal(fileSystem.openFiles, 3);
    await Promise.all(readers.map((reader) => reader.file[Symbol.asyncDispose]()));
  },
);

testWithFew("says when the system has no descriptor left, and goes on when it has", async (scene) => {
  const { store, fileSystem } = scene;
  const caller = { peer: "a" };
  for (const code of ["EMFILE", "ENFILE"]) {
    const upload = await store.startUpload({ name: "b", size: 1, digest: undefined }, { resumable: true, caller });
    fileSystem.exhaustedBy = code;
    const calls: Record<string, () => Promise<unknown>> = {
      open: () => store.open("file", caller),
      startUpload: () => store.startUpload({ name: "b", size: 1, digest: undefined }, { resumable: false, caller }),
      write: () => upload.write(0, new Uint8Array(1)),
      delete: () => store.delete("file", caller),
    };
    for (const call of Object.values(calls)) {
      await assertConnectError(call, Code.ResourceExhausted, `store: no file descriptor is free (${code})`);
    }
    fileSystem.exhaustedBy = undefined;
    await put(store, "file", CONTENT);
    assert.equal(await upload.write(0, new Uint8Array(1)), 1);
    await upload.abort();
    await using file = await store.open("file", caller);
    assert.deepEqual(await collect(file!.read(0, CONTENT.length)), CONTENT);
  }
});

Deno.test("DiskStore forgets second names that a crash left", async () => {
  const directory = await Deno.makeTempDir();
  await (await DiskStore.open(directory)).close();
  await Deno.writeTextFile(`${directory}/uploads/1.reader`, "x");
  const store = await DiskStore.open(directory);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(`${directory}/uploads`)), []);
  await store.close();
  await Deno.remove(directory, { recursive: true });
});
