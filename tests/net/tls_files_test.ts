/** Certificates in files that change, on a real file system; and in virtual time, with changes that the test makes up. */
import assert from "node:assert/strict";
import type { TlsServerOptions } from "../../src/net/mod.ts";
import { type DirectoryWatch, TlsFiles, type TlsPaths } from "../../src/net/tls_files.ts";
import { settle } from "../support/fake_socket.ts";
import { within } from "../support/sockets.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

/** Takes down what files become, and wakes who waits for it. */
class Recorder {
  readonly changes: string[] = [];
  readonly failures: string[] = [];
  #wake: () => void = () => {};

  readonly onChange = ({ cert, key, clientCa }: TlsServerOptions): Promise<void> => {
    this.changes.push([cert, key, clientCa].filter((text) => text !== undefined).join(" "));
    this.#wake();
    return Promise.resolve();
  };

  readonly onFailure = (error: unknown): void => {
    this.failures.push(String(error));
    this.#wake();
  };

  async until(change: string): Promise<void> {
    await within(10_000, this.#until(change));
  }

  async #until(change: string): Promise<void> {
    while (this.changes.at(-1) !== change) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

async function withDirectory(action: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await action(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function write(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    // At once, or a read that is going on may find nothing in it.
    await Deno.writeTextFile(`${directory}/${name}.new`, text);
    await Deno.rename(`${directory}/${name}.new`, `${directory}/${name}`);
  }
}

/** Puts a link in the place of another one at once, as renewers do. */
async function switchLink(target: string, path: string): Promise<void> {
  await Deno.symlink(target, `${path}.new`);
  await Deno.rename(`${path}.new`, path);
}

const pathsIn = (directory: string): TlsPaths => ({
  cert: `${directory}/cert`,
  key: `${directory}/key`,
  clientCa: `${directory}/ca`,
});

/** Reads, watches, and lets things happen. */
async function watching(paths: TlsPaths, action: (recorder: Recorder) => Promise<void>): Promise<void> {
  const [files, recorder] = [new TlsFiles(paths), new Recorder()];
  await files.read();
  using _watch = await files.watch(recorder);
  await action(recorder);
  assert.deepEqual(recorder.failures, []);
}

Deno.test("TlsFiles: certificate, key and authority are read as one set, and a file that cannot be is named", async () => {
  await withDirectory(async (directory) => {
    await write(directory, { cert: "c1", key: "k1", ca: "a1" });
    assert.deepEqual(await new TlsFiles(pathsIn(directory)).read(), { cert: "c1", key: "k1", clientCa: "a1" });
    const pair = { cert: "c", key: "k" };
    assert.deepEqual(await new TlsFiles({ clientCa: `${directory}/ca` }, pair).read(), { ...pair, clientCa: "a1" });
    const missing = { ...pathsIn(directory), clientCa: `${directory}/none` };
    await assert.rejects(new TlsFiles(missing).read(), {
      message: `Cannot read ${directory}/none: No such file or directory`,
    });
  });
});

Deno.test("TlsFiles: a change of any of the files is taken, once", async () => {
  await withDirectory(async (directory) => {
    await write(directory, { cert: "c1", key: "k1", ca: "a1" });
    await watching(pathsIn(directory), async (recorder) => {
      await write(directory, { ca: "a2" });
      await recorder.until("c1 k1 a2");
      await write(directory, { cert: "c2", key: "k2" });
      await recorder.until("c2 k2 a2");
      assert.equal(recorder.changes.at(-1), "c2 k2 a2");
    });
  });
});

Deno.test("TlsFiles: links are followed, wherever on the way to the file they are switched", async () => {
  // What Kubernetes mounts, what certbot keeps, and releases in directories.
  await withDirectory(async (root) => {
    await write(`${root}/mount/..1`, { cert: "c1", key: "k1", ca: "a1" });
    await write(`${root}/mount/..2`, { cert: "c2", key: "k2", ca: "a2" });
    await Deno.symlink("..1", `${root}/mount/..data`);
    for (const name of ["cert", "key", "ca"]) {
      await Deno.symlink(`..data/${name}`, `${root}/mount/${name}`);
    }
    await watching(pathsIn(`${root}/mount`), async (recorder) => {
      await switchLink("..2", `${root}/mount/..data`);
      await recorder.until("c2 k2 a2");
      await write(`${root}/mount/..2`, { ca: "a3" });
      await recorder.until("c2 k2 a3");
    });
  });
  await withDirectory(async (root) => {
    await write(`${root}/archive/a`, { cert1: "c1", cert2: "c2", key: "k", ca: "a" });
    await write(`${root}/live/a`, {});
    await Deno.symlink("../../archive/a/cert1", `${root}/live/a/cert`);
    await Deno.symlink("../../archive/a/key", `${root}/live/a/key`);
    await Deno.symlink("../../archive/a/ca", `${root}/live/a/ca`);
    await watching(pathsIn(`${root}/live/a`), async (recorder) => {
      await switchLink("../../archive/a/cert2", `${root}/live/a/cert`);
      await recorder.until("c2 k a");
    });
  });
  await withDirectory(async (root) => {
    await write(`${root}/releases/1/tls`, { cert: "c1", key: "k1", ca: "a1" });
    await write(`${root}/releases/2/tls`, { cert: "c2", key: "k2", ca: "a2" });
    await Deno.symlink(`${root}/releases/1`, `${root}/current`);
    await watching(pathsIn(`${root}/current/tls`), async (recorder) => {
      await switchLink(`${root}/releases/2`, `${root}/current`);
      await recorder.until("c2 k2 a2");
      await write(`${root}/releases/2/tls`, { cert: "c3" });
      await recorder.until("c3 k2 a2");
    });
  });
});

Deno.test("TlsFiles: another directory in the place of the one there was is looked at", async () => {
  await withDirectory(async (root) => {
    await write(`${root}/tls`, { cert: "c1", key: "k1", ca: "a1" });
    await write(`${root}/tls.new`, { cert: "c2", key: "k2", ca: "a2" });
    await watching(pathsIn(`${root}/tls`), async (recorder) => {
      await Deno.rename(`${root}/tls`, `${root}/tls.old`);
      await Deno.rename(`${root}/tls.new`, `${root}/tls`);
      await recorder.until("c2 k2 a2");
      await write(`${root}/tls`, { ca: "a3" });
      await recorder.until("c2 k2 a3");
    });
  });
});

/** A watch of which the test says what it sees. */
class FakeWatch implements DirectoryWatch {
  isClosed = false;
  #count = 0;
  #kind: Deno.FsEvent["kind"] = "modify";
  #wake: () => void = () => {};

  see(kind: Deno.FsEvent["kind"] = "modify"): void {
    this.#count++;
    this.#kind = kind;
    this.#wake();
  }

  close(): void {
    this.isClosed = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Pick<Deno.FsEvent, "kind">> {
    while (true) {
      while (this.#count === 0 && !this.isClosed) {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
      if (this.isClosed) {
        return;
      }
      this.#count--;
      yield { kind: this.#kind };
    }
  }
}

/** Files whose directories are watched by the test, in virtual time. */
async function withFakeWatch(
  action: (scene: { directory: string; watch: FakeWatch; clock: VirtualClock; recorder: Recorder }) => Promise<void>,
): Promise<void> {
  await withDirectory(async (directory) => {
    await write(directory, { cert: "c1", key: "k1", ca: "a1" });
    const [watch, clock, recorder] = [new FakeWatch(), new VirtualClock(), new Recorder()];
    const files = new TlsFiles(pathsIn(directory), undefined, { watch: () => watch, clock });
    await files.read();
    using _watching = await files.watch(recorder);
    await action({ directory, watch, clock, recorder });
  });
}

/** Lets files be read, which takes the system's time. The clock goes on: what changes while they are read is looked at after that. */
async function untilRead(recorder: Recorder, clock: VirtualClock, count: number): Promise<void> {
  while (recorder.changes.length + recorder.failures.length < count) {
    await clock.advance(10);
  }
}

Deno.test("TlsFiles: what changes beside the files reloads nothing", async () => {
  await withFakeWatch(async ({ directory, watch, clock, recorder }) => {
    for (let turn = 0; turn < 100; turn++) {
      watch.see();
      await clock.advance(100);
    }
    await write(directory, { ca: "a2" });
    watch.see();
    await clock.advance(1000);
    await untilRead(recorder, clock, 1);
    assert.deepEqual(recorder.changes, ["c1 k1 a2"]);
  });
});

Deno.test("TlsFiles: a neighbour that changes all the time puts a change off by a second at most", async () => {
  await withFakeWatch(async ({ directory, watch, clock, recorder }) => {
    await write(directory, { cert: "c2" });
    for (let turn = 0; turn < 10; turn++) {
      assert.deepEqual(recorder.changes, []);
      watch.see();
      await clock.advance(100);
    }
    await untilRead(recorder, clock, 1);
    assert.deepEqual(recorder.changes, ["c2 k1 a1"]);
  });
});

Deno.test("TlsFiles: a change is taken when it is over for 200 ms", async () => {
  await withFakeWatch(async ({ directory, watch, clock, recorder }) => {
    await write(directory, { cert: "c2" });
    watch.see();
    await clock.advance(199);
    assert.equal(clock.timerCount, 1);
    await write(directory, { key: "k2" });
    watch.see();
    await clock.advance(199);
    assert.equal(clock.timerCount, 1);
    await clock.advance(1);
    await untilRead(recorder, clock, 1);
    assert.deepEqual(recorder.changes, ["c2 k2 a1"]);
  });
});

Deno.test("TlsFiles: reading the files, which watches see, is no change", async () => {
  await withFakeWatch(async ({ watch, clock }) => {
    watch.see("access");
    await clock.advance(0);
    assert.equal(clock.timerCount, 0);
  });
});

Deno.test("TlsFiles: a file that cannot be read is told of once", async () => {
  await withFakeWatch(async ({ directory, watch, clock, recorder }) => {
    await Deno.remove(`${directory}/ca`);
    for (let turn = 0; turn < 3; turn++) {
      watch.see();
      await clock.advance(200);
      await untilRead(recorder, clock, 1);
      await settle();
    }
    assert.deepEqual(recorder.failures, [`Error: Cannot read ${directory}/ca: No such file or directory`]);
    await write(directory, { ca: "a1" });
    watch.see();
    await clock.advance(200);
    await untilRead(recorder, clock, 2);
    assert.deepEqual(recorder.changes, ["c1 k1 a1"]);
  });
});

Deno.test("TlsFiles: watch() fails where the system has no more watches", async () => {
  await withDirectory(async (directory) => {
    await write(directory, { cert: "c", key: "k", ca: "a" });
    const none = () => {
      throw new Error("Too many open files (os error 24)");
    };
    const files = new TlsFiles(pathsIn(directory), undefined, { watch: none });
    await files.read();
    await assert.rejects(files.watch(new Recorder()), { message: "Too many open files (os error 24)" });
  });
});
