/** `client.ts` as a process, beside `server.ts` as another: commands, options, messages, exit statuses. */
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { join } from "node:path";
import { File } from "../../gen/edgewire/v1/file_pb.ts";
import { Greeter } from "../../gen/hello_pb.ts";
import { serve } from "../../mod.ts";
import { sampleBytes, sha256 } from "../support/bytes.ts";
import { clientCommand, type ClientResult, runClient, startClient } from "../support/client_process.ts";
import { startServer } from "../support/server_process.ts";

/** A server, a directory to work in, and the client. */
interface Scene {
  readonly url: string;
  readonly cwd: string;
  /** Runs the client in `cwd`, against the server. */
  run(args: readonly string[], input?: Uint8Array): Promise<ClientResult>;
  write(name: string, bytes: Uint8Array | string): Promise<void>;
  read(name: string): Promise<Uint8Array>;
}

function testClient(name: string, test: (scene: Scene) => Promise<void>): void {
  Deno.test(`client: ${name}`, async () => {
    const dataDir = await Deno.makeTempDir();
    const cwd = await Deno.makeTempDir();
    const server = await startServer({ dataDir });
    const { url } = server;
    try {
      await test({
        url,
        cwd,
        run: (args, input) => runClient(args, { cwd, url }, input),
        write: (name, bytes) =>
          Deno.writeFile(join(cwd, name), typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes),
        read: (name) => Deno.readFile(join(cwd, name)),
      });
    } finally {
      await server.stop();
      await Deno.remove(dataDir, { recursive: true });
      await Deno.remove(cwd, { recursive: true });
    }
  });
}

/** Runs a program of the system and gives what it printed. */
async function system(command: string, args: readonly string[], cwd: string): Promise<ClientResult> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args], cwd }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

const ok = (stdout: string): ClientResult => ({ code: 0, stdout, stderr: "" });

testClient("hello and sha, as text and as JSON, by both protocols and HTTP versions", async ({ run }) => {
  assert.deepEqual(await run(["hello"]), ok("Hello, World!\n"));
  assert.deepEqual(await run(["hello", "Ada", "--json"]), ok('{"message":"Hello, Ada!"}\n'));
  assert.deepEqual(await run(["--json", "hello", "Ada"]), ok('{"message":"Hello, Ada!"}\n'));
  for (
    const options of [
      ["--protocol", "grpc"],
      ["--protocol", "grpc-web"],
      ["--http1"],
      ["--protocol", "grpc-web", "--http1"],
    ]
  ) {
    assert.deepEqual(await run(["hello", ...options]), ok("Hello, World!\n"));
  }
  const md5 = "900150983cd24fb0d6963f7d28e17f72"; // RFC 1321 §A.5
  assert.deepEqual(await run(["sha", "abc", "--algorithm", "md5"]), ok(`${md5}\n`));
  assert.deepEqual(await run(["sha", "abc", "--algorithm", "md5", "--json"]), ok(`{"digest":"${md5}"}\n`));
});

testClient("what hash prints, sha256sum and its family accept", async ({ cwd, run, write }) => {
  await write("big file", sampleBytes(5_000_000));
  await write("back\\slash\nnewline", "odd");
  for (const [algorithm, program] of [["sha256", "sha256sum"], ["sha1", "sha1sum"], ["md5", "md5sum"]] as const) {
    const { stdout } = await run(["hash", "--algorithm", algorithm, "big file", "back\\slash\nnewline"]);
    await write("sums", stdout);
    assert.deepEqual((await system(program, ["--check", "--strict", "--quiet", "sums"], cwd)).code, 0);
    assert.deepEqual(await system(program, ["big file", "back\\slash\nnewline"], cwd), ok(stdout));
  }
});

testClient("hash reads stdin, and goes on after a file that is not there", async ({ run, write }) => {
  await write("a", "a");
  const stdin = await run(["hash", "-"], new TextEncoder().encode("a"));
  assert.deepEqual(stdin, ok(`${await sha256(new TextEncoder().encode("a"))}  -\n`));
  const { code, stdout, stderr } = await run(["hash", "missing", ".", "a", "--json"]);
  assert.equal(code, 1);
  assert.deepEqual(JSON.parse(stdout), {
    name: "a",
    digest: await sha256(new TextEncoder().encode("a")),
    bytes: 1,
  });
  assert.equal(stderr, "edgewire: missing: No such file or directory\nedgewire: .: Is a directory\n");
});

