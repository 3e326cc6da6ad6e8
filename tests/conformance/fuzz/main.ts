/**
 * Fuzzes our server connection: what curl, nghttp, Go, grpc-go, Node and Chromium send is recorded, changed at random, and fed to
 * connections in this process, in random chunks and at a time that passes by itself.
 *
 * `deno run --allow-all tests/conformance/fuzz/main.ts [--seed 1] [--count 1000000] [--recordings path]`
 *
 * A failure is told with its seed and its octets. The recordings differ in each run, so they are kept in `.cache/fuzz/`: with them and the
 * seed a run can be repeated. A seed and `--count 1` repeat one stream.
 */
import { parseArgs } from "node:util";
import { feedConnection } from "../../support/fuzzed_connection.ts";
import { Random } from "../../support/random.ts";
import { type Recording, StreamMutator } from "../../support/stream_mutator.ts";
import { runProgram } from "../../support/program.ts";
import { installTool, toolVersion } from "../tools.ts";
import { runJudge, type Verdict } from "../verdict.ts";
import { type ClientRecordings, recordClients } from "./recordings.ts";

const CACHE = new URL("../../../.cache/fuzz/", import.meta.url).pathname;
const DEFAULT_COUNT = 1_000_000;

/** Outputs that are parsed by others, too. */
const SAMPLES = 10_000;

/** How much more memory the process may have at the end than after the first tenth: connections keep nothing. */
const MAX_GROWTH = 100 * 2 ** 20;

/** One kind of failure. */
interface Failure {
  count: number;
  /** Of the shortest stream. */
  seed: number;
  hex: string;
}

/** What the run came to. */
interface FuzzTotals {
  readonly streams: number;
  readonly requests: number;
  readonly closed: number;
  readonly frames: number;
  readonly failures: ReadonlyMap<string, Failure>;
  readonly sampled: number;
  readonly growth: number;
}

async function loadRecordings(path: string | undefined): Promise<Recording[]> {
  if (path !== undefined) {
    const kept = JSON.parse(await Deno.readTextFile(path)) as { payload: string }[][];
    return kept.map((frames) =>
      frames.map((each) => ({ ...each, payload: Uint8Array.fromHex(each.payload) })) as unknown as Recording
    );
  }
  const clients: ClientRecordings[] = await recordClients();
  for (const { client, recordings } of clients) {
    const frames = recordings.reduce((sum, { length }) => sum + length, 0);
    console.log(`fuzz: recorded ${client}: ${recordings.length} connections, ${frames} frames`);
  }
  const recordings = clients.flatMap(({ recordings }) => recordings);
  const kept = recordings.map((frames) => frames.map((each) => ({ ...each, payload: each.payload.toHex() })));
  await Deno.mkdir(CACHE, { recursive: true });
  await Deno.writeTextFile(`${CACHE}recordings.json`, JSON.stringify(kept));
  return recordings;
}

function heapUsed(): number {
  return Deno.memoryUsage().heapUsed + Deno.memoryUsage().external;
}

async function fuzz(recordings: readonly Recording[], seed: number, count: number, samplesPath: string) {
  const mutator = new StreamMutator(recordings);
  const failures = new Map<string, Failure>();
  let [requests, closed, frames, sampled, memory] = [0, 0, 0, 0, 0];
  const every = Math.max(1, Math.floor(count / SAMPLES));
  const report = Math.max(1, Math.floor(count / 10));
  using samples = await Deno.open(samplesPath, { write: true, create: true, truncate: true });
  const encoder = new TextEncoder();
  const startMs = performance.now();
  for (let index = 0; index < count; index++) {
    // Each stream has a seed of its own, by which it can be made again alone.
    const random = new Random(seed + index);
    const bytes = mutator.next(random);
    try {
      const result = feedConnection(bytes, random, index % every === 0);
      requests += result.requests;
      closed += result.error === undefined ? 0 : 1;
      frames += result.walker.frames;
      if (result.output.length > 0) {
        sampled++;
        const line = encoder.encode(`${result.output.map((each) => each.toHex()).join("")}\n`);
        for (let written = 0; written < line.length;) {
          written += samples.writeSync(line.subarray(written));
        }
      }
    } catch (error) {
      addFailure(failures, error, seed + index, bytes);
    }
    if ((index + 1) % report === 0) {
      const ms = performance.now() - startMs;
      console.log(
        `fuzz: ${index + 1} streams, ${requests} requests, ${Math.round(ms)} ms, heap ${heapUsed() >> 20} MiB`,
      );
      memory ||= heapUsed();
    }
  }
  const growth = heapUsed() - memory;
  return { streams: count, requests, closed, frames, failures, sampled, growth } satisfies FuzzTotals;
}

