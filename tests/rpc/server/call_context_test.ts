/** What handlers are told of their calls. */
import assert from "node:assert/strict";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { createFetchHandler } from "../../../src/rpc/mod.ts";

Deno.test("the time left is in whole milliseconds, or undefined", async () => {
  const told: (number | undefined)[] = [];
  const handler = createFetchHandler({
    routes: (router) =>
      router.service(Greeter, {
        sayHello: (_request, context) => {
          told.push(context.timeoutMs());
          return {};
        },
      }),
  });
  for (const fields of [{ "connect-timeout-ms": "60000" }, {}]) {
    const headers = { "content-type": "application/json", ...fields };
    const request = new Request(`http://test/${Greeter.typeName}/SayHello`, { method: "POST", headers, body: "{}" });
    assert.equal((await handler(request)).status, 200);
  }
  const [timeoutMs = 0, none] = told;
  assert.ok(Number.isInteger(timeoutMs) && timeoutMs > 0 && timeoutMs <= 60_000, `${timeoutMs}`);
  assert.equal(none, undefined);
});
