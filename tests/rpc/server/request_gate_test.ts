/** The gate: who may refuse a call by its head, before anything of its content is looked at. */
import { Code, ConnectError, createContextKey, type HandlerContext } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { settle } from "../../support/fake_socket.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import { CALLS, contentOf, ECHO, RpcScene } from "../../support/rpc_scene.ts";

const UNTOUCHABLE = {
  unary: () => {
    throw new Error("The method was called");
  },
};

const refuse = (context: HandlerContext) => {
  context.responseHeader.set("www-authenticate", "x");
  throw new ConnectError("who are you", Code.Unauthenticated);
};

Deno.test("a gate refuses before the body is there, at once or later, and with fields", async () => {
  for (const gate of [refuse, (context: HandlerContext) => Promise.resolve().then(() => refuse(context))]) {
    for (const call of CALLS) {
      const scene = new RpcScene(UNTOUCHABLE, { requestGate: gate });
      const exchange = scene.begin(call);
      await exchange.ended;
      assert.deepEqual(readAnswer(exchange, call), {
        messages: [],
        code: "unauthenticated",
        message: "who are you",
      });
      assert.ok(exchange.log[0]!.includes(" www-authenticate=x"));
      exchange.push(new Uint8Array(1000).fill(0xff));
      exchange.push(new Uint8Array(1000).fill(0xff), { endStream: true });
      assert.equal(exchange.heldLength, 0);
      assert.deepEqual(scene.errors, []);
    }
  }
});

Deno.test("a gate may refuse by what is awaited like a promise and is none of the runtime's", async () => {
  const gate = (context: HandlerContext) => {
    const refusing = Promise.resolve().then(() => refuse(context));
    const foreign: Pick<Promise<void>, "then"> = { then: (onPassed, onRefused) => refusing.then(onPassed, onRefused) };
    return foreign as Promise<void>;
  };
  const exchange = new RpcScene(UNTOUCHABLE, { requestGate: gate }).begin();
  await exchange.ended;
  assert.equal(readAnswer(exchange).code, "unauthenticated");
});

Deno.test("a gate that makes a mistake refuses, too, and says no more", async () => {
  const mistake = new Error("secret");
  for (
    const gate of [() => {
      throw mistake;
    }, () => Promise.reject(mistake)]
  ) {
    for (const call of CALLS) {
      const scene = new RpcScene(UNTOUCHABLE, { requestGate: gate });
      const exchange = await scene.call(call, contentOf(call.protocol, "proto", call.method, ["a"]));
      assert.deepEqual(readAnswer(exchange, call), { messages: [], code: "internal", message: "internal error" });
      assert.deepEqual(scene.errors, [mistake]);
    }
  }
});

Deno.test("a gate may set values and fields, which the method sees", async () => {
  const key = createContextKey("nobody");
  const gate = (context: HandlerContext) => {
    context.values.set(key, `user of ${context.requestHeader.get("authorization")}`);
    context.responseHeader.set("h", "1");
    context.responseTrailer.set("t", "2");
  };
  for (const requestGate of [gate, async (context: HandlerContext) => (await settle(1), gate(context))]) {
    const scene = new RpcScene({ unary: (_request, { values }) => ({ text: values.get(key) }) }, { requestGate });
    const options = { codec: "json", fields: { authorization: "x" } } as const;
    const exchange = await scene.call(options, contentOf("grpc", "json", "Unary", ["a"]));
    assert.deepEqual(readAnswer(exchange).messages, ['{"text":"user of x"}']);
    assert.match(exchange.log[0]!, / h=1$/);
    assert.equal(exchange.log[1], "trailers grpc-status=0 t=2");
  }
});

/** A gate that opens when the test says so. */
class SlowGate {
  readonly requestGate: () => Promise<void>;
  readonly contexts: HandlerContext[] = [];
  readonly #gate = Promise.withResolvers<void>();

  constructor() {
    this.requestGate = () => this.#gate.promise;
  }

  open(): void {
    this.#gate.resolve();
  }

  refuse(): void {
    this.#gate.reject(new ConnectError("no", Code.PermissionDenied));
  }
}

Deno.test("what arrives while the gate is thinking waits, holds its octets, and is then the method's", async () => {
  for (const call of CALLS) {
    for (const size of [Infinity, 1]) {
      for (const end of ["data", "empty data", "trailers", "later"]) {
        const gate = new SlowGate();
        const scene = new RpcScene(ECHO, { requestGate: gate.requestGate });
        const exchange = scene.begin(call);
        const content = contentOf(call.protocol, "proto", call.method, ["a"]);
        exchange.push(content, { endStream: end === "data", size });
        if (end === "empty data") {
          exchange.push(new Uint8Array(0), { endStream: true });
        } else if (end === "trailers") {
          exchange.pushTrailers();
        }
        await settle(1);
        assert.equal(exchange.heldLength, content.length, "The peer may send no more than its window");
        assert.deepEqual(exchange.log, []);
        gate.open();
        await settle(1);
        if (end === "later") {
          exchange.push(new Uint8Array(0), { endStream: true });
        }
        await exchange.ended;
        const { code, messages } = readAnswer(exchange, call);
        assert.deepEqual(
          [code, messages.length],
          ["ok", call.method === "ServerStream" ? 2 : 1],
          JSON.stringify([call, size, end]),
        );
        assert.equal(exchange.heldLength, 0, "All of it is given back");
      }
    }
  }
});

