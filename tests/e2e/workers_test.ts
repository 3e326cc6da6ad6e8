/** `server.ts` with `--workers`, as a process: what its users and operators see of its threads. */
import { Code, createClient, type Transport } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { File } from "../../gen/edgewire/v1/file_pb.ts";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { createHttp2Client, type Http2Pool } from "../../src/net/mod.ts";
import { createTransport } from "../../src/rpc/mod.ts";
import { each, sampleBytes, sha256 } from "../support/bytes.ts";
import { type Certificate, makeCertificate } from "../support/certificate.ts";
import { assertConnectError } from "../support/connect_error.ts";
import { OtlpReceiver } from "../support/otlp_receiver.ts";
import { readMetrics } from "../support/prometheus.ts";
import { runServer, type ServerProcess, startServer } from "../support/server_process.ts";

const WORKERS = ["--workers", "2", "--log", "debug"];

/** To be closed when the test ends. */
const clients: Http2Pool[] = [];

function testWorkers(
  name: string,
  test: (server: ServerProcess) => Promise<void>,
  options: { readonly args?: readonly string[]; readonly env?: Record<string, string> } = {},
): void {
  Deno.test(`workers: ${name}`, () => withWorkers(test, options));
}

async function withWorkers(
  test: (server: ServerProcess) => Promise<void>,
  { args = [], env = {} }: { readonly args?: readonly string[]; readonly env?: Record<string, string> },
): Promise<void> {
  const dataDir = await Deno.makeTempDir();
  const server = await startServer({ dataDir, args: [...WORKERS, ...args], env });
  try {
    await test(server);
  } finally {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await server.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** A connection of its own. The worker that has it says in the log that it answered. */
async function connect(server: ServerProcess, certificate?: Certificate): Promise<[worker: number, Transport]> {
  const caCerts = certificate && [certificate.cert];
  const httpClient = createHttp2Client({ baseUrl: server.url, caCerts });
  clients.push(httpClient);
  const transport = createTransport({ httpClient, protocol: "grpc" });
  assert.equal((await createClient(Greeter, transport).sayHello({ name: "Ada" })).message, "Hello, Ada!");
  return [await answeredBy(server), transport];
}

async function answeredBy(server: ServerProcess): Promise<number> {
  return Number((await server.logged(/"worker":(\d)/))[1]);
}

/** Connects until there is a connection to each of both workers: theirs, in order. */
async function connectToBoth(server: ServerProcess, certificate?: Certificate): Promise<Transport[]> {
  const transports = new Map<number, Transport>();
  while (transports.size < 2) {
    const [worker, transport] = await connect(server, certificate);
    transports.set(worker, transport);
  }
  return [transports.get(1)!, transports.get(2)!];
}

/** Makes a call over HTTP/1.1 on a connection of its own until both workers have answered one. */
async function askBothByHttp1(server: ServerProcess, certificate?: Certificate): Promise<void> {
  const workers = new Set<number>();
  while (workers.size < 2) {
    using client = Deno.createHttpClient({ http2: false, caCerts: certificate ? [certificate.cert] : [] });
    const response = await fetch(`${server.url}/edgewire.v1.Greeter/SayHello`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"name":"Ada"}',
      client,
    });
    assert.equal(await response.text(), '{"message":"Hello, Ada!"}');
    workers.add(await answeredBy(server));
  }
}

/** A call under way. */
async function converse(transport: Transport) {
  const { promise, resolve: end } = Promise.withResolvers<void>();
  const answers = createClient(Greeter, transport).converse((async function* () {
    yield { name: "Ada" };
    await promise;
    yield { name: "Grace" };
  })())[Symbol.asyncIterator]();
  assert.equal((await answers.next()).value?.message, "Hello, Ada!");
  return { answers, end };
}

testWorkers("each of them answers by HTTP/2 and by HTTP/1.1, and logs whole lines", async (server) => {
  await connectToBoth(server);
  await askBothByHttp1(server);
  await server.stop();
  for (const line of (await server.stderr()).trimEnd().split("\n")) {
    JSON.parse(line);
  }
});

Deno.test("workers: each of them answers over TLS", async () => {
  await using certificate = await makeCertificate();
  await withWorkers(async (server) => {
    await connectToBoth(server, certificate);
    await askBothByHttp1(server, certificate);
  }, { args: ["--tls-cert", certificate.certPath, "--tls-key", certificate.keyPath] });
});

testWorkers("an upload is begun, continued and finished by whoever answers", async (server) => {
  const content = sampleBytes(200_000);
  const [first, second] = (await connectToBoth(server)).map((transport) => createClient(File, transport));
  const { uploadId } = await first!.startUpload({ name: "a", digest: { hex: sha256(content) }, size: 200_000n });
  await second!.writeUpload({ uploadId, offset: 0n, chunk: content.subarray(0, 100_000) });
  await first!.writeUpload({ uploadId, offset: 100_000n, chunk: content.subarray(100_000) });
  await second!.finishUpload({ uploadId });
  assert.equal((await first!.hashFile({ name: "a" })).digest?.hex, sha256(content));

  const chunk = (value: Uint8Array) => ({ part: { case: "chunk" as const, value } });
  await first!.upload(each([
    { part: { case: "header" as const, value: { name: "b", digest: { hex: sha256(content) } } } },
    chunk(content.subarray(0, 150_000)),
    chunk(content.subarray(150_000)),
  ]));
  const wrong = second!.upload(each([
    { part: { case: "header" as const, value: { name: "b", digest: { hex: sha256(content) } } } },
    chunk(content.subarray(1)),
  ]));
  await assertConnectError(wrong, Code.InvalidArgument, /^digest: announced .*, received /);
  const parts = await Array.fromAsync(second!.download({ name: "b", offset: 100n, length: 100_000n }));
  const bytes = parts.flatMap(({ part }) => part.case === "chunk" ? [...part.value] : []);
  assert.deepEqual(new Uint8Array(bytes), content.slice(100, 100_100));
  for await (const { part } of second!.download({ name: "b" })) {
    if (part.case === "chunk") {
      break; // The rest is not wanted.
    }
  }
  assert.deepEqual((await first!.list({})).files.map(({ name }) => name), ["a", "b"]);
});

