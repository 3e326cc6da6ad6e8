/** How calls end before their handlers have: at their deadline, when the client is gone, when the server goes. */
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { settle } from "../../support/fake_socket.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import { CALLS, contentOf, ECHO, type Method, type Protocol, RpcScene, sampleOctets } from "../../support/rpc_scene.ts";
import { Sleepers } from "../../support/sleepers.ts";
import { uncaughtDuring } from "../../support/sockets.ts";

/** Whether its handler is called before the request is there. */
function isRequestStream(method: Method): boolean {
  return method === "ClientStream" || method === "Bidi";
}

const TIMEOUT_FIELDS: Readonly<Record<Protocol, Readonly<Record<string, string>>>> = {
  connect: { "connect-timeout-ms": "100" },
  grpc: { "grpc-timeout": "100m" },
  "grpc-web": { "grpc-timeout": "100000u" },
};

const FIRST: Readonly<Record<string, readonly string[]>> = { ServerStream: ["\n\x05first"], Bidi: ["\n\x05first"] };

Deno.test("a call ends at its deadline, not before, whatever its handler does", async () => {
  for (const call of CALLS) {
    const sleepers = new Sleepers();
    const scene = new RpcScene(sleepers.samples);
    const exchange = scene.begin({ ...call, fields: TIMEOUT_FIELDS[call.protocol] });
    exchange.push(contentOf(call.protocol, "proto", call.method, ["a"]), { endStream: true });
    await scene.clock.advance(99);
    assert.equal(exchange.hasEnded, false);
    const [context] = sleepers.contexts;
    const { signal, timeoutMs } = context!;
    assert.equal(signal.aborted, false);
    assert.equal(timeoutMs(), 1);
    await scene.clock.advance(11);
    assert.equal(exchange.hasEnded, true);
    assert.deepEqual(readAnswer(exchange, call), {
      messages: FIRST[call.method] ?? [],
      code: "deadline_exceeded",
      message: "the deadline has passed",
    });
    assert.equal(String(signal.reason), "ConnectError: [deadline_exceeded] the deadline has passed");
    assert.equal(timeoutMs(), 0);
    assert.equal(scene.clock.timerCount, 0);
    sleepers.wake();
    await settle();
    assert.equal(sleepers.running, 0);
    assert.deepEqual(sleepers.seen.filter((text) => text === "returned"), FIRST[call.method] ? ["returned"] : []);
    assert.deepEqual(scene.errors, []);
  }
});

Deno.test("a call ends at its deadline while its request is still arriving, and the rest is dropped", async () => {
  for (const call of CALLS) {
    const sleepers = new Sleepers();
    const scene = new RpcScene(sleepers.samples);
    const exchange = scene.begin({ ...call, fields: TIMEOUT_FIELDS[call.protocol] });
    const content = contentOf(call.protocol, "proto", call.method, ["abc"]);
    exchange.push(content.subarray(0, -1));
    await scene.clock.advance(110);
    assert.equal(readAnswer(exchange, call).code, "deadline_exceeded");
    exchange.push(content.subarray(-1));
    exchange.push(new Uint8Array(100), { endStream: true });
    assert.equal(exchange.heldLength, 0);
    await settle();
    assert.equal(sleepers.running, isRequestStream(call.method) ? 1 : 0, "Nobody is called after that");
    sleepers.wake();
    await settle();
    assert.deepEqual(scene.errors, []);
  }
});

Deno.test("a deadline of nothing has passed before the handler is called", async () => {
  for (const call of CALLS) {
    for (const value of call.protocol === "connect" ? ["0", "0000000000"] : ["0m", "00000000H"]) {
      const sleepers = new Sleepers();
      const scene = new RpcScene(sleepers.samples);
      const fields = { [call.protocol === "connect" ? "connect-timeout-ms" : "grpc-timeout"]: value };
      const exchange = scene.begin({ ...call, fields });
      assert.equal(readAnswer(exchange, call).code, "deadline_exceeded");
      exchange.push(contentOf(call.protocol, "proto", call.method, ["a"]), { endStream: true });
      await settle();
      assert.deepEqual([sleepers.contexts, exchange.heldLength, scene.clock.timerCount], [[], 0, 0]);
    }
  }
});