Deno.test("a request without content passes a slow gate, too", async () => {
  for (const call of CALLS) {
    const gate = new SlowGate();
    const scene = new RpcScene(ECHO, { requestGate: gate.requestGate });
    const exchange = scene.begin(call, true);
    gate.open();
    await exchange.ended;
    const expected = call.protocol !== "connect" && call.method === "Unary" || call.method === "ServerStream"
      ? "unimplemented"
      : "ok";
    assert.equal(readAnswer(exchange, call).code, expected);
  }
});

Deno.test("a slow gate that refuses gives back all that it held", async () => {
  for (const call of CALLS) {
    const gate = new SlowGate();
    const scene = new RpcScene(UNTOUCHABLE, { requestGate: gate.requestGate });
    const exchange = scene.begin(call);
    exchange.push(new Uint8Array(1000));
    exchange.push(new Uint8Array(1000));
    gate.refuse();
    await exchange.ended;
    assert.equal(readAnswer(exchange, call).code, "permission_denied");
    exchange.push(new Uint8Array(1000));
    assert.equal(exchange.heldLength, 0);
  }
});

Deno.test("a call may end while the gate is thinking: at its deadline, when the client or the server is gone", async () => {
  for (const call of CALLS) {
    for (const end of ["deadline", "gone", "shutdown"]) {
      for (const verdict of ["open", "refuse"] as const) {
        const gate = new SlowGate();
        const shutdown = new AbortController();
        const scene = new RpcScene(UNTOUCHABLE, { requestGate: gate.requestGate, shutdownSignal: shutdown.signal });
        const timeout = call.protocol === "connect" ? { "connect-timeout-ms": "100" } : { "grpc-timeout": "100m" };
        const exchange = scene.begin({ ...call, fields: timeout });
        exchange.push(new Uint8Array(1000));
        if (end === "deadline") {
          await scene.clock.advance(110);
          assert.equal(readAnswer(exchange, call).code, "deadline_exceeded");
        } else if (end === "shutdown") {
          shutdown.abort();
          assert.equal(readAnswer(exchange, call).code, "unavailable");
        } else {
          exchange.drop();
        }
        const log = [...exchange.log];
        exchange.push(new Uint8Array(1000));
        assert.equal(exchange.heldLength, 0, "Nothing is held for a call that has ended");
        gate[verdict]();
        await settle(3);
        assert.deepEqual([exchange.log, scene.errors, scene.clock.timerCount], [log, [], 0]);
        assert.equal(exchange.heldLength, 0);
      }
    }
  }
});

Deno.test("gates that think for nobody count like handlers", async () => {
  const gate = new SlowGate();
  const scene = new RpcScene(ECHO, { requestGate: gate.requestGate, maxAbandonedCalls: 2 });
  for (let count = 0; count < 2; count++) {
    scene.begin().drop();
  }
  assert.deepEqual(scene.begin().log, ["reset 7"]);
  gate.open();
  await settle(2);
  assert.deepEqual(scene.begin().log, []);
});

Deno.test("the gate is not asked about requests that are no calls", () => {
  const scene = new RpcScene(ECHO, {
    requestGate: () => {
      throw new Error("The gate was asked");
    },
  });
  scene.begin({ path: "/nothing" });
  scene.begin({ httpMethod: "PUT" });
  scene.begin({ fields: { "content-type": "text/html" } });
  scene.begin({ fields: { "grpc-timeout": "x" } });
  scene.begin({ fields: { "grpc-timeout": "0m" } });
  assert.deepEqual(scene.errors, []);
});

Deno.test("content that waits in pieces of an octet takes little more room than its octets", () => {
  const gate = new SlowGate();
  const scene = new RpcScene(UNTOUCHABLE, { requestGate: gate.requestGate });
  const exchange = scene.begin();
  const octet = new Uint8Array(1);
  const memory = () => {
    const { heapUsed, external } = Deno.memoryUsage();
    return heapUsed + external;
  };
  const before = memory();
  for (let count = 0; count < 1 << 18; count++) {
    exchange.handler.onData(exchange, octet, 0, 1, false);
  }
  assert.ok(memory() - before < 16 << 20, `${memory() - before} octets for ${1 << 18}`);
});
