/**
 * h2spec against our server: every case, strict ones too, three times by h2c and three times by TLS, since some of its cases are races.
 *
 * `deno run --allow-all tests/conformance/h2spec.ts`
 */
import { makeCertificate } from "../support/certificate.ts";
import { tryProgram } from "../support/program.ts";
import { startServer } from "../support/server_process.ts";
import { startJudgedServer } from "./judged_server.ts";
import { readJunit } from "./junit.ts";
import { installTool, toolVersion } from "./tools.ts";
import { runJudge, type Verdict } from "./verdict.ts";

/** How many cases version 2.2.1 has: fewer are a failure, too. */
const CASES = 146;
const RUNS = 3;

/** One run of all cases against a server on this machine. */
async function runH2spec(name: string, port: number, isTls: boolean): Promise<Verdict> {
  const h2spec = await installTool("h2spec");
  const report = await Deno.makeTempFile({ prefix: "edgewire-h2spec-", suffix: ".xml" });
  try {
    const tls = isTls ? ["-t", "-k"] : [];
    const args = ["-h", "127.0.0.1", "-p", `${port}`, "-S", "-o", "2", ...tls, "-j", report];
    const { stderr } = await tryProgram(h2spec, args, { timeoutMs: 120_000 });
    const { total, failures, skipped } = readJunit(await Deno.readTextFile(report));
    const passed = total - failures.length - skipped.length;
    const notes = [...failures, ...skipped.map((each) => `skipped: ${each}`), ...stderr === "" ? [] : [stderr]];
    return { judge: name, passed, total: Math.max(total, CASES), notes };
  } finally {
    await Deno.remove(report);
  }
}

/** Judges our server. */
export async function* judgeByH2spec(): AsyncGenerator<Verdict> {
  await using certificate = await makeCertificate();
  for (const [transport, cert] of [["h2c", undefined], ["TLS", certificate]] as const) {
    for (let run = 1; run <= RUNS; run++) {
      await using server = await startJudgedServer(cert);
      yield await runH2spec(`${toolVersion("h2spec")} -S, ${transport}, run ${run}`, server.port, cert !== undefined);
    }
  }
}

/** Judges `deno task serve`, with all that it serves at `/`. */
export async function* judgeServeByH2spec(): AsyncGenerator<Verdict> {
  for (const [transport, args] of [["h2c", []], ["TLS", ["--tls-dev"]]] as const) {
    const dataDir = await Deno.makeTempDir();
    const server = await startServer({ dataDir, args });
    try {
      const name = `${toolVersion("h2spec")} -S, deno task serve, ${transport}`;
      yield await runH2spec(name, Number(new URL(server.url).port), transport === "TLS");
    } finally {
      await server.stop();
      await Deno.remove(dataDir, { recursive: true });
    }
  }
}

if (import.meta.main) {
  await runJudge(judgeByH2spec);
}
