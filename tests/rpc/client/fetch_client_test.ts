/** Calls by `fetch`: what it is given, what it does not do, and what comes of it when it fails; with a fake one, and with Deno's. */
import { Code, createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { File } from "../../../gen/edgewire/v1/file_pb.ts";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { createFetchClient, createFetchHandler, createTransport, type TransportOptions } from "../../../src/rpc/mod.ts";
import { nodeCompressions } from "../../../src/rpc/node/mod.ts";
import { each } from "../../support/bytes.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { settle } from "../../support/fake_socket.ts";
import { envelope, greeting } from "../../support/rpc_messages.ts";
import { assertAllKindsOfCalls, testServices } from "../../support/services.ts";

type Fetch = typeof globalThis.fetch;

function transportOf(fetch: Fetch, options: TransportOptions = {}) {
  return createTransport({ baseUrl: "http://test", httpClient: createFetchClient({ fetch }), ...options });
}

/** A fake that answers as told, and what it was given. */
function recording(answer: (request: Request, init: RequestInit) => Response | Promise<Response>) {
  const inits: RequestInit[] = [];
  const requests: Request[] = [];
  const fetch: Fetch = async (input, init = {}) => {
    inits.push(init);
    const request = new Request(input, init);
    requests.push(request);
    return await answer(request, init);
  };
  return { fetch, inits, requests };
}

function services() {
  return createFetchHandler({ routes: testServices() });
}

for (const protocol of ["connect", "grpc-web"] as const) {
  for (const useBinaryFormat of [true, false]) {
    Deno.test(`all kinds of calls by ${protocol} in ${useBinaryFormat ? "binary" : "JSON"}`, async () => {
      const handler = services();
      const { fetch } = recording((request) => handler(request));
      await assertAllKindsOfCalls(transportOf(fetch, { protocol, useBinaryFormat }));
    });
  }
}

Deno.test("a single message is sent whole, several as a stream, and nothing is said that is fetch's to decide", async () => {
  const handler = services();
  const { fetch, inits } = recording((request) => handler(request));
  const transport = transportOf(fetch);
  await createClient(Greeter, transport).sayHello({ name: "a" });
  await Array.fromAsync(createClient(File, transport).download({ name: "a" })).catch(() => {});
  await Array.fromAsync(createClient(Greeter, transport).converse(each([{}])));
  assert.deepEqual(inits.map(({ body }) => body instanceof ReadableStream ? "stream" : body), [
    greeting("a"),
    envelope(greeting("a")),
    "stream",
  ]);
  assert.deepEqual(Object.keys(inits[0] ?? {}).sort(), ["body", "headers", "method", "signal"]);
  assert.deepEqual(Object.keys(inits[2] ?? {}).sort(), ["body", "duplex", "headers", "method", "signal"]);
});

Deno.test("calls without side effects go by GET when asked to", async () => {
  const handler = services();
  const { fetch, requests } = recording((request) => handler(request));
  const transport = transportOf(fetch, { useHttpGet: true, baseUrl: "http://test/" });
  await createClient(Greeter, transport).sayHello({ name: "World" });
  await createClient(File, transport).startUpload({ name: "a" });
  assert.deepEqual(requests.map(({ method, body }) => [method, body === null]), [["GET", true], ["POST", false]]);
});

Deno.test("gRPC over fetch is refused at once, as are URLs that are none of HTTP, and none", () => {
  assert.throws(() => createTransport({ baseUrl: "http://test", protocol: "grpc" }), {
    name: "TypeError",
    message: /^Cannot use gRPC over fetch, which has no trailers/,
  });
  for (const baseUrl of ["localhost:50051", "ftp://test"]) {
    assert.throws(() => createTransport({ baseUrl }), {
      name: "TypeError",
      message: /the scheme must be http or https/,
    });
  }
  assert.throws(() => createTransport({ baseUrl: "nonsense" }), TypeError);
  assert.throws(() => createTransport({}), { name: "TypeError", message: /without baseUrl/ });
  assert.throws(() => createTransport({ baseUrl: "http://test", maxMessageBytes: -1 }), RangeError);
  assert.throws(() => createTransport({ baseUrl: "http://test", maxDecodedBytes: 0.5 }), RangeError);
});

Deno.test("where fetch cannot stream requests, streams of messages are refused, and single ones are not", async () => {
  const { Request: Real } = globalThis;
  /** As in Firefox: a stream becomes a text. */
  globalThis.Request = class extends Real {
    constructor(input: RequestInfo | URL, init?: RequestInit) {
      super(input, init?.body instanceof ReadableStream ? { ...init, body: "[object ReadableStream]" } : init);
    }
  };
  try {
    const transport = transportOf(() => Promise.resolve(new Response(null, { status: 404 })));
    const replies = createClient(Greeter, transport).converse(each([{}]));
    await assertConnectError(
      Array.fromAsync(replies),
      Code.Unimplemented,
      "fetch cannot send a stream of messages here, and Converse takes one",
    );
    await assertConnectError(createClient(Greeter, transport).sayHello({}), Code.Unimplemented, "HTTP 404");
  } finally {
    globalThis.Request = Real;
  }
});

Deno.test("a server that cannot be reached is unavailable, and named", async () => {
  const fetch = () =>
    Promise.reject(new TypeError("error sending request", { cause: new Error("os: connection refused") }));
  const greeter = createClient(Greeter, transportOf(fetch, { baseUrl: "http://test:1" }));
  const message = "cannot reach http://test:1: connection refused";
  await assertConnectError(greeter.sayHello({}), Code.Unavailable, message);
  await assertConnectError(Array.fromAsync(greeter.converse(each([{}]))), Code.Unavailable, message);
});

Deno.test("a connection that breaks in mid-answer is unavailable", async () => {
  const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError("connection reset")) });
  const fetch = () => Promise.resolve(new Response(body, { headers: { "content-type": "application/connect+proto" } }));
  const download = Array.fromAsync(createClient(File, transportOf(fetch)).download({ name: "a" }));
  await assertConnectError(download, Code.Unavailable, "lost the connection to http://test: connection reset");
});

