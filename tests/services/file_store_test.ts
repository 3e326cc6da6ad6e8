/** What every file store does: each test runs on the memory store, on the disk store, and on a store behind a port. */
import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { HashAlgorithm } from "../../gen/edgewire/v1/hash_pb.ts";
import { DiskStore } from "../../src/services/deno/mod.ts";
import { type AnnouncedFile, CHUNK_BYTES, type FileStore, MemoryStore } from "../../src/services/mod.ts";
import { RemoteStore, StoreHost } from "../../src/workers/mod.ts";
import { MAX_UPLOADS, UPLOAD_TTL_MS } from "../../src/services/uploads.ts";
import { collect, sampleBytes, split } from "../support/bytes.ts";
import { assertConnectError } from "../support/connect_error.ts";

/** A clock that a test sets. It starts at the real time, since files on disk have the time of the system. */
class Clock {
  nowMs = Date.now();
  readonly now = () => this.nowMs;
}

const stores: Record<string, (clock: Clock) => Promise<{ store: FileStore } & AsyncDisposable>> = {
  MemoryStore: ({ now }) => {
    const store = new MemoryStore({ now });
    return Promise.resolve({ store, [Symbol.asyncDispose]: () => store.close() });
  },
  DiskStore: async ({ now }) => {
    const directory = await Deno.makeTempDir();
    const store = await DiskStore.open(directory, { now });
    return {
      store,
      [Symbol.asyncDispose]: async () => {
        await store.close();
        await Deno.remove(directory, { recursive: true });
      },
    };
  },
  RemoteStore: ({ now }) => {
    const { port1, port2 } = new MessageChannel();
    const memory = new MemoryStore({ now });
    const host = new StoreHost(memory, port1);
    const store = new RemoteStore(port2);
    return Promise.resolve({
      store,
      [Symbol.asyncDispose]: async () => {
        await store.close();
        await host.close();
        await memory.close();
      },
    });
  },
};

function testEachStore(name: string, test: (store: FileStore, clock: Clock) => Promise<void>): void {
  for (const [storeName, open] of Object.entries(stores)) {
    Deno.test(`${storeName}: ${name}`, async () => {
      const clock = new Clock();
      await using opened = await open(clock);
      await test(opened.store, clock);
    });
  }
}

function announced(name: string, size?: number): AnnouncedFile {
  return { name, size, digest: undefined };
}

async function accept(content: AsyncIterable<Uint8Array>): Promise<void> {
  await collect(content);
}

async function put(store: FileStore, name: string, content: Uint8Array): Promise<void> {
  const upload = await store.startUpload(announced(name), { resumable: false });
  for (const chunk of split(content, 100_000)) {
    await upload.write(upload.received, chunk);
  }
  await upload.finish(accept);
}

async function get(store: FileStore, name: string): Promise<Uint8Array | undefined> {
  await using file = await store.open(name);
  return file && await collect(file.read(0, file.file.size));
}

const bytes = (text: string) => new TextEncoder().encode(text);

testEachStore("keeps content byte for byte", async (store) => {
  for (const length of [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 7]) {
    const content = sampleBytes(length);
    await put(store, "file", content);
    assert.deepEqual(await get(store, "file"), content);
    assert.equal((await store.stat("file"))?.size, length);
  }
});

testEachStore("reads any range, in chunks of at most CHUNK_BYTES that are the caller's", async (store) => {
  const content = sampleBytes(3 * CHUNK_BYTES);
  await put(store, "file", content);
  await using file = await store.open("file");
  for (const offset of [0, 1, 16 * 1024 - 1, CHUNK_BYTES, content.length - 1, content.length]) {
    for (const length of [0, 1, 16 * 1024 + 1, CHUNK_BYTES + 1, content.length - offset]) {
      const end = Math.min(offset + length, content.length);
      const chunks = await Array.fromAsync(file!.read(offset, end - offset));
      assert(chunks.every((chunk) => chunk.length > 0 && chunk.length <= CHUNK_BYTES));
      const copy = new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
      assert.deepEqual(copy, content.slice(offset, end));
      chunks.forEach((chunk) => chunk.fill(0));
    }
  }
});

testEachStore("shows an upload only once it is finished", async (store) => {
  const upload = await store.startUpload(announced("file", 3), { resumable: true });
  await upload.write(0, bytes("new"));
  assert.equal(await store.stat("file"), undefined);
  assert.deepEqual(await store.list("", 10), []);
  await upload.finish(accept);
  assert.deepEqual(await get(store, "file"), bytes("new"));
});

