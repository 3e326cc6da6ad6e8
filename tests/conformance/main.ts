/**
 * Everything that others judge of us. Prints a table, and ends with 1 unless all is good: nothing is skipped.
 *
 * `deno task conformance [hpack] [differential] [h2spec] [serve] [h2specd] [load] [slowloris] [fuzz] [protobuf] [codec] [server] [client]
 * [fetch-server] [fetch-client] [attacks]`: all by default.
 */
import { within } from "../support/deadline.ts";
import { judgeAttacks } from "./attacks/main.ts";
import { judgeByProtobufEs } from "./codec_judge.ts";
import { judgeByOthers } from "./front_door/differential.ts";
import { judgeLoad } from "./front_door/load.ts";
import { judgeSlowloris } from "./front_door/slowloris.ts";
import { judgeByFuzzing } from "./fuzz/main.ts";
import { judgeByH2spec, judgeServeByH2spec } from "./h2spec.ts";
import { judgeByH2specd } from "./h2specd.ts";
import { judgeHpack } from "./hpack/main.ts";
import { judgeByProtobuf } from "./protobuf_judge.ts";
import { judgeByConnectConformance } from "./rpc/judge.ts";
import { isGood, type Verdict, verdictText } from "./verdict.ts";

const JUDGES: Readonly<Record<string, () => AsyncIterable<Verdict>>> = {
  hpack: judgeHpack,
  differential: judgeByOthers,
  h2spec: judgeByH2spec,
  serve: judgeServeByH2spec,
  h2specd: judgeByH2specd,
  load: judgeLoad,
  slowloris: judgeSlowloris,
  fuzz: judgeByFuzzing,
  protobuf: judgeByProtobuf,
  codec: judgeByProtobufEs,
  server: () => judgeByConnectConformance("server"),
  client: () => judgeByConnectConformance("client"),
  "fetch-server": () => judgeByConnectConformance("fetch-server"),
  "fetch-client": () => judgeByConnectConformance("fetch-client"),
  attacks: judgeAttacks,
};

/** How long a judge may take, in milliseconds. The slowest needs a tenth of it. */
const JUDGE_TIMEOUT_MS = 20 * 60_000;

const names = Deno.args.length > 0 ? Deno.args : Object.keys(JUDGES);
const verdicts: Verdict[] = [];
for (const name of names) {
  const judge = JUDGES[name];
  if (judge === undefined) {
    throw new Error(`There is no judge "${name}", but ${Object.keys(JUDGES).join(", ")}`);
  }
  const startMs = performance.now();
  try {
    await within(JUDGE_TIMEOUT_MS, name, gather(judge));
  } catch (error) {
    // The others are to be heard, too.
    verdicts.push({ judge: name, passed: 0, total: 0, notes: [String(error)] });
  }
  console.log(`${name}: ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
}

async function gather(judge: () => AsyncIterable<Verdict>): Promise<void> {
  for await (const verdict of judge()) {
    verdicts.push(verdict);
  }
}

const good = verdicts.filter(isGood).length;
console.log(["", ...verdicts.map(verdictText), `conformance: ${good} of ${verdicts.length} are good`].join("\n"));
Deno.exit(good === verdicts.length ? 0 : 1); // Whatever a judge that took too long still waits for.
