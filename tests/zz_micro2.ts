import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Buffer } from "node:buffer";
import { createMessageCodec } from "../src/codec/message_codec.ts";
import { closureCompiler } from "../src/codec/closures/mod.ts";
import { createTextCodec, setTextCodec } from "../src/codec/mod.ts";
import { generatedCodec } from "../src/codec/wire/wire_codec.ts";
import { importTypes } from "./codec/stubs.ts";
setTextCodec(createTextCodec({ decoder: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }), encoder: new TextEncoder(), utf8Slice: (Buffer.prototype as any).utf8Slice }));
const types = (await importTypes("bench")).map(({ desc }) => desc);
const T = types.find((d) => d.typeName === "edgewire.test.codec.Complex")!;
const pets = (n: number) => Array.from({ length: n }, (_, i) => ({ name: `pet ${i}`, color: i % 3 }));
const all = { name: "some name", weight: 3.25, height: 1.5, tame: true, count: 1234, serial: 123456789012n, choice: { case: "word", value: "chosen" }, pets: pets(3) };
const cases: Record<string, any> = { empty: {}, name: { name: "some name" }, weight: { weight: 3.25 }, height: { height: 1.5 }, tame: { tame: true }, count: { count: 1234 }, serial: { serial: 123456789012n }, choice: { choice: all.choice }, pet1: { pets: pets(1) }, pet3: { pets: pets(3) }, all };
const c = createMessageCodec(T, closureCompiler(() => undefined)(T)), g = createMessageCodec(T, generatedCodec(T)!);
let sink: any;
const out = new Uint8Array(65536);
for (const [n, init] of Object.entries(cases)) {
  const m = create(T, init), b = toBinary(T, m);
  const ops = [() => { sink = fromBinary(T, b); }, () => { sink = c.decode(b, 0, b.length); }, () => { sink = g.decode(b, 0, b.length); }, () => { sink = toBinary(T, m); }, () => { sink = c.encodeInto(m, out, 9, 65536); }, () => { sink = g.encodeInto(m, out, 9, 65536); }];
  const best = ops.map(() => 1e9);
  for (let r = 0; r < 60; r++) ops.forEach((op, i) => { const t = performance.now(); for (let k = 0; k < 2000; k++) op(); best[i] = Math.min(best[i]!, (performance.now() - t) * 1e6 / 2000); });
  console.log(n.padEnd(10), best.map((x) => x.toFixed(0).padStart(6)).join(" "));
}
