import { createHandlerContext } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { logFault } from "../../src/ops/mod.ts";
import { recordLog } from "../support/log_records.ts";

Deno.test("logFault logs what the caller is not told, and names the call if there was one", async () => {
  const records = await recordLog(() => {
    const { service, method } = { service: Greeter, method: Greeter.method.sayHello };
    logFault(
      new Error("secret"),
      createHandlerContext({ service, method, protocolName: "grpc", requestMethod: "POST", url: "" }),
    );
    logFault(new Error("secret"), undefined);
  });
  assert.deepEqual(records.map(({ level }) => level), ["error", "error"]);
  assert.deepEqual(records.map(({ properties }) => properties["procedure"]), [
    "edgewire.v1.Greeter/SayHello",
    undefined,
  ]);
  assert.deepEqual(records.map(({ properties }) => String(properties["error"])), ["Error: secret", "Error: secret"]);
});
