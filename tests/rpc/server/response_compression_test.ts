/** When answers are compressed, and what becomes of them when that takes its time or fails. */
import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { type Compression, writing } from "../../../src/rpc/mod.ts";
import { settle } from "../../support/fake_socket.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import {
  acceptField,
  CALLS,
  contentOf,
  encodingField,
  type Impl,
  isEnveloped,
  PROTOCOLS,
  RpcScene,
  type RpcSceneOptions,
} from "../../support/rpc_scene.ts";
import { uncaughtDuring } from "../../support/sockets.ts";

import { LateCompression } from "../../support/late_compression.ts";

const LONG = "a".repeat(100);

/** Each method answers with one message that is long enough. */
const LONG_ANSWERS: Impl = {
  unary: () => ({ text: LONG }),
  clientStream: () => Promise.resolve({ text: LONG }),
  serverStream: writing((_request, writer) => void writer.write({ text: LONG })),
  async *bidi() {
    yield { text: LONG };
  },
};

Deno.test("responses are compressed as the client takes it, and are what they were", async () => {
  for (const { protocol, method } of CALLS) {
    const scene = new RpcScene({
      unary: () => ({ text: LONG }),
      clientStream: () => Promise.resolve({ text: LONG }),
      async *serverStream() {
        yield { text: LONG };
        yield { text: "b" };
        yield { text: LONG };
      },
      async *bidi() {
        yield { text: LONG };
      },
    }, { compressMinBytes: 10 });
    const fields = { [acceptField(protocol, method)]: "snappy, gzip;q=0.5, br" };
    const exchange = await scene.call({ protocol, method, fields }, contentOf(protocol, "proto", method, ["a"]));
    assert.ok(exchange.log[0]!.includes(` ${encodingField(protocol, method)}=gzip`));
    const { messages } = readAnswer(exchange, { protocol, method });
    assert.deepEqual(
      messages.map((text) => text.startsWith("(compressed) ")),
      method === "ServerStream" ? [true, false, true] : [true],
    );
    const start = isEnveloped(protocol, method) ? 5 : 0;
    const { content } = exchange;
    const length = start === 0 ? content.length : new DataView(content.buffer, content.byteOffset).getUint32(1);
    const message = gunzipSync(content.subarray(start, start + length));
    assert.equal(new TextDecoder().decode(message.subarray(2)), LONG);
  }
});

Deno.test("what is small, and what would not shrink, is sent as it is", async () => {
  const growing: Compression = {
    name: "growing",
    compress: (data) => new Uint8Array(data.length + 1),
    decompress: (data) => data,
  };
  const same: Compression = { ...growing, compress: (data) => data.slice() };
  const cases: [RpcSceneOptions, string, boolean][] = [
    [{ compressMinBytes: 102 }, "gzip", true],
    [{ compressMinBytes: 103 }, "gzip", false],
    [{}, "gzip", false],
    [{ compressMinBytes: 0, compressions: [growing] }, "growing", false],
    [{ compressMinBytes: 0, compressions: [same] }, "growing", false],
    [{ compressMinBytes: 0, compressions: [] }, "gzip", false],
    [{ compressMinBytes: 0 }, "identity", false],
    [{ compressMinBytes: 0 }, "gzip;q=0", false],
    [{ compressMinBytes: 0 }, "", false],
  ];
  for (const [server, accepted, isCompressed] of cases) {
    for (const protocol of PROTOCOLS) {
      const scene = new RpcScene({ unary: () => ({ text: LONG }) }, server);
      const fields = { [acceptField(protocol, "Unary")]: accepted };
      const exchange = await scene.call({ protocol, fields }, contentOf(protocol, "proto", "Unary", ["a"]));
      const [message = ""] = readAnswer(exchange, { protocol }).messages;
      assert.equal(message.startsWith("(compressed) "), isCompressed, `${protocol} ${accepted}`);
      if (!isCompressed) {
        assert.equal(message, `\nd${LONG}`);
      }
      if (protocol === "connect") {
        assert.equal(exchange.log[0]!.includes(" content-encoding="), isCompressed);
      }
    }
  }
});

Deno.test("messages keep their order when their compression takes its time", async () => {
  for (const method of ["ServerStream", "Bidi"] as const) {
    const late = new LateCompression();
    const texts = [LONG, "b", LONG];
    const all = async function* () {
      for (const text of texts) {
        yield { text };
      }
    };
    const scene = new RpcScene({ serverStream: all, bidi: all }, { compressions: [late], compressMinBytes: 10 });
    const exchange = scene.begin({ method, fields: { "grpc-accept-encoding": "late" } });
    exchange.push(contentOf("grpc", "proto", method, ["a"]), { endStream: true });
    for (const octet of ["1", "2"]) {
      await settle(2);
      assert.equal(late.waiting.length, Number(octet));
      late.waiting.at(-1)!.resolve(new TextEncoder().encode(octet));
    }
    await exchange.ended;
    assert.deepEqual(readAnswer(exchange).messages, ["(compressed) 1", "\n\x01b", "(compressed) 2"]);
  }
});

Deno.test("a compression that fails is internal, told once, and crashes nothing", async () => {
  const uncaught = await uncaughtDuring(async () => {
    for (const { protocol, method } of CALLS) {
      for (const isLate of [true, false]) {
        const late = new LateCompression();
        const failing: Compression = {
          name: "late",
          compress: () => {
            if (isLate) {
              return late.compress();
            }
            throw new Error("broken");
          },
          decompress: (data) => data,
        };
        const scene = new RpcScene(LONG_ANSWERS, { compressions: [failing], compressMinBytes: 10 });
        const exchange = scene.begin({ protocol, method, fields: { [acceptField(protocol, method)]: "late" } });
        exchange.push(contentOf(protocol, "proto", method, ["a"]), { endStream: true });
        await settle(2);
        late.waiting[0]?.reject(new Error("broken"));
        await exchange.ended;
        assert.equal(readAnswer(exchange, { protocol, method }).code, "internal", `${protocol} ${method}`);
        assert.deepEqual(scene.errors, [new Error("broken")]);
      }
    }
  });
  assert.deepEqual(uncaught, []);
});

Deno.test("a call that ends while a message is compressed crashes nothing", async () => {
  const uncaught = await uncaughtDuring(async () => {
    for (const { protocol, method } of CALLS) {
      for (const end of ["gone", "deadline"]) {
        const late = new LateCompression();
        const scene = new RpcScene(LONG_ANSWERS, { compressions: [late], compressMinBytes: 10 });
        const timeout = protocol === "connect" ? "connect-timeout-ms" : "grpc-timeout";
        const exchange = scene.begin({
          protocol,
          method,
          fields: { [acceptField(protocol, method)]: "late", [timeout]: protocol === "connect" ? "100" : "100m" },
        });
        exchange.push(contentOf(protocol, "proto", method, ["a"]), { endStream: true });
        await settle(2);
        if (end === "gone") {
          exchange.drop();
        } else {
          await scene.clock.advance(110);
          assert.equal(readAnswer(exchange, { protocol, method }).code, "deadline_exceeded");
        }
        const { content } = exchange;
        late.waiting[0]!.resolve(new Uint8Array(1));
        await settle();
        assert.deepEqual([exchange.content, scene.errors], [content, []]);
      }
    }
  });
  assert.deepEqual(uncaught, []);
});
