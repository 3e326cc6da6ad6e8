/** How answers go out: slow readers, handlers that push, compression. */
import { ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { type Compression, type MessageWriter, writing } from "../../../src/rpc/mod.ts";
import { nodeCompressions } from "../../../src/rpc/node/mod.ts";
import { settle } from "../../support/fake_socket.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import {
  acceptField,
  CALLS,
  contentOf,
  encodingField,
  isEnveloped,
  type Method,
  type Protocol,
  PROTOCOLS,
  RpcScene,
  type RpcSceneOptions,
} from "../../support/rpc_scene.ts";
import type { Sample, SampleSchema } from "../../support/sample_service.ts";
import type { ScriptedExchange } from "../../support/scripted_exchange.ts";
import { uncaughtDuring } from "../../support/sockets.ts";

type Write = (request: Sample, writer: MessageWriter<{ text?: string }>) => void | Promise<void>;

/** Begins a server stream of a method that pushes. */
function begin(
  write: Write,
  options: { room?: number; protocol?: Protocol; server?: RpcSceneOptions; fields?: Record<string, string> } = {},
): { scene: RpcScene; exchange: ScriptedExchange } {
  const { protocol = "grpc", room = Infinity, fields = {}, server } = options;
  const scene = new RpcScene({ serverStream: writing<typeof SampleSchema, typeof SampleSchema>(write) }, server);
  const exchange = scene.begin({ protocol, method: "ServerStream", fields, exchange: { room } });
  exchange.push(contentOf(protocol, "proto", "ServerStream", ["a"]), { endStream: true });
  return { scene, exchange };
}

/** Both ways in which a method that pushes is called. */
const WAYS: readonly (readonly [string, RpcSceneOptions])[] = [["alone", {}], ["behind an interceptor", {
  interceptors: [(next) => next],
}]];

for (const [way, server] of WAYS) {
  Deno.test(`a method that pushes, ${way}: its messages go out in order, and the end when it returns`, async () => {
    const writes: Write[] = [
      async ({ text }, writer) => {
        for (const suffix of ["1", "2", "3"]) {
          if (!writer.write({ text: text + suffix })) {
            await writer.ready();
          }
        }
      },
    ];
    for (const write of writes) {
      for (const protocol of PROTOCOLS) {
        const { exchange, scene } = begin(write, { protocol, server });
        await exchange.ended;
        const call = { protocol, method: "ServerStream" } as const;
        assert.deepEqual(readAnswer(exchange, call), {
          messages: ["\n\x02a1", "\n\x02a2", "\n\x02a3"],
          code: "ok",
          message: "",
        });
        assert.deepEqual(scene.errors, []);
      }
    }
  });

  Deno.test(`a method that pushes, ${way}: it waits for a slow reader`, async () => {
    let written = 0;
    const { exchange } = begin(async (_request, writer) => {
      for (; written < 100; written++) {
        if (!writer.write({ text: "a".repeat(100) })) {
          await writer.ready();
        }
      }
    }, { room: 250, server });
    await settle();
    for (let taken = 0; taken < 10; taken++) {
      assert.ok(written <= 4 + taken, `${written} were written, and ${taken} taken`);
      exchange.take(107);
      await settle();
    }
    assert.equal(exchange.hasEnded, false);
    exchange.take(Infinity);
    await exchange.ended;
    assert.equal(readAnswer(exchange).messages.length, 100);
  });

  Deno.test(`a method that pushes, ${way}: it may not write while the last message waits`, async () => {
    const errors: unknown[] = [];
    const { exchange } = begin((_request, writer) => {
      while (writer.write({ text: "a".repeat(100) }));
      try {
        writer.write({ text: "one more" });
      } catch (error) {
        errors.push(error);
      }
    }, { room: 0, server });
    await settle();
    exchange.take(Infinity);
    await exchange.ended;
    assert.deepEqual(errors, [new RangeError("Cannot write a message: the last one is still waiting")]);
    assert.deepEqual(readAnswer(exchange).messages.length, 1);
  });

  Deno.test(`a method that pushes, ${way}: what it throws ends the answer, behind its messages`, async () => {
    const throws: Write[] = [
      (_request, writer) => {
        writer.write({ text: "a" });
        throw new ConnectError("no", 10);
      },
      async (_request, writer) => {
        if (!writer.write({ text: "a" })) {
          await writer.ready();
        }
        throw new ConnectError("no", 10);
      },
    ];
    for (const write of throws) {
      for (const protocol of PROTOCOLS) {
        const { exchange, scene } = begin(write, { protocol, server });
        await exchange.ended;
        assert.deepEqual(readAnswer(exchange, { protocol, method: "ServerStream" }), {
          messages: ["\n\x01a"],
          code: "aborted",
          message: "no",
        });
        assert.deepEqual(scene.errors, []);
      }
    }
  });

  Deno.test(`a method that pushes, ${way}: it hears that the client is gone, also while it waits`, async () => {
    for (const room of [0, Infinity]) {
      let [ended, error]: [string, unknown] = ["", undefined];
      const { exchange, scene } = begin(async (_request, writer) => {
        writer.write({ text: "a".repeat(100) });
        await writer.ready();
        await settle(3);
        ended = "woken";
        try {
          writer.write({ text: "a" });
        } catch (reason) {
          error = reason;
          throw reason;
        }
      }, { room, server });
      await settle(1);
      exchange.drop();
      await settle();
      assert.equal(ended, "woken");
      assert.equal(String(error), "ConnectError: [canceled] the client is gone: gone");
      assert.deepEqual(scene.errors, []);
    }
  });

  Deno.test(`a method that pushes, ${way}: it counts as long as it runs, whoever is gone`, async () => {
    const wake: (() => void)[] = [];
    const { scene, exchange } = begin(async (_request, writer) => {
      writer.write({ text: "a" });
      await new Promise<void>((resolve) => wake.push(resolve));
    }, { server: { ...server, maxAbandonedCalls: 1 } });
    await settle(2);
    exchange.drop();
    await settle();
    assert.deepEqual(scene.begin().log, ["reset 7"]);
    wake[0]!();
    await settle();
    assert.deepEqual(scene.begin().log, []);
  });
}

