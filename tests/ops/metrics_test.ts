import assert from "node:assert/strict";
import { loadMetrics } from "../../src/ops/mod.ts";
import { contentOf, ECHO, METHODS, PROTOCOLS, RpcScene } from "../support/rpc_scene.ts";
import { readMetrics } from "../support/prometheus.ts";

Deno.test("metrics count calls, messages and bytes by method, protocol and code", async () => {
  const metrics = await loadMetrics();
  const scene = new RpcScene(ECHO, { observers: [metrics] });
  for (const protocol of PROTOCOLS) {
    for (const method of METHODS) {
      await scene.call({ protocol, method }, contentOf(protocol, "proto", method, ["a"]));
    }
  }
  await scene.call({}, contentOf("grpc", "proto", "Unary", ["a"]));
  await scene.call({}, new Uint8Array(0));
  const read = readMetrics(await metrics.text());
  for (const protocol of PROTOCOLS) {
    for (const name of METHODS) {
      const calls = protocol === "grpc" && name === "Unary" ? 2 : 1;
      const labels = { method: `test.v1.Samples/${name}`, protocol };
      assert.equal(read("rpc_server_call_duration_seconds_count", { ...labels, code: "ok" }), calls);
      assert.equal(read("rpc_server_request_messages_total", labels), calls);
      assert.equal(read("rpc_server_request_bytes_total", labels), 3 * calls);
      const [count, bytes] = { Unary: [1, 4], ClientStream: [1, 4], ServerStream: [2, 6], Bidi: [1, 4] }[name];
      assert.equal(read("rpc_server_response_messages_total", labels), count! * calls);
      assert.equal(read("rpc_server_response_bytes_total", labels), bytes! * calls);
      assert.equal(read("rpc_server_open_calls", labels), 0);
    }
  }
  const failed = { method: "test.v1.Samples/Unary", protocol: "grpc", code: "unimplemented" };
  assert.equal(read("rpc_server_call_duration_seconds_count", failed), 1);
});

Deno.test("metrics know calls under way, and put methods that there are not together", async () => {
  const metrics = await loadMetrics();
  const { promise, resolve } = Promise.withResolvers<void>();
  const scene = new RpcScene({ unary: () => promise.then(() => ({})) }, { observers: [metrics] });
  const content = contentOf("grpc", "proto", "Unary", ["a"]);
  const call = scene.call({}, content);
  const labels = { method: "test.v1.Samples/Unary", protocol: "grpc" };
  assert.equal(readMetrics(await metrics.text())("rpc_server_open_calls", labels), 1);
  resolve();
  await call;
  await scene.call({ path: "/a" }, content);
  await scene.call({ path: "/b" }, content);
  const read = readMetrics(await metrics.text());
  assert.equal(read("rpc_server_open_calls", labels), 0);
  const unknown = { method: "unknown", protocol: "grpc", code: "unimplemented" };
  assert.equal(read("rpc_server_call_duration_seconds_count", unknown), 2);
});

Deno.test("metrics tell of connections and of the process", async () => {
  const metrics = await loadMetrics();
  metrics.readConnections(() => 7);
  metrics.readBufferedBytes(() => 5000);
  metrics.countConnectionEnd({ httpVersion: "2", reason: "ENHANCE_YOUR_CALM" });
  metrics.countConnectionEnd({ httpVersion: undefined, reason: "full" });
  metrics.countConnectionEnd({ httpVersion: undefined, reason: "full" });
  const read = readMetrics(await metrics.text());
  const ended = "http_server_connections_ended_total";
  assert.equal(read("http_server_connections"), 7);
  assert.equal(read("http_server_buffered_bytes"), 5000);
  assert.equal(read(ended, { http_version: "2", reason: "ENHANCE_YOUR_CALM" }), 1);
  assert.equal(read(ended, { http_version: "none", reason: "full" }), 2);
  for (const name of ["resident_memory_bytes", "heap_bytes", "cpu_seconds_total", "start_time_seconds"]) {
    assert(read(`process_${name}`)! > 0, name);
  }
});
