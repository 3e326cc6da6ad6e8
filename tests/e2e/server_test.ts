/** `server.ts` as a process: what its users see of it, and what is left when it or its callers go away. */
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { File, UploadRequestSchema } from "../../gen/edgewire/v1/file_pb.ts";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { Hash } from "../../gen/edgewire/v1/hash_pb.ts";
import { createHttp2Client, type Http2Pool } from "../../src/net/mod.ts";
import { createTransport } from "../../src/rpc/mod.ts";
import { each, sampleBytes, sha256, split } from "../support/bytes.ts";
import { assertConnectError } from "../support/connect_error.ts";
import { runServer, type ServerProcess, startServer } from "../support/server_process.ts";

function testServer(
  name: string,
  test: (server: ServerProcess, dataDir: string) => Promise<void>,
  args: readonly string[] = [],
): void {
  Deno.test(`server: ${name}`, async () => {
    const dataDir = await Deno.makeTempDir();
    const server = await startServer({ dataDir, args });
    try {
      await test(server, dataDir);
    } finally {
      await Promise.all(clients.splice(0).map((client) => client.close()));
      await server.stop();
      await Deno.remove(dataDir, { recursive: true });
    }
  });
}

/** To be closed when the test ends. */
const clients: Http2Pool[] = [];

function connect(server: ServerProcess) {
  const httpClient = createHttp2Client({ baseUrl: server.url });
  clients.push(httpClient);
  const transport = createTransport({ httpClient });
  return { file: createClient(File, transport), greeter: createClient(Greeter, transport) };
}

async function names(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory))).map((entry) => entry.name).sort();
}

/** Resolves when a directory has as many entries as told. Each change of it wakes the watcher. */
async function entries(directory: string, count: number): Promise<void> {
  using watcher = Deno.watchFs(directory);
  if ((await names(directory)).length === count) {
    return;
  }
  for await (const _ of watcher) {
    if ((await names(directory)).length === count) {
      return;
    }
  }
}

testServer("answers what the README shows, by HTTP/1.1 and by HTTP/2", async (server) => {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: '{"name":"World"}' };
  using client = Deno.createHttpClient({ http1: false, http2: true });
  const fetchByHttp2: typeof fetch = (input, init) => globalThis.fetch(input, { ...init, client });
  for (const fetch of [globalThis.fetch, fetchByHttp2]) {
    for (const service of ["edgewire.v1.Greeter", "Greeter"]) {
      const response = await fetch(`${server.url}/${service}/SayHello`, init);
      assert.equal(await response.text(), '{"message":"Hello, World!"}');
    }
  }
});

testServer("Converse answers while the caller still speaks", async (server) => {
  const { greeter } = connect(server);
  const answered = Promise.withResolvers<void>();
  const answers = greeter.converse((async function* () {
    yield { name: "Ada" };
    await answered.promise;
    yield { name: "Grace" };
  })());
  const messages: string[] = [];
  for await (const { message } of answers) {
    messages.push(message);
    answered.resolve();
  }
  assert.deepEqual(messages, ["Hello, Ada!", "Hello, Grace!"]);
});

testServer("refuses a foreign host in the way of each protocol, and says which flag lets it in", async (server) => {
  const { hostname, port } = new URL(server.url);
  const reason = 'host "evil.example" is not one that this server answers for: --allowed-hosts';
  const ask = async (type: string): Promise<string> => {
    const socket = await Deno.connect({ hostname, port: Number(port) });
    await socket.write(new TextEncoder().encode(
      `POST /edgewire.v1.File/Delete HTTP/1.1\r\nhost: evil.example\r\ncontent-type: ${type}\r\n` +
        "content-length: 2\r\nconnection: close\r\n\r\n{}",
    ));
    return await new Response(socket.readable).text();
  };
  const json = await ask("application/json");
  assert(json.startsWith("HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\n"), json);
  assert(json.includes('{"code":"permission_denied","message":' + JSON.stringify(reason).slice(0, -1)), json);
  for (const type of ["application/grpc", "application/grpc-web+proto"]) {
    const text = await ask(type);
    assert(
      text.startsWith(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ngrpc-status: 7\r\ngrpc-message: ${reason}`),
      text,
    );
  }
  const text = await ask("text/plain");
  assert(text.startsWith("HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain"), text);
  assert(text.includes(`Forbidden: ${reason}`), text);
});

testServer("takes the hosts that it is told", async (server) => {
  for (
    const [host, status] of [["api.example.com", "200"], ["example.org:80", "200"], ["example.net", "403"]] as const
  ) {
    const { hostname, port } = new URL(server.url);
    const socket = await Deno.connect({ hostname, port: Number(port) });
    await socket.write(new TextEncoder().encode(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`));
    assert.equal((await new Response(socket.readable).text()).slice(9, 12), status, host);
  }
}, ["--allowed-hosts", ".example.com, example.org"]);

