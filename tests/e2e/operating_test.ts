/** What operators see of the server as a process: metrics, access log, probes, traces. */
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { File } from "../../gen/edgewire/v1/file_pb.ts";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { Hash } from "../../gen/edgewire/v1/hash_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/grpc/health/v1/health_pb.ts";
import { createHttp2Client } from "../../src/net/mod.ts";
import { createTransport } from "../../src/rpc/mod.ts";
import { serve } from "../../src/serve.ts";
import { each } from "../support/bytes.ts";
import { assertConnectError } from "../support/connect_error.ts";
import { OtlpReceiver } from "../support/otlp_receiver.ts";
import { concat, ping, PREFACE, settings } from "../support/frame_builder.ts";
import { readMetrics } from "../support/prometheus.ts";
import { type ServerProcess, startServer } from "../support/server_process.ts";

const PROTOCOLS = ["connect", "grpc", "grpc-web"] as const;

/** Makes calls by a protocol over HTTP/2. */
async function withTransport(
  url: string,
  protocol: (typeof PROTOCOLS)[number],
  task: (transport: Transport) => Promise<void>,
): Promise<void> {
  const httpClient = createHttp2Client({ baseUrl: url });
  try {
    await task(createTransport({ httpClient, protocol }));
  } finally {
    await httpClient.close();
  }
}

/** Starts servers, each with a directory of its own, and stops them after the test. */
async function withServers(
  options: readonly { readonly args?: readonly string[]; readonly env?: Record<string, string> }[],
  test: (...servers: ServerProcess[]) => Promise<void>,
): Promise<void> {
  const servers: ServerProcess[] = [];
  const dataDirs: string[] = [];
  try {
    for (const option of options) {
      const dataDir = await Deno.makeTempDir();
      dataDirs.push(dataDir);
      servers.push(await startServer({ dataDir, ...option }));
    }
    await test(...servers);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    await Promise.all(dataDirs.map((dataDir) => Deno.remove(dataDir, { recursive: true })));
  }
}

/** Two messages there and back, a message, and an error. */
async function callGreeter(transport: Transport): Promise<void> {
  const greeter = createClient(Greeter, transport);
  await greeter.sayHello({ name: "Ada" });
  await Array.fromAsync(greeter.converse(each([{ name: "Ada" }, { name: "Grace" }])));
  await assertConnectError(createClient(File, transport).stat({ name: "a" }), Code.NotFound, /./);
}

Deno.test("operating: metrics and access log tell of the calls of every protocol", async () => {
  const args = ["--admin-port", "0", "--log", "debug"];
  await withServers([{ args }], async (server) => {
    for (const protocol of PROTOCOLS) {
      await withTransport(server.url, protocol, callGreeter);
    }
    const refused = await fetch(`${server.url}/edgewire.v1.Greeter/SayHello`, { method: "POST", body: "a" });
    assert.equal(refused.status, 415);
    await refused.body?.cancel();

    const response = await fetch(`${server.adminUrl}/metrics`);
    assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    const read = readMetrics(await response.text());
    const calls = "rpc_server_call_duration_seconds_count";
    for (const protocol of PROTOCOLS) {
      const [hello, converse] = ["SayHello", "Converse"].map((name) => `edgewire.v1.Greeter/${name}`);
      assert.equal(read(calls, { method: hello!, protocol, code: "ok" }), 1);
      assert.equal(read(calls, { method: converse!, protocol, code: "ok" }), 1);
      assert.equal(read(calls, { method: "edgewire.v1.File/Stat", protocol, code: "not_found" }), 1);
      assert.equal(read("rpc_server_request_messages_total", { method: converse!, protocol }), 2);
      assert.equal(read("rpc_server_response_bytes_total", { method: hello!, protocol }), 13);
    }
    assert.equal(read(calls, { method: "edgewire.v1.Greeter/SayHello", protocol: "none", code: "unknown" }), 1);
    assert(read("http_server_connections_ended_total", { http_version: "2", reason: "done" })! >= 1);
    assert(read("process_resident_memory_bytes")! > 1e6);

    await server.stop();
    const lines = (await server.stderr()).trim().split("\n").map((line) => JSON.parse(line));
    const logged = lines.filter(({ level }) => level === "DEBUG").map(({ properties }) => properties);
    assert.deepEqual(
      logged.map(({ procedure, protocol, code, requestCount }) => `${procedure} ${protocol} ${code} ${requestCount}`),
      [
        ...PROTOCOLS.flatMap((protocol) => [
          `edgewire.v1.Greeter/SayHello ${protocol} ok 1`,
          `edgewire.v1.Greeter/Converse ${protocol} ok 2`,
          `edgewire.v1.File/Stat ${protocol} not_found 1`,
        ]),
        "edgewire.v1.Greeter/SayHello none unknown 0",
      ],
    );
    for (const { peer, durationMs } of logged) {
      assert.match(peer, /^127\.0\.0\.1:\d+$/);
      assert(durationMs > 0);
    }
  });
});

