/** Interceptors on clients: what they see, change and throw. */
import {
  Code,
  ConnectError,
  createClient,
  createContextKey,
  createContextValues,
  type Interceptor,
} from "@connectrpc/connect";
import assert from "node:assert/strict";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { createTransport } from "../../../src/rpc/mod.ts";
import { each } from "../../support/bytes.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { settle } from "../../support/fake_socket.ts";
import { envelope, greeting } from "../../support/rpc_messages.ts";
import { type ScriptedCall, ScriptedServer } from "../../support/scripted_server.ts";

const GRPC = { ":status": "200", "content-type": "application/grpc+proto", "x-head": "1" };

function answer(call: ScriptedCall): void {
  call.respond(GRPC).write(envelope(greeting("Hello")));
  call.endWithTrailers({ "grpc-status": "0", "x-trailer": "2" });
}

function clientOf(server: ScriptedServer, ...interceptors: readonly Interceptor[]) {
  return createClient(Greeter, createTransport({ protocol: "grpc", httpClient: server.client, interceptors }));
}

Deno.test("the first interceptor is the outermost, both ways", async () => {
  await using server = new ScriptedServer();
  server.onCall = answer;
  const events: string[] = [];
  const noting = (name: string): Interceptor => (next) => async (request) => {
    events.push(`${name} before`);
    const response = await next(request);
    events.push(`${name} after`);
    return response;
  };
  await clientOf(server, noting("a"), noting("b")).sayHello({});
  assert.deepEqual(events, ["a before", "b before", "b after", "a after"]);
});

Deno.test("an interceptor sees a unary call whole, and may change it and its answer", async () => {
  await using server = new ScriptedServer();
  const key = createContextKey("none");
  const seen: unknown[] = [];
  const client = clientOf(server, (next) => async (request) => {
    assert.ok(!request.stream);
    seen.push(request.service.typeName, request.method.name, request.requestMethod, request.url);
    seen.push(request.message, request.contextValues.get(key), request.header.get("x-a"), request.signal.aborted);
    request.header.set("x-b", "2");
    const response = await next(request);
    assert.ok(!response.stream);
    seen.push(response.header.get("x-head"), response.trailer.get("x-trailer"));
    return { ...response, message: { ...response.message, message: "Changed" } as typeof response.message };
  });
  const contextValues = createContextValues().set(key, "some");
  const reply = client.sayHello({ name: "a" }, { headers: { "x-a": "1" }, contextValues });
  const call = await server.call();
  assert.deepEqual([call.fields("x-a"), call.fields("x-b")], [["1"], ["2"]]);
  answer(call);
  assert.equal((await reply).message, "Changed");
  assert.deepEqual(seen, [
    "edgewire.v1.Greeter",
    "SayHello",
    "POST",
    "http://server:1/edgewire.v1.Greeter/SayHello",
    { $typeName: "edgewire.v1.HelloRequest", name: "a" },
    "some",
    "1",
    false,
    "1",
    "2",
  ]);
});

Deno.test("an interceptor may take a stream's messages into its hands, both ways", async () => {
  await using server = new ScriptedServer();
  const client = clientOf(server, (next) => async (request) => {
    assert.ok(request.stream);
    const { message: names } = request;
    const doubled = async function* () {
      for await (const message of names) {
        yield message;
        yield message;
      }
    };
    const response = await next({ ...request, message: doubled() });
    assert.ok(response.stream);
    const { message: replies } = response;
    const shouted = async function* () {
      for await (const reply of replies) {
        yield { ...reply, message: "HELLO" } as typeof reply;
      }
    };
    return { ...response, message: shouted() };
  });
  const trailers: (string | null)[] = [];
  const replies = client.converse(each([{ name: "a" }]), {
    onTrailer: (trailer) => trailers.push(trailer.get("x-trailer")),
  });
  const messages = Array.fromAsync(replies, ({ message }) => message);
  const call = await server.call();
  await settle();
  assert.deepEqual(call.content, new Uint8Array([...envelope(greeting("a")), ...envelope(greeting("a"))]));
  answer(call);
  assert.deepEqual([await messages, trailers], [["HELLO"], ["2"]]);
});

Deno.test("what an interceptor throws is what the call fails with", async () => {
  await using server = new ScriptedServer();
  const refusing: Interceptor = () => () => Promise.reject(new ConnectError("no", Code.PermissionDenied));
  await assertConnectError(clientOf(server, refusing).sayHello({}), Code.PermissionDenied, "no");
  const failing: Interceptor = () => () => Promise.reject(new Error("oh"));
  await assertConnectError(Array.fromAsync(clientOf(server, failing).converse(each([]))), Code.Unknown, "oh");
  assert.equal(server.calls.length, 0);
});

Deno.test("an interceptor may send a call again", async () => {
  await using server = new ScriptedServer();
  server.onCall = (call) => server.calls.length === 1 ? call.reset(0xb) : answer(call);
  const reply = await clientOf(server, (next) => (request) => next(request).catch(() => next(request))).sayHello({});
  assert.deepEqual([reply.message, server.calls.length], ["Hello", 2]);
});

Deno.test("the signal that an interceptor sees aborts by the caller's, by the deadline, and when the call is over", async () => {
  await using server = new ScriptedServer();
  const signals: AbortSignal[] = [];
  const client = clientOf(server, (next) => (request) => {
    signals.push(request.signal);
    return next(request);
  });
  const abort = new AbortController();
  const cancelled = client.sayHello({}, { signal: abort.signal });
  await server.call();
  abort.abort(new Error("enough"));
  await assertConnectError(cancelled, Code.Canceled, "enough");
  await assertConnectError(client.sayHello({}, { timeoutMs: 15 }), Code.DeadlineExceeded, /timed out/);
  server.onCall = answer;
  await client.sayHello({});
  assert.ok(signals.every(({ aborted }) => aborted));
  assert.equal(server.calls[1]?.fields("grpc-timeout").length, 1, "The server is told of the deadline");
  assert.deepEqual([server.calls[0]?.resetWith, server.calls[1]?.resetWith], ["CANCEL", "CANCEL"]);
});
