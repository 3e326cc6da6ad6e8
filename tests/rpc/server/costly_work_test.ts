/** What a call does in turns: to decompress and decode large messages, to compress large responses, and to take many small ones. */
import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { collectGarbage } from "../../../src/net/garbage.ts";
import { ScheduledWork } from "../../../src/rpc/server/scheduled_work.ts";
import { settle } from "../../support/fake_socket.ts";
import { concat } from "../../support/frame_builder.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import { COMPRESS, ECHO, envelope, RpcScene } from "../../support/rpc_scene.ts";
import { SampleSchema } from "../../support/sample_service.ts";

const GZIP = { "grpc-encoding": "gzip" };

/** Begins a call whose request is a text of so many characters, compressed, and holds its work. */
function begin(length: number, fields: Record<string, string> = GZIP) {
  const options = { protocol: "grpc", method: "Unary", fields } as const;
  const exchange = new RpcScene(ECHO).begin(options);
  exchange.holdsWork = true;
  const message = toBinary(SampleSchema, create(SampleSchema, { text: "x".repeat(length) }));
  const sent = fields["grpc-encoding"] === undefined ? message : COMPRESS["gzip"]!(message);
  exchange.push(envelope(sent, sent === message ? 0 : 1), { endStream: true, size: 16_384 });
  return { exchange, options, sent: sent.length, message: message.length };
}

Deno.test("a message is decompressed in one turn, and decoded in another one if it has more than 64 KiB", async () => {
  const { exchange, options, sent, message } = begin(100_000);
  await settle();
  assert.deepEqual([exchange.scheduled, exchange.hasEnded], [[sent], false]);
  exchange.doWork();
  await settle();
  assert.deepEqual([exchange.scheduled, exchange.hasEnded], [[sent, message], false]);
  assert.deepEqual(exchange.furtherWork, [message], "it comes before messages that are compressed");
  assert.equal(exchange.keptBytes, message, "it counts while it waits");
  exchange.doWork();
  await settle();
  assert.deepEqual(
    [exchange.furtherWork, exchange.hasEnded],
    [[message, 0], false],
    "the handler has a turn of its own",
  );
  exchange.doWork();
  await exchange.ended;
  assert.equal(readAnswer(exchange, options).code, "ok");
});

Deno.test("a message that is small once it is decompressed is decoded at once", async () => {
  const { exchange, options, sent } = begin(1000);
  exchange.doWork();
  await exchange.ended;
  assert.deepEqual([exchange.scheduled, readAnswer(exchange, options).code], [[sent], "ok"]);
});

Deno.test("a message that is not compressed waits for a turn above 64 KiB, and not at 64 KiB", async () => {
  const { exchange: small } = begin(65_536 - 4, {});
  await small.ended;
  assert.deepEqual(small.scheduled, []);
  const { exchange, message } = begin(65_537 - 4, {});
  assert.equal(message, 65_537);
  await settle();
  assert.deepEqual([exchange.scheduled, exchange.keptBytes], [[65_537], 65_537]);
  exchange.doWork();
  await settle();
  exchange.doWork();
  await exchange.ended;
});

Deno.test("nothing is done for a call that has ended before its turn, and it keeps nothing", async () => {
  const { exchange, sent } = begin(100_000);
  exchange.drop();
  exchange.doWork();
  await settle();
  assert.deepEqual([exchange.scheduled, exchange.keptBytes], [[sent], 0]);
});

Deno.test("when a call ends nothing of its work stays in memory until its turn", async () => {
  const { exchange } = begin(1, {});
  exchange.holdsWork = true;
  const work = new ScheduledWork(exchange);
  const scheduled = () => {
    const octets = new Uint8Array(1000);
    return [new WeakRef(octets), work.schedule(1000, () => octets.length, false)] as const;
  };
  const [octets, done] = scheduled();
  work.drop();
  await new Promise((resolve) => setTimeout(resolve)); // Until then a WeakRef keeps what it was made for.
  collectGarbage();
  assert.equal(octets.deref(), undefined);
  exchange.doWork();
  await assert.rejects(Promise.resolve(done), { code: Code.Canceled });
});

Deno.test("a response of more than 64 KiB waits for a turn to be compressed", async () => {
  const { exchange, options } = begin(70_000, { "grpc-accept-encoding": "gzip" });
  await settle();
  exchange.doWork(); // The request is decoded.
  await settle();
  exchange.doWork(); // It is answered.
  await settle();
  assert.deepEqual([exchange.scheduled.length, exchange.hasEnded], [3, false]);
  assert.deepEqual(exchange.furtherWork, exchange.scheduled.slice(1));
  exchange.doWork();
  await exchange.ended;
  assert.equal(readAnswer(exchange, options).code, "ok");
});

Deno.test("after the message that it waited for a handler takes 256 at once, and the next one in another turn", async () => {
  for (const [count, turns] of [[256, 0], [257, 1], [512, 1], [513, 2]] as const) {
    let taken = 0;
    const scene = new RpcScene({
      async clientStream(requests) {
        for await (const _ of requests) {
          taken++;
        }
        return {};
      },
    });
    const exchange = scene.begin({ protocol: "grpc", method: "ClientStream" });
    exchange.holdsWork = true;
    exchange.push(concat(...Array.from({ length: count }, () => envelope(new Uint8Array(0)))));
    await settle(2000);
    for (let turn = 1; turn <= turns; turn++) {
      assert.equal(taken, 256 * turn + 1);
      exchange.doWork();
      await settle(2000);
    }
    assert.deepEqual([taken, exchange.scheduled.length], [count, turns]);
    exchange.push(new Uint8Array(0), { endStream: true });
    await exchange.ended;
  }
});
