/** How messages get into the output in place, by codecs that can write there. */
import { create, type Message } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import type { MessageCodec } from "../../../src/rpc/message_codec.ts";
import { sendEnveloped } from "../../../src/rpc/server/answer.ts";
import type { Answering } from "../../../src/rpc/server/call_plan.ts";
import { CallContext } from "../../../src/rpc/server/call_context.ts";
import { grpcProtocol } from "../../../src/rpc/server/grpc.ts";
import { resolveOptions } from "../../../src/rpc/server/options.ts";
import { DeadlineWheel } from "../../../src/rpc/deadline_wheel.ts";
import { concat } from "../../support/frame_builder.ts";
import { envelope, requestHead } from "../../support/rpc_scene.ts";
import { SampleSchema } from "../../support/sample_service.ts";
import { ScriptedExchange, type ScriptedExchangeOptions } from "../../support/scripted_exchange.ts";

/** Writes the `data` of a message, and says how it was asked to. */
class DataCodec implements MessageCodec {
  readonly log: string[] = [];

  decode(): Message {
    throw new Error("Not needed");
  }

  encode(message: Message): Uint8Array {
    this.log.push("encode");
    return dataOf(message);
  }

  encodeInto(message: Message, buffer: Uint8Array, start: number, limit: number): number {
    const data = dataOf(message);
    this.log.push(`encodeInto ${limit - start}`);
    if (data[0] === 0xff) {
      throw new Error("Cannot encode");
    }
    if (start + data.length > limit) {
      return -1;
    }
    buffer.set(data, start);
    return start + data.length;
  }
}

function dataOf(message: Message): Uint8Array {
  assert.ok("data" in message && message.data instanceof Uint8Array);
  return message.data;
}

function scene(options: ScriptedExchangeOptions = {}, maxResponseBytes = 1e6) {
  const exchange = new ScriptedExchange(options);
  const codec = new DataCodec();
  const codecs = { input: codec, output: codec };
  const host = {
    registered: undefined!,
    protocolName: "grpc",
    deadlineAtMs: Infinity,
    nowMs: () => 0,
    report: () => {},
  };
  const call: Answering = {
    exchange,
    isOpen: true,
    isFull: false,
    schedule: (_bytes, work) => work(),
    record: undefined,
    context: new CallContext(host, requestHead(), undefined),
    options: resolveOptions({ routes: () => {}, maxResponseBytes, onError: () => {} }, new DeadlineWheel()),
    plan: {
      negotiator: {},
      registered: undefined!,
      codecs,
      protocol: grpcProtocol,
      headFields: [{ name: ":status", value: "200" }],
      requestCompression: undefined,
      responseCompression: undefined,
      timeoutMs: undefined,
      refusal: undefined,
      queryMessage: undefined,
    },
  };
  const send = (...data: readonly number[]) =>
    sendEnveloped(call, create(SampleSchema, { data: new Uint8Array(data) }));
  return { exchange, codec, send };
}

Deno.test("a message that fits is encoded in place, once", () => {
  const { exchange, codec, send } = scene();
  for (const length of [0, 3, 4091]) {
    send(...new Uint8Array(length).fill(7));
  }
  const contents = [0, 3, 4091].map((length) => envelope(new Uint8Array(length).fill(7)));
  assert.deepEqual(exchange.content, concat(...contents));
  assert.deepEqual(codec.log, ["encodeInto 4091", "encodeInto 4091", "encodeInto 4091"]);
});

Deno.test("one octet more, and it is encoded on its own", () => {
  const { exchange, codec, send } = scene();
  send(...new Uint8Array(4092).fill(7));
  assert.deepEqual(exchange.content, envelope(new Uint8Array(4092).fill(7)));
  assert.deepEqual(codec.log, ["encodeInto 4091", "encode"]);
});

Deno.test("where there is no room a small message is encoded once as well, and waits", () => {
  const { exchange, codec, send } = scene({ room: 4095 });
  send(1, 2, 3);
  send(4);
  assert.deepEqual(exchange.content, concat(envelope(new Uint8Array([1, 2, 3])), envelope(new Uint8Array([4]))));
  assert.deepEqual(codec.log, ["encodeInto 4091", "encodeInto 4091"]);
});

Deno.test("a large message that has to wait is encoded on its own", () => {
  const { exchange, codec, send } = scene({ room: 0, queueBytes: 10_000 });
  send(...new Uint8Array(4092).fill(7));
  assert.deepEqual(codec.log, ["encodeInto 4091", "encode"]);
  assert.deepEqual(exchange.content, envelope(new Uint8Array(4092).fill(7)));
});

Deno.test("the limit holds in place, too", () => {
  const { exchange, send } = scene({}, 3);
  send(1, 2, 3);
  assert.throws(() => send(1, 2, 3, 4), /^ConnectError: \[resource_exhausted\] response message of 4 bytes is larger/);
  assert.deepEqual(exchange.content, envelope(new Uint8Array([1, 2, 3])));
});

Deno.test("a message that cannot be encoded leaves the output as it was, and others can be sent", () => {
  const { exchange, send } = scene();
  send(1);
  assert.throws(() => send(0xff), /^Error: Cannot encode$/);
  send(2);
  assert.deepEqual(exchange.content, concat(envelope(new Uint8Array([1])), envelope(new Uint8Array([2]))));
});
