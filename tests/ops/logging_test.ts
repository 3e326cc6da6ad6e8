import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import assert from "node:assert/strict";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { logCalls } from "../../src/ops/mod.ts";
import { each } from "../support/bytes.ts";

/** Makes calls whose handler fails with `error`, and gives what was logged. */
async function logged(error?: Error): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { records: (record) => void records.push(record) },
    loggers: [
      { category: ["edgewire"], sinks: ["records"], lowestLevel: "debug" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "error" },
    ],
  });
  const fail = () => {
    if (error !== undefined) {
      throw error;
    }
    return { message: "" };
  };
  const greeter = createClient(
    Greeter,
    createRouterTransport((router) =>
      router.service(Greeter, {
        sayHello: fail,
        async *converse() {
          yield { message: "first" };
          await Promise.resolve();
          yield fail();
        },
      }), { router: { interceptors: [logCalls] } }),
  );
  try {
    await greeter.sayHello({}).catch(() => {});
    await Array.fromAsync(greeter.converse(each([]))).catch(() => {});
  } finally {
    await reset();
  }
  return records;
}

const procedures = ["edgewire.v1.Greeter/SayHello", "edgewire.v1.Greeter/Converse"];

Deno.test("logCalls logs each call once, when it has ended, with its code", async () => {
  for (const [error, code] of [[undefined, "ok"], [new ConnectError("no", Code.NotFound), "not_found"]] as const) {
    const records = await logged(error);
    assert.deepEqual(records.map(({ level }) => level), ["debug", "debug"]);
    assert.deepEqual(records.map(({ properties }) => properties["procedure"]), procedures);
    assert.deepEqual(records.map(({ properties }) => properties["code"]), [code, code]);
    assert(records.every(({ properties }) => Number.isInteger(properties["durationMs"])));
  }
});

Deno.test("logCalls logs as an error what the caller is not told", async () => {
  const error = new Error("secret");
  const records = await logged(error);
  assert.deepEqual(records.map(({ level }) => level), ["debug", "error", "debug", "error"]);
  assert.deepEqual(records.map(({ properties }) => properties["code"] ?? properties["error"]), [
    "internal",
    error,
    "internal",
    error,
  ]);
});