testWorkers("operators see them as one server, which finishes the calls of both at SIGTERM", async (server) => {
  const talks = await Promise.all((await connectToBoth(server)).map(converse));
  const ask = async (path: string) => {
    const response = await fetch(server.adminUrl + path);
    return [response.status, await response.text()] as const;
  };
  const read = readMetrics((await ask("/metrics"))[1]);
  const labels = { method: "edgewire.v1.Greeter/Converse", protocol: "grpc" };
  assert.equal(read("rpc_server_open_calls", labels), 2);
  assert.equal((await ask("/readyz"))[0], 200);
  const stopped = server.stop();
  await server.logged(/SIGTERM/);
  assert.equal((await ask("/readyz"))[0], 503);
  assert.equal((await ask("/healthz"))[0], 200);
  while (await fetch(server.url).then((response) => response.body?.cancel().then(() => true), () => false)) {
    // They still listen.
  }
  for (const { answers, end } of talks) {
    end();
    assert.equal((await answers.next()).value?.message, "Hello, Grace!");
    assert.equal((await answers.next()).done, true);
  }
  assert.equal((await stopped).code, 0);
}, { args: ["--admin-port", "0"] });

testWorkers("calls of both that outlast --grace are cancelled, and it still exits 0", async (server) => {
  const talks = await Promise.all((await connectToBoth(server)).map(converse));
  const stopped = server.stop();
  for (const { answers } of talks) {
    await assertConnectError(() => answers.next(), Code.Unavailable, /the server is shutting down/);
  }
  const [, count] = await server.logged(/cancelling their calls.*"count":(\d+)/);
  assert(Number(count) >= 2);
  assert.equal((await stopped).code, 0);
}, { args: ["--grace", "100ms"] });

testWorkers("the second signal ends all of them at once", async (server) => {
  const [transport] = await connectToBoth(server);
  const { answers } = await converse(transport!);
  Deno.kill(server.pid, "SIGTERM");
  await server.logged(/once more ends at once/);
  assert.equal((await server.stop()).code, 143);
  await assertConnectError(() => answers.next(), Code.Unavailable, /^lost the connection/);
});

Deno.test("workers: calls of both are traced by OpenTelemetry", async () => {
  await using receiver = new OtlpReceiver();
  let calls = 0;
  await withWorkers(async (server) => {
    const transports = await connectToBoth(server);
    calls = clients.length;
    for (const transport of transports) {
      await assertConnectError(createClient(File, transport).stat({ name: "a" }), Code.NotFound, /./);
    }
  }, { env: receiver.environment("edgewire") });
  const names = receiver.spans.map(({ name }) => name);
  assert.equal(names.filter((name) => name === "edgewire.v1.Greeter/SayHello").length, calls);
  assert.equal(names.filter((name) => name === "edgewire.v1.File/Stat").length, 2);
  console.log(receiver.points);
});

Deno.test("workers: what they cannot start with is one clear line and a non-zero exit", async () => {
  const dataDir = await Deno.makeTempDir();
  const server = await startServer({ dataDir, args: ["--workers", "2"] });
  try {
    await Deno.writeTextFile(`${dataDir}/no.pem`, "");
    const { port } = new URL(server.url);
    const free = ["--data-dir", `${dataDir}/other`];
    const inUse = /^edgewire: Cannot listen on 127\.0\.0\.1:\d+: Address already in use/;
    const cases: [string[], number, RegExp][] = [
      [["--workers", "2", "--port", port, ...free], 1, inUse],
      [["--port", port, ...free], 1, inUse],
      [["--workers", "2", "--port", "0", "--data-dir", dataDir], 1, /^edgewire: Cannot open the store in .*uses it/],
      [
        ["--workers", "2", "--port", "0", "--tls-cert", `${dataDir}/no.pem`, "--tls-key", `${dataDir}/no.pem`, ...free],
        1,
        /^edgewire: Cannot listen on 127\.0\.0\.1:0: Cannot read the certificate/,
      ],
      [["--workers", "0"], 2, /^error: option '--workers <number>' argument '0' is invalid\. Must be a whole number/],
      [["--workers", "257"], 2, /^error: .*'257' is invalid\. Must be at most 256/],
      [["--workers", "256", "--port", "x"], 2, /^error: option '--port <number>' argument 'x' is invalid/],
    ];
    for (const [args, code, message] of cases) {
      const result = await runServer(args);
      assert.equal(result.code, code, args.join(" "));
      assert.match(result.stderr, message);
      assert.equal(result.stderr.trim().split("\n").length, 1, result.stderr);
      assert.equal(result.stdout, "");
    }
    assert.match((await runServer([], { EDGEWIRE_WORKERS: "257" })).stderr, /from env 'EDGEWIRE_WORKERS' is invalid/);
  } finally {
    await server.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
});
