import { Code, createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import {
  Health as HealthProtocol,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { Health } from "../../src/ops/mod.ts";
import { createInProcessTransport } from "../../src/rpc/mod.ts";
import { assertConnectError } from "../support/connect_error.ts";

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = ServingStatus;
const SERVICE = Greeter.typeName;

function create() {
  const health = new Health([Greeter]);
  return { health, client: createClient(HealthProtocol, createInProcessTransport(health.routes)) };
}

Deno.test("check() tells the status of the server and of its services, and no others", async () => {
  const { health, client } = create();
  assert.equal((await client.check({})).status, SERVING);
  assert.equal((await client.check({ service: SERVICE })).status, SERVING);
  health.set(SERVICE, false);
  assert.equal((await client.check({ service: SERVICE })).status, NOT_SERVING);
  assert.equal((await client.check({})).status, SERVING);
  await assertConnectError(client.check({ service: "x" }), Code.NotFound, 'service: there is none named "x"');
});

Deno.test("list() tells all of them", async () => {
  const { health, client } = create();
  health.set(SERVICE, false);
  const { statuses } = await client.list({});
  assert.deepEqual(Object.entries(statuses).map(([name, { status }]) => [name, status]), [
    ["", SERVING],
    [SERVICE, NOT_SERVING],
  ]);
});

Deno.test("watch() tells each change, nothing twice, and ends with the server", async () => {
  const { health, client } = create();
  const seen: number[] = [];
  for await (const { status } of client.watch({ service: SERVICE })) {
    seen.push(status);
    if (seen.length === 1) {
      health.set(SERVICE, true);
      health.set(SERVICE, false);
    } else if (seen.length === 2) {
      health.set(SERVICE, true);
    } else if (seen.length === 3) {
      health.shutdown();
      health.set(SERVICE, true);
    }
  }
  assert.deepEqual(seen, [SERVING, NOT_SERVING, SERVING, NOT_SERVING]);
});

Deno.test("watch() waits for services that are not known yet", async () => {
  const { health, client } = create();
  const seen: number[] = [];
  for await (const { status } of client.watch({ service: "later" })) {
    seen.push(status);
    health.set("later", true);
    if (seen.length === 2) {
      break;
    }
  }
  assert.deepEqual(seen, [SERVICE_UNKNOWN, SERVING]);
});
