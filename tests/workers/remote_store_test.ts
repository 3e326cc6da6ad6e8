/** What a store behind a port does beyond what every store does: what becomes of it when the thread in front goes. */
import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import {
  type AnnouncedFile,
  CHUNK_BYTES,
  type FileStore,
  MemoryStore,
  type StoreCaller,
  type Upload,
  type UploadOptions,
} from "../../src/services/mod.ts";
import { RemoteStore, StoreHost } from "../../src/workers/mod.ts";
import { collect, sampleBytes } from "../support/bytes.ts";
import { assertConnectError } from "../support/connect_error.ts";

const CONTENT = sampleBytes(3 * CHUNK_BYTES);
const RESUMABLE = { resumable: true } as const;
const TRANSIENT = { resumable: false } as const;
const THROWN_AWAY = "upload_id: the upload was thrown away";

function announced(name: string): AnnouncedFile {
  return { name, size: undefined, digest: undefined };
}

/** A store in memory that tells what is open in it, and can be made to wait and to fail. */
class WatchedStore extends MemoryStore {
  /** How many files are open. */
  openFiles = 0;
  /** How many chunks were read of them, and how many readers were ended. */
  readChunks = 0;
  endedReaders = 0;
  /** What `open` and `startUpload` wait for when they have done it. */
  gate: Promise<void> = Promise.resolve();
  readError: Error | undefined;
  /** Of `open` and `startUpload`. */
  readonly callers: (StoreCaller | undefined)[] = [];
  /** The uploads themselves, in the order in which they began. */
  readonly uploads: Upload[] = [];

  override async open(name: string, caller?: StoreCaller) {
    this.callers.push(caller);
    const file = await super.open(name, caller);
    this.openFiles++;
    await this.gate;
    return file && {
      file: file.file,
      read: (offset: number, length: number) => this.#read(file.read(offset, length)),
      readThrough: (offset: number, length: number) => this.#read(file.readThrough(offset, length)),
      [Symbol.asyncDispose]: () => Promise.resolve(void this.openFiles--),
    };
  }

  override async startUpload(file: AnnouncedFile, options: UploadOptions) {
    this.callers.push(options.caller);
    const upload = await super.startUpload(file, options);
    this.uploads.push(upload);
    await this.gate;
    return upload;
  }

  async *#read(chunks: AsyncIterable<Uint8Array>) {
    try {
      for await (const chunk of chunks) {
        if (this.readError !== undefined) {
          throw this.readError;
        }
        this.readChunks++;
        yield chunk;
      }
    } finally {
      this.endedReaders++;
    }
  }
}

/** A store, and two threads that have it. */
function scene() {
  const store = new WatchedStore();
  const threads = [1, 2].map(() => {
    const { port1, port2 } = new MessageChannel();
    return { host: new StoreHost(store, port1), remote: new RemoteStore(port2), port: port2 };
  });
  return {
    store,
    first: threads[0]!,
    second: threads[1]!,
    async [Symbol.asyncDispose]() {
      await Promise.all(threads.map(({ host }) => host.close()));
      threads.forEach(({ port }) => port.close());
    },
  };
}

async function put(store: FileStore, name: string): Promise<void> {
  const upload = await store.startUpload(announced(name), TRANSIENT);
  await upload.write(0, CONTENT);
  await upload.finish(() => Promise.resolve());
}

Deno.test("a reader that stops early has no more chunks fetched than it took", async () => {
  await using threads = scene();
  const { store, first: { remote } } = threads;
  await put(store, "a");
  {
    await using file = await remote.open("a");
    for await (const chunk of file!.read(0, CONTENT.length)) {
      assert.equal(chunk.length, CHUNK_BYTES);
      break;
    }
    assert.deepEqual([store.readChunks, store.endedReaders, store.openFiles], [1, 1, 1]);
  }
  assert.equal(store.openFiles, 0);
});

Deno.test("a reader hears of an error of the store, and can read again", async () => {
  await using threads = scene();
  const { store, first: { remote } } = threads;
  await put(store, "a");
  await using file = await remote.open("a");
  store.readError = new Error("Cannot read the disk");
  await assert.rejects(collect(file!.read(0, 10)), /Cannot read the disk/);
  store.readError = undefined;
  assert.deepEqual(await collect(file!.read(0, 10)), CONTENT.slice(0, 10));
});

Deno.test("a chunk that is written stays the writer's", async () => {
  await using threads = scene();
  const upload = await threads.first.remote.startUpload(announced("a"), TRANSIENT);
  const chunk = CONTENT.slice();
  assert.equal(await upload.write(0, chunk.subarray(0, 100)), 100);
  assert.deepEqual(chunk, CONTENT);
});

Deno.test("an upload begun by one thread is continued by another, and finished by the first", async () => {
  await using threads = scene();
  const { store, first, second } = threads;
  const begun = await first.remote.startUpload(announced("a"), RESUMABLE);
  await begun.write(0, CONTENT.subarray(0, 100));
  const continued = await second.remote.findUpload(begun.id);
  assert.equal(continued?.received, 100);
  await continued.write(100, CONTENT.subarray(100));
  const again = await first.remote.findUpload(begun.id);
  assert.equal(again?.received, CONTENT.length);
  await again.finish(async (content) => assert.deepEqual(await collect(content), CONTENT));
  assert.equal((await store.stat("a"))?.size, CONTENT.length);
  assert.equal((await second.remote.findUpload(begun.id))?.finished?.size, CONTENT.length);
});