testServer("serves the page with headers that keep it to itself", async (server) => {
  const page = await fetch(server.url);
  assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'self'; script-src 'self'/);
  assert.match(page.headers.get("content-security-policy") ?? "", /frame-ancestors 'none'/);
  assert.equal(page.headers.get("x-content-type-options"), "nosniff");
  assert.equal(page.headers.get("cross-origin-resource-policy"), "same-origin");
  const html = await page.text();
  for (const [path] of html.matchAll(/(?<=(?:src|href)=")\/[^"]+/g)) {
    const response = await fetch(server.url + path);
    assert.equal(response.status, 200, path);
    const again = await fetch(server.url + path, { headers: { "if-none-match": response.headers.get("etag")! } });
    assert.equal(again.status, 304, path);
    await response.body?.cancel();
    await again.body?.cancel();
  }
  const others = ["/main.tsx", "/deno.json", "/dist/../deno.json", "/dist/%2e%2e/deno.json", "/nothing"];
  const unnameable = ["/dist/main.js/x", `/dist/${"a".repeat(300)}.js`, "/dist/%00", "/dist/"]; // To a file system.
  for (const path of [...others, ...unnameable]) {
    const response = await fetch(server.url + path);
    assert.equal(response.status, 404, path);
    await response.body?.cancel();
  }
});

testServer("keeps nothing of an upload that its caller cancels", async (server, dataDir) => {
  const { file } = connect(server);
  const abort = new AbortController();
  const upload = file.upload(
    (async function* () {
      yield { part: { case: "header" as const, value: { name: "a" } } };
      yield { part: { case: "chunk" as const, value: sampleBytes(100_000) } };
      await entries(`${dataDir}/uploads`, 1);
      abort.abort();
      await new Promise(() => {}); // To return would be to end the upload.
    })(),
    { signal: abort.signal },
  );
  await assertConnectError(upload, Code.Canceled, /abort/);
  await entries(`${dataDir}/uploads`, 0);
  assert.deepEqual(await names(`${dataDir}/files`), []);
});

testServer("keeps nothing of an upload whose connection breaks", async (server, dataDir) => {
  const { hostname, port } = new URL(server.url);
  const header = toBinary(
    UploadRequestSchema,
    create(UploadRequestSchema, { part: { case: "header", value: { name: "a" } } }),
  );
  const connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(
    "POST /edgewire.v1.File/Upload HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/connect+proto\r\n" +
      "transfer-encoding: chunked\r\n\r\n" +
      `${(5 + header.length).toString(16)}\r\n`,
  ));
  await connection.write(new Uint8Array([0, 0, 0, 0, header.length, ...header]));
  await entries(`${dataDir}/uploads`, 1);
  connection.close();
  await entries(`${dataDir}/uploads`, 0);
  assert.deepEqual(await names(`${dataDir}/files`), []);
});

testServer("answers an upload it refuses before all of it was sent", async (server) => {
  const { file } = connect(server);
  const upload = file.upload((async function* () {
    yield { part: { case: "header" as const, value: { name: "a/b" } } };
    for (const value of split(sampleBytes(8_000_000), 100_000)) {
      yield { part: { case: "chunk" as const, value } };
    }
  })());
  await assertConnectError(upload, Code.InvalidArgument, 'name: must not contain "/"');
});

