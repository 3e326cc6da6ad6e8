/** How many calls may be under way on all connections together. */
import assert from "node:assert/strict";
import { defaultMaxOpenCalls } from "../../../src/net/mod.ts";
import { settle } from "../../support/fake_socket.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import { CALLS, contentOf, ECHO, HTTP2, RpcScene } from "../../support/rpc_scene.ts";

Deno.test("above maxOpenCalls calls are unavailable, in the way of their protocol, on whatever connection", () => {
  for (const { protocol, method } of CALLS) {
    const scene = new RpcScene(ECHO, { maxOpenCalls: 3 });
    const open = Array.from({ length: 3 }, () => scene.begin({ protocol, method, connection: { ...HTTP2 } }));
    assert(open.every(({ hasEnded }) => !hasEnded));
    const options = { protocol, method, connection: { ...HTTP2 } };
    const refused = scene.begin(options);
    const { code, message } = readAnswer(refused, options);
    assert.deepEqual([code, message], ["unavailable", "the server has 3 calls under way (maxOpenCalls)"]);
    open[1]!.drop();
    assert.equal(scene.begin(options).hasEnded, false, "there is room for one");
    assert.equal(scene.begin(options).hasEnded, true);
    assert.deepEqual(scene.errors, []);
  }
});

Deno.test("however calls end, they do not count any more", async () => {
  const scene = new RpcScene(ECHO, { maxOpenCalls: 1 });
  const content = contentOf("grpc", "proto", "Unary", ["a"]);
  for (let round = 0; round < 3; round++) {
    const options = { protocol: "grpc", fields: { "grpc-timeout": "100m" } } as const;
    assert.equal(readAnswer(await scene.call(options, content), options).code, "ok");
    scene.begin().drop();
    const late = scene.begin(options);
    await scene.clock.advance(110);
    assert.equal(readAnswer(late, options).code, "deadline_exceeded");
    const malformed = { protocol: "grpc", fields: { "grpc-timeout": "soon" } } as const;
    assert.equal(readAnswer(scene.begin(malformed), malformed).code, "invalid_argument");
    await settle();
  }
  assert.deepEqual(scene.errors, []);
});

Deno.test("by default there is one for each 64 KiB of memory, within bounds", () => {
  assert.equal(defaultMaxOpenCalls(65_536, 2 ** 20), 4096);
  assert.equal(defaultMaxOpenCalls(65_536, 2 ** 28), 4096);
  assert.equal(defaultMaxOpenCalls(65_536, 2 ** 28 + 2 ** 16), 4097);
  assert.equal(defaultMaxOpenCalls(65_536, 2 ** 32), 65_536);
  assert.equal(defaultMaxOpenCalls(65_536, 2 ** 33), 65_536);
});

Deno.test("maxOpenCalls is a whole number from 1 on", () => {
  for (const maxOpenCalls of [0, 1.5, Infinity]) {
    assert.throws(() => new RpcScene(ECHO, { maxOpenCalls }), /Cannot set maxOpenCalls to/);
  }
});
