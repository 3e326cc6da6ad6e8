/**
 * What header blocks cost: those of gRPC calls, repeated and not, and strings.
 * Run by `deno task bench:micro`. The figures are for comparing within one run only.
 */
import type { HeaderField } from "../../src/http/mod.ts";
import { HpackDecoder, HpackEncoder } from "../../src/http2/hpack/mod.ts";

const LIMITS = { maxHeaderListSize: 65536, maxFields: 128 };

function fieldsOf(fields: Readonly<Record<string, string>>): HeaderField[] {
  return Object.entries(fields).map(([name, value]) => ({ name, value }));
}

const REQUEST = fieldsOf({
  ":method": "POST",
  ":scheme": "http",
  ":path": "/edgewire.v1.Greeter/SayHello",
  ":authority": "localhost:50051",
  "content-type": "application/grpc",
  "user-agent": "grpc-go/1.83.0",
  te: "trailers",
});
const HEAD = Object.freeze(fieldsOf({
  ":status": "200",
  "content-type": "application/grpc",
  "grpc-accept-encoding": "gzip",
}));

function block(encoder: HpackEncoder, fields: readonly HeaderField[]): Uint8Array {
  const buffer = new Uint8Array(encoder.bound(fields));
  return buffer.slice(0, encoder.encode(fields, buffer, 0));
}

/** Two blocks that leave the table filled, and then `lists`, which mean the same every time. */
function decodeBench(name: string, lists: readonly (readonly HeaderField[])[], baseline = false): void {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(LIMITS);
  for (let times = 0; times < 2; times++) {
    const octets = block(encoder, REQUEST);
    decoder.decode(octets, 0, octets.length);
  }
  const blocks = lists.map((list) => block(encoder, list));
  let next = 0;
  Deno.bench(name, { group: "decode", baseline }, () => {
    const octets = blocks[next]!;
    next = next + 1 === blocks.length ? 0 : next + 1;
    decoder.decode(octets, 0, octets.length);
  });
}

function sensitive(value: string): HeaderField {
  return { name: "x-value", value, sensitive: true };
}

/** More lists than a decoder remembers. */
const FRESH = Array.from({ length: 100 }, (_, i) => [...REQUEST, { name: "grpc-timeout", value: `${100 + i}m` }]);
const TEXT = "text/html; charset=utf-8; boundary=something-long-enough";

decodeBench("Request, the same again", [REQUEST], true);
decodeBench("Requests, two in turns", [REQUEST, REQUEST.slice(0, 5)]);
decodeBench("Request with another timeout", FRESH);
for (const length of [30, 55]) {
  decodeBench(
    `Huffman string of ${length} characters`,
    Array.from({ length: 100 }, (_, i) => [sensitive(`${100 + i}${TEXT}`.slice(0, length))]),
  );
}
decodeBench(
  "Octets of 30 characters",
  Array.from({ length: 100 }, (_, i) => [sensitive(`${100 + i}${"~".repeat(27)}`)]),
);

function encodeBench(name: string, lists: readonly (readonly HeaderField[])[], baseline = false): void {
  const encoder = new HpackEncoder();
  const buffer = new Uint8Array(4096);
  let next = 0;
  Deno.bench(name, { group: "encode", baseline }, () => {
    const fields = lists[next]!;
    next = next + 1 === lists.length ? 0 : next + 1;
    encoder.encode(fields, buffer, 0);
  });
}

encodeBench("Response head, the same frozen list again", [HEAD], true);
encodeBench("Response head, equal lists", Array.from({ length: 100 }, () => [...HEAD]));
encodeBench("Request with another timeout", FRESH);
for (const length of [30, 55]) {
  encodeBench(`Huffman string of ${length} characters`, [[sensitive(TEXT.slice(0, length))]]);
}
encodeBench("Octets of 30 characters", [[sensitive("~".repeat(30))]]);