Deno.test("a method that pushes and returns at once has answered in the same turn", () => {
  for (const protocol of PROTOCOLS) {
    const { exchange } = begin((_request, writer) => {
      assert.ok(writer.write({ text: "a" }));
      assert.ok(writer.write({}));
    }, { protocol });
    assert.ok(exchange.hasEnded);
    assert.deepEqual(readAnswer(exchange, { protocol, method: "ServerStream" }).messages, ["\n\x01a", ""]);
  }
});

Deno.test("a method that pushes may return while its last message waits: the end comes behind it", async () => {
  for (const protocol of PROTOCOLS) {
    const { exchange, scene } = begin((_request, writer) => {
      assert.equal(writer.write({ text: "a".repeat(100) }), false);
    }, { protocol, room: 0 });
    await settle();
    exchange.take(Infinity);
    await exchange.ended;
    const { messages, code } = readAnswer(exchange, { protocol, method: "ServerStream" });
    assert.deepEqual([messages.length, code], [1, "ok"]);
    assert.deepEqual(scene.errors, []);
  }
});

Deno.test("writing after the end says that the call has ended", async () => {
  let kept: MessageWriter<{ text?: string }> | undefined;
  const { exchange } = begin((_request, writer) => void (kept = writer));
  await exchange.ended;
  assert.throws(() => kept!.write({ text: "late" }), new ConnectError("the call has ended", 1));
});

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

/** A compression that says what was asked of it, and answers when the test likes. */
class LateCompression implements Compression {
  readonly name = "late";
  readonly waiting: PromiseWithResolvers<Uint8Array>[] = [];

  compress(): Promise<Uint8Array> {
    const late = Promise.withResolvers<Uint8Array>();
    this.waiting.push(late);
    return late.promise;
  }

  decompress(data: Uint8Array): Uint8Array {
    return data;
  }
}

const LONG = "a".repeat(100);

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

Deno.test("a method that pushes waits for a message that is being compressed, and may return meanwhile", async () => {
  for (const returns of [true, false]) {
    const late = new LateCompression();
    const { exchange } = begin((_request, writer) => {
      assert.equal(writer.write({ text: LONG }), false);
      return returns ? undefined : writer.ready().then(() => void writer.write({ text: "b" }));
    }, { server: { compressions: [late], compressMinBytes: 10 }, fields: { "grpc-accept-encoding": "late" } });
    await settle(3);
    assert.equal(exchange.hasEnded, false);
    late.waiting[0]!.resolve(new Uint8Array([0x31]));
    await exchange.ended;
    assert.deepEqual(readAnswer(exchange).messages, returns ? ["(compressed) 1"] : ["(compressed) 1", "\n\x01b"]);
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
        const scene = new RpcScene({
          unary: () => ({ text: LONG }),
          clientStream: () => Promise.resolve({ text: LONG }),
          serverStream: writing((_request, writer) => void writer.write({ text: LONG })),
          async *bidi() {
            yield { text: LONG };
          },
        }, { compressions: [failing], compressMinBytes: 10 });
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
        const scene = new RpcScene({
          unary: () => ({ text: LONG }),
          clientStream: () => Promise.resolve({ text: LONG }),
          serverStream: writing((_request, writer) => void writer.write({ text: LONG })),
          async *bidi() {
            yield { text: LONG };
          },
        }, { compressions: [late], compressMinBytes: 10 });
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
