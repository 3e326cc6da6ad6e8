/** gRPC's compressed cases with gRPC's C core, by Python's grpcio: our client and its server, its client and our server. */
import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import type { Verdict } from "../../conformance/verdict.ts";
import { installTool } from "../../conformance/tools.ts";
import { runProgram, startProgram } from "../../support/program.ts";
import { type Check, runChecks } from "../checks.ts";
import { assertFails, LARGE_REQUEST_SIZE, LARGE_RESPONSE_SIZE } from "./client_cases.ts";
import { connectOurClient } from "./our_client.ts";
import { startOurServer } from "./our_server.ts";
import type { TestClient } from "./test_client.ts";
import { payloadSize, type TestSchema, zeros } from "./test_schema.ts";
import { WatchedCompression } from "./watched_compression.ts";

const PEER = new URL("python/compressed_peer.py", import.meta.url).pathname;

const CASES = [
  "client_compressed_unary",
  "server_compressed_unary",
  "client_compressed_streaming",
  "server_compressed_streaming",
] as const;

/** See the top of the file. */
export async function* judgeCompressed(schema: TestSchema, descriptorsPath: string): AsyncGenerator<Verdict> {
  const python = await installTool("grpcio");
  {
    await using server = await startOurServer(schema, undefined);
    const checks = CASES.map((name): Check => [name, async () => {
      await runProgram(python, [PEER, descriptorsPath, `${server.port}`, name]);
    }]);
    yield await runChecks("grpcio's client and our server, compressed, h2c", [...checks, server.endsWell]);
  }
  await using server = await startProgram(python, [PEER, descriptorsPath], /listening on (\d+)\n/);
  const compression = new WatchedCompression();
  await using client = connectOurClient(Number(server.ready[1]), schema, undefined, {
    acceptCompressions: [compression],
    sendCompression: compression,
    compressMinBytes: 0,
  });
  const cases = clientCases(client, compression);
  const checks = CASES.map((name): Check => [name, cases[name]]);
  yield await runChecks("our client and grpcio's server, compressed, h2c", checks);
}

/** The cases for our client. */
function clientCases(
  client: TestClient,
  compression: WatchedCompression,
): Readonly<Record<typeof CASES[number], () => Promise<void>>> {
  const requestUnary = async (isCompressed: boolean, isExpected: boolean) => {
    compression.isOn = isCompressed;
    const { message } = await client.unary("UnaryCall", {
      expectCompressed: { value: isExpected },
      responseSize: LARGE_RESPONSE_SIZE,
      payload: zeros(LARGE_REQUEST_SIZE),
    });
    assert.equal(payloadSize(message), LARGE_RESPONSE_SIZE);
  };
  const requestAll = async (requests: readonly { isCompressed: boolean; isExpected: boolean; size: number }[]) => {
    const messages = function* () {
      for (const { isCompressed, isExpected, size } of requests) {
        compression.isOn = isCompressed;
        yield { expectCompressed: { value: isExpected }, payload: zeros(size) };
      }
    };
    const { answers } = await client.stream("StreamingInputCall", messages());
    return (await Array.fromAsync(answers)).map(({ message }) => message);
  };
  return {
    client_compressed_unary: async () => {
      await assertFails(requestUnary(false, true), Code.InvalidArgument);
      await requestUnary(true, true);
      await requestUnary(false, false);
    },
    server_compressed_unary: async () => {
      for (const isWanted of [true, false]) {
        const { message, length } = await client.unary("UnaryCall", {
          responseCompressed: { value: isWanted },
          responseSize: LARGE_RESPONSE_SIZE,
          payload: zeros(LARGE_REQUEST_SIZE),
        });
        assert.equal(compression.take(length), isWanted);
        assert.equal(payloadSize(message), LARGE_RESPONSE_SIZE);
      }
    },
    client_compressed_streaming: async () => {
      await assertFails(requestAll([{ isCompressed: false, isExpected: true, size: 27_182 }]), Code.InvalidArgument);
      const answers = await requestAll([
        { isCompressed: true, isExpected: true, size: 27_182 },
        { isCompressed: false, isExpected: false, size: 45_904 },
      ]);
      assert.deepEqual(answers, [{ aggregatedPayloadSize: 73_086 }]);
    },
    server_compressed_streaming: async () => {
      const wanted = [{ isCompressed: true, size: 31_415 }, { isCompressed: false, size: 92_653 }];
      const responseParameters = wanted.map(({ isCompressed, size }) => ({
        compressed: { value: isCompressed },
        size,
      }));
      const { answers } = await client.stream("StreamingOutputCall", [{ responseParameters }]);
      const came = (await Array.fromAsync(answers)).map(({ message, length }) => (
        { isCompressed: compression.take(length), size: payloadSize(message) }
      ));
      assert.deepEqual(came, wanted);
    },
  };
}
