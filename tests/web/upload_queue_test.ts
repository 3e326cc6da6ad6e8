import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Upload, UploadState } from "../../web/upload.ts";
import { UploadMemory } from "../../web/upload_memory.ts";
import { UploadQueue, type UploadQueueOptions } from "../../web/upload_queue.ts";
import { FileServer, reliable, unavailable } from "./file_server.ts";
import { MemoryStorage } from "./memory_storage.ts";

const MIB = 1024 * 1024;

/** A server, a browser's storage, and the pages that were opened one after the other. */
class Scene {
  readonly server = new FileServer();
  readonly storage = new MemoryStorage();
  /** How long each wait was to be, in milliseconds. No time passes. */
  readonly delaysMs: number[] = [];

  /** Opens the page, or reloads it. */
  open(options: Partial<UploadQueueOptions> = {}): UploadQueue {
    return new UploadQueue({
      files: this.server.files,
      memory: new UploadMemory(this.storage),
      wait: (delayMs, signal) => {
        this.delaysMs.push(delayMs);
        signal.throwIfAborted();
        return Promise.resolve();
      },
      ...options,
    });
  }

  /** Has the network hold back the answer to one call, on which the server has acted, until it is released. */
  hold(heldMethod: string, number: number): { readonly reached: Promise<void>; release(): void } {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    this.server.network = async (method, before, act) => {
      const answer = await act();
      if (method === heldMethod && before === number) {
        reached.resolve();
        await released.promise;
      }
      return answer;
    };
    return { reached: reached.promise, release: released.resolve };
  }

  /** Has calls fail without the server having seen them. */
  refuse(isRefused: (method: string, before: number) => boolean): void {
    this.server.network = (method, before, act) => isRefused(method, before) ? Promise.reject(unavailable()) : act();
  }
}

function makeFile(name: string, size: number, lastModified = 1): File {
  const content = Uint8Array.from({ length: size }, (_, index) => index * 31 + (index >> 12));
  return new File([content], name, { lastModified });
}

async function sha256(file: Blob): Promise<string> {
  return createHash("sha256").update(new Uint8Array(await file.arrayBuffer())).digest("hex");
}

/** The first state of an upload, from now on, that `matches`. */
function when(upload: Upload, matches: (state: UploadState) => boolean): Promise<UploadState> {
  const { promise, resolve } = Promise.withResolvers<UploadState>();
  upload.state.subscribe((state) => {
    if (matches(state)) {
      resolve(state);
    }
  });
  return promise;
}

function whenIs(upload: Upload, kind: UploadState["kind"]): Promise<UploadState> {
  return when(upload, (state) => state.kind === kind);
}

function only(queue: UploadQueue): Upload {
  assert.equal(queue.uploads.value.length, 1);
  return queue.uploads.value[0]!;
}

async function assertStored(server: FileServer, file: File): Promise<void> {
  // Not deepEqual: it takes minutes to say how megabytes differ.
  assert.ok(Buffer.from(await server.content(file.name)).equals(new Uint8Array(await file.arrayBuffer())));
}

Deno.test("a file is sent in chunks of 1 MiB, stored, and forgotten", async () => {
  const scene = new Scene();
  const queue = scene.open();
  const file = makeFile("a.bin", 2.5 * MIB);
  queue.add([file]);
  await whenIs(only(queue), "stored");
  await assertStored(scene.server, file);
  assert.equal(scene.server.count("WriteUpload"), 3);
  assert.equal(only(queue).progress.fraction.value, 1);
  assert.equal(scene.storage.length, 0);
});

Deno.test("an empty file is stored without a write", async () => {
  const scene = new Scene();
  const queue = scene.open();
  queue.add([makeFile("empty", 0)]);
  await whenIs(only(queue), "stored");
  assert.deepEqual(scene.server.calls, ["StartUpload", "FinishUpload"]);
});

Deno.test("the server's copy is compared with the file that was picked", async () => {
  const scene = new Scene();
  const queue = scene.open({ digest: sha256 });
  const file = makeFile("a.bin", MIB);
  queue.add([file]);
  const state = await when(only(queue), (state) => state.kind === "stored" && state.check.kind !== "running");
  assert.deepEqual(state, { kind: "stored", check: { kind: "agrees", digest: await sha256(file) } });
});

Deno.test("a server's copy with another digest is noticed", async () => {
  const queue = new Scene().open({ digest: () => Promise.resolve("00") });
  queue.add([makeFile("a.bin", 10)]);
  const state = await when(only(queue), (state) => state.kind === "stored" && state.check.kind !== "running");
  assert.deepEqual(state, { kind: "stored", check: { kind: "differs", digest: "00" } });
});

Deno.test("when the check fails the file is stored all the same", async () => {
  const queue = new Scene().open({ digest: () => Promise.reject(new Error("no worker")) });
  queue.add([makeFile("a.bin", 10)]);
  const state = await when(only(queue), (state) => state.kind === "stored" && state.check.kind !== "running");
  assert.deepEqual(state, { kind: "stored", check: { kind: "unknown" } });
});

