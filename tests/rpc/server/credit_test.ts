/**
 * Whatever a request is, however it is cut and whenever the call ends: each of its octets is released once, and the answer ends once. Many calls from
 * seeds; an exchange that is given back an octet twice fails the test.
 */
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { createWebCompressions } from "../../../src/rpc/compression.ts";
import { nodeCompressions } from "../../../src/rpc/node/mod.ts";
import { settle } from "../../support/fake_socket.ts";
import { concat } from "../../support/frame_builder.ts";
import { Random } from "../../support/random.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import {
  CALLS,
  COMPRESS,
  encodingField,
  envelope,
  isEnveloped,
  type Method,
  type Protocol,
  RpcScene,
  sampleOctets,
} from "../../support/rpc_scene.ts";
import type { Samples } from "../../support/sample_service.ts";
import { uncaughtDuring } from "../../support/sockets.ts";

/** What a method does with its requests. */
const HABITS = ["reads all", "reads one", "reads none", "waits first", "throws", "throws at once"] as const;

function implementation(habit: (typeof HABITS)[number]): ServiceImpl<typeof Samples> {
  const fail = () => {
    throw new ConnectError("no", Code.Aborted);
  };
  const act = async (requests?: AsyncIterable<{ text: string }>) => {
    if (habit === "waits first") {
      await settle(2);
    }
    let all = "";
    for await (const { text } of habit === "reads none" || requests === undefined ? [] : requests) {
      all += text;
      if (habit === "reads one") {
        break;
      }
      if (habit === "throws") {
        fail();
      }
    }
    return { text: all };
  };
  const early = <T>(action: () => T): T => habit === "throws at once" ? fail() : action();
  const stream = (requests?: AsyncIterable<{ text: string }>) =>
    early(async function* () {
      yield {};
      yield await act(requests);
    });
  return {
    get: () => early(act),
    unary: () => early(act),
    clientStream: (requests) => early(() => act(requests)),
    serverStream: () => stream(),
    bidi: (requests) => stream(requests),
  };
}

/** The content of a request, which may be right. */
function randomContent(random: Random, protocol: Protocol, method: Method): Uint8Array {
  const message = () => {
    const octets = sampleOctets("proto", "a".repeat(random.below(100)));
    return random.below(4) === 0 ? COMPRESS["gzip"]!(octets) : octets;
  };
  if (!isEnveloped(protocol, method)) {
    return random.pick([message, () => random.bytes(random.below(300)), () => new Uint8Array(0)])();
  }
  const parts = Array.from({ length: random.below(5) }, () => envelope(message(), random.pick([0, 0, 0, 0, 1, 1, 2])));
  const last = random.pick([
    () => [],
    () => [],
    () => [new Uint8Array(1 + random.below(4))],
    () => [envelope(new Uint8Array(random.below(9)), 0, 20)],
    () => [envelope(new Uint8Array(random.below(50)), 0, 0xffffffff)],
    () => [random.bytes(random.below(100))],
  ]);
  return concat(...parts, ...last());
}

async function run(seed: number): Promise<void> {
  const random = new Random(seed);
  const call = random.pick(CALLS);
  const habit = random.pick(HABITS);
  const end = random.pick(["end", "end", "end", "empty end", "trailers", "drop", "deadline", "shutdown", "drop early"]);
  const gate = random.pick(["none", "none", "sync", "async", "refuses"]);
  const what = JSON.stringify({ seed, ...call, habit, end, gate });
  const shutdown = new AbortController();
  const scene = new RpcScene(implementation(habit), {
    maxMessageBytes: 150,
    compressions: random.pick([nodeCompressions, createWebCompressions()]),
    interceptors: random.pick([[], [], [(next) => next]]),
    shutdownSignal: shutdown.signal,
    ...gate === "none" ? {} : {
      requestGate: async () => {
        await settle(gate === "async" ? 1 : 0);
        if (gate === "refuses") {
          throw new ConnectError("no", Code.PermissionDenied);
        }
      },
    },
  });
  const timeout = call.protocol === "connect" ? { "connect-timeout-ms": "100" } : { "grpc-timeout": "100m" };
  const fields = random.below(3) === 0 ? {} : { [encodingField(call.protocol, call.method)]: "gzip" };
  const exchange = scene.begin({ ...call, fields: { ...timeout, ...fields } });

  const content = randomContent(random, call.protocol, call.method);
  let lastLength = 0;
  for (let position = 0; position < content.length;) {
    const size = Math.min(content.length - position, 1 + random.below(random.pick([3, 20, 1000])));
    position += size;
    const isLast = position === content.length;
    lastLength = isLast && end === "end" ? size : 0;
    exchange.push(content.subarray(position - size, position), { endStream: isLast && end === "end" });
    if (random.below(4) === 0) {
      await settle(1);
    }
    if (end === "drop early" && random.below(2) === 0) {
      exchange.drop();
      break;
    }
  }
  if (end === "empty end" || end === "end" && content.length === 0) {
    exchange.push(new Uint8Array(0), { endStream: true });
  } else if (end === "trailers") {
    exchange.pushTrailers();
  } else if (end === "drop" && !exchange.isClosed) {
    exchange.drop();
  } else if (end === "deadline" || end === "drop early") {
    await scene.clock.advance(110);
  } else if (end === "shutdown") {
    shutdown.abort();
  }
  await exchange.ended;
  await settle(5);
  if (!exchange.log.some((line) => line.startsWith("reset")) && !end.startsWith("drop")) {
    readAnswer(exchange, call);
  }
  // The last octets of a request that has ended are the carrier's to take back: there is nobody left to tell.
  assert.ok(exchange.heldLength === 0 || exchange.heldLength <= lastLength, `${exchange.heldLength} are held: ${what}`);
  assert.deepEqual(scene.errors, [], what);
  assert.equal(scene.clock.timerCount, 0, what);
}

Deno.test("each octet of a request is released once, and each answer ends once", async () => {
  const uncaught = await uncaughtDuring(async () => {
    await Promise.all(Array.from({ length: 1000 }, (_, seed) => run(seed)));
  });
  assert.deepEqual(uncaught, []);
});

Deno.test("what comes behind a message that cannot be decompressed is dropped, and the handler hears of nothing else", async () => {
  const seen: string[] = [];
  const scene = new RpcScene({
    async clientStream(requests) {
      const iterator = requests[Symbol.asyncIterator]();
      for (let count = 0; count < 3; count++) {
        await iterator.next().then(() => seen.push("message"), (error) => seen.push(String(error)));
      }
      await new Promise(() => {});
      return {};
    },
  });
  const exchange = scene.begin({ method: "ClientStream", fields: { "grpc-encoding": "gzip" } });
  const message = envelope(sampleOctets("proto", "a"));
  exchange.push(concat(message, envelope(new Uint8Array(9), 1), message));
  await settle(2);
  exchange.push(concat(message, message));
  assert.equal(exchange.heldLength, 0);
  const error = "ConnectError: [invalid_argument] message is not valid gzip";
  assert.deepEqual(seen, ["message", error, error]);
  exchange.drop();
});
