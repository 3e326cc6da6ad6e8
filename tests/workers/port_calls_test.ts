import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { PortCalls } from "../../src/workers/port_calls.ts";
import { assertConnectError } from "../support/connect_error.ts";

interface Adder {
  add(a: number, b: number): number;
  fail(kind: "connect" | "plain" | "system" | "text"): void;
  length(octets: Uint8Array): number;
  octets(): Uint8Array;
  relay(port: MessagePort): Promise<number>;
  never(): Promise<void>;
  uncloneable(): unknown;
}

/** Two ends, of which the first calls the second one. */
function connect() {
  const { port1, port2 } = new MessageChannel();
  const never = Promise.withResolvers<void>();
  const sent = new Uint8Array(3);
  const caller = new PortCalls<object, Adder>(port1, {});
  const answerer = new PortCalls<Adder, object>(port2, {
    add: (a, b) => a + b,
    fail: (kind) => {
      throw kind === "connect"
        ? new ConnectError("no such thing", Code.NotFound, undefined, undefined, () => {})
        : kind === "system"
        ? Object.assign(new Error("Too many open files"), { code: "EMFILE" })
        : kind === "plain"
        ? new RangeError("Cannot do it", { cause: () => {} })
        : "text";
    },
    length: ({ length }) => length,
    octets: () => sent,
    relay: (port) => new PortCalls<object, Adder>(port, {}).call("add", 1, 2),
    never: () => never.promise,
    uncloneable: () => () => {},
  });
  return {
    caller,
    sent,
    [Symbol.dispose]: () => {
      caller.close(new Error("The test is over"));
      answerer.close(new Error("The test is over"));
    },
  };
}

Deno.test("call() gives what the other end answers", async () => {
  using ends = connect();
  const sums = await Promise.all([1, 2, 3].map((number) => ends.caller.call("add", number, 10)));
  assert.deepEqual(sums, [11, 12, 13]);
});

Deno.test("call() fails with the error of the other end: its code, or its name, message and stack", async () => {
  using ends = connect();
  await assertConnectError(ends.caller.call("fail", "connect"), Code.NotFound, "no such thing");
  await assert.rejects(ends.caller.call("fail", "system"), { message: "Too many open files", code: "EMFILE" });
  await assert.rejects(ends.caller.call("fail", "plain"), (error: Error) => {
    assert.deepEqual([error.name, error.message], ["RangeError", "Cannot do it"]);
    assert.match(error.stack ?? "", /^RangeError: Cannot do it\n.*at Object\.fail /s);
    return true;
  });
  await assert.rejects(ends.caller.call("fail", "text"), { name: "Error", message: "text" });
});

Deno.test("octets and ports go over, both ways", async () => {
  using ends = connect();
  const octets = new Uint8Array(5);
  assert.equal(await ends.caller.call("length", octets), 5);
  assert.equal(octets.length, 0);
  assert.deepEqual(await ends.caller.call("octets"), new Uint8Array(3));
  assert.equal(ends.sent.length, 0);

  const { port1, port2 } = new MessageChannel();
  const adder = new PortCalls<Pick<Adder, "add">, object>(port1, { add: (a, b) => a + b });
  assert.equal(await ends.caller.call("relay", port2), 3);
  adder.close(new Error("The test is over"));
});

Deno.test("what cannot be cloned fails, and calls go on", async () => {
  using ends = connect();
  await assert.rejects(ends.caller.call("add", (() => {}) as unknown as number, 1), { name: "DataCloneError" });
  await assert.rejects(ends.caller.call("uncloneable"), { name: "DataCloneError" });
  assert.equal(await ends.caller.call("add", 1, 1), 2);
});

Deno.test("close() fails the calls under way, and those after it", async () => {
  using ends = connect();
  const under = ends.caller.call("never");
  const reason = new Error("The other end has gone");
  ends.caller.close(reason);
  await assert.rejects(under, reason);
  await assert.rejects(ends.caller.call("add", 1, 1), reason);
});
