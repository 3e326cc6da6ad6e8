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
const pets = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `pet ${i}`, color: i % 3 }));
const fifty: any = {
  ...{ f1: 1, f2: 123456789012n, f3: 300, f4: 5n, f5: -7, f6: -8n, f7: 9, f8: 10n, f9: -11, f10: -12n, f11: 1.5, f12: Math.PI },
  ...{ f13: true, f14: "text number 14", f15: Uint8Array.of(1, 2, 3, 4), f16: 2, f17: 0, f18: "optional", f20: [1, 2, 300] },
  ...{ f19: { name: "a pet", color: 1 }, f21: ["one", "two"], f22: pets(2), f23: { key: "value" }, f24: 24, f26: 26n },
  ...{ f28: 0.1, choice: { case: "f31", value: "chosen" }, f37: "text number 37", f40: 1n << 60n, f43: "text number 43" },
  ...{ f48: [1, 2, 3], f50: -1 },
};
const c = createMessageCodec(Fifty, closureCompiler(() => undefined)(Fifty)), g = createMessageCodec(Fifty, generatedCodec(Fifty)!);
let sink: any;
const out = new Uint8Array(65536);
for (const without of ["", "f15", "f15 f14 f18 f37 f43 f21 f31", "f15 f2 f4 f6 f8 f10 f26 f40", "f15 f22 f19", "f15 f23", "f15 f21 f20 f48", "f15 f17 f18 f19", "f15 choice"]) {
  const init = { ...fifty }; for (const k of without.split(" ")) delete init[k];
  const m = create(Fifty, init), b = toBinary(Fifty, m);
  const big=new Uint8Array(65536); big.set(b,100);
  const ops = [() => { sink = fromBinary(Fifty, big.slice(100,100+b.length)); }, () => { sink = c.decode(big, 100, 100+b.length); }, () => { sink = g.decode(big, 100, 100+b.length); }, () => { sink = toBinary(Fifty, m); }, () => { sink = c.encodeInto(m, out, 9, 65536); }, () => { sink = g.encodeInto(m, out, 9, 65536); }];
  const best = ops.map(() => 1e9);
  for (let r = 0; r < 60; r++) ops.forEach((op, i) => { const t = performance.now(); for (let k = 0; k < 700; k++) op(); best[i] = Math.min(best[i]!, (performance.now() - t) * 1e6 / 700); });
  console.log(without.padEnd(30), best.map((x) => x.toFixed(0).padStart(6)).join(" "));
}
