import { createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { Greeter as LectureGreeter } from "../../gen/hello_pb.ts";
import { createInProcessTransport } from "../../src/rpc/mod.ts";
import { testServices } from "../support/services.ts";

const transport = createInProcessTransport(testServices());

Deno.test("both Greeters say hello alike", async () => {
  for (const name of ["World", "", "Wörld 🌍"]) {
    assert.equal((await createClient(Greeter, transport).sayHello({ name })).message, `Hello, ${name}!`);
    assert.equal((await createClient(LectureGreeter, transport).sayHello({ name })).message, `Hello, ${name}!`);
  }
});

Deno.test("Converse answers each greeting before the next is made", async () => {
  const events: string[] = [];
  async function* greetings() {
    for (const name of ["Ada", "Grace"]) {
      events.push(`ask ${name}`);
      yield { name };
      await Promise.resolve();
    }
  }
  for await (const { message } of createClient(Greeter, transport).converse(greetings())) {
    events.push(message);
  }
  assert.deepEqual(events, ["ask Ada", "Hello, Ada!", "ask Grace", "Hello, Grace!"]);
});
