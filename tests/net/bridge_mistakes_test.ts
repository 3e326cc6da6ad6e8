/** `fetch` handlers that fail in unusual ways: their request is answered, or reset, and nothing else ends. */
import assert from "node:assert/strict";
import { createFetchBridge } from "../../src/net/mod.ts";
import { settle } from "../support/fake_socket.ts";
import { HTTP2, requestHead } from "../support/rpc_scene.ts";
import { ScriptedExchange, type ScriptedExchangeOptions } from "../support/scripted_exchange.ts";
import { uncaughtDuring } from "../support/sockets.ts";

type Handler = (request: Request) => Response | Promise<Response>;

const HOSTILE = new Proxy({}, {
  get() {
    throw new Error("get");
  },
  getPrototypeOf() {
    throw new Error("getPrototypeOf");
  },
});

/** What an exchange is told when a handler serves it, and what the handler's mistakes are. */
async function serve(
  handler: Handler,
  act: (exchange: ScriptedExchange) => void = () => {},
  options: ScriptedExchangeOptions = {},
  onError?: (error: unknown) => void,
): Promise<[log: readonly string[], errors: readonly unknown[]]> {
  const errors: unknown[] = [];
  const exchange = new ScriptedExchange(options);
  const uncaught = await uncaughtDuring(async () => {
    exchange.hasNoContent();
    const head = requestHead({ httpMethod: "GET", path: "/" });
    createFetchBridge(handler, onError ?? ((error) => errors.push(error)))(exchange, head, true, HTTP2);
    await settle(5);
    act(exchange);
    await settle(5);
  });
  assert.deepEqual(uncaught, []);
  return [exchange.log, errors];
}

const UNAVAILABLE = ["respond :status=500 content-type=text/plain;charset=UTF-8", "end"];

Deno.test("whatever a handler throws or gives, the peer gets a 500, once told", async () => {
  for (const value of [HOSTILE, null, undefined, "text", Symbol("a"), Object.create(null)]) {
    for (
      const handler of [() => value, () => Promise.reject(value), () => Promise.resolve(value)] as never as Handler[]
    ) {
      const [log, errors] = await serve(handler);
      assert.deepEqual(log, UNAVAILABLE);
      assert.equal(errors.length, 1);
    }
  }
  const broken = () => {
    throw new Error("onError");
  };
  const { error } = console;
  console.error = () => {};
  try {
    const [log] = await serve(() => Promise.reject(new Error("handler")), undefined, {}, broken);
    assert.deepEqual(log, UNAVAILABLE);
  } finally {
    console.error = error;
  }
});

Deno.test("listeners of the request's signal that throw are told once, when the peer goes away", async () => {
  const fail = () => {
    throw new Error("listener");
  };
  const [, errors] = await serve((request) => {
    request.signal.addEventListener("abort", fail);
    request.signal.onabort = fail;
    new Request(request).signal.addEventListener("abort", fail);
    return new Promise(() => {});
  }, (exchange) => exchange.drop());
  assert.deepEqual(errors.map(String), ["Error: listener"]);
});

Deno.test("a head that the peer does not take becomes a 500", async () => {
  const handler = () => new Response("a", { headers: { "x-large": "x".repeat(1000) } });
  const [log, errors] = await serve(handler, undefined, { maxFieldSectionSize: 500 });
  assert.deepEqual(log, UNAVAILABLE);
  assert.match(String(errors), /Cannot send a field section of 1\d\d\d bytes/);
  const [reset] = await serve(handler, undefined, { maxFieldSectionSize: 100 });
  assert.deepEqual(reset, ["reset 2"]);
});
