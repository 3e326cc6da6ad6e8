/** The cases of gRPC's interop tests for our client, as https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md has them. */
import assert from "node:assert/strict";
import { fromBinary, type JsonObject } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Check } from "../checks.ts";
import { Turns } from "../rpc/turns.ts";
import type { TestClient } from "./test_client.ts";
import {
  ORCA_SERVICE,
  payloadSize,
  REPORT_TRAILER,
  type TestSchema,
  toJsonObject,
  toReport,
  UNIMPLEMENTED_SERVICE,
  zeros,
} from "./test_schema.ts";

export const LARGE_REQUEST_SIZE = 271_828;
export const LARGE_RESPONSE_SIZE = 314_159;

const REQUEST_SIZES = [27_182, 8, 1828, 45_904];
const RESPONSE_SIZES = [31_415, 9, 2653, 58_979];

const STATUS_MESSAGE = "test status message";
const SPECIAL_STATUS_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";

const METADATA = { "x-grpc-test-echo-initial": "test_initial_metadata_value", "x-grpc-test-echo-trailing-bin": "q6ur" };

/** As often as a soak is repeated. */
const SOAK_ITERATIONS = 20;

/** As long as an iteration of a soak may take, in milliseconds. */
const SOAK_LATENCY_MS = 1000;

/** How often a report is asked for that may need a while. */
const REPORT_INTERVAL = "1s";

/** A client on a connection of its own. */
export type ConnectTestClient = () => TestClient & AsyncDisposable;

/** All cases; the last ones are for servers that speak ORCA. */
export function clientCases(client: TestClient, connect: ConnectTestClient, schema: TestSchema): Check[] {
  const cases = {
    ...messageCases(client),
    ...endCases(client),
    ...soaks(client, connect),
    ...orcaCases(client, schema),
  };
  return Object.entries(cases);
}

type Cases = Readonly<Record<string, () => Promise<void>>>;

/** The large unary call, which other cases make as well. */
export async function callLargeUnary(client: TestClient): Promise<void> {
  const request = { responseSize: LARGE_RESPONSE_SIZE, payload: zeros(LARGE_REQUEST_SIZE) };
  const { message } = await client.unary("UnaryCall", request);
  assert.equal(payloadSize(message), LARGE_RESPONSE_SIZE);
}

function messageCases(client: TestClient): Cases {
  return {
    empty_unary: async () => assert.deepEqual((await client.unary("EmptyCall", {})).message, {}),
    large_unary: () => callLargeUnary(client),
    client_streaming: async () => {
      const requests = REQUEST_SIZES.map((size) => ({ payload: zeros(size) }));
      const { answers } = await client.stream("StreamingInputCall", requests);
      const messages = (await Array.fromAsync(answers)).map(({ message }) => message);
      assert.deepEqual(messages, [{ aggregatedPayloadSize: REQUEST_SIZES.reduce((sum, size) => sum + size) }]);
    },
    server_streaming: async () => {
      const request = { responseParameters: RESPONSE_SIZES.map((size) => ({ size })) };
      const { answers } = await client.stream("StreamingOutputCall", [request]);
      const sizes = (await Array.fromAsync(answers)).map(({ message }) => payloadSize(message));
      assert.deepEqual(sizes, RESPONSE_SIZES);
    },
    ping_pong: async () => {
      const turns = new Turns();
      const requests = async function* () {
        for (const [index, size] of REQUEST_SIZES.entries()) {
          await turns.reach(index);
          yield { responseParameters: [{ size: RESPONSE_SIZES[index] ?? 0 }], payload: zeros(size) };
        }
      };
      const { answers } = await client.stream("FullDuplexCall", requests());
      const sizes = [];
      for await (const { message } of answers) {
        sizes.push(payloadSize(message));
        turns.next();
      }
      assert.deepEqual(sizes, RESPONSE_SIZES);
    },
    empty_stream: async () => {
      const { answers } = await client.stream("FullDuplexCall", []);
      assert.deepEqual(await Array.fromAsync(answers), []);
    },
    custom_metadata: async () => {
      const unary = await client.unary("UnaryCall", { responseSize: 1, payload: zeros(1) }, { metadata: METADATA });
      assertMetadata(unary);
      const request = { responseParameters: [{ size: 1 }], payload: zeros(1) };
      const stream = await client.stream("FullDuplexCall", [request], { metadata: METADATA });
      assert.equal((await Array.fromAsync(stream.answers)).length, 1);
      assertMetadata(stream);
    },
  };
}

