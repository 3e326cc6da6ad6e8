/** Calls that are made for another call: what is left of its deadline, its cancellation, its trace context. */
import { Code, createClient, createContextValues } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { createTransport, type InheritedCall, inheritedCallKey } from "../../../src/rpc/mod.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { ScriptedServer } from "../../support/scripted_server.ts";

const TRACE = { traceparent: "00-1-2-01", tracestate: "a=b", baggage: "c=d", authorization: "secret" };

function valuesOf(inherited: Partial<InheritedCall> = {}) {
  return createContextValues().set(inheritedCallKey, {
    signal: new AbortController().signal,
    timeoutMs: () => undefined,
    requestHeader: new Headers(TRACE),
    ...inherited,
  });
}

function clientOf(server: ScriptedServer) {
  return createClient(Greeter, createTransport({ protocol: "grpc", httpClient: server.client }));
}

Deno.test("the trace context is handed on, unless the caller has its own, and nothing else is", async () => {
  await using server = new ScriptedServer();
  server.onCall = (call) => call.reset(8);
  const options = { contextValues: valuesOf(), headers: { tracestate: "own" } };
  await clientOf(server).sayHello({}, options).catch(() => {});
  const names = ["traceparent", "tracestate", "baggage", "authorization", "grpc-timeout"];
  const fields = names.map((name) => server.calls[0]?.fields(name).join());
  assert.deepEqual(fields, ["00-1-2-01", "own", "c=d", "", ""]);
});

Deno.test("the shorter of both deadlines counts", async () => {
  await using server = new ScriptedServer();
  server.onCall = (call) => call.reset(8);
  for (
    const [own, inherited, seconds] of [[undefined, 50_000, 50], [20_000, 50_000, 20], [50_000, 20_000, 20]] as const
  ) {
    const options = {
      contextValues: valuesOf({ timeoutMs: () => inherited }),
      ...own === undefined ? {} : { timeoutMs: own },
    };
    await clientOf(server).sayHello({}, options).catch(() => {});
    const value = Number(server.calls.at(-1)?.fields("grpc-timeout")[0]?.replace(/u$/, ""));
    assert.equal(Math.ceil(value / 1e6), seconds);
  }
});

Deno.test("a call for one whose time is over is not made", async () => {
  await using server = new ScriptedServer();
  const call = clientOf(server).sayHello({}, { contextValues: valuesOf({ timeoutMs: () => 0 }) });
  await assertConnectError(call, Code.DeadlineExceeded, "timed out after 0 ms");
  assert.equal(server.calls.length, 0);
});

Deno.test("a call ends with the one that it is made for", async () => {
  await using server = new ScriptedServer();
  const abort = new AbortController();
  const own = new AbortController();
  const reply = clientOf(server).sayHello({}, {
    contextValues: valuesOf({ signal: abort.signal }),
    signal: own.signal,
  });
  await server.call();
  abort.abort(new Error("gone"));
  await assertConnectError(reply, Code.Canceled, "gone");
});
