/** The client transports against our own fetch handler, request by request, without a network. */
import { Code, createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { File } from "../../gen/edgewire/v1/file_pb.ts";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { createFetchHandler, createTransport, type FetchProtocol, type TransportOptions } from "../../src/rpc/mod.ts";
import { createPortableHasher, MemoryStore, registerServices } from "../../src/services/mod.ts";
import { each } from "../support/bytes.ts";
import { assertConnectError } from "../support/connect_error.ts";

/** A transport to a handler in the same process, and the requests that it was given. */
function connect(options: Partial<TransportOptions> = {}) {
  const handler = createFetchHandler({
    routes: (router) => registerServices(router, { store: new MemoryStore(), createHasher: createPortableHasher }),
  });
  const requests: Request[] = [];
  const fetch = async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    requests.push(request);
    return await handler(request);
  };
  return { transport: createTransport({ baseUrl: "http://test", fetch, ...options }), requests };
}

for (const protocol of ["connect", "grpc-web"] as const satisfies FetchProtocol[]) {
  for (const useBinaryFormat of [true, false]) {
    Deno.test(`all kinds of calls by ${protocol} in ${useBinaryFormat ? "binary" : "JSON"}`, async () => {
      const { transport } = connect({ protocol, useBinaryFormat });
      const [greeter, file] = [createClient(Greeter, transport), createClient(File, transport)];
      assert.equal((await greeter.sayHello({ name: "World" })).message, "Hello, World!");

      const chunk = new TextEncoder().encode("content");
      const stored = await file.upload(each([
        { part: { case: "header" as const, value: { name: "a" } } },
        { part: { case: "chunk" as const, value: chunk } },
      ]));
      assert.equal(stored.file?.size, 7n);

      const parts = await Array.fromAsync(file.download({ name: "a" }), ({ part }) => part);
      assert.deepEqual(parts[1], { case: "chunk", value: chunk });

      const greetings = greeter.converse(each([{ name: "Ada" }, { name: "Grace" }]));
      assert.deepEqual(await Array.fromAsync(greetings, ({ message }) => message), ["Hello, Ada!", "Hello, Grace!"]);

      await assertConnectError(file.stat({ name: "b" }), Code.NotFound, 'name: no file "b"');
      await assertConnectError(Array.fromAsync(file.download({ name: "b" })), Code.NotFound, 'name: no file "b"');
    });
  }
}

Deno.test("calls without side effects go by GET when asked to", async () => {
  const { transport, requests } = connect({ useHttpGet: true });
  await createClient(Greeter, transport).sayHello({ name: "World" });
  await createClient(File, transport).startUpload({ name: "a" });
  assert.deepEqual(requests.map(({ method }) => method), ["GET", "POST"]);
});

Deno.test("the path of the base URL comes before the service's", async () => {
  const { transport, requests } = connect({ baseUrl: "http://test/api/" });
  await assertConnectError(createClient(Greeter, transport).sayHello({}), Code.Unimplemented, /404/);
  assert.equal(requests[0]?.url, "http://test/api/edgewire.v1.Greeter/SayHello");
});

Deno.test("a message over the limit is not sent", async () => {
  const { transport, requests } = connect({ maxMessageBytes: 10 });
  const call = createClient(Greeter, transport).sayHello({ name: "123456789" });
  await assertConnectError(call, Code.ResourceExhausted, "message size 11 is larger than configured writeMaxBytes 10");
  assert.equal(requests.length, 0);
});

Deno.test("a server that cannot be reached is unavailable, and named", async () => {
  const fetch = () => Promise.reject(new TypeError("connection refused"));
  const greeter = createClient(Greeter, createTransport({ baseUrl: "http://test:1", fetch }));
  const message = "cannot reach http://test:1: connection refused";
  await assertConnectError(greeter.sayHello({}), Code.Unavailable, message);
  await assertConnectError(Array.fromAsync(greeter.converse(each([{}]))), Code.Unavailable, message);
});

Deno.test("a connection that breaks in mid-answer is unavailable", async () => {
  const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError("connection reset")) });
  const fetch = () => Promise.resolve(new Response(body, { headers: { "content-type": "application/connect+proto" } }));
  const file = createClient(File, createTransport({ baseUrl: "http://test", fetch }));
  const download = Array.fromAsync(file.download({ name: "a" }));
  await assertConnectError(download, Code.Unavailable, "cannot reach http://test: connection reset");
});

Deno.test("a call that is cancelled or out of time says so", async () => {
  const fetch = (_input: RequestInfo | URL, init?: RequestInit) =>
    new Promise<Response>((_, reject) => {
      init?.signal?.throwIfAborted();
      init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
    });
  const greeter = createClient(Greeter, createTransport({ baseUrl: "http://test", fetch }));
  const abort = new AbortController();
  const call = greeter.sayHello({}, { signal: abort.signal });
  abort.abort();
  await assertConnectError(call, Code.Canceled, /abort/);
  await assertConnectError(greeter.sayHello({}, { timeoutMs: 1 }), Code.DeadlineExceeded, /timed out/);
});

Deno.test("a base URL that is none of HTTP is refused at once", () => {
  for (const baseUrl of ["localhost:50051", "ftp://test"]) {
    assert.throws(() => createTransport({ baseUrl }), {
      name: "TypeError",
      message: /the scheme must be http or https/,
    });
  }
  assert.throws(() => createTransport({ baseUrl: "nonsense" }), TypeError);
});
