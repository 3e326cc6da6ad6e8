/** Handlers that go on after their client has given up: how many of them a connection may have (CVE-2023-44487, CVE-2025-8671). */
import assert from "node:assert/strict";
import { settle } from "../../support/fake_socket.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import { contentOf, ECHO, HTTP2, type Method, RpcScene, type RpcSceneOptions } from "../../support/rpc_scene.ts";
import { Sleepers } from "../../support/sleepers.ts";

/** Begins unary calls of a connection that are given up at once, with handlers that sleep. */
async function abandon(
  count: number,
  how: "reset" | "deadline",
  options: RpcSceneOptions & { method?: Method } = {},
): Promise<{ scene: RpcScene; sleepers: Sleepers; refused: number }> {
  const { method = "Unary", ...server } = options;
  const sleepers = new Sleepers();
  const scene = new RpcScene(sleepers.samples, server);
  let refused = 0;
  for (let index = 0; index < count; index++) {
    const exchange = scene.begin({ method, fields: { "grpc-timeout": "100m" } });
    if (exchange.hasEnded) {
      assert.deepEqual(exchange.log, ["reset 7"]);
      refused++;
      continue;
    }
    exchange.push(contentOf("grpc", "proto", method, ["a"]), { endStream: true });
    await settle(1);
    if (how === "reset") {
      exchange.drop();
    } else {
      await scene.clock.advance(110);
    }
  }
  await settle();
  return { scene, sleepers, refused };
}

Deno.test("handlers that go on for nobody are bounded: their connection gets no more calls", async () => {
  for (const how of ["reset", "deadline"] as const) {
    for (const method of ["Unary", "ServerStream", "Bidi"] as const) {
      const { scene, sleepers, refused } = await abandon(20, how, { maxAbandonedCalls: 5, method });
      assert.deepEqual([sleepers.running, refused], [5, 15], `${how} ${method}`);

      const other = scene.begin({ connection: { ...HTTP2 } });
      assert.equal(other.hasEnded, false, "Other connections have their own count");
      other.drop();

      sleepers.wake();
      await settle();
      const again = scene.begin();
      assert.equal(again.hasEnded, false, "When they have ended, there is room");
      again.drop();
      assert.deepEqual(scene.errors, []);
    }
  }
});

Deno.test("one handler fewer than the limit, and calls go on", async () => {
  const { scene, sleepers, refused } = await abandon(4, "reset", { maxAbandonedCalls: 5 });
  assert.deepEqual([sleepers.running, refused], [4, 0]);
  assert.equal(scene.begin().hasEnded, false);
});

Deno.test("a limit of nothing shuts out whoever gives up a call, and nobody else", async () => {
  const { scene, sleepers, refused } = await abandon(3, "reset", { maxAbandonedCalls: 0 });
  assert.deepEqual([sleepers.running, refused], [1, 2]);
  assert.deepEqual(scene.begin({ connection: { ...HTTP2 } }).log, []);
});

Deno.test("By default a connection may leave 1024 handlers running, and is then refused new calls", async () => {
  const { sleepers, refused } = await abandon(9 * 128, "reset");
  assert.deepEqual([sleepers.running, refused], [1024, 128]);
});

Deno.test("a connection that gives up nothing may have any number of calls", async () => {
  const sleepers = new Sleepers();
  const scene = new RpcScene(sleepers.samples, { maxAbandonedCalls: 0 });
  assert.equal(scene.begin().hasEnded, false);
  const quick = new RpcScene(ECHO, { maxAbandonedCalls: 1 });
  for (let index = 0; index < 100; index++) {
    const exchange = quick.begin({ method: "Bidi" });
    exchange.push(contentOf("grpc", "proto", "Bidi", ["a"]));
    exchange.drop();
    await settle(1);
    assert.deepEqual(
      exchange.log.filter((line) => line.startsWith("reset")),
      [],
      "Handlers that end at once count no more",
    );
  }
});

Deno.test("calls that are given up before their handler runs do not count", async () => {
  const scene = new RpcScene(ECHO, { maxAbandonedCalls: 1 });
  for (let index = 0; index < 10; index++) {
    const exchange = scene.begin();
    exchange.push(new Uint8Array(3));
    exchange.drop();
  }
  const exchange = await scene.call({}, contentOf("grpc", "proto", "Unary", ["a"]));
  assert.equal(readAnswer(exchange).code, "ok");
});
