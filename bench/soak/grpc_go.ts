/**
 * grpc-go's own soaks with our server: rpc_soak, all calls on one channel, and channel_soak, a channel for each. By hand, on Linux.
 *
 * `deno run --allow-all bench/soak/grpc_go.ts [--iterations 100000] [--request-size 271828] [--response-size 314159] [--max-latency 1000]`
 *
 * The sizes and the longest time that a call may take, in milliseconds, are grpc-go's own. It closes the channels of channel_soak all at the end,
 * so that one is made in parts, each a process. It is told an address: for a name it would ask for a service config by DNS, for each channel anew.
 */
import { parseArgs } from "node:util";
import { installTool } from "../../tests/conformance/tools.ts";
import { tryProgram } from "../../tests/support/program.ts";
import { buildDescriptors } from "../../tests/interop/descriptors.ts";
import { startOurServer } from "../../tests/interop/grpc/our_server.ts";
import { readTestSchema, TEST_PROTOS } from "../../tests/interop/grpc/test_schema.ts";
import { sampleProcess } from "./sample.ts";

/** Channels that are open at a time, at most. */
const CHANNELS_OF_PART = 2000;

const TIMEOUT_SECONDS = 3600;

const { values } = parseArgs({
  options: {
    iterations: { type: "string", default: "100000" },
    "request-size": { type: "string", default: "271828" },
    "response-size": { type: "string", default: "314159" },
    "max-latency": { type: "string", default: "1000" },
  },
});
const iterations = Number(values.iterations);

const client = await installTool("grpc-go-client");
await using descriptors = await buildDescriptors(TEST_PROTOS);
await using server = await startOurServer(readTestSchema(await Deno.readFile(descriptors.path)), undefined);

/** @returns Failures. @throws {Error} The client did not come to its end. */
async function soak(testCase: string, count: number): Promise<number> {
  const args = [
    "--server_host=127.0.0.1",
    `--server_port=${server.port}`,
    `--test_case=${testCase}`,
    `--soak_iterations=${count}`,
    `--soak_max_failures=${count}`, // They are counted here.
    `--soak_request_size=${values["request-size"]}`,
    `--soak_response_size=${values["response-size"]}`,
    `--soak_per_iteration_max_acceptable_latency_ms=${values["max-latency"]}`,
    `--soak_overall_timeout_seconds=${TIMEOUT_SECONDS}`,
  ];
  const { code, stderr } = await tryProgram(client, args, { timeoutMs: (TIMEOUT_SECONDS + 60) * 1000 });
  const [, successes, , failures, latencies] =
    /soak test successes: (\d+) \/ (\d+) iterations. Total failures: (\d+)\. (.*)/.exec(stderr) ?? [];
  if (code !== 0 || Number(successes) + Number(failures) !== count) {
    throw new Error(`${testCase} ended with ${code}: ${stderr.slice(-4000)}`);
  }
  const { rss, fds, threads } = sampleProcess(Deno.pid);
  console.log(
    `${testCase}: ${successes} of ${count}, ${latencies}; ${rss.toFixed(1)} MiB RSS, ${fds} fds, ${threads} threads`,
  );
  return Number(failures);
}

let failures = await soak("rpc_soak", iterations);
for (let done = 0; done < iterations; done += CHANNELS_OF_PART) {
  failures += await soak("channel_soak", Math.min(CHANNELS_OF_PART, iterations - done));
}
console.log(`${failures} failures`);
Deno.exit(failures === 0 ? 0 : 1);
