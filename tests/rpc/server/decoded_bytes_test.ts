/** What a request may take in memory once it is decoded. */
import assert from "node:assert/strict";
import { Greeter } from "../../../gen/edgewire/v1/greeter_codec.ts";
import { concat } from "../../support/frame_builder.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import {
  type CallOptions,
  CALLS,
  COMPRESS,
  ECHO,
  encodingField,
  envelope,
  isEnveloped,
  PROTOCOLS,
  RpcScene,
  type RpcSceneOptions,
  sampleOctets,
} from "../../support/rpc_scene.ts";

const encoder = new TextEncoder();

async function answerTo(options: CallOptions, message: Uint8Array, server: RpcSceneOptions = {}): Promise<string> {
  const { protocol = "grpc", method = "Unary" } = options;
  const scene = new RpcScene(ECHO, server);
  const isCompressed = options.fields?.[encodingField(protocol, method)] !== undefined;
  const content = isEnveloped(protocol, method) ? envelope(message, isCompressed ? 1 : 0) : message;
  const { code, message: text } = readAnswer(await scene.call(options, content), options);
  assert.deepEqual(scene.errors, []);
  return `${code}: ${text}`;
}

/** JSON with so many values that the type does not know. */
function values(count: number): Uint8Array {
  return encoder.encode(`{"text":"a","x":[${new Array(count).fill("0").join()}]}`);
}

const REFUSED = /^resource_exhausted: message takes more than \d+ bytes in memory, .*\(maxDecodedBytes\)$/;

Deno.test("a message that takes more memory than it may is resource_exhausted, in every protocol", async () => {
  for (const { protocol, method } of CALLS) {
    const options = { protocol, method, codec: "json" } as const;
    const server = { maxDecodedBytes: 100_000 };
    assert.match(await answerTo(options, values(2_000), server), /^ok/);
    assert.match(await answerTo(options, values(2_200), server), REFUSED);
  }
});

Deno.test("what is decompressed counts as what it has become", async () => {
  for (const { protocol, method } of CALLS) {
    const fields = { [encodingField(protocol, method)]: "gzip" };
    const options = { protocol, method, codec: "json", fields } as const;
    assert.match(await answerTo(options, COMPRESS["gzip"]!(values(300_000))), /^ok/);
    assert.match(await answerTo(options, COMPRESS["gzip"]!(values(2_000_000))), REFUSED);
  }
});

Deno.test("by default it is 4 times the limit of a message's bytes, and 1 MiB at least", async () => {
  const options = { protocol: "connect", codec: "json" } as const;
  assert.match(await answerTo(options, values(21_000), { maxMessageBytes: 200_000 }), /^ok/);
  assert.match(await answerTo(options, values(23_000), { maxMessageBytes: 200_000 }), REFUSED);
  assert.match(await answerTo(options, values(33_000), { maxMessageBytes: 400_000 }), /^ok/);
  assert.match(await answerTo(options, values(34_000), { maxMessageBytes: 400_000 }), REFUSED);
});

Deno.test("JSON that is nested too deep, and numbers that are too long, are invalid_argument", async () => {
  const options = { protocol: "connect", codec: "json" } as const;
  for (
    const [json, what] of [
      [`{"x":${"[".repeat(500_000)}`, "JSON is nested more than 200 deep"],
      [`{"x":${"1".repeat(4_000_000)}}`, "JSON has a number of more than 1024 characters"],
    ] as const
  ) {
    const answer = await answerTo(options, encoder.encode(json));
    assert.equal(answer, `invalid_argument: test.v1.Sample cannot be decoded: ${what}`);
  }
});

Deno.test("100,000 fields that the server does not know are passed over, where it has a codec", async () => {
  const unknown = new Uint8Array(200_000);
  for (let i = 0; i < unknown.length; i++) {
    unknown[i] = i % 2 === 0 ? 0x78 : 1;
  }
  const octets = concat(sampleOctets("proto", "a"), unknown);
  const routes: RpcSceneOptions["routes"] = (router) =>
    router.service(Greeter, { sayHello: ({ name }) => ({ message: name }) });
  for (const protocol of PROTOCOLS) {
    const greeter = { protocol, path: "/edgewire.v1.Greeter/SayHello" };
    assert.match(await answerTo(greeter, octets, { routes }), /^ok/);
    // That is not UTF-8, or protobuf-es has to do all of it: it would make an object of each.
    const error = "resource_exhausted: message has more than 16384 fields that its type does not know";
    assert.equal(await answerTo(greeter, concat(octets, Uint8Array.of(0x0a, 1, 0xff)), { routes }), error);
    assert.equal(await answerTo({ protocol }, octets), error);
    const options = { binaryOptions: { readUnknownFields: false } };
    assert.match(await answerTo({ protocol }, octets.subarray(0, 100_003), options), /^ok/);
  }
});