Deno.test("a server that is away is tried again, later each time, from where it got to", async () => {
  const scene = new Scene();
  scene.refuse((method, before) => method === "WriteUpload" && [1, 2, 4].includes(before));
  const queue = scene.open();
  const file = makeFile("a.bin", 3 * MIB);
  queue.add([file]);
  await whenIs(only(queue), "stored");
  // The third failure comes after a success: the delays begin anew.
  assert.deepEqual(scene.delaysMs, [500, 1000, 500]);
  await assertStored(scene.server, file);
});

Deno.test("writes and a finish whose answers are lost are repeated without harm", async () => {
  const scene = new Scene();
  scene.server.network = async (method, before, act) => {
    const answer = await act();
    if (["StartUpload", "WriteUpload", "FinishUpload"].includes(method) && before === 0) {
      throw unavailable();
    }
    return answer;
  };
  const queue = scene.open();
  const file = makeFile("a.bin", 2 * MIB);
  queue.add([file]);
  await whenIs(only(queue), "stored");
  await assertStored(scene.server, file);
  assert.equal(scene.server.count("WriteUpload"), 2);
});

Deno.test("after a minute in vain an upload fails in words, and goes on when told to", async () => {
  const scene = new Scene();
  scene.refuse((method, before) => method === "WriteUpload" && before > 0);
  const queue = scene.open();
  const file = makeFile("a.bin", 2 * MIB);
  queue.add([file]);
  const failed = await whenIs(only(queue), "failed");
  assert.deepEqual(failed, {
    kind: "failed",
    problem: {
      what: "Cannot upload “a.bin”",
      why: "The server cannot be reached.",
      advice: "Check that it is running and that this device is online, then try again.",
    },
  });
  assert.deepEqual(scene.delaysMs, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);

  scene.server.network = reliable;
  const writes = scene.server.count("WriteUpload");
  queue.resume(only(queue));
  await whenIs(only(queue), "stored");
  assert.equal(scene.server.count("WriteUpload"), writes + 1);
  await assertStored(scene.server, file);
});

Deno.test("a refused name fails at once, in words, and others go on", async () => {
  const scene = new Scene();
  const queue = scene.open();
  const good = makeFile("good", 10);
  queue.add([makeFile("a\\b", 10), good]);
  const [bad, other] = queue.uploads.value;
  const state = await whenIs(bad!, "failed");
  await whenIs(other!, "stored");
  assert.equal(state.kind === "failed" && state.problem.why, 'The file name must not contain "\\\\".');
  assert.deepEqual(scene.delaysMs, []);
  await assertStored(scene.server, good);
});

Deno.test("a file that cannot be read fails in words", async () => {
  const queue = new Scene().open();
  const file = makeFile("gone", 10);
  file.slice = () => {
    throw new DOMException("", "NotReadableError");
  };
  queue.add([file]);
  const state = await whenIs(only(queue), "failed");
  assert.equal(state.kind === "failed" && state.problem.why, "The file was changed, or may not be read.");
});

Deno.test("a paused upload stands still, and goes on from where the server is", async () => {
  const scene = new Scene();
  const queue = scene.open();
  const file = makeFile("a.bin", 4 * MIB);
  const held = scene.hold("WriteUpload", 2);
  queue.add([file]);
  await held.reached;
  const paused = queue.pause(only(queue));
  assert.equal(only(queue).state.value.kind, "paused");
  assert.equal(only(queue).progress.done.value, 2 * MIB);

  queue.resume(only(queue)); // Before the run that was paused has ended.
  held.release();
  await paused;
  await whenIs(only(queue), "stored");
  assert.equal(scene.server.count("WriteUpload"), 5); // One twice: it was on its way when the upload was paused.
  await assertStored(scene.server, file);
});

Deno.test("an upload paused at its last chunk is paused, not finished", async () => {
  const scene = new Scene();
  const queue = scene.open();
  const held = scene.hold("WriteUpload", 0);
  queue.add([makeFile("a.bin", 10)]);
  await held.reached;
  const paused = queue.pause(only(queue));
  held.release();
  await paused;
  assert.equal(only(queue).state.value.kind, "paused");
  assert.equal(scene.server.count("FinishUpload"), 0);
});

Deno.test("after a reload the same file, picked again, goes on where the server is", async () => {
  const scene = new Scene();
  const before = scene.open();
  const file = makeFile("a.bin", 4 * MIB);
  const held = scene.hold("WriteUpload", 2);
  before.add([file]);
  await held.reached;
  void before.pause(only(before)); // The page is gone: nothing of it is used from here on.

  const after = scene.open();
  assert.equal(only(after).state.value.kind, "interrupted");
  await after.locateInterrupted();
  assert.equal(only(after).progress.done.value, 3 * MIB);

  const writes = scene.server.count("WriteUpload");
  after.add([makeFile("a.bin", 4 * MIB)]);
  await whenIs(only(after), "stored");
  held.release();
  assert.equal(scene.server.count("WriteUpload"), writes + 1);
  assert.equal(scene.server.count("StartUpload"), 1);
  await assertStored(scene.server, file);
  assert.equal(scene.storage.length, 0);
});

