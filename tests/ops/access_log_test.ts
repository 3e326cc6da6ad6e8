import assert from "node:assert/strict";
import { accessLog } from "../../src/ops/mod.ts";
import { recordLog } from "../support/log_records.ts";
import { contentOf, ECHO, HTTP1, HTTP2, RpcScene } from "../support/rpc_scene.ts";

const ONE = contentOf("grpc", "proto", "Unary", ["a"]);

Deno.test("the access log has a line for each call, with its code, its peer and its sizes", async () => {
  const scene = new RpcScene(ECHO, { observers: [accessLog], maxMessageBytes: 3, maxResponseBytes: 4 });
  const connection = { ...HTTP2, peer: { hostname: "192.0.2.1", port: 4711 }, tlsPeerName: "ada" };
  const records = await recordLog(async () => {
    await scene.call({ connection }, ONE);
    await scene.call({}, contentOf("grpc", "proto", "Unary", ["ab"]));
    await scene.call({ path: "/nothing", protocol: "connect", connection: HTTP1 }, ONE);
    await scene.call({ httpMethod: "PUT", fields: { "content-type": undefined } }, ONE);
  });
  assert.deepEqual(records.map(({ level }) => level), ["debug", "debug", "debug", "debug"]);
  const [first, ...others] = records.map(({ properties }) => properties);
  const { durationMs, ...said } = first!;
  assert(typeof durationMs === "number" && durationMs >= 0);
  assert.deepEqual(said, {
    procedure: "test.v1.Samples/Unary",
    code: "ok",
    protocol: "grpc",
    httpVersion: "2",
    peer: "192.0.2.1:4711",
    tlsPeerName: "ada",
    requestCount: 1,
    requestBytes: 3,
    responseCount: 1,
    responseBytes: 4,
  });
  assert.deepEqual(
    others.map(({ procedure, code, protocol, httpVersion, peer }) => [procedure, code, protocol, httpVersion, peer]),
    [
      ["test.v1.Samples/Unary", "resource_exhausted", "grpc", "2", "local"],
      ["nothing", "unimplemented", "connect", "1.1", "local"],
      ["test.v1.Samples/Unary", "unknown", "none", "2", "local"],
    ],
  );
});