Deno.test("a call that is cancelled or out of time says so, and fetch is told", async () => {
  const signals: (AbortSignal | null | undefined)[] = [];
  const fetch: Fetch = (_input, init) => {
    signals.push(init?.signal);
    return new Promise((_resolve, reject) =>
      init?.signal?.addEventListener("abort", () => reject(init.signal?.reason))
    );
  };
  const greeter = createClient(Greeter, transportOf(fetch));
  const abort = new AbortController();
  const call = greeter.sayHello({}, { signal: abort.signal });
  await settle();
  abort.abort();
  await assertConnectError(call, Code.Canceled, /abort/);
  await assertConnectError(greeter.sayHello({}, { timeoutMs: 15 }), Code.DeadlineExceeded, /timed out/);
  assert.deepEqual(signals.map((signal) => signal?.aborted), [true, true]);
});

Deno.test("an answer is read as it is taken, and let go of by who stops", async () => {
  let pulled = 0;
  let cancelled = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pulled++;
      controller.enqueue(envelope(new Uint8Array([0x0a, 0x80, 0x40, ...new Uint8Array(8192).fill(0x61)])));
    },
    cancel: () => void cancelled++,
  }, { highWaterMark: 0 });
  const fetch = () => Promise.resolve(new Response(body, { headers: { "content-type": "application/connect+proto" } }));
  const response = await transportOf(fetch).stream(Greeter.method.converse, undefined, undefined, undefined, each([]));
  const messages = response.message[Symbol.asyncIterator]();
  await messages.next();
  await settle();
  assert.ok(pulled > 2 && pulled < 20, `${pulled} pieces were read`);
  await messages.return?.();
  await settle();
  assert.equal(cancelled, 1);
});

