/**
 * The program that the conformance runner of Protocol Buffers tests: answers each ConformanceRequest on stdin with a
 * ConformanceResponse on stdout, both after their lengths. Binary to binary only; the rest it skips.
 *
 * `protobuf.ts protobuf-es|closures|generated`; `protobuf_judge.ts` has it run, and generates its stubs before.
 */
import { create, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { createMessageCodec, type MessageCodec } from "../../src/codec/message_codec.ts";
import { importTypes, type TypeUnderTest } from "../codec/stubs.ts";

/** Who encodes and decodes. */
const CODECS: Readonly<Record<string, (type: TypeUnderTest) => MessageCodec<Message>>> = {
  "protobuf-es": ({ desc }) => ({
    decode: (buffer, start, end) => fromBinary(desc, buffer.subarray(start, end)),
    encode: (message) => toBinary(desc, message),
    encodeShared: (message) => toBinary(desc, message),
    encodeInto: () => -1,
  }),
  closures: ({ desc, closures }) => createMessageCodec(desc, closures),
  generated: ({ desc, generated }) => createMessageCodec(desc, generated),
};

/** What is read of a ConformanceRequest. */
type Request = Message & {
  readonly payload: { readonly case: string | undefined; readonly value?: unknown };
  readonly requestedOutputFormat: number;
  readonly messageType: string;
};

/** conformance.WireFormat. */
const PROTOBUF = 1;

const codecOf = CODECS[Deno.args[0]!]!;
const types = await importTypes("conformance");
const schemaOf = (name: string): DescMessage => types.find(({ desc }) => desc.typeName === name)!.desc;
const [requestSchema, responseSchema] = ["ConformanceRequest", "ConformanceResponse"].map((name) =>
  schemaOf(`conformance.${name}`)
);

function answer({ payload, requestedOutputFormat, messageType }: Request): { case: string; value: unknown } {
  const type = types.find(({ desc }) => desc.typeName === messageType);
  if (type === undefined && messageType === "conformance.FailureSet") {
    return { case: "protobufPayload", value: new Uint8Array() };
  }
  if (type === undefined || requestedOutputFormat !== PROTOBUF || !(payload.value instanceof Uint8Array)) {
    return { case: "skipped", value: "not from binary to binary" };
  }
  const codec = codecOf(type);
  let message: Message;
  try {
    message = codec.decode(payload.value, 0, payload.value.length);
  } catch (error) {
    return { case: "parseError", value: String(error) };
  }
  try {
    return { case: "protobufPayload", value: codec.encode(message) };
  } catch (error) {
    return { case: "serializeError", value: String(error) };
  }
}

/** Reads so many octets; undefined at the end of the input. */
function read(length: number): Uint8Array | undefined {
  const octets = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = Deno.stdin.readSync(octets.subarray(at));
    if (count === null) {
      return undefined;
    }
    at += count;
  }
  return octets;
}

for (;;) {
  const head = read(4);
  if (head === undefined) {
    break;
  }
  const request = read(new DataView(head.buffer).getUint32(0, true))!;
  const result = answer(fromBinary(requestSchema!, request) as Request);
  const response = toBinary(responseSchema!, create(responseSchema!, { result }));
  const output = new Uint8Array(4 + response.length);
  new DataView(output.buffer).setUint32(0, response.length, true);
  output.set(response, 4);
  for (let at = 0; at < output.length;) {
    at += Deno.stdout.writeSync(output.subarray(at));
  }
}