Deno.test("calls that end before their deadline leave no timer", async () => {
  const scene = new RpcScene(ECHO);
  for (const call of CALLS) {
    const exchange = scene.begin({ ...call, fields: TIMEOUT_FIELDS[call.protocol] });
    await settle();
    assert.equal(scene.clock.timerCount, 1);
    exchange.push(contentOf(call.protocol, "proto", call.method, ["a"]), { endStream: true });
    await exchange.ended;
    assert.equal(scene.clock.timerCount, 0);
    assert.equal(readAnswer(exchange, call).code, "ok");
  }
});

Deno.test("when the client is gone the signal aborts, requests throw, the response's iterator returns, and nothing is said", async () => {
  for (const call of CALLS) {
    const sleepers = new Sleepers();
    const scene = new RpcScene(sleepers.samples);
    const exchange = scene.begin({ ...call, fields: TIMEOUT_FIELDS[call.protocol] });
    const isStream = isRequestStream(call.method);
    exchange.push(contentOf(call.protocol, "proto", call.method, ["a"]), { endStream: !isStream });
    await settle();
    const [log, content] = [[...exchange.log], exchange.content];
    const signal = sleepers.contexts[0]?.signal;
    exchange.drop("the cable was cut");
    const reason = "ConnectError: [canceled] the client is gone: the cable was cut";
    assert.equal(String(signal?.reason), call.method === "ClientStream" ? "undefined" : reason);
    await settle();
    assert.deepEqual(sleepers.seen, isStream ? [`requests: ${reason}`] : []);
    sleepers.wake();
    await settle();
    assert.deepEqual(sleepers.seen.slice(isStream ? 1 : 0), FIRST[call.method] === undefined ? [] : ["returned"]);
    assert.deepEqual([exchange.log, exchange.content], [log, content]);
    assert.deepEqual([exchange.heldLength <= content.length + 20, scene.clock.timerCount], [true, 0]);
    assert.equal(String(sleepers.contexts[0]?.signal.reason ?? reason), reason, "Also when it is asked for later");
    assert.deepEqual(scene.errors, []);
  }
});