testClient("put, ls, stat, hash-file, get, rm", async ({ cwd, run, write, read }) => {
  const bytes = sampleBytes(3_000_000);
  await write("one", bytes);
  await write("two", "2");
  assert.deepEqual(await run(["put", "one", "two"]), ok("one: 3000000 bytes\ntwo: 1 bytes\n"));
  assert.deepEqual(await run(["put", "-", "--name", "three"], bytes), ok("three: 3000000 bytes\n"));

  const list = await run(["ls"]);
  assert.match(list.stdout, /^3000000\t\S+Z\tone\n3000000\t\S+Z\tthree\n1\t\S+Z\ttwo\n$/);
  const json = (await run(["ls", "--json"])).stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(json.map(({ name, size }) => [name, size]), [["one", 3_000_000], ["three", 3_000_000], ["two", 1]]);
  assert.match((await run(["stat", "two"])).stdout, /^name: two\nsize: 1\nmodified: \S+Z\n$/);

  await write("sums", (await run(["hash-file", "one", "two"])).stdout);
  assert.equal((await system("sha256sum", ["--check", "--strict", "sums"], cwd)).stdout, "one: OK\ntwo: OK\n");

  assert.deepEqual(await run(["get", "one", "--output", "copy"]), ok("copy: 3000000 bytes\n"));
  assert.deepEqual(await read("copy"), bytes);
  assert.deepEqual(await run(["get", "two", "-o", "-"]), ok("2"));

  assert.deepEqual(await run(["rm", "one", "three"]), ok(""));
  assert.match((await run(["ls"])).stdout, /^1\t\S+Z\ttwo\n$/);
});

testClient("get overwrites a file only when forced, and leaves nothing behind when it fails", async (scene) => {
  const { cwd, run, write, read } = scene;
  await write("a", "new");
  await run(["put", "a"]);
  await write("a", "old");
  const refused = await run(["get", "a"]);
  assert.deepEqual(refused, { code: 1, stdout: "", stderr: 'edgewire: a: "a" exists, --force overwrites it\n' });
  assert.deepEqual(await read("a"), new TextEncoder().encode("old"));
  assert.deepEqual(await run(["get", "a", "--force"]), ok("a: 3 bytes\n"));
  assert.deepEqual(await read("a"), new TextEncoder().encode("new"));
  const missing = await run(["get", "b"]);
  assert.deepEqual(missing, { code: 1, stdout: "", stderr: 'edgewire: b: [not_found] name: no file "b"\n' });
  assert.equal((await run(["get", "a", "-o", "no/such/directory/a"])).code, 1);
  assert.deepEqual((await Array.fromAsync(Deno.readDir(cwd))).map(({ name }) => name), ["a"]);
});

testClient("get writes where the path leads: through a link, into a directory, to a device", async (scene) => {
  const { cwd, run, write, read } = scene;
  await write("a", "new");
  await run(["put", "a"]);
  await Deno.mkdir(join(cwd, "directory"));
  assert.deepEqual(await run(["get", "a", "-o", "directory"]), ok("directory/a: 3 bytes\n"));
  assert.deepEqual(await read("directory/a"), new TextEncoder().encode("new"));
  await write("real", "old");
  await Deno.symlink("real", join(cwd, "link"));
  assert.deepEqual(await run(["get", "a", "-o", "link", "--force"]), ok("link: 3 bytes\n"));
  assert.deepEqual(await read("real"), new TextEncoder().encode("new"));
  assert((await Deno.lstat(join(cwd, "link"))).isSymlink);
  assert.deepEqual(await run(["get", "a", "-o", "/dev/null", "--force"]), ok("/dev/null: 3 bytes\n"));
  assert((await Deno.lstat("/dev/null")).isCharDevice);
  // Names that lead elsewhere are the user's to say, not a list's.
  for (const name of ["../a", "directory/../a", "/tmp/a"]) {
    const { code, stderr } = await run(["get", name]);
    assert.deepEqual([code, stderr], [1, `edgewire: ${name}: "${name}" is no file name here, --output says another\n`]);
  }
  await write("-", "dash");
  await run(["put", "./-", "--name", "-"]);
  await Deno.remove(join(cwd, "-"));
  assert.deepEqual(await run(["get", "--", "-"]), ok("-: 4 bytes\n"), "A file called -, not standard output");
  assert.deepEqual(await read("-"), new TextEncoder().encode("dash"));
});

/** The client in a terminal. */
function inTerminal(url: string, cwd: string, args: readonly string[]): Promise<ClientResult> {
  return system("env", [
    `EDGEWIRE_URL=${url}`,
    "script",
    "--quiet",
    "--return",
    "--command",
    // Each word quoted: `script` hands the command to a shell.
    clientCommand(args).map((word) => `'${word}'`).join(" "),
    "/dev/null",
  ], cwd);
}