Deno.test("server: killed in the middle of uploads, it keeps old files and what can be resumed", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    const content = sampleBytes(3_000_000);
    const killed = await startServer({ dataDir });
    const { file } = connect(killed);
    const write = (uploadId: string, offset: number, length: number) =>
      file.writeUpload({ uploadId, offset: BigInt(offset), chunk: content.subarray(offset, offset + length) });
    await file.upload(each([
      { part: { case: "header" as const, value: { name: "a" } } },
      { part: { case: "chunk" as const, value: new TextEncoder().encode("old") } },
    ]));
    const { uploadId } = await file.startUpload({ name: "a", size: 3_000_000n, digest: { hex: sha256(content) } });
    await write(uploadId, 0, 1_000_000);
    const streamed = file.upload((async function* () {
      yield { part: { case: "header" as const, value: { name: "a" } } };
      yield { part: { case: "chunk" as const, value: content.subarray(0, 100_000) } };
      await entries(`${dataDir}/uploads`, 3);
      await killed.kill();
    })());
    await assertConnectError(streamed, Code.Unavailable, /^lost the connection to /);

    const restarted = await startServer({ dataDir });
    try {
      const { file } = connect(restarted);
      assert.deepEqual((await file.list({})).files.map(({ name, size }) => [name, size]), [["a", 3n]]);
      let { nextOffset } = await file.getUpload({ uploadId });
      assert.equal(nextOffset, 1_000_000n);
      while (nextOffset < 3_000_000n) {
        const start = Number(nextOffset);
        ({ nextOffset } = await file.writeUpload({
          uploadId,
          offset: nextOffset,
          chunk: content.subarray(start, start + 1_000_000),
        }));
      }
      await file.finishUpload({ uploadId });
      assert.equal((await file.hashFile({ name: "a" })).digest?.hex, sha256(content));
      assert.deepEqual(await names(`${dataDir}/uploads`), [`${uploadId}.json`]);
    } finally {
      await restarted.stop();
    }
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("server: finishes the calls under way when it is told to stop, and takes no new ones", async () => {
  const dataDir = await Deno.makeTempDir();
  const server = await startServer({ dataDir });
  try {
    const { greeter } = connect(server);
    const firstAnswer = Promise.withResolvers<void>();
    const stopping = Promise.withResolvers<void>();
    const answers = greeter.converse((async function* () {
      yield { name: "Ada" };
      await stopping.promise;
      yield { name: "Grace" };
    })());
    const messages = (async () => {
      const received: string[] = [];
      for await (const { message } of answers) {
        received.push(message);
        firstAnswer.resolve();
      }
      return received;
    })();
    await firstAnswer.promise;
    const stopped = server.stop();
    while (await fetch(server.url).then((response) => response.body?.cancel().then(() => true), () => false)) {
      // It still listens.
    }
    stopping.resolve();
    assert.deepEqual(await messages, ["Hello, Ada!", "Hello, Grace!"]);
    assert.equal((await stopped).code, 0);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

for (const protocol of ["connect", "grpc", "grpc-web"]) {
  Deno.test(`server: File calls the Hash service of another server with --hash-url, by ${protocol}`, async () => {
    const [dataDir, otherDataDir] = [await Deno.makeTempDir(), await Deno.makeTempDir()];
    const other = await startServer({ dataDir: otherDataDir, args: ["--log", "debug"] });
    const args = ["--hash-url", other.url, "--hash-protocol", protocol];
    const server = await startServer({ dataDir, args });
    try {
      const { file } = connect(server);
      const content = sampleBytes(1_000_000);
      await file.upload(each([
        { part: { case: "header" as const, value: { name: "a" } } },
        { part: { case: "chunk" as const, value: content } },
      ]));
      assert.equal((await file.hashFile({ name: "a" })).digest?.hex, sha256(content));
      await other.stop();
      assert.match(await other.stderr(), new RegExp(`${Hash.typeName}/ShaStream`));
      await assertConnectError(
        file.hashFile({ name: "a" }),
        Code.Unavailable,
        new RegExp(
          `^hash service at ${other.url}: cannot (reach|connect to) (${other.url}|${new URL(other.url).host}): `,
        ),
      );
    } finally {
      await Promise.all(clients.splice(0).map((client) => client.close()));
      await server.stop();
      await Deno.remove(dataDir, { recursive: true });
      await Deno.remove(otherDataDir, { recursive: true });
    }
  });
}

Deno.test("server: what it cannot start with is one clear line and a non-zero exit", async () => {
  const dataDir = await Deno.makeTempDir();
  const server = await startServer({ dataDir });
  try {
    const { port } = new URL(server.url);
    const notADirectory = `${dataDir}/file`;
    await Deno.writeTextFile(notADirectory, "");
    const free = `${dataDir}/other`;
    const cases: [string[], number, RegExp][] = [
      [["--port", port, "--data-dir", free], 1, /^edgewire: Cannot listen on 127\.0\.0\.1:\d+: Address already in use/],
      [["--port", "0", "--data-dir", dataDir], 1, /^edgewire: Cannot open the store in ".+": Another process uses it/],
      [["--port", "0", "--data-dir", notADirectory], 1, /^edgewire: Cannot open the store in ".+": /],
      [["--port", "0", "--data-dir", free, "--host", "192.0.2.1"], 1, /^edgewire: Cannot listen on 192\.0\.2\.1:0: /],
      [["--port", "65536"], 2, /^error: option '--port <number>' argument '65536' is invalid\. Must be a whole number/],
      [["--port", "http"], 2, /^error: option '--port <number>' argument 'http' is invalid/],
      [["--hash-url", "localhost:1"], 2, /^error: option '--hash-url <url>' argument 'localhost:1' is invalid/],
      [
        ["--log", "loud"],
        2,
        /^error: option '--log <level>' argument 'loud' is invalid\. Allowed choices are off, error/,
      ],
      [
        ["--max-buffered", "64MB"],
        2,
        /^error: option '--max-buffered <size>' argument '64MB' is invalid\. Must be a size like/,
      ],
      [
        ["--max-connection-buffered", "1000"],
        2,
        /^error: option '--max-connection-buffered <size>' argument '1000' is invalid\. Must be a size like 64MiB.*at least 1MiB/,
      ],
      [
        ["--min-rate", "-1"],
        2,
        /^error: option '--min-rate <bytes>' argument '-1' is invalid\. Must be a whole number/,
      ],
      [["--nonsense"], 2, /^error: unknown option '--nonsense'/],
      [["stray"], 2, /^error: too many arguments/],
    ];
    for (const [args, code, message] of cases) {
      const result = await runServer(args);
      assert.equal(result.code, code, args.join(" "));
      assert.match(result.stderr, message);
      assert.equal(result.stderr.trim().split("\n").length, 1, result.stderr);
      assert.equal(result.stdout, "");
    }
  } finally {
    await server.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("server: each flag has an environment variable, over which it wins", async () => {
  const cases: [Record<string, string>, string[], RegExp][] = [
    [{ PORT: "65536" }, [], /--port <number>' value '65536' from env 'PORT' is invalid/],
    [{ PORT: "1", EDGEWIRE_PORT: "65537" }, [], /value '65537' from env 'EDGEWIRE_PORT' is invalid/],
    [{ PORT: "65536" }, ["--port", "x"], /argument 'x' is invalid/],
    [{ EDGEWIRE_ALLOWED_HOSTS: "a:1" }, [], /from env 'EDGEWIRE_ALLOWED_HOSTS' is invalid\. Cannot allow host "a:1"/],
    [{ EDGEWIRE_LOG: "loud" }, [], /from env 'EDGEWIRE_LOG' is invalid/],
    [{ EDGEWIRE_MAX_BUFFERED: "x" }, [], /from env 'EDGEWIRE_MAX_BUFFERED' is invalid/],
    [{ EDGEWIRE_MAX_CONNECTION_BUFFERED: "x" }, [], /from env 'EDGEWIRE_MAX_CONNECTION_BUFFERED' is invalid/],
    [{ EDGEWIRE_MIN_RATE: "x" }, [], /from env 'EDGEWIRE_MIN_RATE' is invalid/],
    [{ EDGEWIRE_HASH_URL: "x" }, [], /from env 'EDGEWIRE_HASH_URL' is invalid/],
    [{ EDGEWIRE_DATA_DIR: "LICENSE/x" }, ["--port", "0"], /Cannot open the store in "LICENSE\/x"/],
  ];
  for (const [env, args, message] of cases) {
    assert.match((await runServer(args, env)).stderr, message);
  }
  const dataDir = await Deno.makeTempDir();
  try {
    for (const env of [{ HOST: "192.0.2.1" }, { EDGEWIRE_HOST: "192.0.2.1", HOST: "127.0.0.1" }]) {
      const { stderr } = await runServer(["--port", "0", "--data-dir", dataDir], env);
      assert.match(stderr, /Cannot listen on 192\.0\.2\.1:0/);
    }
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("server: switches in variables are on or off as they say, and empty variables are not set", async () => {
  for (const variable of ["EDGEWIRE_TRUST_FORWARDED", "EDGEWIRE_PROXY_PROTOCOL", "EDGEWIRE_TLS_DEV"]) {
    const { code, stderr, stdout } = await runServer([], { [variable]: "maybe" });
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, new RegExp(`^error: option '--.*' value 'maybe' from env '${variable}' is invalid`));
  }
  const dataDir = await Deno.makeTempDir();
  const env = {
    EDGEWIRE_TRUST_FORWARDED: "false",
    EDGEWIRE_PROXY_PROTOCOL: "0",
    EDGEWIRE_TLS_DEV: "off",
    EDGEWIRE_DATA_DIR: "",
    EDGEWIRE_HASH_URL: "",
    EDGEWIRE_CLIENT_CA: "",
    EDGEWIRE_GRACE: "",
    EDGEWIRE_PORT: "tcp://10.0.0.1:50051",
    EDGEWIRE_SERVICE_HOST: "10.0.0.1",
    EDGEWIRE_PORT_50051_TCP: "tcp://10.0.0.1:50051",
  };
  const server = await startServer({ dataDir, env });
  try {
    assert.match(server.url, /^http:/);
    assert.equal((await fetch(server.url)).status, 200); // Neither TLS nor a PROXY header is wanted.
  } finally {
    await server.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("server: a port that is Kubernetes' word for a service is passed over with a line in the log", async () => {
  const dataDir = await Deno.makeTempDir();
  const server = await startServer({ dataDir, env: { HOST: "tcp://10.0.0.1:50051", EDGEWIRE_HOST: "" } });
  try {
    await server.stop();
    const [line] = (await server.stderr()).split("\n");
    assert.match(
      line!,
      /"level":"WARN.*"properties":\{"variable":"HOST","reason":"it says where a service of Kubernetes/,
    );
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("server: an empty directory is none", async () => {
  const { code, stderr } = await runServer(["--data-dir", ""]);
  assert.equal(code, 2);
  assert.match(stderr, /'--data-dir <directory>' argument '' is invalid\. Must not be empty/);
});

Deno.test("server: --help shows every flag, --version the version", async () => {
  const help = await runServer(["--help"]);
  assert.equal(help.code, 0);
  for (const flag of ["--host", "--port", "--data-dir", "--hash-url", "--log", "--version", "EDGEWIRE_PORT", "50051"]) {
    assert(help.stdout.includes(flag), flag);
  }
  assert.match((await runServer(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
});

testServer("calls that outlast --grace are cancelled with unavailable, and it still exits 0", async (server) => {
  const { greeter } = connect(server);
  const call = greeter.converse((async function* () {
    yield { name: "Ada" };
    await new Promise(() => {}); // Whoever talks on until he is told to stop.
  })());
  const answers = call[Symbol.asyncIterator]();
  assert.equal((await answers.next()).value?.message, "Hello, Ada!");
  const status = server.stop();
  await assertConnectError(() => answers.next(), Code.Unavailable, /the server is shutting down/);
  assert.equal((await status).code, 0);
}, ["--grace", "100ms"]);