Deno.test("when a thread ends its open files are closed, and its readers ended", async () => {
  await using threads = scene();
  const { store, first: { remote, host } } = threads;
  await put(store, "a");
  const file = await remote.open("a");
  await file!.read(0, CONTENT.length)[Symbol.asyncIterator]().next();
  assert.deepEqual([store.openFiles, store.endedReaders], [1, 0]);
  await host.close();
  assert.deepEqual([store.openFiles, store.endedReaders], [0, 1]);
});

Deno.test("when a thread ends its uploads are thrown away, but for those that can be resumed", async () => {
  await using threads = scene();
  const { first, second } = threads;
  const transient = await first.remote.startUpload(announced("a"), TRANSIENT);
  const resumable = await first.remote.startUpload(announced("b"), RESUMABLE);
  await transient.write(0, CONTENT);
  await resumable.write(0, CONTENT);
  const others = await second.remote.startUpload(announced("c"), TRANSIENT);
  await first.host.close();
  const found = await second.remote.findUpload(resumable.id);
  assert.equal(found?.received, CONTENT.length);
  await found.finish(() => Promise.resolve());
  await others.finish(() => Promise.resolve());
  assert.deepEqual((await second.remote.list("", 10)).map(({ name }) => name), ["b", "c"]);
});

Deno.test("when a thread ends what it is just about to get is closed, too", async () => {
  await using threads = scene();
  const { store, first: { remote, host } } = threads;
  await put(store, "a");
  const gate = Promise.withResolvers<void>();
  store.gate = gate.promise;
  remote.open("a");
  remote.startUpload(announced("b"), TRANSIENT);
  remote.startUpload(announced("c"), RESUMABLE);
  await remote.stat("a"); // Answered after those before it have begun.
  await host.close();
  assert.equal(store.openFiles, 1);
  gate.resolve();
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(store.openFiles, 0);
  const [, transient, resumable] = store.uploads;
  await assertConnectError(transient!.write(0, CONTENT), Code.FailedPrecondition, THROWN_AWAY);
  assert.equal(await resumable!.write(0, CONTENT), CONTENT.length);
});

Deno.test("when a thread ends while it verifies an upload, that is thrown away, and the old file stays", async () => {
  await using threads = scene();
  const { store, first: { remote, host } } = threads;
  const upload = await remote.startUpload(announced("a"), RESUMABLE);
  await upload.write(0, CONTENT);
  const verifying = Promise.withResolvers<void>();
  upload.finish(async (content) => {
    await content[Symbol.asyncIterator]().next();
    verifying.resolve();
    await new Promise(() => {}); // It goes before it knows.
  });
  await verifying.promise;
  await host.close();
  await assertConnectError(store.uploads[0]!.write(0, CONTENT), Code.FailedPrecondition, THROWN_AWAY);
  assert.equal(await store.stat("a"), undefined);
});

Deno.test("close() lets go of the store, which others go on to have", async () => {
  await using threads = scene();
  const { store, first, second } = threads;
  await put(store, "a");
  await first.remote.open("a");
  await first.remote.close();
  assert.equal(store.openFiles, 0);
  await assert.rejects(first.remote.stat("a"), /Cannot use the store: it is closed/);
  assert.equal((await second.remote.stat("a"))?.size, CONTENT.length);
});

Deno.test("an upload that is no more says so, whatever is asked of it", async () => {
  await using threads = scene();
  const { first, second } = threads;
  const upload = await first.remote.startUpload(announced("a"), RESUMABLE);
  await (await second.remote.findUpload(upload.id))!.abort();
  await assertConnectError(upload.write(0, CONTENT), Code.FailedPrecondition, THROWN_AWAY);
  await assertConnectError(upload.finish(() => Promise.resolve()), Code.FailedPrecondition, THROWN_AWAY);
  await upload.abort();
});

Deno.test("calls count for their peer, whatever thread they come by", async () => {
  await using threads = scene();
  const { store, first, second } = threads;
  await put(store, "a");
  store.callers.length = 0;
  await first.remote.open("a", { peer: "192.0.2.1" });
  await first.remote.open("a");
  await second.remote.startUpload(announced("b"), { resumable: true, caller: { peer: "192.0.2.2" } });
  assert.deepEqual(store.callers.map((caller) => caller?.peer), ["192.0.2.1", undefined, "192.0.2.2"]);
});

Deno.test("what waits in the store hears that its caller has gone, and is closed when it comes all the same", async () => {
  await using threads = scene();
  const { store, first: { remote } } = threads;
  await put(store, "a");
  const gate = Promise.withResolvers<void>();
  store.gate = gate.promise;
  const abort = new AbortController();
  const opening = remote.open("a", { peer: "a", signal: abort.signal });
  await remote.stat("a"); // Answered after what came before it has begun.
  const { signal } = store.callers.at(-1)!;
  assert.equal(signal!.aborted, false);
  abort.abort();
  await remote.stat("a");
  assert.equal(signal!.aborted, true);
  gate.resolve();
  await (await opening)![Symbol.asyncDispose]();
  assert.equal(store.openFiles, 0);
  await assert.rejects(remote.open("a", { peer: "a", signal: abort.signal }), /abort/);
});

Deno.test("a reader hears that its caller has gone", async () => {
  await using threads = scene();
  const { store, first: { remote } } = threads;
  await put(store, "a");
  const abort = new AbortController();
  await using file = await remote.open("a", { peer: "a", signal: abort.signal });
  const chunks = file!.read(0, CONTENT.length);
  await chunks[Symbol.asyncIterator]().next();
  abort.abort();
  await assertConnectError(collect(chunks), Code.Canceled, "the file is closed");
  assert.equal(store.openFiles, 0);
});