function endCases(client: TestClient): Cases {
  return {
    timeout_on_sleeping_server: async () => {
      const call = async () => {
        const requests = waitAfter({ payload: zeros(27_182) });
        await Array.fromAsync((await client.stream("FullDuplexCall", requests, { timeoutMs: 1 })).answers);
      };
      await assertFails(call(), Code.DeadlineExceeded);
    },
    cancel_after_begin: async () => {
      const abort = new AbortController();
      const begun = Promise.withResolvers<void>();
      const requests = async function* () {
        begun.resolve();
        yield* waitAfter();
      };
      const call = async () => {
        const { answers } = await client.stream("StreamingInputCall", requests(), { signal: abort.signal });
        await Array.fromAsync(answers);
      };
      const calling = call();
      await begun.promise;
      abort.abort();
      await assertFails(calling, Code.Canceled);
    },
    cancel_after_first_response: async () => {
      const abort = new AbortController();
      const requests = waitAfter({ responseParameters: [{ size: 31_415 }], payload: zeros(27_182) });
      const { answers } = await client.stream("FullDuplexCall", requests, { signal: abort.signal });
      const { value } = await answers.next();
      assert.equal(payloadSize(value?.message ?? {}), 31_415);
      abort.abort();
      await assertFails(answers.next(), Code.Canceled);
    },
    status_code_and_message: async () => {
      const request = { responseStatus: { code: Code.Unknown, message: STATUS_MESSAGE } };
      await assertFails(client.unary("UnaryCall", request), Code.Unknown, STATUS_MESSAGE);
      const call = async () => await Array.fromAsync((await client.stream("FullDuplexCall", [request])).answers);
      await assertFails(call(), Code.Unknown, STATUS_MESSAGE);
    },
    special_status_message: async () => {
      const request = { responseStatus: { code: Code.Unknown, message: SPECIAL_STATUS_MESSAGE } };
      await assertFails(client.unary("UnaryCall", request), Code.Unknown, SPECIAL_STATUS_MESSAGE);
    },
    unimplemented_method: () => assertFails(client.unary("UnimplementedCall", {}), Code.Unimplemented),
    unimplemented_service: () =>
      assertFails(client.unary(`${UNIMPLEMENTED_SERVICE}/UnimplementedCall`, {}), Code.Unimplemented),
  };
}

function soaks(client: TestClient, connect: ConnectTestClient): Cases {
  const soak = async (iterate: () => Promise<void>) => {
    for (let iteration = 0; iteration < SOAK_ITERATIONS; iteration++) {
      const startMs = performance.now();
      await iterate();
      const latencyMs = performance.now() - startMs;
      assert.ok(latencyMs <= SOAK_LATENCY_MS, `iteration ${iteration} took ${Math.round(latencyMs)} ms`);
    }
  };
  return {
    rpc_soak: () => soak(() => callLargeUnary(client)),
    channel_soak: () =>
      soak(async () => {
        await using ownClient = connect();
        await callLargeUnary(ownClient);
      }),
  };
}

const FIRST_REPORT = { cpuUtilization: 0.821, memoryUtilization: 0.5847, utilization: { util: 0.30499 } };
const SECOND_REPORT = { cpuUtilization: 0.29309, memoryUtilization: 0.2, utilization: { util: 0.2039 } };

function orcaCases(client: TestClient, schema: TestSchema): Cases {
  const wanted = (report: JsonObject) => toJsonObject(schema.report, toReport(schema, report));
  return {
    orca_per_rpc: async () => {
      const report = { ...FIRST_REPORT, requestCost: { cost: 3456.32 } };
      const { trailers } = await client.unary("UnaryCall", { orcaPerQueryReport: report });
      const octets = Uint8Array.fromBase64(trailers.get(REPORT_TRAILER) ?? "");
      assert.deepEqual(toJsonObject(schema.report, fromBinary(schema.report, octets)), wanted(report));
    },
    orca_oob: async () => {
      const abort = new AbortController();
      const turns = new Turns();
      const requests = async function* () {
        for (const [index, orcaOobReport] of [FIRST_REPORT, SECOND_REPORT].entries()) {
          await turns.reach(index);
          yield { orcaOobReport, responseParameters: [{ size: 1 }] };
        }
      };
      const call = await client.stream("FullDuplexCall", requests());
      const path = `${ORCA_SERVICE}/StreamCoreMetrics`;
      const options = { signal: abort.signal };
      for (const report of [FIRST_REPORT, SECOND_REPORT]) {
        assert.equal((await call.answers.next()).done, false);
        const reports = await client.stream(path, [{ reportInterval: REPORT_INTERVAL }], options);
        for await (const { message } of reports.answers) {
          if (JSON.stringify(message) === JSON.stringify(wanted(report))) {
            break; // Until the check is out of time.
          }
        }
        turns.next();
      }
      abort.abort();
      assert.equal((await call.answers.next()).done, true);
    },
  };
}

/** Sends a message, if there is one, and then nothing for longer than any check takes. */
async function* waitAfter(...requests: JsonObject[]): AsyncGenerator<JsonObject> {
  yield* requests;
  await new Promise(() => {});
}

function assertMetadata({ headers, trailers }: { readonly headers: Headers; readonly trailers: Headers }): void {
  assert.equal(headers.get("x-grpc-test-echo-initial"), METADATA["x-grpc-test-echo-initial"]);
  assert.equal(trailers.get("x-grpc-test-echo-trailing-bin"), METADATA["x-grpc-test-echo-trailing-bin"]);
}

/** A call has to fail like that. */
export async function assertFails(call: Promise<unknown>, code: Code, message?: string | RegExp): Promise<void> {
  const error = await call.then(() => undefined, ConnectError.from);
  assert.equal(error?.code, code, `${error}`);
  if (message instanceof RegExp) {
    assert.match(error.rawMessage, message);
  } else {
    assert.equal(message ?? error.rawMessage, error.rawMessage);
  }
}
