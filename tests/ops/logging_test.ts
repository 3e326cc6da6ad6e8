import { Code, ConnectError, createClient, createHandlerContext } from "@connectrpc/connect";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import assert from "node:assert/strict";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { logCalls, logFault } from "../../src/ops/mod.ts";
import { createInProcessTransport } from "../../src/rpc/mod.ts";
import { each } from "../support/bytes.ts";

/** What is logged while something is done. */
async function recorded(task: () => Promise<void>): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { records: (record) => void records.push(record) },
    loggers: [
      { category: ["edgewire"], sinks: ["records"], lowestLevel: "debug" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "error" },
    ],
  });
  try {
    await task();
  } finally {
    await reset();
  }
  return records;
}

/** Makes calls whose handler fails with `error`, and gives what was logged. */
function logged(error?: Error): Promise<LogRecord[]> {
  const fail = () => {
    if (error !== undefined) {
      throw error;
    }
    return { message: "" };
  };
  const greeter = createClient(
    Greeter,
    createInProcessTransport((router) =>
      router.service(Greeter, {
        sayHello: fail,
        async *converse() {
          yield { message: "first" };
          await Promise.resolve();
          yield fail();
        },
      }), { interceptors: [logCalls], onError: () => {} }),
  );
  return recorded(async () => {
    await greeter.sayHello({}).catch(() => {});
    await Array.fromAsync(greeter.converse(each([]))).catch(() => {});
  });
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

Deno.test("logFault logs what the caller is not told, and names the call if there was one", async () => {
  const records = await recorded(() => {
    const { service, method } = { service: Greeter, method: Greeter.method.sayHello };
    logFault(
      new Error("secret"),
      createHandlerContext({ service, method, protocolName: "grpc", requestMethod: "POST", url: "" }),
    );
    logFault(new Error("secret"), undefined);
    return Promise.resolve();
  });
  assert.deepEqual(records.map(({ level }) => level), ["error", "error"]);
  assert.deepEqual(records.map(({ properties }) => properties["procedure"]), [
    "edgewire.v1.Greeter/SayHello",
    undefined,
  ]);
  assert.deepEqual(records.map(({ properties }) => String(properties["error"])), ["Error: secret", "Error: secret"]);
});