Deno.test("after a reload another file of the same name is another upload", async () => {
  const scene = new Scene();
  const held = scene.hold("WriteUpload", 0);
  scene.open().add([makeFile("a.bin", 10)]);
  await held.reached;

  const after = scene.open();
  const other = makeFile("a.bin", 10, 2);
  after.add([other]);
  assert.equal(after.uploads.value.length, 2);
  await whenIs(after.uploads.value[1]!, "stored");
  assert.equal(after.uploads.value[0]!.state.value.kind, "interrupted");
  held.release();
});

Deno.test("an upload that the server no longer has is taken off the list", async () => {
  const scene = new Scene();
  new UploadMemory(scene.storage).remember({ uploadId: "gone", name: "a.bin", size: 10, lastModified: 1 });
  const queue = scene.open();
  await queue.locateInterrupted();
  assert.equal(queue.uploads.value.length, 0);
  assert.equal(scene.storage.length, 0);
});

Deno.test("an interrupted upload stays while the server is away", async () => {
  const scene = new Scene();
  new UploadMemory(scene.storage).remember({ uploadId: "there", name: "a.bin", size: 10, lastModified: 1 });
  scene.refuse(() => true);
  const queue = scene.open();
  await queue.locateInterrupted();
  assert.equal(only(queue).state.value.kind, "interrupted");
  assert.equal(scene.storage.length, 1);
});

Deno.test("an upload that expired while the page was away begins anew", async () => {
  const scene = new Scene();
  new UploadMemory(scene.storage).remember({ uploadId: "gone", name: "a.bin", size: 10, lastModified: 1 });
  const queue = scene.open();
  const file = makeFile("a.bin", 10);
  queue.add([file]);
  await whenIs(only(queue), "stored");
  await assertStored(scene.server, file);
});

Deno.test("a cancelled upload is gone, here and on the server", async () => {
  const scene = new Scene();
  const queue = scene.open();
  const held = scene.hold("WriteUpload", 1);
  queue.add([makeFile("a.bin", 3 * MIB)]);
  await held.reached;
  const { uploadId } = new UploadMemory(scene.storage).records()[0]!;
  const removed = queue.remove(only(queue));
  held.release();
  await removed;
  assert.equal(queue.uploads.value.length, 0);
  assert.equal(scene.storage.length, 0);
  assert.equal(await scene.server.store.findUpload(uploadId), undefined);
});

Deno.test("an upload cancelled while it begins leaves nothing on the server", async () => {
  const scene = new Scene();
  const queue = scene.open();
  const held = scene.hold("StartUpload", 0);
  queue.add([makeFile("a.bin", 10)]);
  await held.reached;
  const removed = queue.remove(only(queue));
  held.release();
  await removed;
  assert.deepEqual(scene.server.calls, ["StartUpload", "AbortUpload"]);
  assert.equal(scene.storage.length, 0);
});

Deno.test("discarding an interrupted upload aborts it", async () => {
  const scene = new Scene();
  const held = scene.hold("WriteUpload", 0);
  const before = scene.open();
  before.add([makeFile("a.bin", 10)]);
  await held.reached;
  const after = scene.open();
  await after.remove(only(after));
  assert.equal(scene.server.count("AbortUpload"), 1);
  assert.equal(scene.storage.length, 0);
  void before.pause(only(before));
  held.release();
});

Deno.test("two uploads run at a time, and the third when one ends", async () => {
  const scene = new Scene();
  const queue = scene.open();
  const held = scene.hold("WriteUpload", 0);
  const files = ["a", "b", "c"].map((name) => makeFile(name, 10));
  queue.add(files);
  const kinds = () => queue.uploads.value.map((upload) => upload.state.value.kind);
  assert.deepEqual(kinds(), ["sending", "sending", "waiting"]);
  await held.reached;
  const [a, , c] = queue.uploads.value;
  await whenIs(c!, "stored");
  assert.deepEqual(kinds(), ["sending", "stored", "stored"]);
  held.release();
  await whenIs(a!, "stored");
});

Deno.test("a file that is already on its way is not sent twice", async () => {
  const scene = new Scene();
  const queue = scene.open();
  const file = makeFile("a.bin", 10);
  queue.add([file, file]);
  await whenIs(only(queue), "stored");
});

Deno.test("changes of state are told", async () => {
  const told: string[] = [];
  const queue = new Scene().open({ onChange: (upload) => told.push(upload.state.value.kind) });
  queue.add([makeFile("a.bin", 10)]);
  await whenIs(only(queue), "stored");
  assert.deepEqual(told, ["waiting", "sending", "sending", "finishing", "stored"]);
});