Deno.test("messages are taken from the caller as fetch takes them", async () => {
  let taken = 0;
  let isOver = false;
  const names = (async function* () {
    try {
      while (true) {
        taken++;
        yield { name: "a" };
      }
    } finally {
      isOver = true;
    }
  })();
  const answered = Promise.withResolvers<Response>();
  let reader: ReadableStreamDefaultReader | undefined;
  const fetch: Fetch = (_input, init) => {
    assert.ok(init?.body instanceof ReadableStream);
    reader = init.body.getReader();
    return answered.promise;
  };
  const abort = new AbortController();
  const call = transportOf(fetch).stream(Greeter.method.converse, abort.signal, undefined, undefined, names);
  await settle();
  assert.equal(taken, 1);
  await reader?.read();
  await reader?.read();
  await settle();
  assert.ok(taken <= 4, `${taken} were taken`);
  abort.abort();
  await assertConnectError(call, Code.Canceled, /abort/);
  await settle();
  assert.ok(isOver);
  await assert.rejects(async () => {
    while (!(await reader!.read()).done); // The body fails, so that Deno resets the stream.
  });
});

Deno.test("a client that is closed ends its calls, one that is shut down lets them end", async () => {
  const answered = Promise.withResolvers<Response>();
  const client = createFetchClient({ fetch: () => answered.promise });
  const greeter = createClient(Greeter, createTransport({ baseUrl: "http://test", httpClient: client }));
  const [one, other] = [greeter.sayHello({}), greeter.sayHello({})];
  const ended = client.shutdown();
  await assertConnectError(greeter.sayHello({}), Code.Unavailable, "cannot begin a call: the client is closed");
  await client.close();
  await assertConnectError(one, Code.Unavailable, "lost the connection to http://test: The client was closed");
  await assertConnectError(other, Code.Unavailable, /closed/);
  await ended;
});

for (const compression of nodeCompressions) {
  Deno.test(`Deno's fetch: answers in ${compression.name} are decoded once`, async () => {
    const message = new Uint8Array(await compression.compress(greeting("Hello")));
    await using server = Deno.serve({ port: 0, onListen: () => {} }, (request) => {
      assert.equal(request.headers.get("accept-encoding"), compression.name);
      return new Response(message, {
        headers: { "content-type": "application/proto", "content-encoding": compression.name },
      });
    });
    const greeter = createClient(
      Greeter,
      createTransport({ baseUrl: `http://127.0.0.1:${server.addr.port}`, acceptCompressions: [compression] }),
    );
    assert.equal((await greeter.sayHello({})).message, "Hello");
  });
}

Deno.test("Deno's fetch: a call that is cancelled is over for the server, by HTTP/1.1 and HTTP/2", async () => {
  let begun = Promise.withResolvers<void>();
  let gone = Promise.withResolvers<void>();
  await using server = Deno.serve({ port: 0, onListen: () => {} }, (request) => {
    request.signal.addEventListener("abort", () => gone.resolve());
    request.arrayBuffer().catch(() => gone.resolve()); // By HTTP/1.1 only who reads hears of it.
    begun.resolve();
    return gone.promise.then(() => new Response());
  });
  for (const http2 of [false, true]) {
    for (const isStream of [false, true]) {
      begun = Promise.withResolvers();
      gone = Promise.withResolvers();
      using client = Deno.createHttpClient({ http1: !http2, http2 });
      const fetch: Fetch = (input, init) => globalThis.fetch(input, { ...init, client });
      const greeter = createClient(Greeter, transportOf(fetch, { baseUrl: `http://127.0.0.1:${server.addr.port}` }));
      const abort = new AbortController();
      const names = (async function* () {
        yield { name: "a" };
        await new Promise(() => {});
      })();
      const call = isStream
        ? Array.fromAsync(greeter.converse(names, { signal: abort.signal }))
        : greeter.sayHello({}, { signal: abort.signal });
      const ended = assertConnectError(call, Code.Canceled, /abort/);
      await begun.promise;
      abort.abort();
      await ended;
      await gone.promise;
    }
  }
});
