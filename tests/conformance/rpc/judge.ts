/**
 * connectconformance against our server and our client, with every feature on, and against the fetch handler and the fetch client, with every
 * feature that there can be without trailers. Nothing is known to fail, and nothing is skipped.
 *
 * `deno run --allow-all tests/conformance/rpc/judge.ts [server] [client] [fetch-server] [fetch-client]`
 */
import { tryProgram } from "../../support/program.ts";
import { installTool, toolVersion } from "../tools.ts";
import { runJudge, type Verdict } from "../verdict.ts";
import { buildProtos } from "./protos.ts";
import { readReport } from "./report.ts";

const FOLDER = new URL("..", import.meta.url).pathname;
const LOGS = new URL("../../../.cache/conformance/", import.meta.url).pathname;

/** A case that hangs would let the runner wait for ever. A run takes a minute. */
const RUN_TIMEOUT_S = 300;

/** How many failures are shown. The log has them all, with what was sent and received. */
const FAILURES_SHOWN = 20;

/** How much of what was said beside the report. */
const STDERR_SHOWN = 4000;

/** One of our programs, and what it is judged by. */
interface Judged {
  readonly mode: "server" | "client";
  readonly config: string;
  /** Which kind of our program, if there are two. */
  readonly args: readonly string[];
  /** How many cases version 1.0.7 has for the config: with any other number nothing counts. */
  readonly cases: number;
  readonly runs: number;
}

const JUDGED = {
  server: { mode: "server", config: "config.yaml", args: [], cases: 9022, runs: 3 },
  client: { mode: "client", config: "config.yaml", args: [], cases: 11036, runs: 3 },
  "fetch-server": { mode: "server", config: "rpc/fetch_server.yaml", args: ["--fetch"], cases: 7116, runs: 1 },
  "fetch-client": { mode: "client", config: "rpc/fetch_client.yaml", args: ["--fetch"], cases: 8742, runs: 1 },
} as const satisfies Record<string, Judged>;

/** The name of one that is judged. */
export type JudgedName = keyof typeof JUDGED;

/** Judges one of our programs. */
export async function* judgeByConnectConformance(name: JudgedName): AsyncGenerator<Verdict> {
  await buildProtos();
  await Deno.mkdir(LOGS, { recursive: true });
  const { runs } = JUDGED[name];
  for (let run = 1; run <= runs; run++) {
    yield await runOnce(name, run);
  }
}

async function runOnce(name: JudgedName, run: number): Promise<Verdict> {
  const { mode, config, args, cases }: Judged = JUDGED[name];
  const runner = [
    await installTool("connectconformance"),
    ...["--mode", mode, "--conf", `${FOLDER}${config}`, "--trace"],
    // Our server, the runner and its clients have to share what cores there are.
    ...mode === "server" ? ["--parallel", "4"] : [],
    "--",
    ...[Deno.execPath(), "run", "--quiet", "--allow-all", `${FOLDER}${mode}.ts`, ...args],
  ];
  // It ends the runner's children, too.
  const { stdout, stderr } = await tryProgram("timeout", ["--kill-after=10", `${RUN_TIMEOUT_S}`, ...runner], {
    timeoutMs: (RUN_TIMEOUT_S + 30) * 1000,
  });
  const log = `${LOGS}${name}_${run}.log`;
  await Deno.writeTextFile(log, `${stdout}\n${stderr}`);
  const { total, passed, failures } = readReport(stdout);
  const isComplete = total === cases;
  const notes = [
    ...isComplete ? [] : [`It has judged ${total} cases`],
    ...isComplete && passed === total ? [] : [`All about it: ${log}`],
    ...failures.slice(0, FAILURES_SHOWN),
    ...stderr === "" ? [] : [stderr.slice(0, STDERR_SHOWN)], // Mistakes in handlers, too, whatever became of the case.
  ];
  const judge = `${toolVersion("connectconformance")}, ${name}, run ${run}`;
  return { judge, passed: isComplete ? passed : 0, total: cases, notes };
}

if (import.meta.main) {
  const names = Deno.args.length > 0 ? Deno.args : Object.keys(JUDGED);
  await runJudge(async function* () {
    for (const name of names) {
      if (!(name in JUDGED)) {
        throw new Error(`There is nothing named "${name}" to judge, but ${Object.keys(JUDGED).join(", ")}`);
      }
      yield* judgeByConnectConformance(name as JudgedName);
    }
  });
}
