/** gRPC's test service on our router, with compression that is checked and the reports of ORCA. */
import { setTimeout as sleep } from "node:timers/promises";
import { type DescService, fromJson, type JsonObject, type Message, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import {
  isObject,
  ORCA_SERVICE,
  payloadSize,
  REPORT_TRAILER,
  TEST_SERVICE,
  type TestSchema,
  toJsonObject,
  toReport,
  zeros,
} from "./test_schema.ts";
import type { WatchedCompression } from "./watched_compression.ts";

const ECHOED_HEADER = "x-grpc-test-echo-initial";
const ECHOED_TRAILER = "x-grpc-test-echo-trailing-bin";

/** As often as ORCA's reports come at most, in milliseconds. */
const MIN_REPORT_INTERVAL_MS = 100;

/** @param compression What messages of the server go through. One call at a time can be told what was compressed. */
export function createTestRoutes(
  schema: TestSchema,
  compression: WatchedCompression,
): (router: ConnectRouter) => void {
  let serverReport: JsonObject = {};

  /** Fails as the request says, or if it did not come as it says. */
  const check = (request: JsonObject, message: Message, context: HandlerContext) => {
    const { responseStatus, expectCompressed } = request;
    if (isObject(expectCompressed)) {
      const isExpected = expectCompressed["value"] ?? false;
      const isCompressed = compression.take(toBinary(context.method.input, message).length);
      if (isCompressed !== isExpected) {
        const text = `expect_compressed: ${isExpected}, but the message was ${isCompressed ? "" : "not "}compressed`;
        throw new ConnectError(text, Code.InvalidArgument);
      }
    }
    if (isObject(responseStatus) && responseStatus["code"] !== undefined) {
      throw new ConnectError(String(responseStatus["message"] ?? ""), Number(responseStatus["code"]));
    }
  };

  const respondUnary = (message: Message, context: HandlerContext): Message => {
    const { input, output } = context.method;
    const request = toJsonObject(input, message);
    echoMetadata(context);
    check(request, message, context);
    const { responseSize = 0, responseCompressed, orcaPerQueryReport } = request;
    if (isObject(orcaPerQueryReport)) {
      const report = toBinary(schema.report, toReport(schema, orcaPerQueryReport));
      context.responseTrailer.set(REPORT_TRAILER, report.toBase64({ omitPadding: true }));
    }
    compression.isOn = isTrue(responseCompressed);
    return fromJson(output, { payload: zeros(Number(responseSize)) });
  };

  async function* respond(request: JsonObject, { method, signal }: HandlerContext): AsyncGenerator<Message> {
    const { responseParameters = [] } = request;
    for (const parameters of Array.isArray(responseParameters) ? responseParameters : []) {
      const { size = 0, intervalUs = 0, compressed } = isObject(parameters) ? parameters : {};
      if (Number(intervalUs) > 0) {
        await sleep(Number(intervalUs) / 1000, undefined, { signal });
      }
      compression.isOn = isTrue(compressed);
      yield fromJson(method.output, { payload: zeros(Number(size)) });
    }
  }

  async function* report(message: Message, { method, signal }: HandlerContext): AsyncGenerator<Message> {
    const { reportInterval = "0s" } = toJsonObject(method.input, message);
    const intervalMs = Math.max(1000 * parseFloat(String(reportInterval)), MIN_REPORT_INTERVAL_MS);
    while (true) {
      yield toReport(schema, serverReport);
      await sleep(intervalMs, undefined, { signal });
    }
  }

  return (router) => {
    register(router, schema.service(TEST_SERVICE), {
      emptyCall: (_request: Message, { method }: HandlerContext) => fromJson(method.output, {}),
      unaryCall: respondUnary,
      streamingOutputCall: (message: Message, context: HandlerContext) =>
        respond(toJsonObject(context.method.input, message), context),
      streamingInputCall: async (messages: AsyncIterable<Message>, context: HandlerContext) => {
        const { input, output } = context.method;
        let aggregatedPayloadSize = 0;
        for await (const message of messages) {
          const request = toJsonObject(input, message);
          check(request, message, context);
          aggregatedPayloadSize += payloadSize(request);
        }
        return fromJson(output, { aggregatedPayloadSize });
      },
      fullDuplexCall: async function* (messages: AsyncIterable<Message>, context: HandlerContext) {
        echoMetadata(context);
        for await (const message of messages) {
          const request = toJsonObject(context.method.input, message);
          check(request, message, context);
          const { orcaOobReport } = request;
          serverReport = isObject(orcaOobReport) ? orcaOobReport : serverReport;
          yield* respond(request, context);
        }
      },
    });
    register(router, schema.service(ORCA_SERVICE), { streamCoreMetrics: report });
  };
}

/** To the types of the library, a service that is known at run time only has no methods. */
function register(router: ConnectRouter, service: DescService, methods: Record<string, unknown>): void {
  router.service(service, methods as Partial<ServiceImpl<DescService>>);
}

function isTrue(value: unknown): boolean {
  return isObject(value) && value["value"] === true;
}

function echoMetadata({ requestHeader, responseHeader, responseTrailer }: HandlerContext): void {
  for (const [from, to] of [[ECHOED_HEADER, responseHeader], [ECHOED_TRAILER, responseTrailer]] as const) {
    const value = requestHeader.get(from);
    if (value !== null) {
      to.set(from, value);
    }
  }
}
