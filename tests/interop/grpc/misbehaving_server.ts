/**
 * Our client with servers that misbehave on HTTP/2. The first six cases are those of
 * https://github.com/grpc/grpc/blob/master/doc/negative-http2-interop-test-descriptions.md
 */
import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import type { Verdict } from "../../conformance/verdict.ts";
import { installTool } from "../../conformance/tools.ts";
import { startProgram } from "../../support/program.ts";
import { type Check, runChecks } from "../checks.ts";
import { assertFails, callLargeUnary } from "./client_cases.ts";
import { connectOurClient } from "./our_client.ts";
import type { TestClient } from "./test_client.ts";
import type { TestSchema } from "./test_schema.ts";

const SERVER = new URL("python/misbehaving_server.py", import.meta.url).pathname;

/** Many more than the one that a server takes at a time. */
const CALLS_AT_ONCE = 15;

/** As peers say it that misuse NO_ERROR: the answer is not complete. */
const RESET = /^the call was reset: Stream \d+: Reset by the peer \(NO_ERROR, peer\)$/;

/** What the server saw. */
interface Report {
  /** How many there were on each connection. */
  readonly streams: readonly number[];
  readonly pings: number;
  readonly acks: number;
  /** What the client did that is not allowed. */
  readonly errors: readonly string[];
}

interface Case {
  readonly use: (client: TestClient) => Promise<void>;
  readonly see: (report: Report) => void;
}

/** The first call fails, the next one does not. */
function firstFails(code: Code, message: RegExp): (client: TestClient) => Promise<void> {
  return async (client) => {
    await assertFails(callLargeUnary(client), code, message);
    await callLargeUnary(client);
  };
}

const onOneConnection = ({ streams }: Report) => assert.deepEqual(streams, [2]);
const onTwoConnections = ({ streams }: Report) => assert.deepEqual(streams, [1, 1]);

const CASES: Readonly<Record<string, Case>> = {
  goaway: {
    use: async (client) => {
      await callLargeUnary(client);
      await callLargeUnary(client);
    },
    see: onTwoConnections,
  },
  rst_after_header: { use: firstFails(Code.Internal, RESET), see: onOneConnection },
  rst_during_data: { use: firstFails(Code.Internal, RESET), see: onOneConnection },
  rst_after_data: { use: firstFails(Code.Internal, RESET), see: onOneConnection },
  ping: {
    use: callLargeUnary,
    see: ({ pings, acks }) => assert.deepEqual({ pings, acks }, { pings: 5, acks: 5 }),
  },
  max_streams: {
    use: async (client) => {
      await callLargeUnary(client);
      await Promise.all(Array.from({ length: CALLS_AT_ONCE }, () => callLargeUnary(client)));
    },
    see: ({ streams }) => assert.equal(streams.reduce((sum, count) => sum + count), 1 + CALLS_AT_ONCE),
  },
  closed_during_data: {
    use: firstFails(Code.Unavailable, /^lost the connection to .*: The peer closed the connection /),
    see: onTwoConnections,
  },
  damaged_block: {
    use: firstFails(
      Code.Unavailable,
      /^lost the connection to .*: nothing is at index 0 \(COMPRESSION_ERROR, local\)$/,
    ),
    see: onTwoConnections,
  },
};

/** See the top of the file. */
export async function judgeMisbehavingServer(schema: TestSchema): Promise<Verdict> {
  const python = await installTool("python-h2");
  const checks = Object.entries(CASES).map(([name, { use, see }]): Check => [name, async () => {
    await using server = await startProgram(python, [SERVER, name], /listening on (\d+)\n/);
    {
      await using client = connectOurClient(Number(server.ready[1]), schema, undefined);
      await use(client);
    }
    const { stdout, stderr } = await server.stop();
    assert.equal(stderr, "");
    const report: Report = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
    assert.deepEqual(report.errors, []);
    see(report);
  }]);
  return await runChecks("our client and servers that misbehave, h2c", checks);
}
