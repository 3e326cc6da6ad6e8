/** Answers to clients that read slowly. */
import assert from "node:assert/strict";
import { nodeCompressions } from "../../../src/rpc/node/mod.ts";
import { settle } from "../../support/fake_socket.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import { CALLS, contentOf, type Method, RpcScene } from "../../support/rpc_scene.ts";

Deno.test("a slow reader of a response stalls its iterator, of every sort", async () => {
  for (const { protocol, method } of CALLS.filter(({ method }) => method === "ServerStream" || method === "Bidi")) {
    let yielded = 0;
    const endless = async function* () {
      for (;; yielded++) {
        yield { text: "a".repeat(100) };
      }
    };
    const scene = new RpcScene({ serverStream: endless, bidi: endless });
    const exchange = scene.begin({ protocol, method, exchange: { room: 250 } });
    exchange.push(contentOf(protocol, "proto", method, ["a"]), { endStream: true });
    for (let taken = 0; taken < 10; taken++) {
      await settle(3);
      assert.ok(yielded <= 3 + taken, `${yielded} were taken of it, and ${taken} read`);
      exchange.take(107);
    }
    await settle(3);
    assert.ok(yielded >= 10);
    exchange.drop();
    await settle(3);
  }
});

Deno.test("large answers of one message end in every protocol, though they wait for their reader", async () => {
  const methods: readonly Method[] = ["Unary", "ClientStream"];
  for (const { protocol, method } of CALLS.filter(({ method }) => methods.includes(method))) {
    const scene = new RpcScene({
      unary: () => ({ text: "a".repeat(1e5) }),
      clientStream: () => Promise.resolve({ text: "a".repeat(1e5) }),
    }, { compressions: nodeCompressions });
    const exchange = scene.begin({ protocol, method, exchange: { room: 10 } });
    exchange.push(contentOf(protocol, "proto", method, ["a"]), { endStream: true });
    await settle();
    exchange.take(Infinity);
    await exchange.ended;
    const { messages, code } = readAnswer(exchange, { protocol, method });
    assert.deepEqual([messages.length, messages[0]?.length, code], [1, 100_004, "ok"]);
    assert.deepEqual(scene.errors, []);
  }
});