testEachStore(
  "of two uploads to one name the later to finish wins, and neither mixes with the other",
  async (store) => {
    const first = await store.startUpload(announced("file"), { resumable: true });
    const second = await store.startUpload(announced("file"), { resumable: false });
    await first.write(0, bytes("fir"));
    await second.write(0, bytes("sec"));
    await first.write(3, bytes("st"));
    await second.write(3, bytes("ond"));
    await second.finish(accept);
    assert.deepEqual(await get(store, "file"), bytes("second"));
    await first.finish(accept);
    assert.deepEqual(await get(store, "file"), bytes("first"));
  },
);

testEachStore("an open file stays what it was when it is replaced or deleted", async (store) => {
  await put(store, "file", bytes("before"));
  await using replaced = await store.open("file");
  await put(store, "file", bytes("after"));
  await using deleted = await store.open("file");
  assert.equal(await store.delete("file"), true);
  assert.deepEqual(await collect(replaced!.read(0, 6)), bytes("before"));
  assert.deepEqual(await collect(deleted!.read(0, 5)), bytes("after"));
  assert.equal(await store.open("file"), undefined);
});

testEachStore("deletes once", async (store) => {
  await put(store, "file", bytes("x"));
  assert.equal(await store.delete("file"), true);
  assert.equal(await store.delete("file"), false);
  assert.equal(await store.stat("file"), undefined);
});

testEachStore("lists names in order, after a name, up to a limit", async (store) => {
  for (const name of ["b", "a", "B", "ä", "c", "a1", ".x"]) {
    await put(store, name, bytes(name));
  }
  const names = async (after: string, limit: number) => (await store.list(after, limit)).map((file) => file.name);
  assert.deepEqual(await names("", 10), [".x", "B", "a", "a1", "b", "c", "ä"]);
  assert.deepEqual(await names("a", 2), ["a1", "b"]);
  assert.deepEqual(await names("aa", 1), ["b"]);
  assert.deepEqual(await names("ä", 5), []);
});

testEachStore("repeating and overlapping writes changes nothing that is there", async (store) => {
  const upload = await store.startUpload(announced("file", 6), { resumable: true });
  assert.equal(await upload.write(0, bytes("abc")), 3);
  assert.equal(await upload.write(0, bytes("abc")), 3);
  assert.equal(await upload.write(1, bytes("X")), 3);
  assert.equal(await upload.write(1, bytes("XXde")), 5);
  assert.equal(await upload.write(5, bytes("")), 5);
  assert.equal(await upload.write(5, bytes("f")), 6);
  assert.equal(await upload.write(0, bytes("abcdef")), 6);
  await upload.finish(accept);
  assert.deepEqual(await get(store, "file"), bytes("abcdef"));
});

testEachStore("writes that come at once are done one after the other", async (store) => {
  const upload = await store.startUpload(announced("file"), { resumable: true });
  const content = sampleBytes(500_000);
  let offset = 0;
  const writes = [...split(content, 10_000)].map((chunk) => {
    const write = upload.write(offset, chunk);
    offset += chunk.length;
    return write;
  });
  assert.deepEqual(await Promise.all(writes), writes.map((_, index) => (index + 1) * 10_000));
  await upload.finish(accept);
  assert.deepEqual(await get(store, "file"), content);
});

testEachStore("refuses a write past the next offset or the announced size, and stays as it was", async (store) => {
  const upload = await store.startUpload(announced("file", 4), { resumable: true });
  await upload.write(0, bytes("ab"));
  await assertConnectError(upload.write(3, bytes("d")), Code.OutOfRange, "offset: 3 is past the next offset, 2");
  await assertConnectError(
    upload.write(2, bytes("cde")),
    Code.OutOfRange,
    "chunk: ends at 5, past the announced size, 4",
  );
  assert.equal(upload.received, 2);
  await upload.write(2, bytes("cd"));
  await upload.finish(accept);
  assert.deepEqual(await get(store, "file"), bytes("abcd"));
});

