/**
 * h2specd against our client: every case, strict ones too, by h2c and by TLS. It starts `http2_client.ts` for each case.
 *
 * `deno run --allow-all tests/conformance/h2specd.ts`
 */
import { type Certificate, makeCertificate } from "../support/certificate.ts";
import { tryProgram } from "../support/program.ts";
import { installTool, toolVersion } from "./tools.ts";
import { runJudge, type Verdict } from "./verdict.ts";

/** How many cases version 2.2.1 has. */
const CASES = 57;

/** The first of {@linkcode CASES} ports in a row; below those that the system gives to others. */
const FIRST_PORT = { h2c: 30_000, TLS: 30_100 } as const;

const ROOT = new URL("../..", import.meta.url);

async function runOnce(transport: keyof typeof FIRST_PORT, certificate: Certificate): Promise<Verdict> {
  // It splits the command at spaces, so paths are taken from the root of the repository.
  const client = "deno run --quiet --allow-net --allow-read tests/conformance/http2_client.ts";
  const args = ["-f", `${FIRST_PORT[transport]}`, "-S", "-o", "2"];
  if (transport === "TLS") {
    args.push("-t", "-c", certificate.certPath, "-k", certificate.keyPath, "-e", `${client} ${certificate.certPath}`);
  } else {
    args.push("-e", client);
  }
  const folder = await Deno.makeTempDir({ prefix: "edgewire-h2specd-" });
  try {
    // `deno` is this very Deno, also where it was started by npx.
    await Deno.symlink(Deno.execPath(), `${folder}/deno`);
    const path = `${folder}:${Deno.env.get("PATH") ?? ""}`;
    const options = { cwd: ROOT, env: { PATH: path }, timeoutMs: 240_000 };
    const { stdout, stderr } = await tryProgram(await installTool("h2specd"), args, options);
    return readReport(`${toolVersion("h2specd")} -S, ${transport}`, `${stdout}\n${stderr}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Its exit code says nothing about failures, so its last line has to. */
function readReport(judge: string, output: string): Verdict {
  const summary = /^(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed$/m.exec(output);
  const lines = output.split("\n").filter((line) => !line.includes("use of closed network connection"));
  if (summary === null) {
    return { judge, passed: 0, total: CASES, notes: ["It ended early:", ...lines.slice(-10)] };
  }
  const [total, passed] = [Number(summary[1]), Number(summary[2])];
  const isGood = total === CASES && passed === CASES;
  const failures = lines.slice(lines.findIndex((line) => line.startsWith("Failures")), -2);
  return { judge, passed, total: Math.max(total, CASES), notes: isGood ? [] : failures };
}

/** Judges our client. Most of the time is waiting for the ends of connections, so both transports have their turn at once. */
export async function* judgeByH2specd(): AsyncGenerator<Verdict> {
  await installTool("h2specd");
  await using certificate = await makeCertificate();
  const runs = [runOnce("h2c", certificate), runOnce("TLS", certificate)];
  await Promise.allSettled(runs);
  for (const run of runs) {
    yield await run;
  }
}

if (import.meta.main) {
  await runJudge(judgeByH2specd);
}
