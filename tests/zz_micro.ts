import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Buffer } from "node:buffer";
import { closureCompiler } from "../src/codec/closures/mod.ts";
import { createMessageCodec } from "../src/codec/message_codec.ts";
import { createTextCodec, setTextCodec } from "../src/codec/mod.ts";
import { generatedCodec } from "../src/codec/wire/wire_codec.ts";
import { importTypes } from "./codec/stubs.ts";
setTextCodec(createTextCodec({ decoder: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }), encoder: new TextEncoder(), utf8Slice: (Buffer.prototype as any).utf8Slice }));
const types = (await importTypes("bench")).map(({ desc }) => desc);
const Fifty = types.find((d) => d.typeName === "edgewire.test.codec.Fifty")!;
const cases: Record<string, any> = { empty: {}, ints: { f1: 1, f24: 24, f38: 3, f44: 55 }, longs: { f2: 123456789012n, f4: 5n, f26: 26n, f40: 1n << 60n }, strings: { f14: "text number 14", f25: "x", f30: "abc", f37: "text number 37" }, one_bytes: { f15: Uint8Array.of(1, 2, 3, 4) }, two_bytes: { f15: Uint8Array.of(1, 2, 3, 4), f45: Uint8Array.of(3) }, doubles: { f11: 1.5, f12: Math.PI, f28: 0.1 }, list: { f20: [1, 2, 300] }, msg: { f19: { name: "a pet", color: 1 } }, msgs: { f22: [{ name: "a" }, { name: "b" }] }, map: { f23: { key: "value" } }, oneof: { choice: { case: "f31", value: "chosen" } }, optional: { f17: 0, f18: "optional" }, dbls: { f48: [1, 2, 3] } };
const c = createMessageCodec(Fifty, closureCompiler(() => undefined)(Fifty)), g = createMessageCodec(Fifty, generatedCodec(Fifty)!);
let sink: any;
const out = new Uint8Array(65536);
for (const [n, init] of Object.entries(cases)) {
  const m = create(Fifty, init), b = toBinary(Fifty, m);
  const ops = [() => { sink = fromBinary(Fifty, b); }, () => { sink = c.decode(b, 0, b.length); }, () => { sink = g.decode(b, 0, b.length); }, () => { sink = toBinary(Fifty, m); }, () => { sink = c.encodeInto(m, out, 9, 65536); }, () => { sink = g.encodeInto(m, out, 9, 65536); }];
  const best = ops.map(() => 1e9);
  for (let r = 0; r < 40; r++) ops.forEach((op, i) => { const t = performance.now(); for (let k = 0; k < 1500; k++) op(); best[i] = Math.min(best[i]!, (performance.now() - t) * 1e6 / 1500); });
  console.log(n.padEnd(10), best.map((x) => x.toFixed(0).padStart(6)).join(" "));
}
