/** Where `get` writes, by what is there: nothing but a regular file is ever replaced, and nothing is written in place. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { findTarget, localName, writeTarget } from "../../src/cli/download_target.ts";
import { runProgram } from "../support/program.ts";

function testTarget(name: string, test: (directory: string) => Promise<void>): void {
  Deno.test(`download target: ${name}`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      await test(directory);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

const bytes = (text: string) => new TextEncoder().encode(text);

/** Chunks, between which something may happen. */
async function* chunks(text: string, meanwhile: () => Promise<void> = () => Promise.resolve()) {
  yield bytes(text.slice(0, 1));
  await meanwhile();
  yield bytes(text.slice(1));
}

const FORCE = { overwrite: true };
const KEEP = { overwrite: false };

async function get(path: string, options: { overwrite: boolean }, meanwhile?: () => Promise<void>): Promise<string> {
  const target = await findTarget(path, "stored", options);
  await writeTarget(target, chunks("new", meanwhile));
  return target.kind === "stdout" ? "" : target.path;
}

const names = async (directory: string) =>
  (await Array.fromAsync(Deno.readDir(directory))).map((entry) => entry.name).sort();

const mkfifo = (path: string) => runProgram("mkfifo", [path]);

testTarget("a new file appears when it is complete", async (directory) => {
  const path = join(directory, "a".repeat(255)); // As long as a name can be.
  const target = await findTarget(path, "stored", KEEP);
  await writeTarget(
    target,
    chunks("new", async () => {
      const [name, ...others] = await names(directory);
      assert.match(name!, /^\.edgewire-[0-9a-f-]+$/);
      assert.deepEqual(others, []);
    }),
  );
  assert.deepEqual(await names(directory), ["a".repeat(255)]);
  assert.equal(await Deno.readTextFile(path), "new");
});

testTarget("a file is replaced only when forced, and keeps its mode", async (directory) => {
  const path = join(directory, "file");
  await Deno.writeTextFile(path, "old", { mode: 0o600 });
  await assert.rejects(get(path, KEEP), Deno.errors.AlreadyExists);
  assert.equal(await Deno.readTextFile(path), "old");
  const { ino } = await Deno.stat(path);
  await get(path, FORCE);
  assert.equal(await Deno.readTextFile(path), "new");
  const info = await Deno.stat(path);
  assert.equal(info.mode! & 0o777, 0o600);
  assert.notEqual(info.ino, ino, "It is another file, that was complete at once");
});

