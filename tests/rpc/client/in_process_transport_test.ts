/** Services of the same process, called as if they were elsewhere. */
import {
  Code,
  ConnectError,
  createClient,
  type HandlerContext,
  type Interceptor,
  type ServiceImpl,
} from "@connectrpc/connect";
import assert from "node:assert/strict";
import { File } from "../../../gen/edgewire/v1/file_pb.ts";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { createInProcessTransport, inheritedCallKey, type InProcessTransportOptions } from "../../../src/rpc/mod.ts";
import { each } from "../../support/bytes.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { settle } from "../../support/fake_socket.ts";
import { assertAllKindsOfCalls, testServices } from "../../support/services.ts";

function transportOf(greeter: Partial<ServiceImpl<typeof Greeter>>, options: InProcessTransportOptions = {}) {
  return createInProcessTransport((router) => router.service(Greeter, greeter), options);
}

function clientOf(greeter: Partial<ServiceImpl<typeof Greeter>>, options: InProcessTransportOptions = {}) {
  return createClient(Greeter, transportOf(greeter, options));
}

Deno.test("all kinds of calls are answered by the services themselves", async () => {
  await assertAllKindsOfCalls(createInProcessTransport(testServices()));
});

Deno.test("messages are completed, and what they carry is not copied", async () => {
  const value = new Uint8Array(8);
  const transport = createInProcessTransport((router) =>
    router.service(File, {
      async upload(requests) {
        for await (const { $typeName, part } of requests) {
          assert.equal($typeName, "edgewire.v1.UploadRequest");
          assert.ok(part.case === "chunk" && part.value === value);
        }
        return {};
      },
    })
  );
  const answer = await createClient(File, transport).upload(each([{ part: { case: "chunk" as const, value } }]));
  assert.equal(answer.$typeName, "edgewire.v1.UploadResponse");
});

Deno.test("a handler sees header, deadline and method, and may say header and trailer", async () => {
  let seen: HandlerContext | undefined;
  const client = clientOf({
    sayHello(_request, context) {
      seen = context;
      context.responseHeader.set("x-head", "1");
      context.responseTrailer.set("x-trailer", "2");
      return {};
    },
  });
  const said: (string | null)[] = [];
  await client.sayHello({}, {
    headers: { "x-a": "1" },
    timeoutMs: 60_000,
    onHeader: (header) => said.push(header.get("x-head")),
    onTrailer: (trailer) => said.push(trailer.get("x-trailer")),
  });
  assert.deepEqual(said, ["1", "2"]);
  assert.deepEqual([seen?.requestHeader.get("x-a"), seen?.method.name, seen?.protocolName], [
    "1",
    "SayHello",
    "in-process",
  ]);
  assert.equal(seen?.url, "in-process://local/edgewire.v1.Greeter/SayHello");
  assert.ok((seen?.timeoutMs() ?? 0) > 50_000);
  assert.equal(seen?.values.get(inheritedCallKey), seen);
  assert.ok(seen?.signal.aborted, "The call is over");
});

Deno.test("an error keeps code, text, details and metadata; what is no ConnectError is not told", async () => {
  const thrown = new ConnectError("no", Code.Aborted, { "x-a": "1" }, [{
    desc: Greeter.method.sayHello.output,
    value: { message: "Hi" },
  }]);
  const failing = clientOf({
    sayHello(_request, context) {
      context.responseTrailer.set("x-b", "2");
      throw thrown;
    },
  });
  const error = await failing.sayHello({}).catch((error) => error);
  assert.ok(error instanceof ConnectError && error !== thrown);
  assert.deepEqual([error.code, error.rawMessage, error.metadata.get("x-a"), error.metadata.get("x-b")], [
    Code.Aborted,
    "no",
    "1",
    "2",
  ]);
  assert.equal(error.findDetails(Greeter.method.sayHello.output)[0]?.message, "Hi");

  const mistakes: unknown[] = [];
  const mistaken = clientOf({
    sayHello: () => Promise.reject(new TypeError("secret")),
    async *converse() {
      yield {};
      throw new TypeError("secret");
    },
  }, { onError: (error) => mistakes.push(error) });
  await assertConnectError(mistaken.sayHello({}), Code.Internal, "internal error");
  await assertConnectError(Array.fromAsync(mistaken.converse(each([]))), Code.Internal, "internal error");
  assert.equal(mistakes.length, 2);
  const starving = clientOf({ sayHello: () => Promise.reject(Object.assign(new Error("x"), { code: "EMFILE" })) }, {
    onError: () => {},
  });
  await assertConnectError(starving.sayHello({}), Code.ResourceExhausted, /out of file descriptors/);
  await assertConnectError(createClient(File, transportOf({})).list({}), Code.Unimplemented, /no method/);
  await assertConnectError(clientOf({}).sayHello({}), Code.Unimplemented, /SayHello/);
});

Deno.test("who is told of a mistake and makes one does not keep the caller from its error", async () => {
  const { error: print } = console;
  const printed: unknown[] = [];
  console.error = (error) => printed.push(error);
  const mistake = new Error("of onError");
  try {
    const mistaken = clientOf({ sayHello: () => Promise.reject(new TypeError("secret")) }, {
      onError: () => {
        throw mistake;
      },
    });
    await assertConnectError(mistaken.sayHello({}), Code.Internal, "internal error");
  } finally {
    console.error = print;
  }
  assert.deepEqual(printed, [mistake]);
});

