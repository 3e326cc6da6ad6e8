/** What every file store does: each test runs on the memory store, on the disk store, and on a store behind a port. */
import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { HashAlgorithm } from "../../gen/edgewire/v1/hash_pb.ts";
import { DiskStore } from "../../src/services/deno/mod.ts";
import { type AnnouncedFile, CHUNK_BYTES, type FileStore, MemoryStore } from "../../src/services/mod.ts";
import { RemoteStore, StoreHost } from "../../src/workers/mod.ts";
import { EMPTY_UPLOAD_TTL_MS, MAX_PENDING_CALLS, UPLOAD_TTL_MS } from "../../src/services/staged_upload.ts";
import { IDLE_UPLOAD_MS, MAX_UPLOADS, MAX_UPLOADS_PER_PEER } from "../../src/services/uploads.ts";
import { collect, sampleBytes, split } from "../support/bytes.ts";
import { assertConnectError } from "../support/connect_error.ts";

/** A clock that a test sets. It starts at the real time, since files on disk have the time of the system. */
class Clock {
  nowMs = Date.now();
  readonly now = () => this.nowMs;
}

type Limits = Partial<typeof SMALL>;

const stores: Record<string, (clock: Clock, limits: Limits) => Promise<{ store: FileStore } & AsyncDisposable>> = {
  MemoryStore: ({ now }, limits) => {
    const store = new MemoryStore({ now, ...limits });
    return Promise.resolve({ store, [Symbol.asyncDispose]: () => store.close() });
  },
  DiskStore: async ({ now }, limits) => {
    const directory = await Deno.makeTempDir();
    const store = await DiskStore.open(directory, { now, ...limits });
    return {
      store,
      [Symbol.asyncDispose]: async () => {
        await store.close();
        await Deno.remove(directory, { recursive: true });
      },
    };
  },
  RemoteStore: ({ now }, limits) => {
    const { port1, port2 } = new MessageChannel();
    const memory = new MemoryStore({ now, ...limits });
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

function testEachStore(
  name: string,
  test: (store: FileStore, clock: Clock) => Promise<void>,
  limits: Limits = {},
): void {
  for (const [storeName, open] of Object.entries(stores)) {
    Deno.test(`${storeName}: ${name}`, async () => {
      const clock = new Clock();
      await using opened = await open(clock, limits);
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

testEachStore("reads through any range, whatever became of the chunk before", async (store) => {
  const content = sampleBytes(3 * CHUNK_BYTES + 7);
  await put(store, "file", content);
  await using file = await store.open("file");
  for (const offset of [0, 5, CHUNK_BYTES]) {
    const copies: Uint8Array[] = [];
    for await (const chunk of file!.readThrough(offset, content.length - offset)) {
      copies.push(chunk.slice());
    }
    assert.deepEqual(new Uint8Array(copies.flatMap((copy) => [...copy])), content.slice(offset));
  }
  assert.deepEqual(await get(store, "file"), content);
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

testEachStore("uploads expire a day after something new was written last", async (store, clock) => {
  const upload = await store.startUpload(announced("file"), { resumable: true });
  clock.nowMs += EMPTY_UPLOAD_TTL_MS - 1;
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

testEachStore(
  "an upload expires soon while nothing was written, and what is written again changes nothing",
  async (store, clock) => {
    const empty = await store.startUpload(announced("file"), { resumable: true });
    const written = await store.startUpload(announced("file"), { resumable: true });
    assert.equal(empty.expires.getTime(), clock.nowMs + EMPTY_UPLOAD_TTL_MS);
    await written.write(0, bytes("a"));
    const expires = clock.nowMs + UPLOAD_TTL_MS;
    clock.nowMs += EMPTY_UPLOAD_TTL_MS - 1;
    await empty.write(0, new Uint8Array());
    await written.write(0, bytes("a"));
    assert.equal(written.expires.getTime(), expires);
    assert.equal((await store.findUpload(empty.id))?.id, empty.id);
    clock.nowMs += 1;
    assert.equal(await store.findUpload(empty.id), undefined);
    clock.nowMs = expires - 1;
    assert.equal((await store.findUpload(written.id))?.id, written.id);
    clock.nowMs = expires;
    assert.equal(await store.findUpload(written.id), undefined);
  },
);

testEachStore("a finished upload is remembered for a day, also of an empty file", async (store, clock) => {
  const upload = await store.startUpload(announced("file", 0), { resumable: true });
  await upload.finish(accept);
  clock.nowMs += EMPTY_UPLOAD_TTL_MS;
  assert.equal((await store.findUpload(upload.id))?.finished?.size, 0);
});

const from = (peer: string) => ({ resumable: true, caller: { peer } });

testEachStore("a peer has room for MAX_UPLOADS_PER_PEER unfinished uploads that have bytes", async (store) => {
  const start = () => store.startUpload(announced("file"), from("a"));
  const uploads = [];
  for (let count = 0; count < MAX_UPLOADS_PER_PEER; count++) {
    const upload = await start();
    await upload.write(0, bytes("x"));
    uploads.push(upload);
  }
  const refusal = `uploads: the limit is ${MAX_UPLOADS_PER_PEER} unfinished ones for each peer`;
  await assertConnectError(start, Code.ResourceExhausted, refusal);
  await (await store.startUpload(announced("file"), from("b"))).abort();
  await uploads[0]!.abort();
  await (await start()).write(0, bytes("x"));
  await assertConnectError(start, Code.ResourceExhausted, refusal);
  await uploads[1]!.finish(accept);
  await start();
});

testEachStore("the oldest upload of a peer that has received nothing makes room for its next one", async (store) => {
  const start = () => store.startUpload(announced("file"), from("a"));
  const others = await store.startUpload(announced("file"), from("b"));
  const written = await start();
  await written.write(0, bytes("x"));
  const empty = [];
  for (let count = 1; count < MAX_UPLOADS_PER_PEER; count++) {
    empty.push(await start());
  }
  const next = await start();
  assert.equal(await store.findUpload(empty[0]!.id), undefined);
  for (const upload of [others, written, empty[1]!, next]) {
    assert.equal((await store.findUpload(upload.id))?.id, upload.id);
  }
});

testEachStore(
  "an upload that nothing was written to for long makes room when nothing else can",
  async (store, clock) => {
    const start = () => store.startUpload(announced("file"), from("a"));
    const uploads = [];
    for (let count = 0; count < MAX_UPLOADS_PER_PEER; count++) {
      const upload = await start();
      await upload.write(0, bytes("x"));
      uploads.push(upload);
    }
    clock.nowMs += IDLE_UPLOAD_MS - 1;
    await uploads[0]!.write(1, bytes("y"));
    await assertConnectError(start, Code.ResourceExhausted, /limit/);
    clock.nowMs += 1;
    await start();
    assert.equal((await store.findUpload(uploads[0]!.id))?.received, 2);
    assert.equal(await store.findUpload(uploads[1]!.id), undefined);
  },
);

testEachStore(
  "has room for MAX_UPLOADS unfinished uploads; finished ones make way, then those of the peer that has most",
  async (store) => {
    const finished = await store.startUpload(announced("file"), from("z"));
    await finished.finish(accept);
    const start = (peer: string) => store.startUpload(announced("file"), from(peer));
    const peers = Math.ceil(MAX_UPLOADS / MAX_UPLOADS_PER_PEER);
    const uploads = [];
    for (let count = 0; count < MAX_UPLOADS; count++) {
      uploads.push(await start(`${count % peers}`));
    }
    assert.equal(await store.findUpload(finished.id), undefined);
    for (const upload of uploads) {
      await upload.write(0, bytes("x"));
    }
    await assertConnectError(
      start("z"),
      Code.ResourceExhausted,
      `uploads: the limit is ${MAX_UPLOADS} unfinished ones`,
    );
    await uploads[0]!.abort();
    const last = await start("z");
    // It is empty, so that it makes room, though others have more.
    await start("y");
    assert.equal(await store.findUpload(last.id), undefined);
  },
);

testEachStore("an upload that made room says so to its writer", async (store) => {
  const caller = { peer: "a" };
  const dropped = await store.startUpload(announced("file"), { resumable: false, caller });
  for (let count = 0; count < MAX_UPLOADS_PER_PEER; count++) {
    await store.startUpload(announced("file"), { resumable: true, caller });
  }
  await assertConnectError(dropped.write(0, bytes("x")), Code.ResourceExhausted, /made room|thrown away/);
});

testEachStore("MAX_PENDING_CALLS calls wait for an upload", async (store) => {
  const upload = await store.startUpload(announced("file"), { resumable: true });
  const verified = Promise.withResolvers<void>();
  const finishing = upload.finish(() => verified.promise);
  const writes = Array.from({ length: MAX_PENDING_CALLS }, () => upload.write(0, bytes("x")));
  writes.forEach((write) => write.catch(() => {}));
  await assertConnectError(
    writes.pop()!,
    Code.ResourceExhausted,
    `upload_id: the limit is ${MAX_PENDING_CALLS} calls waiting for each upload`,
  );
  verified.resolve();
  assert.equal((await finishing).size, 0);
  for (const write of writes) {
    await assertConnectError(write, Code.FailedPrecondition, "upload_id: the upload is finished");
  }
  await assertConnectError(upload.write(0, bytes("x")), Code.FailedPrecondition, "upload_id: the upload is finished");
});

const SMALL = {
  maxUploadBytes: 100,
  maxUploadBytesPerPeer: 60,
  maxWaitingBytes: 80,
  maxReaders: 3,
  maxReadersPerPeer: 2,
};

testEachStore("unfinished uploads have so many bytes, of a peer and of all", async (store) => {
  const start = (peer: string) => store.startUpload(announced("file"), from(peer));
  const [first, second, other] = [await start("a"), await start("a"), await start("b")];
  await first.write(0, sampleBytes(50));
  await second.write(0, sampleBytes(10));
  const refusal = "uploads: the limit is 60 bytes in unfinished ones for each peer";
  await assertConnectError(second.write(10, sampleBytes(1)), Code.ResourceExhausted, refusal);
  assert.equal(second.received, 10);
  await other.write(0, sampleBytes(40));
  await assertConnectError(
    other.write(40, sampleBytes(1)),
    Code.ResourceExhausted,
    "uploads: the limit is 100 bytes in unfinished ones",
  );
  await first.finish(accept); // A file counts no longer.
  await second.abort();
  const third = await start("a");
  await third.write(0, sampleBytes(60));
  await assertConnectError(third.write(60, sampleBytes(1)), Code.ResourceExhausted, refusal);
}, SMALL);

testEachStore("so many bytes wait to be written", async (store) => {
  const [one, other] = [
    await store.startUpload(announced("file"), from("a")),
    await store.startUpload(announced("file"), from("b")),
  ];
  const written = one.write(0, sampleBytes(60));
  const refused = other.write(0, sampleBytes(21));
  await assertConnectError(refused, Code.ResourceExhausted, "uploads: the limit is 80 bytes waiting to be written");
  assert.equal(await written, 60);
  assert.equal(await other.write(0, sampleBytes(21)), 21);
}, SMALL);

testEachStore("so many files are open, of a peer and of all", async (store) => {
  await put(store, "file", bytes("content"));
  const open = async (peer: string) => (await store.open("file", { peer }))!;
  const [first, _second] = [await open("a"), await open("a")];
  await assertConnectError(open("a"), Code.ResourceExhausted, "files: the limit is 2 open for each peer");
  const third = await open("b");
  await assertConnectError(open("c"), Code.ResourceExhausted, "files: the limit is 3 open");
  await first[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await assertConnectError(
    async () => void await Promise.all([open("a"), open("c")]),
    Code.ResourceExhausted,
    /limit is 3/,
  );
  assert.deepEqual(await collect(third.read(0, 7)), bytes("content"));
}, SMALL);

testEachStore(
  "a file that was deleted while it is read does so to its end, and no more when its caller has gone",
  async (store) => {
    const content = sampleBytes(20 * CHUNK_BYTES);
    await put(store, "file", content);
    const caller = new AbortController();
    await using read = await store.open("file");
    await using abandoned = await store.open("file", { peer: "a", signal: caller.signal });
    const chunks = abandoned!.read(0, content.length);
    assert.equal((await chunks[Symbol.asyncIterator]().next()).value?.length, CHUNK_BYTES);
    await store.delete("file");
    caller.abort(new Error("gone"));
    await assert.rejects(collect(chunks));
    assert.deepEqual(await collect(read!.read(0, content.length)), content);
  },
);

testEachStore("keeps a digest that was announced", async (store) => {
  const digest = { algorithm: HashAlgorithm.MD5, hex: "00".repeat(16) } as const;
  const upload = await store.startUpload({ name: "file", size: 0, digest }, { resumable: true });
  assert.deepEqual((await store.findUpload(upload.id))?.file, { name: "file", size: 0, digest });
});