testTarget("a symbolic link is followed, and stays", async (directory) => {
  const [real, link, second] = ["real", "link", "second"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await Deno.mkdir(join(directory, "sub"));
  const elsewhere = join(directory, "sub", "file");
  await Deno.writeTextFile(elsewhere, "old");
  await Deno.symlink("sub/file", real);
  await Deno.symlink("real", link);
  await assert.rejects(get(link, KEEP), new Deno.errors.AlreadyExists(`"${link}" exists, --force overwrites it`));
  assert.equal(await get(link, FORCE), link);
  assert.equal(await Deno.readTextFile(elsewhere), "new");
  assert((await Deno.lstat(link)).isSymlink && (await Deno.lstat(real)).isSymlink);
  assert.deepEqual(await names(join(directory, "sub")), ["file"], "The temporary file was beside it, and is gone");

  await Deno.symlink("nothing", second);
  for (const options of [KEEP, FORCE]) {
    await assert.rejects(get(second, options), new Deno.errors.NotFound(`"${second}" is a symbolic link to nothing`));
  }
  assert.deepEqual(await names(directory), ["link", "real", "second", "sub"]);
});

testTarget("a FIFO is written to, and stays", async (directory) => {
  const path = join(directory, "fifo");
  await mkfifo(path);
  for (const options of [KEEP, FORCE]) {
    const read = Deno.readTextFile(path);
    await get(path, options);
    assert.equal(await read, "new");
    assert((await Deno.lstat(path)).isFifo);
  }
  assert.deepEqual(await names(directory), ["fifo"]);
});

testTarget("a device is written to, and stays", async (directory) => {
  const link = join(directory, "link");
  await Deno.symlink("/dev/null", link);
  for (const path of ["/dev/null", link]) {
    for (const options of [KEEP, FORCE]) {
      assert.deepEqual(await findTarget(path, "stored", options), { kind: "stream", path });
      await get(path, options);
    }
  }
  assert((await Deno.lstat("/dev/null")).isCharDevice);
});

testTarget("a directory stands for a file in it, under the name that it is stored by", async (directory) => {
  assert.equal(await get(directory, KEEP), join(directory, "stored"));
  assert.equal(await Deno.readTextFile(join(directory, "stored")), "new");
  await assert.rejects(get(`${directory}/`, KEEP), /stored" exists, --force overwrites it$/);
  await get(directory, FORCE);
  for (const name of ["../x", "a/b", "..", "", "/etc/x", "a\\b", "a\nb"]) {
    await assert.rejects(findTarget(directory, name, FORCE), /is no file name here, --output says another$/);
  }
  const sub = join(directory, "sub", "stored");
  await Deno.mkdir(sub, { recursive: true });
  await assert.rejects(get(join(directory, "sub"), FORCE), new Error(`"${sub}" is a directory`));
  const missing = join(directory, "missing/");
  await assert.rejects(get(missing, FORCE), new Deno.errors.NotFound(`"${missing}" is no directory`));
  assert.deepEqual(await names(directory), ["stored", "sub"]);
});

testTarget("a socket is refused", async (directory) => {
  const path = join(directory, "socket");
  using _listener = Deno.listen({ transport: "unix", path });
  for (const options of [KEEP, FORCE]) {
    await assert.rejects(get(path, options), new Error(`"${path}" is a socket`));
  }
});

testTarget("what comes into its place meanwhile is not replaced", async (directory) => {
  const path = join(directory, "file");
  const fail = (options: { overwrite: boolean }, meanwhile: () => Promise<void>, message: RegExp) =>
    assert.rejects(get(path, options, meanwhile), message);
  await fail(KEEP, () => Deno.writeTextFile(path, "theirs"), /file" exists, --force overwrites it$/);
  assert.equal(await Deno.readTextFile(path), "theirs");
  const replaceBy = (make: () => Promise<unknown>) => async () => {
    await Deno.remove(path);
    await make();
  };
  await fail(FORCE, replaceBy(() => mkfifo(path)), /file" is no regular file any more$/);
  assert((await Deno.lstat(path)).isFifo);
  await Deno.remove(path);
  await Deno.writeTextFile(path, "old");
  await fail(FORCE, replaceBy(() => Deno.symlink("elsewhere", path)), /file" is no regular file any more$/);
  assert((await Deno.lstat(path)).isSymlink);
  assert.deepEqual(await names(directory), ["file"], "No temporary file stays");
});

testTarget("what stops being a FIFO or a device before it is opened is not written to", async (directory) => {
  const path = join(directory, "fifo");
  await mkfifo(path);
  const target = await findTarget(path, "stored", FORCE);
  await Deno.remove(path);
  await Deno.writeTextFile(path, "theirs");
  await assert.rejects(writeTarget(target, chunks("new")), Deno.errors.AlreadyExists);
  assert.equal(await Deno.readTextFile(path), "theirs");
});

testTarget("nothing is left of a download that breaks off", async (directory) => {
  const path = join(directory, "file");
  await Deno.writeTextFile(path, "old");
  await assert.rejects(get(path, FORCE, () => Promise.reject(new Error("gone"))), /^Error: gone$/);
  assert.equal(await Deno.readTextFile(path), "old");
  assert.deepEqual(await names(directory), ["file"]);
});

Deno.test("download target: names that lead nowhere else are names here", () => {
  for (const name of ["a", "a b", "-", "...", ".hidden", "Grüße.txt", "a:b"]) {
    assert.equal(localName(name), name);
  }
});
