/** The clients of others, for our server. */
import assert from "node:assert/strict";
import { type JudgedServer, startJudgedServer } from "../../conformance/judged_server.ts";
import { installTool } from "../../conformance/tools.ts";
import type { Verdict } from "../../conformance/verdict.ts";
import { sha256 } from "../../support/bytes.ts";
import type { Certificate } from "../../support/certificate.ts";
import { runProgram, tryProgram } from "../../support/program.ts";
import { type Check, readResults, runChecks, verdictOf } from "../checks.ts";
import { pattern } from "./client_checks.ts";
import { goPeer, NODE_PEER } from "./servers.ts";

const LARGE = 10_000_000;

/** How many checks the programs of Go and Node make. */
const GO_CHECKS = 12;
const NODE_CHECKS = 12;

interface Place {
  readonly url: string;
  readonly certificate: Certificate | undefined;
  /** Of temporary files; in it is `large`. */
  readonly folder: string;
}

async function curlChecks({ url, certificate, folder }: Place): Promise<Check[]> {
  const curl = await installTool("curl");
  const common = ["-sS", "--fail", "--max-time", "20", "--output", `${folder}/out`];
  const transport = certificate === undefined
    ? ["--http2-prior-knowledge"]
    : ["--http2", "--cacert", certificate.certPath];
  const run = (...args: string[]) =>
    runProgram(curl, [...common, ...transport, "--write-out", "%{http_version} %{http_code}\n", ...args]);
  const large = `${folder}/large`;
  return [
    ["GET", async () => {
      assert.equal(await run(`${url}/`), "2 200\n");
      assert.equal(await Deno.readTextFile(`${folder}/out`), "Hello from Edgewire\n");
    }],
    ["HEAD", async () => {
      assert.equal(await run("--head", `${url}/bytes/12345`), "2 200\n");
      assert.match(await Deno.readTextFile(`${folder}/out`), /content-length: 12345/);
    }],
    ["POST of 10 MB with echo", async () => {
      assert.equal(await run("--data-binary", `@${large}`, `${url}/echo`), "2 200\n");
      assert.equal(sha256(await Deno.readFile(`${folder}/out`)), sha256(await Deno.readFile(large)));
    }],
    ["10 MB down", async () => {
      assert.equal(await run(`${url}/bytes/${LARGE}`), "2 200\n");
      assert.equal(sha256(await Deno.readFile(`${folder}/out`)), sha256(await Deno.readFile(large)));
    }],
    ["HTTP/1.1 and 1.0 at the same URL", async () => {
      const trust = certificate === undefined ? [] : ["--cacert", certificate.certPath];
      for (const version of ["1.1", "1.0"]) {
        // The version of the answer, which is 1.1 also for a client of 1.0 (RFC 9110 §2.5).
        const args = [...common, ...trust, `--http${version}`, "--write-out", "%{http_version} %{http_code}\n"];
        assert.equal(await runProgram(curl, [...args, `${url}/`]), "1.1 200\n");
        assert.equal(await Deno.readTextFile(`${folder}/out`), "Hello from Edgewire\n");
        assert.equal(await runProgram(curl, [...args, "--data-binary", `@${large}`, `${url}/echo`]), "1.1 200\n");
        assert.equal(sha256(await Deno.readFile(`${folder}/out`)), sha256(await Deno.readFile(large)));
      }
    }],
    ["50 at once", async () => {
      const args = ["--parallel", "--parallel-max", "50", "--parallel-immediate"];
      const urls = Array.from({ length: 50 }, () => ["--output", "/dev/null", `${url}/bytes/100000`]).flat();
      assert.equal(await run(...args, ...urls.slice(2)), "2 200\n".repeat(50));
    }],
    ["RST_STREAM from the server", async () => {
      const { code, stderr } = await tryProgram(curl, [...common, ...transport, `${url}/reset`]);
      assert.equal(code, 92, stderr); // CURLE_HTTP2_STREAM
      assert.match(stderr, /ENHANCE_YOUR_CALM/);
    }],
  ];
}

