/** grpc-go's own interop programs: its client with our server, our client with its server. */
import type { Verdict } from "../../conformance/verdict.ts";
import { installTool } from "../../conformance/tools.ts";
import type { Certificate } from "../../support/certificate.ts";
import { runProgram, startProgram } from "../../support/program.ts";
import { type Check, runChecks } from "../checks.ts";
import { clientCases } from "./client_cases.ts";
import { connectOurClient } from "./our_client.ts";
import { startOurServer } from "./our_server.ts";
import type { TestSchema } from "./test_schema.ts";

/** Of grpc-go's client; each is a process of its own. */
const CASES = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
];

/** With a balancer that hears what the server reports. */
const ORCA_CASES = ["orca_per_rpc", "orca_oob"];

const ORCA_ARGS = ['--service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}'];

const SOAK_CASES = ["rpc_soak", "channel_soak"];
const SOAK_ARGS = ["--soak_iterations=20", "--soak_overall_timeout_seconds=20"];

/** How long a case may take, in milliseconds. */
const CASE_TIMEOUT_MS = 25_000;

/** Its client, our server. */
export async function judgeGrpcGoClient(schema: TestSchema, tls: Certificate | undefined): Promise<Verdict> {
  const client = await installTool("grpc-go-client");
  await using server = await startOurServer(schema, tls);
  const common = [
    // By a name it would ask the name server for SRV and TXT records first, on each channel, and a question that is lost costs 5 s: of a soak that
    // allows 1 s for a call.
    "--server_host=127.0.0.1",
    `--server_port=${server.port}`,
    ...tls === undefined ? [] : ["--use_tls", "--use_test_ca", `--ca_file=${tls.certPath}`],
  ];
  const checks = (cases: readonly string[], args: readonly string[]) =>
    cases.map((name): Check => [name, async () => {
      await runProgram(client, [...common, `--test_case=${name}`, ...args], { timeoutMs: CASE_TIMEOUT_MS });
    }]);
  return await runChecks(`grpc-go's interop client and our server, ${channelName(tls)}`, [
    ...checks(CASES, []),
    ...checks(SOAK_CASES, SOAK_ARGS),
    ...checks(ORCA_CASES, ORCA_ARGS),
    server.endsWell,
  ]);
}

/** Our client, its server. */
export async function judgeGrpcGoServer(schema: TestSchema, tls: Certificate | undefined): Promise<Verdict> {
  const args = [
    "--port=0",
    ...tls === undefined ? [] : ["--use_tls", `--tls_cert_file=${tls.certPath}`, `--tls_key_file=${tls.keyPath}`],
  ];
  const options = { env: { GRPC_GO_LOG_SEVERITY_LEVEL: "info" } };
  const ready = /interop server listening on \S+:(\d+)\n/;
  await using server = await startProgram(await installTool("grpc-go-server"), args, ready, options);
  const connect = () => connectOurClient(Number(server.ready[1]), schema, tls);
  await using client = connect();
  return await runChecks(
    `our client and grpc-go's interop server, ${channelName(tls)}`,
    clientCases(client, connect, schema),
  );
}

/** As in the table. */
export function channelName(tls: Certificate | undefined): string {
  return tls === undefined ? "h2c" : "h2";
}
