/** What handlers are told of their calls. */
import assert from "node:assert/strict";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { createFetchHandler } from "../../../src/rpc/mod.ts";
import { settle } from "../../support/fake_socket.ts";
import { contentOf, PROTOCOLS, RpcScene } from "../../support/rpc_scene.ts";

Deno.test("the time left is in whole milliseconds, or undefined", async () => {
  const told: (number | undefined)[] = [];
  const handler = createFetchHandler({
    routes: (router) =>
      router.service(Greeter, {
        sayHello: (_request, context) => {
          told.push(context.timeoutMs());
          return {};
        },
      }),
  });
  for (const fields of [{ "connect-timeout-ms": "60000" }, {}]) {
    const headers = { "content-type": "application/json", ...fields };
    const request = new Request(`http://test/${Greeter.typeName}/SayHello`, { method: "POST", headers, body: "{}" });
    assert.equal((await handler(request)).status, 200);
  }
  const [timeoutMs = 0, none] = told;
  assert.ok(Number.isInteger(timeoutMs) && timeoutMs > 0 && timeoutMs <= 60_000, `${timeoutMs}`);
  assert.equal(none, undefined);
});

Deno.test("a unary call that asks for nothing costs no signal, no Headers and no timer", async () => {
  const made: string[] = [];
  const { AbortController, Headers } = globalThis;
  const counted = (name: string, target: typeof AbortController | typeof Headers) =>
    new Proxy(target, { construct: (target, given) => (made.push(name), Reflect.construct(target, given)) });
  Object.assign(globalThis, {
    AbortController: counted("AbortController", AbortController),
    Headers: counted("Headers", Headers),
  });
  try {
    const scene = new RpcScene({
      unary: ({ text }) => ({ text }),
      get: (_request, { signal }) => ({ text: `${signal.aborted}` }),
    });
    for (const protocol of PROTOCOLS) {
      const fields = { "grpc-timeout": "1S", "connect-timeout-ms": "1000" };
      const exchange = scene.begin({ protocol, fields });
      exchange.push(contentOf(protocol, "proto", "Unary", ["a"]), { endStream: true });
      assert.ok(exchange.hasEnded, "It is answered in the same turn");
      await settle(2);
      assert.equal(scene.clock.timerCount, 0);
    }
    assert.deepEqual(made, []);
    await scene.call({ method: "Get" }, contentOf("grpc", "proto", "Get", ["a"]));
    assert.deepEqual(made, ["AbortController"]);
  } finally {
    Object.assign(globalThis, { AbortController, Headers });
  }
});
