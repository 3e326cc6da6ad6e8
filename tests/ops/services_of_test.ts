import assert from "node:assert/strict";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { Hash } from "../../gen/edgewire/v1/hash_pb.ts";
import { servicesOf } from "../../src/ops/mod.ts";

Deno.test("servicesOf() names what routes register, whole services and single methods, once", () => {
  const services = servicesOf((router) => {
    router
      .service(Hash, {})
      .rpc(Greeter.method.sayHello, ({ name }) => ({ message: name }))
      .rpc(Greeter.method.converse, async function* () {});
  });
  assert.deepEqual(services, [Hash, Greeter]);
});
