/** Methods that push their messages: alone, and behind interceptors, where they are iterated like others. */
import { ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { type MessageWriter, writing } from "../../../src/rpc/mod.ts";
import { settle } from "../../support/fake_socket.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import { contentOf, type Protocol, PROTOCOLS, RpcScene, type RpcSceneOptions } from "../../support/rpc_scene.ts";
import type { Sample, SampleSchema } from "../../support/sample_service.ts";
import type { ScriptedExchange } from "../../support/scripted_exchange.ts";

import { LateCompression } from "../../support/late_compression.ts";

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

const LONG = "a".repeat(100);

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
    for (const room of [0, Infinity]) {
      const wake: (() => void)[] = [];
      const { scene, exchange } = begin(async (_request, writer) => {
        writer.write({ text: LONG });
        await new Promise<void>((resolve) => wake.push(resolve));
      }, { room, server: { ...server, maxAbandonedCalls: 1 } });
      await settle(2);
      exchange.drop();
      await settle();
      assert.deepEqual(scene.begin().log, ["reset 7"]);
      wake[0]!();
      await settle();
      assert.deepEqual(scene.begin().log, []);
    }
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