function addFailure(failures: Map<string, Failure>, error: unknown, seed: number, bytes: Uint8Array): void {
  // The same failure has other numbers each time.
  const kind = String(error instanceof Error ? error.stack : error).replaceAll(/(?<!\.ts.*)\d+/g, "N")
    .split("\n").slice(0, 4).join("\n");
  const failure = failures.get(kind);
  const hex = bytes.toHex();
  if (failure === undefined) {
    failures.set(kind, { count: 1, seed, hex });
    return;
  }
  failure.count++;
  if (hex.length < failure.hex.length) {
    Object.assign(failure, { seed, hex });
  }
}

async function parseByOthers(samplesPath: string): Promise<Verdict> {
  const judge = `${toolVersion("python-hyperframe")}: output of the fuzzed`;
  const python = await installTool("python-hyperframe");
  const script = new URL("parse_output.py", import.meta.url).pathname;
  const text = await runProgram("sh", ["-c", 'exec "$0" "$1" < "$2"', python, script, samplesPath], {
    timeoutMs: 240_000,
  });
  const { connections, failed, errors } = JSON.parse(text) as { connections: number; failed: number; errors: string[] };
  return { judge, passed: connections - failed, total: connections, notes: errors };
}

/** Judges our server connection. */
export async function* judgeByFuzzing(args: readonly string[] = []): AsyncGenerator<Verdict> {
  const { values } = parseArgs({
    args: [...args],
    options: { seed: { type: "string" }, count: { type: "string" }, recordings: { type: "string" } },
  });
  const seed = Number(
    values.seed ?? Deno.env.get("EDGEWIRE_FUZZ_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0],
  );
  const count = Number(values.count ?? DEFAULT_COUNT);
  console.log(`fuzz: --seed ${seed} --count ${count}`);
  const recordings = await loadRecordings(values.recordings);
  const samplesPath = await Deno.makeTempFile({ prefix: "edgewire-fuzz-" });
  try {
    const totals = await fuzz(recordings, seed, count, samplesPath);
    yield fuzzVerdict(totals, seed);
    yield await parseByOthers(samplesPath);
  } finally {
    await Deno.remove(samplesPath);
  }
}

function fuzzVerdict(totals: FuzzTotals, seed: number): Verdict {
  const { streams, requests, closed, frames, failures, growth } = totals;
  const failed = [...failures.values()].reduce((sum, { count }) => sum + count, 0);
  const notes = [
    `seed ${seed}: ${requests} requests, ${closed} connections ended by errors, ${frames} frames of output`,
  ];
  for (const [kind, { count, seed, hex }] of failures) {
    notes.push(
      `${count} times, as with --seed ${seed} --count 1 --recordings .cache/fuzz/recordings.json:\n${kind}\n${hex}`,
    );
  }
  if (growth > MAX_GROWTH) {
    notes.push(`The heap grew by ${growth >> 20} MiB`);
  }
  if (requests < streams / 2) {
    notes.push("Too few requests got through: the streams are too bad to find anything");
  }
  const isSound = growth <= MAX_GROWTH && requests >= streams / 2;
  return { judge: "mutated streams of clients", passed: isSound ? streams - failed : 0, total: streams, notes };
}

if (import.meta.main) {
  await runJudge(() => judgeByFuzzing(Deno.args));
}
