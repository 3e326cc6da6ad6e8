/** How calls live and die: deadlines, cancellation, resets, lost connections, repetition, and flow both ways. */
import { Code, createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { Hash, type HashAlgorithm } from "../../../gen/edgewire/v1/hash_pb.ts";
import { createTransport } from "../../../src/rpc/mod.ts";
import { each } from "../../support/bytes.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { settle } from "../../support/fake_socket.ts";
import { envelope, greeting } from "../../support/rpc_messages.ts";
import { type ScriptedCall, ScriptedServer } from "../../support/scripted_server.ts";

const GRPC = { ":status": "200", "content-type": "application/grpc+proto" };
const OK = { "grpc-status": "0" };
const HELLO = envelope(greeting("Hello"));

/** RFC 9113 §7 */
const REFUSED_STREAM = 0x7;

function transportOf(server: ScriptedServer) {
  return createTransport({ protocol: "grpc", httpClient: server.client });
}

function clientOf(server: ScriptedServer) {
  return createClient(Greeter, transportOf(server));
}

function answer(call: ScriptedCall): void {
  call.respond(GRPC).write(HELLO);
  call.endWithTrailers(OK);
}

/** A stream of the transport itself: that of a connect-es client has no way to say that no more is wanted. */
function converse(server: ScriptedServer, names: AsyncIterable<{ name: string }>, signal?: AbortSignal) {
  return transportOf(server).stream(Greeter.method.converse, signal, undefined, undefined, names);
}

Deno.test("a deadline ends a call, on the wire too", async () => {
  await using server = new ScriptedServer();
  await assertConnectError(
    clientOf(server).sayHello({}, { timeoutMs: 15 }),
    Code.DeadlineExceeded,
    "timed out after 15 ms",
  );
  await settle();
  assert.equal(server.calls[0]?.resetWith, "CANCEL");
});

Deno.test("a deadline ends the waiting for a connection", async () => {
  await using server = new ScriptedServer({ maxConcurrentStreams: 1 });
  const first = clientOf(server).sayHello({});
  await server.call();
  const { method } = Greeter;
  const waiting = Array.from(
    { length: 4 },
    () => transportOf(server).unary(method.sayHello, undefined, 15, undefined, {}),
  );
  const outcomes = await Promise.allSettled(waiting);
  assert.ok(outcomes.every(({ status }) => status === "rejected"));
  assert.equal(server.client.waitingCount, 0);
  answer(server.calls[0]!);
  await first;
});

Deno.test("a signal cancels a call, before and after it has begun, and is let go of", async () => {
  await using server = new ScriptedServer();
  const client = clientOf(server);
  await assertConnectError(client.sayHello({}, { signal: AbortSignal.abort() }), Code.Canceled, /abort/);
  assert.equal(server.calls.length, 0);
  const abort = new AbortController();
  const reply = client.sayHello({}, { signal: abort.signal });
  const call = await server.call();
  abort.abort(new Error("enough"));
  await assertConnectError(reply, Code.Canceled, "enough");
  await settle();
  assert.equal(call.resetWith, "CANCEL");
});

Deno.test("a signal that outlives its calls is let go of, and so is all else", async () => {
  await using server = new ScriptedServer();
  const client = clientOf(server);
  const { signal } = new AbortController();
  let listeners = 0;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (type: string, listener: EventListener) => (listeners++, add(type, listener));
  signal.removeEventListener = (type: string, listener: EventListener) => (listeners--, remove(type, listener));
  const options = { signal, timeoutMs: 60_000 };
  server.onCall = (call) => server.calls.length % 2 === 0 ? answer(call) : call.reset(0x2);
  await Promise.allSettled(Array.from({ length: 50 }, () => client.sayHello({}, options)));
  await Promise.allSettled(Array.from({ length: 50 }, () => Array.fromAsync(client.converse(each([{}]), options))));
  await settle();
  assert.equal(listeners, 0);
  assert.deepEqual(server.connections.map(({ streamCount }) => streamCount), [0]);
  assert.equal(server.client.waitingCount, 0);
});

Deno.test("a signal ends a stream at once, whatever waits to be taken", async () => {
  await using server = new ScriptedServer();
  const abort = new AbortController();
  server.onCall = (call) => {
    call.respond(GRPC).write(HELLO, HELLO, HELLO);
    call.endWithTrailers(OK);
  };
  const { message } = await converse(server, each([]), abort.signal);
  const messages = message[Symbol.asyncIterator]();
  assert.equal((await messages.next()).done, false);
  abort.abort();
  await assertConnectError(messages.next(), Code.Canceled, /abort/);
  assert.equal((await messages.next()).done, true, "It is said once");
});

for (
  const [code, expected] of [
    [0x0, Code.Internal],
    [0x1, Code.Internal],
    [0x2, Code.Internal],
    [0x8, Code.Canceled],
    [0xb, Code.ResourceExhausted],
    [0xc, Code.PermissionDenied],
    [0xd, Code.Internal],
  ] as const
) {
  Deno.test(`a reset by ${code} is ${Code[expected]}, and the call is not repeated`, async () => {
    await using server = new ScriptedServer();
    server.onCall = (call) => call.reset(code);
    await assertConnectError(clientOf(server).sayHello({}), expected, /^the call was reset: /);
    assert.equal(server.calls.length, 1);
  });
}

Deno.test("a reset that follows the end of the response changes nothing", async () => {
  await using server = new ScriptedServer();
  const names = (async function* () {
    yield { name: "a" };
    await new Promise(() => {});
  })();
  const replies = Array.fromAsync(clientOf(server).converse(names));
  const call = await server.call();
  answer(call);
  assert.equal((await replies).length, 1);
});

Deno.test("a connection that is lost is unavailable, and says of which server", async () => {
  await using server = new ScriptedServer();
  const client = clientOf(server);
  const reply = client.sayHello({});
  const replies = Array.fromAsync(client.converse(each([{}])));
  await server.call(1);
  server.cut();
  await assertConnectError(reply, Code.Unavailable, /^lost the connection to http:\/\/server:1: /);
  await assertConnectError(replies, Code.Unavailable, /^lost the connection to http:\/\/server:1: /);
});

Deno.test("a server that cannot be reached is unavailable, and named", async () => {
  await using server = new ScriptedServer();
  server.dialErrors.push(new Error("Connection refused (os error 111)"));
  const message = "cannot connect to server:1: connection refused";
  await assertConnectError(clientOf(server).sayHello({}), Code.Unavailable, message);
  server.dialErrors.push(new Error("Connection refused (os error 111)"));
  await server.client.close();
  await assertConnectError(clientOf(server).sayHello({}), Code.Unavailable, "cannot open a stream: the pool is closed");
});

Deno.test("what a server refuses is sent again, four times in all", async () => {
  await using server = new ScriptedServer();
  server.onCall = (call) => server.calls.length < 4 ? call.reset(REFUSED_STREAM) : answer(call);
  const reply = await clientOf(server).sayHello({ name: "a" });
  assert.equal(reply.message, "Hello");
  assert.equal(server.calls.length, 4);
  server.onCall = (call) => call.reset(REFUSED_STREAM);
  await assertConnectError(clientOf(server).sayHello({}), Code.Unavailable, /REFUSED_STREAM/);
  assert.equal(server.calls.length, 8);
});

Deno.test("a call that a server has gone away before is sent again, by another connection", async () => {
  await using server = new ScriptedServer();
  const reply = clientOf(server).sayHello({ name: "World" });
  const first = await server.call();
  first.reset(REFUSED_STREAM);
  server.connections[0]?.shutdown();
  const second = await server.call(1);
  assert.deepEqual([second.content, second.hasEnded], [envelope(greeting("World")), true]);
  answer(second);
  assert.equal((await reply).message, "Hello");
});

Deno.test("a stream is sent again as long as none of its messages was taken", async () => {
  await using server = new ScriptedServer();
  const go = Promise.withResolvers<void>();
  const names = (async function* () {
    await go.promise;
    yield { name: "a" };
  })();
  const replies = Array.fromAsync(clientOf(server).converse(names), ({ message }) => message);
  (await server.call()).reset(REFUSED_STREAM);
  const second = await server.call(1);
  go.resolve();
  await settle();
  assert.deepEqual([second.content, second.hasEnded], [envelope(greeting("a")), true]);
  answer(second);
  assert.deepEqual(await replies, ["Hello"]);
});

Deno.test("a stream of which a message was taken is not sent again", async () => {
  await using server = new ScriptedServer();
  const replies = Array.fromAsync(clientOf(server).converse(each([{ name: "a" }])));
  (await server.call()).reset(REFUSED_STREAM);
  await assertConnectError(replies, Code.Unavailable, /REFUSED_STREAM/);
  assert.equal(server.calls.length, 1);
});

/** Names without end, which count how many were asked for, and whether they were told to stop. */
class Names implements AsyncIterableIterator<{ name: string }> {
  taken = 0;
  returned = 0;
  readonly #name: string;
  readonly #count: number;

  constructor(name = "a", count = Infinity) {
    this.#name = name;
    this.#count = count;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<{ name: string }, undefined>> {
    return Promise.resolve(
      this.taken === this.#count
        ? { done: true, value: undefined }
        : (this.taken++, { done: false, value: { name: this.#name } }),
    );
  }

  return(): Promise<IteratorResult<{ name: string }, undefined>> {
    this.returned++;
    return Promise.resolve({ done: true, value: undefined });
  }
}

Deno.test("messages are taken from the caller as far as the server takes them", async () => {
  await using server = new ScriptedServer({ streamWindowSize: 65_535 });
  const names = new Names("a".repeat(10_000));
  const response = converse(server, names);
  const call = await server.call();
  await settle();
  const { taken } = names;
  assert.ok(taken > 10 && taken < 50, `${taken} were taken`);
  await settle();
  assert.equal(names.taken, taken);
  for (let round = 0; round < 3; round++) {
    call.release();
    await settle();
  }
  assert.ok(names.taken > taken, "There is room again");
  answer(call);
  await Array.fromAsync((await response).message);
  assert.equal(names.returned, 1);
});

Deno.test("a server sends as far as its messages are taken", async () => {
  await using server = new ScriptedServer();
  const response = converse(server, each([]));
  const call = await server.call();
  call.respond(GRPC);
  const big = envelope(greeting("a".repeat(120)));
  let sent = 0;
  while (call.write(...Array.from({ length: 100 }, () => big))) {
    sent += 100;
    await settle(2);
  }
  const messages = (await response).message[Symbol.asyncIterator]();
  assert.ok(sent > 5000 && sent < 20_000, `${sent} were sent`);
  for (let taken = 0; taken < sent; taken++) {
    assert.equal((await messages.next()).done, false);
  }
  await settle();
  assert.ok(call.write(big), "There is room again");
  await messages.return?.();
  await settle();
  assert.equal(call.resetWith, "CANCEL");
});

Deno.test("a message that is longer than the window arrives", async () => {
  await using server = new ScriptedServer();
  server.onCall = (call) => {
    const name = new Uint8Array(1_000_000).fill(0x61);
    const head = Uint8Array.of(0x0a, 0xc0, 0x84, 0x3d);
    call.respond(GRPC).write(envelope(new Uint8Array([...head, ...name])));
    call.endWithTrailers(OK);
  };
  const replies = await Array.fromAsync((await converse(server, each([]))).message);
  assert.equal(replies[0]?.message.length, 1_000_000);
});

Deno.test("a message that is longer than the window arrives behind one that nobody has taken yet", async () => {
  await using server = new ScriptedServer();
  server.onCall = (call) => {
    const name = new Uint8Array(3_000_000).fill(0x61);
    const head = Uint8Array.of(0x0a, 0xc0, 0x8d, 0xb7, 0x01);
    call.respond(GRPC).write(HELLO, envelope(new Uint8Array([...head, ...name])));
    call.endWithTrailers(OK);
  };
  const response = await converse(server, each([]));
  await settle(200);
  const replies = await Array.fromAsync(response.message);
  assert.deepEqual(replies.map(({ message }) => message.length), [5, 3_000_000]);
});

Deno.test("who stops before the end cancels the call, and lets go of the caller's messages", async () => {
  await using server = new ScriptedServer();
  const names = new Names();
  server.onCall = (call) => call.respond(GRPC).write(HELLO, HELLO);
  for await (const _ of (await converse(server, names)).message) {
    break;
  }
  await settle();
  assert.deepEqual([server.calls[0]?.resetWith, names.returned], ["CANCEL", 1]);
});

Deno.test("what the caller's messages fail with ends the call", async () => {
  await using server = new ScriptedServer();
  const failing = (async function* () {
    yield { name: "a" };
    throw new Error("no more");
  })();
  const response = converse(server, failing);
  await assertConnectError(response, Code.Internal, "cannot send the request: no more");
  await settle();
  assert.equal(server.calls[0]?.resetWith, "CANCEL");
});

Deno.test("a message that is too long ends a stream, and is not sent", async () => {
  await using server = new ScriptedServer();
  const transport = createTransport({ protocol: "grpc", httpClient: server.client, maxMessageBytes: 10 });
  const names = new Names("123456789");
  const replies = transport.stream(Greeter.method.converse, undefined, undefined, undefined, names);
  await assertConnectError(replies, Code.ResourceExhausted, "message has 11 bytes, the limit is 10");
  await settle();
  assert.deepEqual([server.calls[0]?.resetWith, server.calls[0]?.content.length, names.returned], ["CANCEL", 0, 1]);
});

Deno.test("a message, or a field, that cannot be sent is the caller's mistake", async () => {
  await using server = new ScriptedServer();
  const client = clientOf(server);
  const hash = createClient(Hash, transportOf(server));
  await assertConnectError(hash.sha({ algorithm: 1.5 as HashAlgorithm }), Code.Internal, /^cannot send the request: /);
  await assertConnectError(
    client.sayHello({}, { headers: { "a b": "c" } }),
    Code.Internal,
    /^cannot send the request: /,
  );
  assert.equal(server.calls.length, 0);
});

Deno.test("both speak at the same time", async () => {
  await using server = new ScriptedServer();
  const answered = Promise.withResolvers<void>();
  const names = (async function* () {
    yield { name: "a" };
    await answered.promise;
    yield { name: "b" };
  })();
  const { message } = await (async () => {
    const response = converse(server, names);
    (await server.call()).respond(GRPC).write(HELLO);
    return await response;
  })();
  const replies = message[Symbol.asyncIterator]();
  assert.equal((await replies.next()).value?.message, "Hello");
  answered.resolve();
  await settle();
  const call = server.calls[0]!;
  assert.deepEqual(call.content, new Uint8Array([...envelope(greeting("a")), ...envelope(greeting("b"))]));
  call.endWithTrailers(OK);
  assert.equal((await replies.next()).done, true);
});
