/** What a call says that it keeps of its request: as much as it has, as long as it has it, and nothing in the end, whatever the end is. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { RefusalError } from "../../../src/http/mod.ts";
import { settle } from "../../support/fake_socket.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import {
  type CallOptions,
  CALLS,
  encodingField,
  envelope,
  type Impl,
  isEnveloped,
  type Method,
  type Protocol,
  RpcScene,
  sampleOctets,
} from "../../support/rpc_scene.ts";
import type { ScriptedExchange } from "../../support/scripted_exchange.ts";

const LONG = "x".repeat(1_000_000);
const TOO_MUCH = RefusalError.ofConnection(1000);

/** A message of a million octets, as the content of a call. */
function longContent(protocol: Protocol, method: Method): Uint8Array {
  const message = sampleOctets("json", LONG);
  return isEnveloped(protocol, method) ? envelope(message) : message;
}

/** A message with a map of so many entries, each of which costs 640. */
function manyLabels(count: number): Uint8Array {
  const labels = Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, ""]));
  return new TextEncoder().encode(JSON.stringify({ labels }));
}

/** Methods of each kind that take a message and then wait until they are told to go on. */
class Handlers {
  readonly impl: Impl;
  readonly #going = Promise.withResolvers<void>();
  taken = 0;

  constructor() {
    const take = async () => {
      this.taken++;
      await this.#going.promise;
      return {};
    };
    this.impl = {
      unary: take,
      clientStream: async (requests) => {
        for await (const _request of requests) {
          await take();
        }
        return {};
      },
      serverStream: async function* () {
        yield await take();
      },
      bidi: async function* (requests) {
        for await (const _request of requests) {
          yield await take();
        }
      },
    };
  }

  goOn(): void {
    this.#going.resolve();
  }
}

/** Each way in which a call may end, when it has come so far. */
const ENDS: Readonly<
  Record<string, (exchange: ScriptedExchange, scene: RpcScene, shutdown: AbortController) => unknown>
> = {
  "the client resets": (exchange) => exchange.drop(),
  "it is refused": (exchange) => exchange.refuse(TOO_MUCH),
  "its deadline passes": (_exchange, scene) => scene.clock.advance(6000),
  "the server shuts down": (_exchange, _scene, shutdown) => shutdown.abort(),
};

function begin(call: CallOptions): [ScriptedExchange, RpcScene, Handlers, AbortController] {
  const handlers = new Handlers();
  const shutdown = new AbortController();
  const scene = new RpcScene(handlers.impl, { shutdownSignal: shutdown.signal });
  const fields = {
    [call.protocol === "connect" ? "connect-timeout-ms" : "grpc-timeout"]: call.protocol === "connect" ? "5000" : "5S",
  };
  return [scene.begin({ ...call, codec: "json", fields }), scene, handlers, shutdown];
}

for (const { protocol, method } of CALLS) {
  const content = longContent(protocol, method);

  Deno.test(`${protocol}, ${method}: a message that is not complete is kept, until the call ends`, async () => {
    for (const [name, end] of Object.entries(ENDS)) {
      const [exchange, scene, , shutdown] = begin({ protocol, method });
      exchange.push(content.subarray(0, 600_000), { size: 16_384 });
      assert.ok(exchange.keptBytes >= 600_000 && exchange.keptBytes <= 1_200_000, `${exchange.keptBytes}`);
      assert.equal(exchange.awaitsRequest, true, "the rest of it is expected");
      await settle(3);
      await end(exchange, scene, shutdown);
      await settle(3);
      assert.equal(exchange.keptBytes, 0, name);
    }
  });

  Deno.test(`${protocol}, ${method}: a small message that takes much memory counts for a quarter of that`, async () => {
    for (const [count, isCounted] of [[300, false], [1000, true]] as const) {
      const message = manyLabels(count);
      const [exchange, , handlers] = begin({ protocol, method });
      exchange.push(isEnveloped(protocol, method) ? envelope(message) : message, { endStream: false });
      exchange.push(new Uint8Array(0), { endStream: true });
      await settle(3);
      assert.equal(handlers.taken, 1);
      assert.equal(exchange.keptBytes >= 640 * count / 4, isCounted, `${exchange.keptBytes}`);
      handlers.goOn();
      await exchange.ended;
      await settle(3);
      assert.equal(exchange.keptBytes, 0);
    }
  });

  Deno.test(`${protocol}, ${method}: a large message is kept by its handler, until that ends`, async () => {
    for (const [name, end] of Object.entries(ENDS)) {
      const [exchange, scene, handlers, shutdown] = begin({ protocol, method });
      exchange.push(content, { size: 16_384, endStream: true });
      await settle(3);
      assert.equal(handlers.taken, 1);
      assert.ok(exchange.keptBytes >= 1_000_000, `${exchange.keptBytes}`);
      await end(exchange, scene, shutdown);
      await settle(3);
      assert.ok(exchange.keptBytes >= 1_000_000, `${name}: the handler goes on`);
      handlers.goOn();
      await settle(3);
      assert.equal(exchange.keptBytes, 0, name);
    }
  });

  Deno.test(`${protocol}, ${method}: a call that goes well leaves nothing`, async () => {
    const [exchange, , handlers] = begin({ protocol, method });
    handlers.goOn();
    exchange.push(content, { size: 16_384, endStream: true });
    await exchange.ended;
    await settle(3);
    assert.equal(readAnswer(exchange, { protocol, codec: "json", method }).code, "ok");
    assert.ok(exchange.mostKeptBytes >= 1_000_000);
    assert.equal(exchange.keptBytes, 0);
  });

  Deno.test(`${protocol}, ${method}: a message counts by what it is decompressed to`, async () => {
    const handlers = new Handlers();
    const scene = new RpcScene(handlers.impl);
    const message = gzipSync(sampleOctets("json", LONG));
    const exchange = scene.begin({
      protocol,
      method,
      codec: "json",
      fields: { [encodingField(protocol, method)]: "gzip" },
    });
    exchange.push(isEnveloped(protocol, method) ? envelope(message, 1) : message, { endStream: true });
    await settle(3);
    assert.equal(handlers.taken, 1);
    assert.ok(exchange.keptBytes >= 1_000_000);
    handlers.goOn();
    await exchange.ended;
    await settle(3);
    assert.equal(exchange.keptBytes, 0);
  });

  Deno.test(`${protocol}, ${method}: a small message that is there at once is not counted`, async () => {
    const [exchange, , handlers] = begin({ protocol, method });
    const message = sampleOctets("json", "hello");
    exchange.push(isEnveloped(protocol, method) ? envelope(message) : message, { endStream: true });
    handlers.goOn();
    await exchange.ended;
    assert.equal(exchange.mostKeptBytes, 0);
  });

  Deno.test(`${protocol}, ${method}: one who is refused is told why, in the way of the protocol`, async () => {
    for (
      const [error, code, text] of [
        [TOO_MUCH, "resource_exhausted", /^the connection has .* maxConnectionBufferedBytes, 1000,/],
        [RefusalError.ofServer(2000), "resource_exhausted", /maxBufferedBytes, 2000,/],
        [RefusalError.ofRate(240), "deadline_exceeded", /^the request came .* minBodyRate, 240 bytes per second$/],
      ] as const
    ) {
      const [exchange] = begin({ protocol, method });
      exchange.push(content.subarray(0, 600_000), { size: 16_384 });
      exchange.refuse(error);
      await exchange.ended;
      const answer = readAnswer(exchange, { protocol, codec: "json", method });
      assert.equal(answer.code, code);
      assert.match(answer.message!, text);
    }
  });
}

