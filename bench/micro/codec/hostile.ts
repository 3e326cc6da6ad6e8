/**
 * What hostile messages cost: the longest time that decoding one holds the thread, and the memory that the decoded message keeps, for every way that a
 * message can be decoded. Each input has at most 4 MiB, the default limit of a message.
 *
 * `deno run --allow-all --v8-flags=--expose-gc,--max-semi-space-size=1 bench/micro/codec/hostile.ts [PART OF A SHAPE'S NAME]`
 */
import type { DescMessage } from "@bufbuild/protobuf";
import { Buffer } from "node:buffer";
import { closureCompiler } from "../../../src/codec/closures/mod.ts";
import { createMessageCodec } from "../../../src/codec/message_codec.ts";
import { createTextCodec, setTextCodec } from "../../../src/codec/mod.ts";
import { generatedCodec } from "../../../src/codec/wire/wire_codec.ts";
import { binaryCodec, jsonCodec } from "../../../src/rpc/message_codec.ts";
import { CONFORMANCE_PROTOS, generateStubs, importTypes, OWN_PROTOS } from "../../../tests/codec/stubs.ts";
import { BINARY_SHAPES, JSON_SHAPES, MAX_BYTES } from "./hostile_shapes.ts";

const ROUNDS = 5;
/** What takes longer is decoded once. */
const SLOW_MS = 500;

declare const gc: () => void;

type Decode = (octets: Uint8Array) => unknown;

interface Figures {
  readonly outcome: string;
  /** The longest and the shortest of the rounds. */
  readonly worstMs: number;
  readonly bestMs: number;
  /** What the message keeps, in MiB; 0 when it was refused. */
  readonly keptMiB: number;
}

/** The CPU time that the thread has used, which does not grow while others have the core. */
function threadMs(): number {
  return Number(Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ", 1)[0]) / 1e6;
}

function usedBytes(): number {
  gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Decodes an input several times, each into a copy of its own as a connection would have it. */
function measure(decode: Decode, octets: Uint8Array): Figures {
  const times: number[] = [];
  let outcome = "decoded";
  let keptBytes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = usedBytes();
    let message: unknown;
    const startMs = threadMs();
    try {
      message = decode(octets);
      outcome = "decoded";
    } catch (error) {
      outcome = error instanceof Error ? error.message : String(error);
    }
    times.push(threadMs() - startMs);
    keptBytes = Math.max(keptBytes, message === undefined ? 0 : usedBytes() - before);
    message = undefined;
    if (times[0]! > SLOW_MS) {
      break;
    }
  }
  return { outcome, worstMs: Math.max(...times), bestMs: Math.min(...times), keptMiB: keptBytes / 2 ** 20 };
}

function report(shape: string, way: string, octets: Uint8Array, figures: Figures): void {
  const { outcome, worstMs, bestMs, keptMiB } = figures;
  const factor = keptMiB * 2 ** 20 / octets.length;
  console.log(
    `${shape.padEnd(34)} ${way.padEnd(10)} ${(octets.length / 1024).toFixed(0).padStart(5)} KiB ` +
      `${bestMs.toFixed(1).padStart(8)} ${worstMs.toFixed(1).padStart(8)} ms ${keptMiB.toFixed(1).padStart(7)} MiB ` +
      `${factor.toFixed(0).padStart(4)} x  ${
        outcome.length > 100 ? `${outcome.slice(0, 100)}... (${outcome.length})` : outcome
      }`,
  );
}

setTextCodec(createTextCodec({
  decoder: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }),
  encoder: new TextEncoder(),
  utf8Slice: Buffer.prototype.utf8Slice,
}));
await generateStubs("bench", [...OWN_PROTOS, CONFORMANCE_PROTOS]);
const types = (await importTypes("bench")).map(({ desc }) => desc);
const typeOf = (name: string): DescMessage => types.find(({ typeName }) => typeName === `edgewire.test.codec.${name}`)!;
const closuresOf = closureCompiler(() => undefined);
const [part = ""] = Deno.args;

/** What is refused by a limit is measured once more as large as it passes: that is the worst case. */
function compareSizes(name: string, way: string, octetsOf: (maxBytes: number) => Uint8Array, decode: Decode): void {
  const octets = octetsOf(MAX_BYTES - 64);
  const figures = measure(decode, octets);
  report(name, way, octets, figures);
  if (!isLimit(figures.outcome)) {
    return;
  }
  let passes = 128;
  let refused = MAX_BYTES - 64;
  while (refused - passes > 8192) {
    const middle = (passes + refused) >> 1;
    let outcome = "";
    try {
      decode(octetsOf(middle));
    } catch (error) {
      outcome = error instanceof Error ? error.message : String(error);
    }
    if (isLimit(outcome)) {
      refused = middle;
    } else {
      passes = middle;
    }
  }
  const largest = octetsOf(passes);
  report(`  ${name}`, way, largest, measure(decode, largest));
}

function isLimit(outcome: string): boolean {
  return /more than|\(max/.test(outcome);
}

console.log("shape, way, size, shortest and longest time, memory kept, as a multiple of the size, outcome");
for (const { name, type, octets, tail } of BINARY_SHAPES.filter(({ name }) => name.includes(part))) {
  const desc = typeOf(type);
  const whole = (codec: { decode: (buffer: Uint8Array, start: number, end: number) => unknown }): Decode => (octets) =>
    codec.decode(octets, 0, octets.length);
  compareSizes(name, "generated", octets, whole(createMessageCodec(desc, generatedCodec(desc)!)));
  compareSizes(name, "closures", octets, whole(createMessageCodec(desc, closuresOf(desc))));
  const declined = (maxBytes: number) => {
    const whole = octets(maxBytes - tail.length);
    const declined = new Uint8Array(whole.length + tail.length);
    declined.set(whole);
    declined.set(tail, whole.length);
    return declined;
  };
  compareSizes(name, "declined", declined, whole(createMessageCodec(desc, generatedCodec(desc)!)));
  compareSizes(name, "options", octets, whole(binaryCodec(desc, {})));
}
for (const { name, type, text } of JSON_SHAPES.filter(({ name }) => name.includes(part))) {
  const codec = jsonCodec(typeOf(type));
  const octetsOf = (maxBytes: number) => new TextEncoder().encode(text(maxBytes));
  compareSizes(name, "json", octetsOf, (octets) => codec.decode(octets, 0, octets.length));
}
