/** What is JSON of a message, as octets: UTF-8, with or without a byte order mark. */
import assert from "node:assert/strict";
import { HelloRequestSchema } from "../../gen/hello_pb.ts";
import { nodeCompressions } from "../../src/rpc/node/mod.ts";
import { jsonCodec } from "../../src/rpc/message_codec.ts";

const MARGIN = 3;

function decode(octets: Uint8Array): unknown {
  assert.ok(nodeCompressions.length > 0, "the platform's text codec is in use");
  const buffer = new Uint8Array(octets.length + 2 * MARGIN).fill(0x22);
  buffer.set(octets, MARGIN);
  return jsonCodec(HelloRequestSchema).decode(buffer, MARGIN, MARGIN + octets.length);
}

Deno.test("JSON is UTF-8, of which a byte order mark is no part", () => {
  for (const name of ["", "World", "Wörld", "\u{1f30d}", "\ufffd", "\ufeffmark", "x".repeat(5000)]) {
    const json = JSON.stringify({ name });
    for (const text of [json, `\ufeff${json}`]) {
      assert.deepEqual(decode(new TextEncoder().encode(text)), { $typeName: "HelloRequest", name });
    }
  }
});

Deno.test("JSON that is not UTF-8, or none, is refused", () => {
  const encoded = new TextEncoder().encode('{"name":"_"}');
  for (const octet of [0x80, 0xc3, 0xff]) {
    assert.throws(() => decode(encoded.map((each) => each === 0x5f ? octet : each)), TypeError);
  }
  assert.throws(() => decode(new Uint8Array(0)), /cannot decode message HelloRequest from JSON/);
  assert.throws(
    () => decode(new TextEncoder().encode("\ufeff\ufeff{}")),
    /cannot decode message HelloRequest from JSON/,
  );
});