const EVIL = "a\x1b]0;title\x07\x9b31m\u202e\u200bb\n\t\\c";
const SHOWN = "a\\u{1b}]0;title\\u{7}\\u{9b}31m\\u{202e}\\u{200b}b\\n";

/** A server that says what no server should. */
async function withEvilServer(test: (url: string, cwd: string) => Promise<void>): Promise<void> {
  const file = { name: EVIL, size: 1n };
  const server = await serve({
    routes: (router) => {
      router.service(Greeter, { sayHello: () => ({ message: EVIL }) });
      router.service(File, {
        list: () => ({ files: [file] }),
        stat: () => ({ file }),
        delete: () => {
          throw new ConnectError(EVIL, Code.NotFound);
        },
        async *hashFileWithProgress() {
          yield { event: { case: "result", value: { digest: { hex: "ab\n00  other" }, byteCount: 1n } } };
        },
      });
    },
    port: 0,
  });
  const cwd = await Deno.makeTempDir();
  try {
    await test(server.url, cwd);
  } finally {
    await server.close();
    await Deno.remove(cwd, { recursive: true });
  }
}

Deno.test("client: a terminal shows control characters of a server, and obeys none", () =>
  withEvilServer(async (url, cwd) => {
    for (const args of [["hello"], ["ls"], ["stat", "x"], ["rm", "x"], ["--json", "ls"], ["--json", "hello"]]) {
      const { stdout } = await inTerminal(url, cwd, args);
      // deno-lint-ignore no-control-regex -- they are what must not be there
      assert.doesNotMatch(stdout.replaceAll("\r\n", ""), /[\u0000-\u001f\u007f-\u009f\u202e\u200b]/, args.join(" "));
      if (!args.includes("--json") && args[0] !== "rm") {
        assert(stdout.includes(`${SHOWN}\\t\\`), stdout);
      }
    }
    const removed = await runClient(["rm", "x"], { cwd, url });
    assert.deepEqual([removed.stdout, removed.code], ["", 1]);
    assert.equal(removed.stderr, `edgewire: x: [not_found] ${SHOWN.replace(/\\n$/, " ")}\\t\\c\n`);
  }));

Deno.test("client: a pipe gets a line for each file, and what is in it exactly", () =>
  withEvilServer(async (url, cwd) => {
    const escaped = EVIL.replace("\\", "\\\\").replace("\n", "\\n");
    assert.equal((await runClient(["ls"], { cwd, url })).stdout, `1\t\t${escaped.replace("\t", "\\t")}\n`);
    assert.equal((await runClient(["stat", "x"], { cwd, url })).stdout, `name: ${escaped}\nsize: 1\nmodified: \n`);
    assert.equal((await runClient(["hello"], { cwd, url })).stdout, `${EVIL}\n`);
    const json = await runClient(["hello", "--json"], { cwd, url });
    assert.match(json.stdout, /^[\x20-\x7e]*\n$/);
    assert.deepEqual(JSON.parse(json.stdout), { message: EVIL });
    // A digest with a line of its own would be one for another file.
    assert.deepEqual(await runClient(["hash-file", "x"], { cwd, url }), {
      code: 1,
      stdout: "",
      stderr: "edgewire: x: The server sent a digest that is not hexadecimal\n",
    });
  }));

testClient("the server's refusals are one line each", async ({ run, write }) => {
  await write("big", sampleBytes(20_000_000));
  const badName = await run(["put", "big", "--name", "a/b"]);
  assert.deepEqual(badName, {
    code: 1,
    stdout: "",
    stderr: 'edgewire: big: [invalid_argument] name: must not contain "/"\n',
  });
  const tooSlow = await run(["hash", "big", "--timeout", "1ms"]);
  assert.equal(tooSlow.code, 1);
  assert.match(tooSlow.stderr, /^edgewire: big: \[deadline_exceeded\] [^\n]*\n$/);
  assert.deepEqual(await run(["rm", "x", "y"]), {
    code: 1,
    stdout: "",
    stderr: 'edgewire: x: [not_found] name: no file "x"\nedgewire: y: [not_found] name: no file "y"\n',
  });
});