async function nghttpChecks({ url, folder }: Place): Promise<Check[]> {
  const nghttp = await installTool("nghttp");
  const run = (...args: string[]) => runProgram(nghttp, ["--timeout=20", ...args]);
  return [
    ["GET", async () => assert.equal(await run(`${url}/`), "Hello from Edgewire\n")],
    ["20 GETs", async () => {
      const statistics = await run("--null-out", "--stat", "--multiply=20", `${url}/bytes/100000`);
      assert.equal(statistics.match(/ 200\s+\S+ \/bytes\/100000/g)?.length, 20, statistics);
    }],
    ["POST of 10 MB with echo", async () => {
      const output = await new Deno.Command(nghttp, {
        args: ["--timeout=20", `--data=${folder}/large`, `${url}/echo`],
        signal: AbortSignal.timeout(25_000),
      }).output();
      assert.equal(sha256(output.stdout), sha256(pattern(LARGE)));
    }],
    ["padding and trailers", async () => {
      const output = await run(
        "--verbose",
        "--padding=100",
        "--trailer=x-request-trailer: sent",
        "--hexdump",
        `--data=${folder}/small`,
        `${url}/echo`,
      );
      assert.match(output, /x-request-trailer: sent/);
    }],
    ["small windows", async () => {
      const options = ["--window-bits=1", "--connection-window-bits=16", "--header-table-size=0"];
      assert.equal(await run(...options, `${url}/`), "Hello from Edgewire\n");
    }],
  ];
}

async function h2loadChecks({ url }: Place): Promise<Check[]> {
  const h2load = await installTool("h2load");
  const check = (what: string, ...args: string[]): Check => [what, async () => {
    const output = await runProgram(h2load, ["-n", "10000", "-c", "8", "-m", "32", ...args]);
    assert.match(output, /^requests: 10000 total, 10000 started, 10000 done, 10000 succeeded, 0 failed/m);
    assert.match(output, /^status codes: 10000 2xx, 0 3xx, 0 4xx, 0 5xx/m);
  }];
  return [
    check("10,000 GETs", `${url}/`),
    check("10,000 GETs of 10 kB, small windows", "-w", "14", `${url}/bytes/10000`),
  ];
}

async function checkByProgram(
  judge: string,
  [command, ...args]: readonly [string, ...string[]],
  count: number,
  server: JudgedServer,
): Promise<Verdict> {
  const { stdout } = await tryProgram(command, args, { timeoutMs: 90_000 });
  const results = readResults(stdout, count);
  // The last check asks it to end.
  const { code, stderr } = await server.stop();
  results.push({
    check: "our server ended well",
    ...code === 0 && stderr === "" ? {} : { error: `${code}: ${stderr}` },
  });
  return verdictOf(judge, results);
}

/** The clients of others with our server. */
export async function* checkClients(certificate: Certificate): AsyncGenerator<Verdict> {
  const folder = await Deno.makeTempDir({ prefix: "edgewire-interop-" });
  try {
    await Deno.writeFile(`${folder}/large`, pattern(LARGE));
    await Deno.writeFile(`${folder}/small`, pattern(5));
    for (const each of [undefined, certificate]) {
      const transport = each === undefined ? "h2c" : "TLS";
      const scheme = each === undefined ? "http" : "https";
      for (
        const [name, checksOf] of [["curl", curlChecks], ["nghttp", nghttpChecks], ["h2load", h2loadChecks]] as const
      ) {
        await using server = await startJudgedServer(each);
        const place = { url: `${scheme}://localhost:${server.port}`, certificate: each, folder };
        const checks = await checksOf(place);
        const verdict = await runChecks(`${name} and our server, ${transport}`, [...checks, [
          "our server ended well",
          async () => {
            const { code, stderr } = await server.stop();
            assert.deepEqual([code, stderr], [0, ""]);
          },
        ]]);
        yield verdict;
      }
      const certificatePath = each === undefined ? [] : [each.certPath];
      for (
        const [name, program, count] of [
          ["Go net/http client", [await goPeer()], GO_CHECKS],
          ["Node http2 client", [await installTool("node"), NODE_PEER], NODE_CHECKS],
        ] as const
      ) {
        await using server = await startJudgedServer(each);
        const command = [...program, "client", `${scheme}://localhost:${server.port}`, ...certificatePath] as const;
        yield await checkByProgram(`${name} and our server, ${transport}`, command, count, server);
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
