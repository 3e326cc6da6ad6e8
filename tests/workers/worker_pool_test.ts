/** A pool of real workers: who answers, what becomes of the others when one crashes, and how all of it ends. */
import { Code, createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { File } from "../../gen/edgewire/v1/file_pb.ts";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/grpc/health/v1/health_pb.ts";
import { loadMergedMetrics, loadMetrics } from "../../src/ops/mod.ts";
import { sampleBytes, sha256 } from "../support/bytes.ts";
import { makeCertificate } from "../support/certificate.ts";
import { assertConnectError } from "../support/connect_error.ts";
import { LogRecorder } from "../support/log_records.ts";
import { PoolScene, type WorkerClient } from "../support/pool_scene.ts";
import { RawClient } from "../support/raw_client.ts";
import { readMetrics } from "../support/prometheus.ts";
import { until } from "../support/sockets.ts";

const greet = async ({ transport }: WorkerClient) =>
  (await createClient(Greeter, transport).sayHello({ name: "Ada" })).message;

/** A call that goes on until `end` is called. */
async function converse({ transport }: WorkerClient) {
  const { promise, resolve: end } = Promise.withResolvers<void>();
  const answers = createClient(Greeter, transport).converse((async function* () {
    yield { name: "Ada" };
    await promise;
    yield { name: "Grace" };
  })())[Symbol.asyncIterator]();
  assert.equal((await answers.next()).value?.message, "Hello, Ada!");
  return { answers, end };
}

Deno.test("pool: all workers answer on one port, and are counted together", async () => {
  await using scene = await PoolScene.start({ hasMetrics: true }, { metrics: await loadMetrics() });
  const { pool } = scene;
  const clients = await scene.connectToAll(2);
  assert.equal(await pool.notReadyReason(), undefined);
  for (const client of clients) {
    assert.equal(await greet(client), "Hello, Ada!");
  }
  assert(await pool.connectionCount() >= 2);
  const { contentType, text } = await loadMergedMetrics(() => pool.metrics());
  assert.match(contentType, /^text\/plain; version=0\.0\.4/);
  const read = readMetrics(await text());
  const hello = { method: "edgewire.v1.Greeter/SayHello", protocol: "grpc" };
  assert.equal(read("rpc_server_call_duration_seconds_count", { ...hello, code: "ok" }), 2);
  assert.equal(read("rpc_server_request_messages_total", hello), 2);
  assert.equal(read("http_server_connections"), await pool.connectionCount());
  const startedAt = read("process_start_time_seconds")!;
  assert(Math.abs(startedAt - performance.timeOrigin / 1000) < 0.01, "The process is counted once");
});

Deno.test("pool: a worker that crashes is replaced, and the others go on", async () => {
  await using log = await LogRecorder.start();
  await using scene = await PoolScene.start();
  const deeds = {
    throw: "TypeError: Thrown on purpose",
    exit: "Error: .*exited",
  };
  for (const [deed, error] of Object.entries(deeds)) {
    const [, second] = await scene.connectToAll(2);
    const other = (await scene.connectToAll(2))[0]!;
    const talk = await converse(other);
    await scene.misbehave(second!, deed);
    const [crash] = await log.waitFor(/^Worker 2 serves again$/);
    assert.match(crash!, new RegExp(`^Worker 2 crashed: ${error}.*; starting another in 0 ms$`));
    talk.end();
    assert.equal((await talk.answers.next()).value?.message, "Hello, Grace!");
    assert.equal((await talk.answers.next()).done, true);
    const again = await scene.connectToAll(2);
    assert.deepEqual(await Promise.all(again.map(greet)), ["Hello, Ada!", "Hello, Ada!"]);
  }
});

Deno.test("pool: a promise that nothing awaits is rejected, and its worker goes on", async () => {
  await using log = await LogRecorder.start();
  await using scene = await PoolScene.start();
  const connections = await scene.connectToAll(2);
  for (const connection of connections) {
    const talk = await converse(connection);
    await scene.misbehave(connection, "reject");
    talk.end();
    assert.equal((await talk.answers.next()).value?.message, "Hello, Grace!");
    assert.equal(await greet(connection), "Hello, Ada!");
  }
  assert.deepEqual(log.texts.filter((text) => text.includes("crashed")), []);
});

Deno.test("pool: one that cannot start again is tried until it can", async () => {
  await using log = await LogRecorder.start();
  await using scene = await PoolScene.start();
  const [, second] = await scene.connectToAll(2);
  await Deno.writeTextFile(scene.mayNotStartPath, "2");
  await scene.misbehave(second!, "throw");
  await log.waitFor(/^Worker 2 crashed: Error: Cannot start on purpose; starting another/);
  assert.equal(await scene.pool.notReadyReason(), undefined, "There is one that serves");
  assert.equal(await greet(await scene.connect()), "Hello, Ada!");
  await Deno.remove(scene.mayNotStartPath);
  await log.waitFor(/^Worker 2 serves again$/);
});

Deno.test("pool: one that crashed is not replaced before there are descriptors for a thread, without which Deno panics", async () => {
  await using log = await LogRecorder.start();
  const shortages = [new Error("Too many open files"), new Error("Too many open files")];
  await using scene = await PoolScene.start({}, { threadShortage: () => shortages.pop() });
  const [, second] = await scene.connectToAll(2);
  await scene.misbehave(second!, "throw");
  const said = await log.waitFor(/^Worker 2 serves again$/);
  const early = said.filter((text) => /cannot start yet/.test(text));
  assert.deepEqual(early, ["Worker 2 cannot start yet: Error: Too many open files"]);
  assert.equal(shortages.length, 0);
});

Deno.test("pool: it is not ready while a worker that gets connections does not respond", async () => {
  await using scene = await PoolScene.start();
  const [, second] = await scene.connectToAll(2);
  assert.equal(await scene.pool.notReadyReason(), undefined);
  scene.misbehave(second!, "loop").catch(() => {});
  await until(() => existsSync(`${scene.directory}/looping`));
  assert.equal(await scene.pool.notReadyReason(), "worker 2 does not respond");
});

Deno.test("pool: one that crashes again and again starts later each time, and not at all once the pool ends", async () => {
  await using log = await LogRecorder.start();
  // It lives for as long as it takes to be loaded, which counts.
  const backoff = { initialMs: 1, factor: 100_000, maxMs: 100_000, jitter: 0 };
  await using scene = await PoolScene.start({}, { backoff });
  const pauses = () =>
    log.records.flatMap(({ properties }) => properties["pauseMs"] === undefined ? [] : [Number(properties["pauseMs"])]);
  const [, second] = await scene.connectToAll(2);
  await Deno.writeTextFile(scene.mayNotStartPath, "2");
  await scene.misbehave(second!, "throw");
  await until(() => pauses().length === 2);
  assert.equal(pauses()[0], 0);
  assert(pauses()[1]! > 50_000);
  await scene.pool.close();
  assert.equal(pauses().length, 2);
});

Deno.test("pool: what a worker cannot start with is what the pool cannot start with", async () => {
  const directory = await Deno.makeTempDir();
  const mayNotStartPath = `${directory}/may_not_start`;
  try {
    for (const number of ["1", "2"]) {
      await Deno.writeTextFile(mayNotStartPath, number);
      await assert.rejects(PoolScene.start({ mayNotStartPath }), { message: "Cannot start on purpose" });
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("pool: a port that somebody has is refused, also if they would share it", async () => {
  await using scene = await PoolScene.start();
  const { port } = new URL(scene.pool.url);
  const listen = { host: "127.0.0.1", port: Number(port) };
  const inUse = { message: `Cannot listen on 127.0.0.1:${port}: Address already in use (os error 98)` };
  await assert.rejects(PoolScene.start({ listen }), inUse);
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await assert.rejects(PoolScene.start({ listen: { ...listen, port: other.addr.port } }), /^Error: Cannot listen on/);
});

Deno.test("pool: what may be buffered is shared out: what one server would keep is refused by one of two workers", async () => {
  const maxBufferedBytes = 4 << 20;
  const post = async (length: number): Promise<string> => {
    await using scene = await PoolScene.start({ listen: { host: "127.0.0.1", port: 0, maxBufferedBytes } });
    const client = await RawClient.connect({ hostname: "127.0.0.1", port: Number(new URL(scene.pool.url).port) });
    const head = "POST /edgewire.v1.File/Stat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/proto\r\n";
    await client.send(`${head}content-length: ${length}\r\n\r\n`);
    await client.send(new Uint8Array(length).fill(0x0a));
    const { status, body } = await client.readAnswer();
    client.close();
    return `${status} ${/"code":"(\w+)"/.exec(body)?.[1]}`;
  };
  assert.equal(await post(1_000_000), "400 invalid_argument");
  assert.equal(await post(1_100_000), "429 resource_exhausted");
});

Deno.test("pool: connections are shared out, rounded up, and those above are closed", async () => {
  await using scene = await PoolScene.start({ listen: { host: "127.0.0.1", port: 0, maxConnections: 3 } });
  // Each worker has room for two; whether there are four, chance decides.
  const held: Deno.Conn[] = [];
  const [hostname, port] = ["127.0.0.1", Number(new URL(scene.pool.url).port)];
  const isOpen = async (socket: Deno.Conn) => {
    await socket.write(new TextEncoder().encode("GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n"));
    return await socket.read(new Uint8Array(1000)).catch(() => null) !== null;
  };
  try {
    while (await scene.pool.connectionCount() < 4) {
      held.push(await Deno.connect({ hostname, port }));
      await isOpen(held.at(-1)!).catch(() => false);
    }
    for (let count = 0; count < 4; count++) {
      held.push(await Deno.connect({ hostname, port }));
      assert.equal(await isOpen(held.at(-1)!).catch(() => false), false);
    }
    assert.equal(await scene.pool.connectionCount(), 4);
  } finally {
    held.forEach((socket) => socket.close());
  }
});

Deno.test("pool: the Unix socket is the first worker's, also after a crash", async () => {
  await using log = await LogRecorder.start();
  const directory = await Deno.makeTempDir();
  const path = `${directory}/socket`;
  const ask = async () => {
    const socket = await Deno.connect({ transport: "unix", path });
    await socket.write(new TextEncoder().encode("GET /nothing HTTP/1.0\r\nhost: a\r\n\r\n"));
    return await new Response(socket.readable).text();
  };
  try {
    await using scene = await PoolScene.start({ listen: { host: "127.0.0.1", port: 0, unixPath: path } });
    assert.match(await ask(), /^HTTP\/1\.1 404/);
    const [first] = await scene.connectToAll(2);
    await scene.misbehave(first!, "throw");
    await log.waitFor(/^Worker 1 serves again$/);
    assert.match(await ask(), /^HTTP\/1\.1 404/);
    await scene.pool.shutdown();
    assert.deepEqual(await Array.fromAsync(Deno.readDir(directory)), []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("pool: a new certificate is taken by all workers, also by those that start later", async () => {
  await using log = await LogRecorder.start();
  await using first = await makeCertificate();
  await using second = await makeCertificate();
  const listen = { host: "127.0.0.1", port: 0, tls: { cert: first.cert, key: first.key } };
  await using scene = await PoolScene.start({ listen });
  const [one] = await scene.connectToAll(2, [first.cert]);
  await assert.rejects(scene.pool.reloadTls({ cert: second.cert, key: first.key }), /not that of the certificate/);
  await scene.connectToAll(2, [first.cert]);
  await scene.pool.reloadTls(second);
  const [again] = await scene.connectToAll(2, [second.cert]);
  assert.equal(await greet(one!), "Hello, Ada!", "What is open goes on");
  await scene.misbehave(again!, "throw");
  await log.waitFor(/^Worker 1 serves again$/);
  await scene.connectToAll(2, [second.cert]);
});

Deno.test("pool: who clients must be is taken with the certificate by all workers, and stays when nothing is said of it", async () => {
  await using log = await LogRecorder.start();
  await using certificate = await makeCertificate();
  const { cert, key } = certificate;
  await using scene = await PoolScene.start({ listen: { host: "127.0.0.1", port: 0, tls: { cert, key } } });
  await scene.connectToAll(2, [cert]);
  await assert.rejects(scene.pool.reloadTls({ cert, key, clientCa: "none" }), /Cannot read the client CA/);
  await scene.pool.reloadTls({ cert, key, clientCa: cert });
  const isRefused = () => assert.rejects(scene.connect([cert]));
  await Promise.all(Array.from({ length: 8 }, isRefused));
  await scene.pool.reloadTls({ cert, key });
  await Promise.all(Array.from({ length: 8 }, isRefused));
  assert.deepEqual(log.texts, []);
});

Deno.test("pool: an upload goes on through whatever worker, and survives the crash of the one that began it", async () => {
  await using log = await LogRecorder.start();
  await using scene = await PoolScene.start();
  const content = sampleBytes(300_000);
  const [first, second] = (await scene.connectToAll(2)).map(({ transport }) => createClient(File, transport));
  const write = (file: typeof first, uploadId: string, start: number, end: number) =>
    file!.writeUpload({ uploadId, offset: BigInt(start), chunk: content.subarray(start, end) });
  const { uploadId } = await first!.startUpload({ name: "a", size: 300_000n, digest: { hex: sha256(content) } });
  await write(first, uploadId, 0, 100_000);
  await write(second, uploadId, 100_000, 200_000);
  await scene.misbehave((await scene.connectToAll(2))[0]!, "throw");
  await log.waitFor(/^Worker 1 serves again$/);
  assert.equal((await second!.getUpload({ uploadId })).nextOffset, 200_000n);
  const third = createClient(File, (await scene.connectToAll(2))[0]!.transport);
  await write(third, uploadId, 200_000, 300_000);
  await third.finishUpload({ uploadId });
  assert.equal((await second!.hashFile({ name: "a" })).digest?.hex, sha256(content));
});

Deno.test("pool: of streams that a crash breaks nothing is left open", async () => {
  await using log = await LogRecorder.start();
  await using scene = await PoolScene.start();
  const [first, second] = await scene.connectToAll(2);
  const file = createClient(File, first!.transport);
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const upload = file.upload((async function* () {
    yield { part: { case: "header" as const, value: { name: "a" } } };
    yield { part: { case: "chunk" as const, value: sampleBytes(100_000) } };
    resolve();
    await new Promise(() => {});
  })());
  upload.catch(() => {});
  await begun;
  const uploads = async () => (await Array.fromAsync(Deno.readDir(`${scene.directory}/uploads`))).length;
  while (await uploads() === 0) {
    await greet(second!); // It is on its way.
  }
  await scene.misbehave(first!, "throw");
  await assertConnectError(upload, Code.Unavailable, /^lost the connection/);
  await log.waitFor(/^Worker 1 serves again$/);
  assert.equal(await uploads(), 0);
});

Deno.test("pool: shutdown() waits for the calls of all workers, who say that they take no more", async () => {
  await using scene = await PoolScene.start();
  const { pool } = scene;
  const clients = await scene.connectToAll(2);
  const talks = await Promise.all(clients.map(converse));
  const watches = clients.map(({ transport }) =>
    Array.fromAsync(createClient(Health, transport).watch({}), ({ status }) => status)
  );
  pool.drain();
  assert.equal(await pool.notReadyReason(), "the server is shutting down");
  const ended = pool.shutdown();
  for (const statuses of await Promise.all(watches)) {
    assert.equal(statuses.at(-1), ServingStatus.NOT_SERVING);
  }
  for (const { answers, end } of talks) {
    end();
    assert.equal((await answers.next()).value?.message, "Hello, Grace!");
    assert.equal((await answers.next()).done, true);
  }
  await ended;
  assert.equal(await pool.connectionCount(), 0);
});

Deno.test("pool: cutShort() cancels the calls of all workers", async () => {
  await using scene = await PoolScene.start();
  const talks = await Promise.all((await scene.connectToAll(2)).map(converse));
  const ended = scene.pool.shutdown();
  scene.pool.cutShort();
  for (const { answers } of talks) {
    await assertConnectError(() => answers.next(), Code.Unavailable, /the server is shutting down/);
  }
  await ended;
});

Deno.test("pool: a worker that crashes while the pool ends is not replaced, and holds nobody up", async () => {
  await using log = await LogRecorder.start();
  await using scene = await PoolScene.start();
  const [first, second] = await scene.connectToAll(2);
  const talk = await converse(first!);
  const ended = scene.pool.shutdown();
  await scene.misbehave(second!, "throw");
  await log.waitFor(/^Worker 2 crashed: TypeError: Thrown on purpose$/);
  talk.end();
  assert.equal((await talk.answers.next()).value?.message, "Hello, Grace!");
  await ended;
  assert.deepEqual(log.texts.filter((text) => /starting|again/.test(text)), []);
});

Deno.test("pool: close() ends a worker that does not listen any more", async () => {
  await using scene = await PoolScene.start();
  const [first] = await scene.connectToAll(2);
  scene.misbehave(first!, "loop");
  await until(() => existsSync(`${scene.directory}/looping`));
  await scene.pool.close();
});