testClient("SIGINT ends an upload, and nothing is stored", async ({ url, cwd, run }) => {
  const child = startClient(["put", "-", "--name", "half"], { cwd, url, stdin: "piped" });
  const writer = child.stdin.getWriter();
  // The client takes more only when it has sent some: it is in the middle of the upload then.
  for (let written = 0; written < 8; written++) {
    await writer.write(sampleBytes(1 << 20));
  }
  child.kill("SIGINT");
  const { code, stdout, stderr } = await child.output();
  await writer.abort().catch(() => {}); // The pipe has lost its reader.
  assert.deepEqual([code, stdout.length, new TextDecoder().decode(stderr)], [130, 0, ""]);
  assert.deepEqual(await run(["ls"]), ok(""));
});

testClient("a reader that has seen enough ends a download quietly", async ({ url, cwd, run, write }) => {
  await write("big", sampleBytes(20_000_000));
  await run(["put", "big"]);
  const child = startClient(["get", "big", "-o", "-"], { cwd, url });
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
  assert.deepEqual([code, stderr], [141, ""]);
});

testClient("a terminal gets a progress bar and a table", async ({ url, cwd, write }) => {
  await write("big", sampleBytes(20_000_000));
  const put = await inTerminal(url, cwd, ["put", "big"]);
  assert.equal(put.code, 0);
  assert.match(put.stdout, /big .* 100 % 20 MB of 20 MB .*\/s/);
  assert.match(put.stdout, /big: 20000000 bytes\r\n$/);
  assert.match((await inTerminal(url, cwd, ["ls"])).stdout, /20 MB {2}\S+Z {2}big\r\n$/);
});

Deno.test("client: an unreachable server is one line and status 1", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close(); // Nobody listens there now.
  const cwd = await Deno.makeTempDir();
  try {
    for (const options of [[], ["--http1"]]) {
      const result = await runClient(["hello", ...options], { cwd, url: `http://127.0.0.1:${port}` });
      assert.equal(result.code, 1);
      assert.equal(result.stdout, "");
      assert.match(
        result.stderr,
        /^edgewire: \[unavailable\] cannot (reach http:\/\/|connect to )127\.0\.0\.1:\d+: [^\n]*refused[^\n]*\n$/,
      );
    }
  } finally {
    await Deno.remove(cwd);
  }
});

const MISUSES: readonly [args: readonly string[], message: RegExp][] = [
  [["bogus"], /unknown command 'bogus'/],
  [["get"], /missing required argument 'name'/],
  [["hello", "a", "b"], /too many arguments for 'hello'/],
  [["hello", "--bogus"], /unknown option '--bogus'/],
  [["hello", "--protocol", "grpc2"], /'--protocol <name>' argument 'grpc2' is invalid.* connect, grpc, grpc-web/],
  [["hello", "--protocol", "grpc", "--http1"], /--protocol grpc needs HTTP\/2/],
  [["sha", "a", "--algorithm", "crc"], /'--algorithm <name>' argument 'crc' is invalid.* sha256, .*blake3/],
  [["hello", "--timeout", "soon"], /'--timeout <duration>' argument 'soon' is invalid.* 500ms/],
  [["hello", "--url", "ftp://x"], /'--url <url>' argument 'ftp:\/\/x' is invalid.* http:\/\//],
  [["put", "a", "b", "--name", "c"], /--name takes a single file/],
  [["put", "-"], /stdin needs a --name/],
];

Deno.test("client: misuse is said in a line, with a hint, and is status 2", async () => {
  for (const [args, message] of MISUSES) {
    const { code, stdout, stderr } = await runClient(args, { cwd: "/" });
    assert.deepEqual([code, stdout], [2, ""], args.join(" "));
    assert.match(stderr, message);
    assert.match(stderr, /^[^\n]*\n\(--help shows what there is\)\n$/);
  }
  assert.equal((await runClient([], { cwd: "/" })).code, 2);
});

Deno.test("client: EDGEWIRE_URL is the server, an empty one is none, and a wrong one is named", async () => {
  const hello = (url: string) => runClient(["hello", "--timeout", "5s"], { cwd: "/", url });
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  assert.match((await hello(`http://127.0.0.1:${port}`)).stderr, new RegExp(`connect to 127\\.0\\.0\\.1:${port}`));
  assert.doesNotMatch((await hello("")).stderr, /invalid/);
  const { code, stderr } = await hello("ftp://x");
  assert.equal(code, 2);
  assert.match(stderr, /^error: option '--url <url>' value 'ftp:\/\/x' from env 'EDGEWIRE_URL' is invalid\./);
});

Deno.test("client: --help and --version are not failures", async () => {
  assert.match((await runClient(["--help"], { cwd: "/" })).stdout, /hash-file/);
  assert.match((await runClient(["--version"], { cwd: "/" })).stdout, /^\d+\.\d+\.\d+\n$/);
});
