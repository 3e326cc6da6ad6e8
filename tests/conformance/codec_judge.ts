/**
 * Judges our codecs by protobuf-es: a million random messages of every type that others test with and that we have, and a million inputs
 * that are no such messages, or damaged.
 *
 * `deno run --allow-all tests/conformance/codec_judge.ts`; EDGEWIRE_FUZZ_SEED repeats a run.
 */
import { compare } from "../codec/differential.ts";
import { CONFORMANCE_PROTOS, loadTypes, OWN_PROTOS } from "../codec/stubs.ts";
import { fuzzSeed, Random } from "../support/random.ts";
import { goModuleFolder } from "./tools.ts";
import { runJudge, type Verdict } from "./verdict.ts";

const COUNT = 1_000_000;
/** How many are compared until the next may be of another seed: a failure is quickly run again. */
const BATCH = 50_000;

/** Judges both codecs. */
export async function* judgeByProtobufEs(): AsyncGenerator<Verdict> {
  const connect = `${await goModuleFolder("connectconformance")}/proto`;
  const types = await loadTypes("judge", [...OWN_PROTOS, CONFORMANCE_PROTOS, connect]);
  const seed = fuzzSeed();
  const sum = { messages: 0, inputs: 0, beyond: 0, refused: 0, declined: 0 };
  const notes: string[] = [];
  for (let batch = 0; sum.messages < COUNT && notes.length === 0; batch++) {
    try {
      const counts = compare(types, new Random(seed + batch), BATCH);
      sum.messages += counts.messages;
      sum.inputs += counts.inputs;
      sum.beyond += counts.beyond;
      sum.refused += counts.refused;
      sum.declined += counts.declined;
    } catch (error) {
      notes.push(`EDGEWIRE_FUZZ_SEED=${seed + batch}: ${error}`);
    }
  }
  const percent = (count: number) => `${(100 * count / sum.inputs).toFixed(1)} %`;
  notes.push(
    `${types.length} types, seed ${seed}: ${sum.inputs} inputs, of which ${percent(sum.refused)} are refused; ` +
      `closures left ${percent(sum.declined)} to protobuf-es; ${sum.beyond} more are beyond maxDecodedBytes`,
  );
  yield { judge: "protobuf-es: messages and inputs of all types", passed: sum.messages, total: COUNT, notes };
}

if (import.meta.main) {
  await runJudge(judgeByProtobufEs);
}
