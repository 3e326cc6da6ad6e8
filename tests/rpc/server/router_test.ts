import assert from "node:assert/strict";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import {
  type SayManyRequestSchema,
  type SayManyResponseSchema,
  Streams,
} from "../../../bench/gen/edgewire/bench/v1/streams_pb.ts";
import { writing } from "../../../src/rpc/mod.ts";
import { Router } from "../../../src/rpc/server/router.ts";

const CONTEXT: HandlerContext = undefined!;

function newRouter(): Router {
  return new Router({ interceptors: [], jsonOptions: undefined, binaryOptions: undefined });
}

class PoliteGreeter implements Partial<ServiceImpl<typeof Greeter>> {
  readonly #greeting = "Good day";

  sayHello() {
    return { message: this.#greeting };
  }
}

Deno.test("methods are called on the object they are of", () => {
  const router = newRouter().service(Greeter, new PoliteGreeter());
  const { invocation } = router.find("/edgewire.v1.Greeter/SayHello")!;
  assert.deepEqual(invocation.invoke(undefined!, CONTEXT), { message: "Good day" });
});

Deno.test("methods that push are known as such, unless interceptors want to see their messages", () => {
  const sayMany = writing<typeof SayManyRequestSchema, typeof SayManyResponseSchema>(() => {});
  const path = "/edgewire.bench.v1.Streams/SayMany";
  assert.notEqual(newRouter().service(Streams, { sayMany }).find(path)!.invocation.writing, undefined);
  const interceptors = [() => () => Promise.reject(new Error("not called"))];
  assert.equal(newRouter().service(Streams, { sayMany }, { interceptors }).find(path)!.invocation.writing, undefined);
});