testEachStore("refuses to finish an upload that lacks bytes, which can then be sent", async (store) => {
  const upload = await store.startUpload(announced("file", 4), { resumable: true });
  await upload.write(0, bytes("ab"));
  await assertConnectError(upload.finish(accept), Code.FailedPrecondition, "size: announced 4 bytes, received 2");
  await upload.write(2, bytes("cd"));
  await upload.finish(accept);
  assert.deepEqual(await get(store, "file"), bytes("abcd"));
});

testEachStore("throws an upload away that does not pass verification, and keeps the old file", async (store) => {
  await put(store, "file", bytes("old"));
  const upload = await store.startUpload(announced("file"), { resumable: true });
  await upload.write(0, bytes("new"));
  const seen: Uint8Array[] = [];
  await assert.rejects(
    upload.finish(async (content) => {
      seen.push(await collect(content));
      throw new Error("wrong");
    }),
    /wrong/,
  );
  assert.deepEqual(seen, [bytes("new")]);
  assert.equal(await store.findUpload(upload.id), undefined);
  await assertConnectError(
    upload.write(3, bytes("!")),
    Code.FailedPrecondition,
    "upload_id: the upload was thrown away",
  );
  assert.deepEqual(await get(store, "file"), bytes("old"));
});

testEachStore(
  "finishing again gives the same file; nothing more can be written; aborting leaves the file",
  async (store) => {
    const upload = await store.startUpload(announced("file", 3), { resumable: true });
    await upload.write(0, bytes("abc"));
    const finished = await upload.finish(accept);
    const refuse = () => Promise.reject(new Error("verified again"));
    assert.deepEqual(await upload.finish(refuse), finished);
    assert.deepEqual((await store.findUpload(upload.id))?.finished, finished);
    await assertConnectError(upload.write(0, bytes("x")), Code.FailedPrecondition, "upload_id: the upload is finished");
    await upload.abort();
    assert.equal(await store.findUpload(upload.id), undefined);
    assert.deepEqual(await get(store, "file"), bytes("abc"));
  },
);

testEachStore("finds resumable uploads only, and not after they were aborted", async (store) => {
  const resumable = await store.startUpload({ ...announced("file", 1), digest: undefined }, { resumable: true });
  const transient = await store.startUpload(announced("file"), { resumable: false });
  assert.equal((await store.findUpload(resumable.id))?.id, resumable.id);
  assert.equal(await store.findUpload(transient.id), undefined);
  assert.equal(await store.findUpload("nonsense"), undefined);
  await resumable.abort();
  await resumable.abort();
  assert.equal(await store.findUpload(resumable.id), undefined);
  await transient.abort();
});

testEachStore("uploads expire a day after the last write", async (store, clock) => {
  const upload = await store.startUpload(announced("file"), { resumable: true });
  clock.nowMs += UPLOAD_TTL_MS - 1;
  await upload.write(0, bytes("a"));
  assert.equal(upload.expires.getTime(), clock.nowMs + UPLOAD_TTL_MS);
  clock.nowMs += UPLOAD_TTL_MS - 1;
  await store.removeExpiredUploads();
  assert.equal((await store.findUpload(upload.id))?.id, upload.id);
  clock.nowMs += 1;
  assert.equal(await store.findUpload(upload.id), undefined);
  await store.removeExpiredUploads();
  await assertConnectError(
    upload.write(1, bytes("b")),
    Code.FailedPrecondition,
    "upload_id: the upload was thrown away",
  );
});

testEachStore("has room for MAX_UPLOADS unfinished uploads; finished ones make way", async (store) => {
  const start = () => store.startUpload(announced("file"), { resumable: true });
  const finished = await start();
  await finished.finish(accept);
  const uploads = [];
  for (let count = 0; count < MAX_UPLOADS; count++) {
    uploads.push(await start());
  }
  assert.equal(await store.findUpload(finished.id), undefined);
  await assertConnectError(start, Code.ResourceExhausted, `uploads: the limit is ${MAX_UPLOADS} unfinished ones`);
  await uploads[0]!.abort();
  uploads.push(await start());
  await assertConnectError(start, Code.ResourceExhausted, /limit/);
});

testEachStore("keeps a digest that was announced", async (store) => {
  const digest = { algorithm: HashAlgorithm.MD5, hex: "00".repeat(16) } as const;
  const upload = await store.startUpload({ name: "file", size: 0, digest }, { resumable: true });
  assert.deepEqual((await store.findUpload(upload.id))?.file, { name: "file", size: 0, digest });
});