for (const protocol of ["connect", "grpc", "grpc-web"] as const) {
  Deno.test(`${protocol}: between the messages of a stream nothing is expected, within one its rest is`, async () => {
    const scene = new RpcScene({
      clientStream: async (requests) => {
        for await (const _request of requests) {
          // All are taken.
        }
        return {};
      },
    });
    const exchange = scene.begin({ protocol, method: "ClientStream", codec: "json" });
    const message = envelope(sampleOctets("json", "hello"));
    assert.equal(exchange.awaitsRequest, false, "before the first one");
    exchange.push(message);
    await settle(3);
    assert.equal(exchange.awaitsRequest, false, "after one");
    exchange.push(message.subarray(0, 3));
    assert.equal(exchange.awaitsRequest, true, "within a head");
    exchange.push(message.subarray(3, 8));
    assert.equal(exchange.awaitsRequest, true, "within a content");
    exchange.push(message.subarray(8));
    await settle(3);
    assert.equal(exchange.awaitsRequest, false);
    exchange.push(new Uint8Array([...message, ...message.subarray(0, 7)]));
    await settle(3);
    assert.equal(exchange.awaitsRequest, true, "within the one behind one that was taken");
  });

  Deno.test(`${protocol}: messages that wait for their handler are the handler's to go on with`, async () => {
    const handlers = new Handlers();
    const exchange = new RpcScene(handlers.impl).begin({ protocol, method: "ClientStream", codec: "json" });
    const message = envelope(sampleOctets("json", "hello"));
    exchange.push(message);
    await settle(3);
    exchange.push(new Uint8Array([...message, ...message.subarray(0, 7)]));
    assert.equal(exchange.awaitsRequest, false);
    handlers.goOn();
    await settle(3);
    assert.equal(exchange.awaitsRequest, true);
  });
}

Deno.test("what comes while a gate thinks is kept, and the gate is not what the client has to hurry for", async () => {
  const gate = Promise.withResolvers<void>();
  const scene = new RpcScene({ unary: () => ({}) }, { requestGate: () => gate.promise });
  const exchange = scene.begin({ codec: "json" });
  assert.equal(exchange.awaitsRequest, false);
  exchange.push(longContent("grpc", "Unary").subarray(0, 500_000), { size: 16_384 });
  assert.ok(exchange.keptBytes >= 500_000);
  gate.resolve();
  await settle(3);
  assert.equal(exchange.awaitsRequest, true);
  assert.ok(exchange.keptBytes >= 500_000);
  exchange.push(longContent("grpc", "Unary").subarray(500_000), { size: 16_384, endStream: true });
  await exchange.ended;
  assert.equal(exchange.keptBytes, 0);
});

Deno.test("a message that is all there waits for the end of its request, and counts", async () => {
  const exchange = new RpcScene({ unary: () => ({}) }).begin({ codec: "json" });
  exchange.push(envelope(sampleOctets("json", "x".repeat(5000))));
  assert.ok(exchange.keptBytes >= 5000);
  exchange.push(new Uint8Array(0), { endStream: true });
  await exchange.ended;
  assert.equal(exchange.keptBytes, 0);
});
