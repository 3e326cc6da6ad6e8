/** The disk store when things go wrong: restarts, crashes at every step, full disks, failing calls. */
import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { HashAlgorithm } from "../../../gen/edgewire/v1/hash_pb.ts";
import { DiskStore } from "../../../src/services/deno/mod.ts";
import type { FileSystem } from "../../../src/services/deno/file_system.ts";
import type { AnnouncedFile, FileStore } from "../../../src/services/mod.ts";
import { UPLOAD_TTL_MS } from "../../../src/services/staged_upload.ts";
import { collect } from "../../support/bytes.ts";
import { assertConnectError } from "../../support/connect_error.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

async function accept(content: AsyncIterable<Uint8Array>): Promise<void> {
  await collect(content);
}

function announced(name: string, size?: number): AnnouncedFile {
  return { name, size, digest: undefined };
}

async function put(store: FileStore, name: string, text: string): Promise<void> {
  const upload = await store.startUpload(announced(name), { resumable: true });
  await upload.write(0, bytes(text));
  await upload.finish(accept);
}

async function get(store: FileStore, name: string): Promise<string | undefined> {
  await using file = await store.open(name);
  return file && new TextDecoder().decode(await collect(file.read(0, file.file.size)));
}

async function names(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory))).map((entry) => entry.name).sort();
}

