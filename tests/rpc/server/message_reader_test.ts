/** Methods that pull their messages: alone, and behind interceptors, which hand on what is iterated. */
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { createWebCompressions, type MessageReader, reading } from "../../../src/rpc/mod.ts";
import { settle } from "../../support/fake_socket.ts";
import { concat } from "../../support/frame_builder.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import {
  COMPRESS,
  contentOf,
  envelope,
  type Protocol,
  PROTOCOLS,
  RpcScene,
  type RpcSceneOptions,
  sampleOctets,
} from "../../support/rpc_scene.ts";
import type { Sample, SampleSchema } from "../../support/sample_service.ts";
import type { ScriptedExchange } from "../../support/scripted_exchange.ts";

type Read = (reader: MessageReader<Sample>) => Promise<{ text?: string }>;

/** Begins a client stream of a method that pulls. */
function begin(
  read: Read,
  options: { protocol?: Protocol; server?: RpcSceneOptions; fields?: Record<string, string> } = {},
): { scene: RpcScene; exchange: ScriptedExchange } {
  const { protocol = "grpc", fields = {}, server } = options;
  const scene = new RpcScene({ clientStream: reading<typeof SampleSchema, typeof SampleSchema>(read) }, server);
  return { scene, exchange: scene.begin({ protocol, method: "ClientStream", fields }) };
}

/** Reads all, and puts a bar where it had to wait. */
const readAll: Read = async (reader) => {
  let text = "";
  while (await reader.ready()) {
    text += "|";
    for (let message = reader.read(); message !== undefined; message = reader.read()) {
      text += message.text;
    }
  }
  assert.equal(reader.read(), undefined);
  assert.equal(await reader.ready(), false);
  return { text };
};

function message(text: string): Uint8Array {
  return envelope(sampleOctets("proto", text));
}

for (const protocol of PROTOCOLS) {
  Deno.test(`a method that pulls, ${protocol}: it gets what has come at once, and the rest as it comes`, async () => {
    const { exchange, scene } = begin(readAll, { protocol });
    const content = contentOf(protocol, "proto", "ClientStream", ["a", "b", "c"]);
    exchange.push(content.subarray(0, content.length - 1));
    await settle();
    exchange.push(content.subarray(content.length - 1));
    await settle();
    exchange.push(new Uint8Array(0), { endStream: true });
    await exchange.ended;
    const { messages, code } = readAnswer(exchange, { protocol, method: "ClientStream" });
    assert.deepEqual([messages, code], [["\n\x05|ab|c"], "ok"]);
    assert.equal(exchange.heldLength, 0);
    assert.deepEqual(scene.errors, []);
  });
}

/** Hands on the messages of requests one at a time, and says when it is closed. */
function passOn(onClosed: () => void): Interceptor {
  async function* each<T>(messages: AsyncIterable<T>) {
    try {
      yield* messages;
    } finally {
      onClosed();
    }
  }
  return (next) => (request) => next(request.stream ? { ...request, message: each(request.message) } : request);
}

Deno.test("a method that pulls, behind an interceptor that iterates: a message at a time", async () => {
  const { exchange } = begin(readAll, { server: { interceptors: [passOn(() => {})] } });
  exchange.push(concat(message("a"), message("b")), { endStream: true });
  await exchange.ended;
  assert.deepEqual(readAnswer(exchange).messages, ["\n\x04|a|b"]);
});

Deno.test("a method that pulls, behind an interceptor that iterates: what it leaves is closed", async () => {
  let isClosed = false;
  const { exchange } = begin(async (reader) => {
    await reader.ready();
    return { text: reader.read()?.text ?? "" };
  }, { server: { interceptors: [passOn(() => isClosed = true)] } });
  exchange.push(concat(message("a"), message("b")));
  await exchange.ended;
  assert.deepEqual([readAnswer(exchange).messages, isClosed], [["\n\x01a"], true]);
});

Deno.test("a method that pulls: what it does not read is not released, what it leaves is", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { exchange } = begin(async (reader) => {
    await promise;
    await reader.ready();
    return { text: reader.read()!.text };
  });
  const content = concat(message("a"), message("b"));
  exchange.push(content);
  await settle();
  assert.equal(exchange.heldLength, content.length);
  resolve();
  await exchange.ended;
  assert.deepEqual(readAnswer(exchange).messages, ["\n\x01a"]);
  assert.equal(exchange.heldLength, 0);
});

Deno.test("a method that pulls: what is decompressed late is waited for", async () => {
  const { exchange } = begin(readAll, {
    fields: { "grpc-encoding": "gzip" },
    server: { compressions: createWebCompressions() },
  });
  const compressed = envelope(COMPRESS["gzip"]!(sampleOctets("proto", "b")), 1);
  exchange.push(concat(message("a"), compressed, message("c")), { endStream: true });
  await exchange.ended;
  assert.deepEqual(readAnswer(exchange).messages, ["\n\x05|a|bc"]);
});

const FAULTS: readonly (readonly [string, Uint8Array, Code])[] = [
  ["flags that are none", envelope(sampleOctets("proto", "b"), 2), Code.InvalidArgument],
  ["a message that is none", envelope(new Uint8Array([0xff]), 0), Code.InvalidArgument],
  ["a message that is cut short", message("b").subarray(0, 6), Code.InvalidArgument],
  ["a message that is too long", message("b".repeat(200)), Code.ResourceExhausted],
];

for (const [what, octets, code] of FAULTS) {
  Deno.test(`a method that pulls: ${what} is thrown when its turn comes, and ever after`, async () => {
    const seen: string[] = [];
    const { exchange, scene } = begin(async (reader) => {
      while (true) {
        assert.equal(await reader.ready(), true);
        try {
          seen.push(reader.read()!.text);
        } catch (error) {
          seen.push(Code[ConnectError.from(error).code]);
          if (seen.length > 2) {
            throw error;
          }
        }
      }
    }, { server: { maxMessageBytes: 100 } });
    exchange.push(concat(message("a"), octets), { endStream: true });
    await exchange.ended;
    assert.deepEqual(seen, ["a", Code[code], Code[code]]);
    assert.deepEqual(scene.errors, []);
  });
}

Deno.test("a method that pulls: who waits hears that the client is gone", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const { exchange } = begin(async (reader) => {
    await reader.ready();
    try {
      reader.read();
    } catch (error) {
      resolve(error);
    }
    return {};
  });
  exchange.drop();
  assert.equal(ConnectError.from(await promise).code, Code.Canceled);
});

Deno.test("a method that pulls: who reads on when the call is over hears why, also if all was read", async () => {
  const over = Promise.withResolvers<void>();
  const heard = Promise.withResolvers<unknown>();
  const { exchange } = begin(async (reader) => {
    while (await reader.ready()) {
      reader.read();
    }
    await over.promise;
    try {
      heard.resolve(reader.read());
    } catch (error) {
      heard.resolve(error);
    }
    return {};
  });
  exchange.push(message("a"), { endStream: true });
  await settle();
  exchange.drop("gone");
  over.resolve();
  assert.equal((await heard.promise as ConnectError).code, Code.Canceled);
});

Deno.test("a method that pulls: only one can wait at a time", async () => {
  const { exchange } = begin(async (reader) => {
    const first = reader.ready();
    await assert.rejects(reader.ready(), TypeError);
    return { text: String(await first) };
  });
  exchange.push(message("a"), { endStream: true });
  await exchange.ended;
  assert.deepEqual(readAnswer(exchange).messages, ["\n\x04true"]);
});
