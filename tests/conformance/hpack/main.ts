/**
 * Judges our HPACK by others: lists made from a seed go through our encoder and their decoders, and through their encoders and our decoder.
 *
 * `deno run -A tests/conformance/hpack/main.ts`; EDGEWIRE_FUZZ_SEED repeats a run. It needs python3, go and their registries,
 * and fails without them.
 */
import assert from "node:assert/strict";
import type { HeaderField } from "../../../src/http/mod.ts";
import { HpackDecoder, HpackEncoder } from "../../../src/http2/hpack/mod.ts";
import { STATIC_TABLE } from "../../../src/http2/hpack/static_table.ts";
import { fuzzSeed, Random, randomList } from "../../http2/hpack/random_lists.ts";
import { runJudge, type Verdict } from "../verdict.ts";
import { askPeer, installPeers, type Job, type Peer, type PeerField } from "./peers.ts";

/** 10^5 lists in each direction with each peer. */
const CONNECTIONS = 2500;
const LISTS = 40;

/** Fields that our encoder never indexes, whatever they are marked as. */
const FORBIDDEN = new Set(["authorization", "proxy-authorization", "cookie", "set-cookie"]);

interface Step {
  readonly sizes: number[];
  readonly fields: readonly HeaderField[];
}

function randomSizes(random: Random): number[] {
  return Array.from(
    { length: random.below(12) === 0 ? 1 + random.below(3) : 0 },
    () => random.pick([0, random.below(200), random.below(9000), 4096]),
  );
}

/**
 * At most two of the sizes, the larger one last and none twice: PyPI's encoder signals all of them, also those that a later one forbids,
 * and none when the last two are the same.
 */
function sizesForEncoder(sizes: readonly number[]): number[] {
  return [...new Set(sizes.slice(0, 2))].sort((a, b) => a - b);
}

function randomConnection(random: Random): Step[] {
  const lists = Array.from({ length: 4 }, () => Object.freeze(randomList(random, true)));
  return Array.from({ length: LISTS }, () => ({
    sizes: randomSizes(random),
    fields: random.below(2) === 0 ? random.pick(lists) : randomList(random, true),
  }));
}

function toHex(text: string): string {
  return Uint8Array.from(text, (character) => character.charCodeAt(0)).toHex();
}

function toPeerField({ name, value, sensitive }: HeaderField): PeerField {
  return [toHex(name), toHex(value), sensitive ?? false];
}

function encodeJob(steps: readonly Step[], maxTableSize: number): Job {
  const encoder = new HpackEncoder({ maxTableSize });
  return {
    kind: "decode",
    steps: steps.map(({ sizes, fields }) => {
      sizes.forEach((size) => encoder.setMaxTableSize(size));
      const buffer = new Uint8Array(encoder.bound(fields));
      return { sizes, block: buffer.subarray(0, encoder.encode(fields, buffer, 0)).toHex() };
    }),
  };
}

/** Their decoders, our encoder. Gives how many lists were the same. */
async function judgeEncoder(peer: Peer, connections: readonly Step[][]): Promise<number> {
  const answers = await askPeer(
    peer,
    connections.map((steps, i) => encodeJob(steps, [4096, 4096, 300, 8192, 0][i % 5]!)),
  );
  answers.forEach(({ result, error }, i) => {
    assert.equal(error, undefined, `${peer.name}, connection ${i}`);
    const expected = connections[i]!.map(({ fields }) =>
      fields.map((field) => toPeerField(FORBIDDEN.has(field.name) ? { ...field, sensitive: true } : field))
    );
    assert.deepEqual(result, expected, `${peer.name}, connection ${i}`);
  });
  return connections.length * LISTS;
}

/** Their encoders, our decoder. Gives how many lists were the same. */
async function judgeDecoder(peer: Peer, connections: readonly Step[][]): Promise<number> {
  const jobs = connections.map((steps, i): Job => ({
    kind: "encode",
    huffman: i % 4 !== 0,
    steps: steps.map(({ sizes, fields }) => ({ sizes: sizesForEncoder(sizes), fields: fields.map(toPeerField) })),
  }));
  const answers = await askPeer(peer, jobs);
  answers.forEach(({ result, error }, i) => {
    assert.equal(error, undefined, `${peer.name}, connection ${i}`);
    const decoder = new HpackDecoder({ maxHeaderListSize: 2 ** 20, maxFields: 100 });
    /** What was sent without a mark, so that the peer's table may have it. */
    const unmarked = new Set(STATIC_TABLE.map(({ name, value }) => `${name}\n${value}`));
    connections[i]!.forEach(({ sizes, fields }, step) => {
      const where = `${peer.name}, connection ${i}, list ${step}`;
      sizesForEncoder(sizes).forEach((size) => decoder.setMaxTableSize(size));
      const block = Uint8Array.fromHex((result as string[])[step]!);
      const decoded = decoder.decode(block, 0, block.length);
      assert.equal(decoded.length, fields.length, where);
      fields.forEach((field, position) => {
        const actual = decoded[position]!;
        const mayLoseMark = peer.indexesSensitive && unmarked.has(`${field.name}\n${field.value}`);
        const expected = mayLoseMark && !actual.sensitive ? { name: field.name, value: field.value } : field;
        assert.deepEqual(toPeerField(actual), toPeerField(expected), where);
        if (!field.sensitive) {
          unmarked.add(`${field.name}\n${field.value}`);
        }
      });
    });
  });
  return connections.length * LISTS;
}

/** One direction with one peer, as a line of the table. */
async function judgeDirection(judge: string, count: () => Promise<number>): Promise<Verdict> {
  const total = CONNECTIONS * LISTS;
  try {
    return { judge, passed: await count(), total, notes: [] };
  } catch (error) {
    return { judge, passed: 0, total, notes: [String(error)] };
  }
}

/** Judges our HPACK. */
export async function* judgeHpack(): AsyncGenerator<Verdict> {
  const seed = fuzzSeed();
  console.log(`hpack: EDGEWIRE_FUZZ_SEED=${seed}`);
  const random = new Random(seed);
  const connections = Array.from({ length: CONNECTIONS }, () => randomConnection(random));
  for (const peer of await installPeers()) {
    yield await judgeDirection(`${peer.name}: lists of our encoder`, () => judgeEncoder(peer, connections));
    yield await judgeDirection(`${peer.name}: lists for our decoder`, () => judgeDecoder(peer, connections));
  }
}

if (import.meta.main) {
  await runJudge(judgeHpack);
}