function testOnDisk(name: string, test: (directory: string) => Promise<void>): void {
  Deno.test(`DiskStore ${name}`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      await test(directory);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

/** What a process that is killed leaves: its lock is gone, and nothing was tidied up. */
async function crash(directory: string): Promise<string> {
  const copy = await Deno.makeTempDir({ dir: directory });
  for (const part of ["files", "uploads"]) {
    await Deno.mkdir(`${copy}/${part}`);
    for (const name of await names(`${directory}/${part}`)) {
      const [from, to] = [`${directory}/${part}/${name}`, `${copy}/${part}/${name}`];
      await Deno.copyFile(from, to);
      const { atime, mtime } = await Deno.stat(from);
      await Deno.utime(to, atime!, mtime!);
    }
  }
  return copy;
}

testOnDisk("keeps files under their own names across a restart", async (directory) => {
  const store = await DiskStore.open(directory);
  await put(store, "report ü.txt", "content");
  const file = await store.stat("report ü.txt");
  await store.close();
  assert.equal(await Deno.readTextFile(`${directory}/files/report ü.txt`), "content");

  const again = await DiskStore.open(directory);
  assert.equal(await get(again, "report ü.txt"), "content");
  assert.deepEqual(await again.stat("report ü.txt"), file);
  await again.close();
});

testOnDisk("resumes uploads after a crash, and throws those away that cannot be resumed", async (directory) => {
  const store = await DiskStore.open(directory);
  const digest = { algorithm: HashAlgorithm.SHA1, hex: "ab".repeat(20) } as const;
  const resumable = await store.startUpload({ name: "resumable", size: 6, digest }, { resumable: true });
  await resumable.write(0, bytes("abc"));
  const transient = await store.startUpload(announced("transient"), { resumable: false });
  await transient.write(0, bytes("xyz"));

  const copy = await crash(directory);
  const restarted = await DiskStore.open(copy);
  assert.deepEqual(await names(`${copy}/uploads`), [`${resumable.id}.json`, `${resumable.id}.part`]);
  const upload = (await restarted.findUpload(resumable.id))!;
  assert.deepEqual(upload.file, resumable.file);
  assert.equal(upload.received, 3);
  await upload.write(3, bytes("def"));
  await upload.finish(accept);
  assert.equal(await get(restarted, "resumable"), "abcdef");
  assert.deepEqual(await restarted.list("", 10).then((files) => files.map((file) => file.name)), ["resumable"]);
  await restarted.close();
  await store.close();
  assert.deepEqual(await names(`${directory}/uploads`), [`${resumable.id}.json`, `${resumable.id}.part`]);
});

testOnDisk("remembers after a crash that an upload was finished", async (directory) => {
  const store = await DiskStore.open(directory);
  const upload = await store.startUpload(announced("file", 3), { resumable: true });
  await upload.write(0, bytes("abc"));
  const finished = await upload.finish(accept);
  const restarted = await DiskStore.open(await crash(directory));
  assert.deepEqual((await restarted.findUpload(upload.id))?.finished, finished);
  assert.deepEqual(await (await restarted.findUpload(upload.id))!.finish(accept), finished);
  await restarted.close();
  await store.close();
});

testOnDisk("forgets after a restart the uploads that have expired since", async (directory) => {
  const store = await DiskStore.open(directory);
  const upload = await store.startUpload(announced("file"), { resumable: true });
  await upload.write(0, bytes("abc"));
  const expires = upload.expires.getTime();
  await store.close();
  const early = await DiskStore.open(directory, { now: () => expires - 1000 });
  assert.equal((await early.findUpload(upload.id))?.received, 3);
  await early.close();
  const late = await DiskStore.open(directory, { now: () => expires + UPLOAD_TTL_MS });
  assert.equal(await late.findUpload(upload.id), undefined);
  assert.deepEqual(await names(`${directory}/uploads`), []);
  await late.close();
});

testOnDisk("throws away what is no upload", async (directory) => {
  await (await DiskStore.open(directory)).close();
  for (const name of ["1.json", "2.json", "3.part", "4.json.tmp"]) {
    await Deno.writeTextFile(`${directory}/uploads/${name}`, name === "2.json" ? '{"announced":{"name":"../x"}}' : "{");
  }
  await Deno.writeTextFile(`${directory}/uploads/2.part`, "");
  const store = await DiskStore.open(directory);
  assert.deepEqual(await names(`${directory}/uploads`), []);
  await store.close();
});

testOnDisk("does not take directories and links for files", async (directory) => {
  const store = await DiskStore.open(directory);
  await Deno.mkdir(`${directory}/files/directory`);
  await Deno.symlink("/etc/passwd", `${directory}/files/link`);
  for (const name of ["directory", "link"]) {
    assert.equal(await store.stat(name), undefined);
    assert.equal(await store.open(name), undefined);
    assert.equal(await store.delete(name), false);
  }
  assert.deepEqual(await store.list("", 10), []);
  await store.close();
});

testOnDisk("has its directory for itself", async (directory) => {
  const store = await DiskStore.open(directory);
  await assert.rejects(DiskStore.open(directory), {
    message: `Cannot open the store in "${directory}": Another process uses it`,
  });
  await store.close();
  await (await DiskStore.open(directory)).close();
});

/** A file system of which one call fails: the `failAt`th, counted from `arm()`. */
class FaultyFileSystem implements FileSystem {
  calls: string[] = [];
  #failAt = Infinity;
  #error: Error = new Error("unused");

  arm(failAt: number, error: Error): void {
    this.calls = [];
    this.#failAt = failAt;
    this.#error = error;
  }

  #call(name: string): void {
    this.calls.push(name);
    if (this.calls.length === this.#failAt) {
      throw this.#error;
    }
  }

  #wrap<Arguments extends unknown[], Result>(name: string, call: (...args: Arguments) => Promise<Result>) {
    // deno-lint-ignore require-await
    return async (...args: Arguments): Promise<Result> => {
      this.#call(name);
      return call(...args);
    };
  }

  readonly link = this.#wrap("link", Deno.link);
  readonly lstat = this.#wrap("lstat", Deno.lstat);
  readonly mkdir = this.#wrap("mkdir", Deno.mkdir);
  readonly readTextFile = this.#wrap("readTextFile", Deno.readTextFile);
  readonly remove = this.#wrap("remove", Deno.remove);
  readonly rename = this.#wrap("rename", Deno.rename);
  readonly readDir = Deno.readDir;
  readonly open = async (...args: Parameters<typeof Deno.open>): Promise<Deno.FsFile> => {
    this.#call("open");
    const file = await Deno.open(...args);
    for (const method of ["write", "sync", "truncate"] as const) {
      const original = file[method].bind(file) as (...args: unknown[]) => Promise<unknown>;
      Object.assign(file, { [method]: this.#wrap(method, original) });
    }
    return file;
  };
}

/** An error of the file system, as Deno makes them. */
function systemError(code: string): Error {
  return Object.assign(new Error(`${code} (os error)`), { code });
}

testOnDisk("keeps the old file and can go on, whichever call of an upload fails", async (directory) => {
  const fileSystem = new FaultyFileSystem();
  const store = await DiskStore.open(directory, { fileSystem });
  await put(store, "file", "old");

  const steps = {
    start: async () => void await (await store.startUpload(announced("file", 3), { resumable: true })).abort(),
    write: async () => {
      const upload = await store.startUpload(announced("file", 3), { resumable: true });
      try {
        await upload.write(0, bytes("new"));
      } finally {
        await upload.abort();
      }
    },
  };
  for (const [step, run] of Object.entries(steps)) {
    fileSystem.arm(Infinity, systemError("EIO"));
    await run();
    const { length } = fileSystem.calls;
    assert(length > 0);
    for (let failAt = 1; failAt <= length; failAt++) {
      fileSystem.arm(failAt, systemError("EIO"));
      await assert.rejects(run, /EIO/, `${step}, call ${failAt}`);
      fileSystem.arm(Infinity, systemError("EIO"));
      assert.equal(await get(store, "file"), "old");
    }
  }
  await store.close();
});

testOnDisk(
  "has the old file or the new one, at every call of finishing that fails or at which it dies",
  async (directory) => {
    const fileSystem = new FaultyFileSystem();
    const store = await DiskStore.open(directory, { fileSystem });
    let outcomes = "";
    for (let failAt = 1;; failAt++) {
      fileSystem.arm(Infinity, systemError("EIO"));
      await put(store, "file", "old");
      const upload = await store.startUpload(announced("file", 3), { resumable: true });
      await upload.write(0, bytes("new"));
      fileSystem.arm(failAt, systemError("EIO"));
      const failed = await upload.finish(() => Promise.resolve()).then(() => false, () => true);
      fileSystem.arm(Infinity, systemError("EIO"));
      const content = await get(store, "file");
      assert(content === "old" || content === "new");

      const restarted = await DiskStore.open(await crash(directory));
      assert.equal(await get(restarted, "file"), content);
      const resumed = (await restarted.findUpload(upload.id))!;
      await resumed.finish(accept);
      assert.equal(await get(restarted, "file"), "new", `finishing again after a failure of call ${failAt}`);
      await restarted.close();
      outcomes += content === "old" ? "o" : "n";
      if (!failed) {
        break;
      }
      await upload.abort();
    }
    assert.match(outcomes, /^o+n+$/, "first the old file, then the new one");
    await store.close();
  },
);

testOnDisk("says when the disk is full, gives back the room, and leaves the upload as it was", async (directory) => {
  for (const code of ["ENOSPC", "EDQUOT", "EFBIG"]) {
    const fileSystem = new FaultyFileSystem();
    const store = await DiskStore.open(`${directory}/${code}`, { fileSystem });
    const upload = await store.startUpload(announced("file"), { resumable: true });
    await upload.write(0, bytes("abc"));
    fileSystem.arm(2, systemError(code));
    await assertConnectError(upload.write(3, bytes("def")), Code.ResourceExhausted, `store: full (${code})`);
    assert.deepEqual(fileSystem.calls, ["open", "write", "truncate"]);
    assert.equal(upload.received, 3);
    await upload.write(3, bytes("DEF"));
    await upload.finish(accept);
    assert.equal(await get(store, "file"), "abcDEF");
    await store.close();
  }
});

testOnDisk("does not keep what a failed write left behind and could not take back", async (directory) => {
  const fileSystem = new FaultyFileSystem();
  const store = await DiskStore.open(directory, { fileSystem });
  const upload = await store.startUpload(announced("file"), { resumable: true });
  await upload.write(0, bytes("abc"));
  await Deno.writeTextFile(`${directory}/uploads/${upload.id}.part`, "xyz", { append: true });
  await upload.finish(accept);
  assert.equal(await get(store, "file"), "abc");
  await store.close();
});

testOnDisk("counts uploads for their peers, also after a restart", async (directory) => {
  const limits = { maxUploadsPerPeer: 2, maxUploadBytesPerPeer: 5 };
  const store = await DiskStore.open(directory, limits);
  const from = (peer: string) => ({ resumable: true, caller: { peer } });
  for (let count = 0; count < 2; count++) {
    await (await store.startUpload(announced("file", 100), from("a"))).write(0, bytes("ab"));
  }
  await store.close();
  const again = await DiskStore.open(directory, limits);
  const refusal = "uploads: the limit is 2 unfinished ones for each peer";
  await assertConnectError(again.startUpload(announced("file", 100), from("a")), Code.ResourceExhausted, refusal);
  await (await again.startUpload(announced("file", 100), from("b"))).write(0, bytes("abc"));
  const [id] = (await names(`${directory}/uploads`)).filter((name) => name.endsWith(".part"));
  const upload = (await again.findUpload(id!.slice(0, -".part".length)))!;
  await assertConnectError(
    upload.write(upload.received, bytes("cdef")),
    Code.ResourceExhausted,
    "uploads: the limit is 5 bytes in unfinished ones for each peer",
  );
  await again.close();
});

testOnDisk("keeps the newest of more uploads than it may have, when it is opened", async (directory) => {
  const store = await DiskStore.open(directory);
  const uploads = [];
  for (let count = 0; count < 4; count++) {
    const upload = await store.startUpload(announced("file", 100), { resumable: true });
    await upload.write(0, bytes("ab"));
    const writtenAt = new Date(Date.now() - 60_000 + 1000 * count);
    await Deno.utime(`${directory}/uploads/${upload.id}.part`, writtenAt, writtenAt);
    uploads.push(upload);
  }
  await store.close();
  const again = await DiskStore.open(directory, { maxUploads: 3 });
  const found = await Promise.all(uploads.map(async ({ id }) => await again.findUpload(id) !== undefined));
  assert.deepEqual(found, [false, true, true, true]);
  await again.close();
});

testOnDisk("resumes an upload of before peers were recorded", async (directory) => {
  const store = await DiskStore.open(directory);
  const upload = await store.startUpload(announced("file", 100), { resumable: true, caller: { peer: "a" } });
  await upload.write(0, bytes("ab"));
  await store.close();
  const path = `${directory}/uploads/${upload.id}.json`;
  const record = JSON.parse(await Deno.readTextFile(path));
  assert.equal(record.peer, "a");
  delete record.peer;
  await Deno.writeTextFile(path, JSON.stringify(record));
  const again = await DiskStore.open(directory);
  assert.equal((await again.findUpload(upload.id))?.received, 2);
  await again.close();
});