Deno.test("a handler that reads twice at a time gets one message, and an error", async () => {
  const client = clientOf({
    async *converse(requests) {
      const messages = requests[Symbol.asyncIterator]();
      const [first, second] = await Promise.allSettled([messages.next(), messages.next()]);
      yield { message: `${first.status}, ${second.status === "rejected" && second.reason.message}` };
    },
  });
  const [answer] = await Array.fromAsync(client.converse(each([{ name: "a" }, { name: "b" }])));
  assert.equal(answer?.message, "fulfilled, Cannot read a message: another read is waiting for it");
});

Deno.test("a deadline and a signal end a call, for its handler too", async () => {
  const signals: AbortSignal[] = [];
  const client = clientOf({
    sayHello: (_request, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    },
  });
  await assertConnectError(client.sayHello({}, { timeoutMs: 15 }), Code.DeadlineExceeded, "timed out after 15 ms");
  const abort = new AbortController();
  const reply = client.sayHello({}, { signal: abort.signal });
  await settle();
  abort.abort(new Error("enough"));
  await assertConnectError(reply, Code.Canceled, "enough");
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true]);
  await assertConnectError(client.sayHello({}, { signal: abort.signal }), Code.Canceled, "enough");
  assert.equal(signals.length, 2, "One that is over before it begins is not made");
});

Deno.test("a call that a handler makes inherits its deadline and its end", async () => {
  const inner = clientOf({
    sayHello: (_request, context) => {
      assert.ok((context.timeoutMs() ?? Infinity) <= 30_000);
      return { message: context.requestHeader.get("traceparent") ?? "" };
    },
  });
  const outer = clientOf({ sayHello: (request, { values }) => inner.sayHello(request, { contextValues: values }) });
  const { message } = await outer.sayHello({}, { headers: { traceparent: "t" }, timeoutMs: 30_000 });
  assert.equal(message, "t");
});

/** Numbers the messages that were taken, and says when no more are wanted. */
async function* counted<T>(make: (index: number) => T, events: { taken: number; isOver: boolean }): AsyncGenerator<T> {
  try {
    while (true) {
      yield make(events.taken++);
    }
  } finally {
    events.isOver = true;
  }
}

Deno.test("messages are made as they are taken, both ways, and both sides hear of the end", async () => {
  const requests = { taken: 0, isOver: false };
  const replies = { taken: 0, isOver: false };
  const transport = transportOf({
    async *converse(names) {
      const { value } = await names[Symbol.asyncIterator]().next();
      yield* counted(() => ({ message: value?.name ?? "" }), replies);
    },
  });
  const { message } = await transport.stream(
    Greeter.method.converse,
    undefined,
    undefined,
    undefined,
    counted(() => ({ name: "a" }), requests),
  );
  const messages = message[Symbol.asyncIterator]();
  assert.equal((await messages.next()).value?.message, "a");
  await messages.next();
  await settle();
  assert.deepEqual([requests.taken, replies.taken], [1, 2]);
  await messages.return?.();
  await settle();
  assert.deepEqual([requests.isOver, replies.isOver], [true, true]);
});

Deno.test("a handler that waits for its caller hears that the caller has gone", async () => {
  const heard = Promise.withResolvers<unknown>();
  const abort = new AbortController();
  const client = clientOf({
    async *converse(names) {
      try {
        for await (const { name } of names) {
          yield { message: name };
        }
      } catch (error) {
        heard.resolve(error);
      }
    },
  });
  const names = (async function* () {
    yield { name: "a" };
    await new Promise(() => {});
  })();
  const replies = client.converse(names, { signal: abort.signal })[Symbol.asyncIterator]();
  await replies.next();
  const next = replies.next();
  abort.abort(new Error("enough"));
  await assertConnectError(next, Code.Canceled, "enough");
  await assertConnectError(heard.promise.then((error) => Promise.reject(error)), Code.Canceled, "enough");
});

Deno.test("what the caller's messages fail with reaches the handler", async () => {
  const client = clientOf({
    async *converse(names) {
      for await (const { name } of names) {
        yield { message: name };
      }
    },
  });
  const failing = (async function* () {
    yield { name: "a" };
    throw new ConnectError("no more", Code.DataLoss);
  })();
  await assertConnectError(Array.fromAsync(client.converse(failing)), Code.DataLoss, "no more");
});

Deno.test("interceptors of the caller run around the call", async () => {
  const events: string[] = [];
  const noting: Interceptor = (next) => async (request) => {
    events.push(`before ${request.url}`);
    request.header.set("x-a", "1");
    const response = await next(request);
    events.push("after");
    return response;
  };
  const client = clientOf({
    sayHello: (_request, { requestHeader }) => ({ message: requestHeader.get("x-a") ?? "" }),
  }, { interceptors: [noting] });
  assert.equal((await client.sayHello({})).message, "1");
  assert.deepEqual(events, ["before in-process://local/edgewire.v1.Greeter/SayHello", "after"]);
});
