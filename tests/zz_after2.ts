import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Buffer } from "node:buffer";
import { createMessageCodec } from "../src/codec/message_codec.ts";
import { closureCompiler } from "../src/codec/closures/mod.ts";
import { createTextCodec, setTextCodec } from "../src/codec/mod.ts";
import { generatedCodec } from "../src/codec/wire/wire_codec.ts";
import { importTypes } from "./codec/stubs.ts";
import { randomMessage } from "./codec/random_message.ts";
import { Random } from "./support/random.ts";
setTextCodec(createTextCodec({ decoder: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }), encoder: new TextEncoder(), utf8Slice: (Buffer.prototype as any).utf8Slice }));
const types = (await importTypes("bench")).map(({ desc }) => desc);
const T = types.find((d) => d.typeName === "edgewire.test.codec.Complex")!;
const pets = (n: number) => Array.from({ length: n }, (_, i) => ({ name: `pet ${i}`, color: i % 3 }));
const g = createMessageCodec(T, generatedCodec(T)!);
let sink: any;
const mode = Deno.args[0];
const out = new Uint8Array(1 << 20);
const early = toBinary(T, create(T, { name: "some name", weight: 3.25, height: 1.5, tame: true, count: 1234, serial: 123456789012n, choice: { case: "word", value: "chosen" }, pets: pets(3) } as any));
function go(name: string, m: any) {
  let best = 1e9;
  for (let r = 0; r < 60; r++) { const t = performance.now(); for (let k = 0; k < 3000; k++) sink = g.decode(m, 0, m.length); best = Math.min(best, (performance.now() - t) * 1e6 / 3000); }
  console.log(name, best.toFixed(0));
}
if (mode === "warm") go("early fresh", early);
const random = new Random(1);
const closuresOf = closureCompiler(() => undefined);
const others = types.filter(({ typeName, fields }) => typeName.startsWith("protobuf_test_messages.") && fields.every((f) => f.presence !== 3)).slice(0, 50);
for (let r = 0; r < 300; r++) for (const desc of others) {
  const message = randomMessage(desc, random, 2), octets = toBinary(desc, message);
  if (mode !== "noes") fromBinary(desc, octets);
  for (const wire of [closuresOf(desc), generatedCodec(desc)!]) { const codec = createMessageCodec(desc, wire); codec.encodeInto(message, out, 0, out.length); codec.decode(octets, 0, octets.length); }
}
go("early after", early);
{ let best = 1e9; for (let r = 0; r < 60; r++) { const t = performance.now(); for (let k = 0; k < 3000; k++) sink = fromBinary(T, early); best = Math.min(best, (performance.now() - t) * 1e6 / 3000); } console.log("es", best.toFixed(0)); }