Deno.test("operating: a connection that is closed for abuse is logged with its peer and the reason, counted, and told why", async () => {
  const args = ["--admin-port", "0", "--overhead-burst", "5", "--overhead-rate", "1"];
  await withServers([{ args }], async (server) => {
    const { hostname, port } = new URL(server.url);
    const socket = await Deno.connect({ hostname, port: Number(port) });
    const acknowledgements = Array.from({ length: 100 }, () => ping("12345678", { ack: true }));
    await socket.write(concat(PREFACE, settings(), ...acknowledgements));
    const said = new TextDecoder("latin1").decode(await new Response(socket.readable).bytes());
    const reason = "Too many frames that carry no message, the last one PING with ACK";
    assert.ok(said.includes(reason), "in GOAWAY");
    const [line] = await server.logged(/^.*Closed the connection.*$/m);
    const { level, properties } = JSON.parse(line);
    assert.equal(level, "WARN");
    assert.equal(properties.detail, reason);
    assert.match(properties.peer, /^127\.0\.0\.1:\d+$/);
    const text = await (await fetch(`${server.adminUrl}/metrics`)).text();
    assert.match(text, /http_server_connections_ended_total\{http_version="2",reason="ENHANCE_YOUR_CALM"\} 1/);
  });
});

Deno.test("operating: SIGTERM is seen by probes and by those who watch, while calls go on", async () => {
  await withServers([{ args: ["--admin-port", "0"] }], async (server) => {
    await withTransport(server.url, "grpc", async (transport) => {
      const statusOf = async (path: string) => {
        const response = await fetch(server.adminUrl + path);
        await response.body?.cancel();
        return response.status;
      };
      assert.equal(await statusOf("/readyz"), 200);
      const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
      const answers = createClient(Greeter, transport).converse((async function* () {
        yield { name: "Ada" };
        await mayEnd;
        yield { name: "Grace" };
      })())[Symbol.asyncIterator]();
      assert.equal((await answers.next()).value?.message, "Hello, Ada!");
      const seen: ServingStatus[] = [];
      let stopped: Promise<Deno.CommandStatus> | undefined;
      for await (const { status } of createClient(Health, transport).watch({})) {
        seen.push(status);
        stopped ??= server.stop();
      }
      assert.deepEqual(seen, [ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
      assert.equal(await statusOf("/readyz"), 503);
      assert.equal(await statusOf("/healthz"), 200);
      end();
      assert.equal((await answers.next()).value?.message, "Hello, Grace!");
      assert.equal((await answers.next()).done, true);
      assert.equal((await stopped!).code, 0);
    });
  });
});

Deno.test("operating: OpenTelemetry gets a span of each call, in the trace of its caller", async () => {
  await using receiver = new OtlpReceiver();
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01` };
  await withServers([{ env: receiver.environment("hash") }], async (hash) => {
    const args = ["--hash-url", hash.url, "--hash-protocol", "grpc"];
    await withServers([{ args, env: receiver.environment("file") }], async (server) => {
      await withTransport(server.url, "connect", async (transport) => {
        const file = createClient(File, transport);
        await file.upload(
          each([
            { part: { case: "header" as const, value: { name: "a" } } },
            { part: { case: "chunk" as const, value: new Uint8Array(3) } },
          ]),
          { headers },
        );
        await file.hashFile({ name: "a" }, { headers });
        await assertConnectError(file.stat({ name: "b" }, { headers }), Code.NotFound, /./);
      });
      const unknown = await fetch(`${server.url}/edgewire.v1.File/Nothing`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: "{}",
      });
      assert.equal((await unknown.json()).code, "unimplemented");
    });
  });
  const spanOf = (service: string, name: string, kind: number) => {
    const found = receiver.spans.filter((span) =>
      span.service === service && span.name === `edgewire.v1.${name}` && span.kind === kind
    );
    assert.equal(found.length, 1, `${service} has one span ${name} of kind ${kind}`);
    return found[0]!;
  };
  const [SERVER, CLIENT] = [2, 3];
  const hashFile = spanOf("file", "File/HashFile", SERVER);
  const outgoing = spanOf("file", "Hash/ShaStream", CLIENT);
  const incoming = spanOf("hash", "Hash/ShaStream", SERVER);
  for (const { traceId } of [hashFile, outgoing, incoming]) {
    assert.equal(traceId, trace);
  }
  assert.equal(hashFile.parentSpanId, "b7ad6b7169203331");
  assert.equal(outgoing.parentSpanId, hashFile.spanId);
  assert.equal(incoming.parentSpanId, outgoing.spanId);
  const { "client.port": port, ...attributes } = hashFile.attributes;
  assert(Number(port) > 0);
  assert.deepEqual(attributes, {
    "rpc.system.name": "connectrpc",
    "rpc.method": "edgewire.v1.File/HashFile",
    "network.protocol.name": "http",
    "network.protocol.version": "2",
    "client.address": "127.0.0.1",
  });
  assert.equal(incoming.attributes["rpc.system.name"], "grpc");
  assert.equal(incoming.attributes["rpc.status_code"], "OK");
  assert.equal(outgoing.attributes["server.address"], "127.0.0.1");

  const missing = spanOf("file", "File/Stat", SERVER);
  assert.equal(missing.attributes["rpc.status_code"], "not_found");
  assert.equal(missing.isError, false, "What is not there is no fault of the server");

  const unknown = receiver.spans.find(({ name }) => name === "connectrpc");
  assert.equal(unknown?.attributes["rpc.method"], "_OTHER");
  assert.equal(unknown?.attributes["rpc.method_original"], "edgewire.v1.File/Nothing");
  assert.equal(unknown?.attributes["error.type"], "unimplemented");
  assert.equal(unknown?.isError, true);

  const durations = receiver.points.map(({ service, name, unit, count, attributes }) =>
    `${service} ${name} ${unit} ${count} ${attributes["rpc.method"]}`
  );
  for (
    const duration of [
      "file rpc.server.call.duration s 1 edgewire.v1.File/HashFile",
      "file rpc.client.call.duration s 1 edgewire.v1.Hash/ShaStream",
      "hash rpc.server.call.duration s 1 edgewire.v1.Hash/ShaStream",
    ]
  ) {
    assert(durations.includes(duration), duration);
  }
});

for (const protocol of ["connect", "grpc"] as const) {
  Deno.test(`operating: OpenTelemetry's context goes on to the servers that are called by ${protocol}`, async () => {
    await using receiver = new OtlpReceiver();
    const received: Headers[] = [];
    const hash = await serve({
      host: "127.0.0.1",
      port: 0,
      routes: (router) =>
        router.service(Hash, {
          shaStream: (_requests, { requestHeader }) => {
            received.push(requestHeader);
            throw new ConnectError("no", Code.Unavailable);
          },
        }),
    });
    try {
      await withServers([{
        args: ["--hash-url", hash.url, "--hash-protocol", protocol],
        env: receiver.environment("file"),
      }], async (server) => {
        await withTransport(server.url, "grpc", async (transport) => {
          const file = createClient(File, transport);
          await file.upload(each([{ part: { case: "header" as const, value: { name: "a" } } }]));
          const headers = {
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            tracestate: "vendor=1",
            baggage: "user=ada",
          };
          await assertConnectError(
            file.hashFile({ name: "a" }, { headers }),
            Code.Unavailable,
            `hash service at ${hash.url}: no`,
          );
        });
      });
      assert.match(received[0]?.get("traceparent") ?? "", /^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad).{16}-01$/);
      assert.equal(received[0]?.get("tracestate"), "vendor=1");
      assert.equal(received[0]?.get("baggage"), "user=ada");
    } finally {
      await hash.close();
    }
    const outgoing = receiver.spans.find(({ name, kind }) => name === "edgewire.v1.Hash/ShaStream" && kind === 3);
    assert.equal(outgoing?.attributes["rpc.status_code"]?.toLowerCase(), "unavailable");
    assert.equal(outgoing?.isError, true);
  });
}