Deno.test("what handlers throw after the end is nobody's", async () => {
  const scene = new RpcScene({
    unary: (_request, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    async *serverStream(_request, { signal }) {
      yield { text: "a" };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      throw new Error("too late");
    },
  });
  const uncaught = await uncaughtDuring(async () => {
    for (const call of CALLS.filter(({ method }) => method === "Unary" || method === "ServerStream")) {
      for (const end of ["gone", "deadline"]) {
        const exchange = scene.begin({ ...call, fields: TIMEOUT_FIELDS[call.protocol] });
        exchange.push(contentOf(call.protocol, "proto", call.method, ["a"]), { endStream: true });
        await settle();
        if (end === "gone") {
          exchange.drop();
        } else {
          await scene.clock.advance(110);
          assert.equal(readAnswer(exchange, call).code, "deadline_exceeded");
        }
        await settle();
      }
    }
  });
  assert.deepEqual([uncaught, scene.errors], [[], []]);
});

Deno.test("a generator is not resumed for a client that is gone", async () => {
  for (const protocol of ["grpc", "connect", "grpc-web"] as const) {
    let [yielded, returned] = [0, false];
    const scene = new RpcScene({
      async *serverStream() {
        try {
          for (;; yielded++) {
            yield { text: "a".repeat(100) };
          }
        } finally {
          returned = true;
        }
      },
    });
    const exchange = scene.begin({ protocol, method: "ServerStream", exchange: { room: 250 } });
    exchange.push(contentOf(protocol, "proto", "ServerStream", ["a"]), { endStream: true });
    await settle();
    assert.ok(exchange.isFull);
    const before = yielded;
    exchange.drop();
    await settle();
    assert.deepEqual([yielded, returned], [before, true]);
  }
});

Deno.test("the deadline of a slow reader passes: the answer ends behind what waits", async () => {
  for (const protocol of ["grpc", "connect", "grpc-web"] as const) {
    const call = { protocol, method: "ServerStream" } as const;
    const scene = new RpcScene({
      async *serverStream() {
        for (;;) {
          yield { text: "a".repeat(100) };
        }
      },
    });
    const exchange = scene.begin({ ...call, fields: TIMEOUT_FIELDS[protocol], exchange: { room: 250 } });
    exchange.push(contentOf(protocol, "proto", "ServerStream", ["a"]), { endStream: true });
    await scene.clock.advance(110);
    const { messages, code } = readAnswer(exchange, call);
    assert.deepEqual([messages.length, code], [3, "deadline_exceeded"]);
    assert.deepEqual(scene.errors, []);
  }
});

Deno.test("a client that is gone while its request arrives leaves nothing behind, and nobody is called", async () => {
  for (const call of CALLS) {
    const sleepers = new Sleepers();
    const scene = new RpcScene(sleepers.samples);
    const exchange = scene.begin({ ...call, fields: TIMEOUT_FIELDS[call.protocol] });
    exchange.push(contentOf(call.protocol, "proto", call.method, ["abc"]).subarray(0, -1));
    await settle();
    exchange.drop();
    await settle();
    assert.equal(sleepers.running, isRequestStream(call.method) ? 1 : 0);
    assert.deepEqual([exchange.heldLength, scene.clock.timerCount, exchange.log.length], [
      0,
      0,
      call.method === "Bidi" ? 1 : 0,
    ]);
    sleepers.wake();
    await settle();
    assert.deepEqual(scene.errors, []);
  }
});

/** Begins one call of each sort, half of them with a request that is still arriving. */
function beginAll(scene: RpcScene): ReturnType<RpcScene["begin"]>[] {
  return CALLS.flatMap((call) =>
    [true, false].map((endStream) => {
      const exchange = scene.begin(call);
      const content = contentOf(call.protocol, "proto", call.method, ["abc"]);
      exchange.push(endStream ? content : content.subarray(0, 4), { endStream });
      return exchange;
    })
  );
}

Deno.test("all calls under way end when the server goes, and no new ones are begun", async () => {
  for (
    const [reason, code, message] of [
      [undefined, "unavailable", "the server is shutting down"],
      [new ConnectError("moving house", Code.Aborted), "aborted", "moving house"],
    ] as const
  ) {
    const shutdown = new AbortController();
    const sleepers = new Sleepers();
    const scene = new RpcScene(sleepers.samples, { shutdownSignal: shutdown.signal });
    const exchanges = beginAll(scene);
    await settle();
    assert.ok(exchanges.every(({ hasEnded }) => !hasEnded));
    shutdown.abort(reason);
    await settle();
    const calls = CALLS.flatMap((call) => [call, call]);
    exchanges.forEach((exchange, index) => {
      const answer = readAnswer(exchange, calls[index]!);
      assert.deepEqual([answer.code, answer.message], [code, message], JSON.stringify([calls[index], index % 2]));
    });
    assert.ok(sleepers.contexts.every(({ signal }) => signal.aborted));
    const begun = sleepers.contexts.length;
    for (const call of CALLS) {
      const late = await scene.call(call, contentOf(call.protocol, "proto", call.method, ["a"]));
      assert.deepEqual([readAnswer(late, call).code, late.heldLength], [code, 0]);
    }
    assert.equal(sleepers.contexts.length, begun);
    sleepers.wake();
    await settle();
    assert.deepEqual(scene.errors, []);
  }
});

Deno.test("calls that have ended hear nothing of the server's end", async () => {
  const shutdown = new AbortController();
  const scene = new RpcScene(ECHO, { shutdownSignal: shutdown.signal });
  const exchanges = [];
  for (const call of CALLS) {
    exchanges.push(await scene.call(call, contentOf(call.protocol, "proto", call.method, ["a"])));
  }
  await settle();
  shutdown.abort();
  exchanges.forEach((exchange, index) => assert.equal(readAnswer(exchange, CALLS[index]!).code, "ok"));
});

Deno.test("a handler that ends while more of its request comes has answered", async () => {
  for (const protocol of ["grpc", "connect", "grpc-web"] as const) {
    const call = { protocol, method: "ClientStream" } as const;
    const scene = new RpcScene({ clientStream: () => Promise.resolve({ text: "enough" }) });
    const exchange = scene.begin(call);
    await exchange.ended;
    assert.deepEqual(readAnswer(exchange, call).messages, ["\n\x06enough"]);
    exchange.push(new Uint8Array(1000).fill(0xff));
    exchange.push(sampleOctets("proto", "a"), { endStream: true });
    assert.equal(exchange.heldLength, 0);
  }
});

Deno.test("a handler that breaks off its requests gets no more of them, and the client can go on sending", async () => {
  const scene = new RpcScene({
    async clientStream(requests) {
      for await (const { text } of requests) {
        await settle();
        return { text };
      }
      return {};
    },
  });
  const exchange = scene.begin({ method: "ClientStream" });
  exchange.push(contentOf("grpc", "proto", "ClientStream", ["a", "b", "c"]));
  await exchange.ended;
  assert.deepEqual(readAnswer(exchange).messages, ["\n\x01a"]);
  assert.equal(exchange.heldLength, 0);
});
