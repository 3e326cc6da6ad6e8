/** The fetch handler by HTTP: what callers without a Connect library see, and what bad requests get. */
import { create, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { Greeter, HelloRequestSchema } from "../../gen/edgewire/v1/greeter_pb.ts";
import { Hash } from "../../gen/edgewire/v1/hash_pb.ts";
import { createFetchHandler, DEFAULT_MAX_MESSAGE_BYTES, type FetchHandler } from "../../src/rpc/mod.ts";
import { testServices } from "../support/services.ts";
import { settle } from "../support/fake_socket.ts";

function createHandler(options: { maxMessageBytes?: number; fallback?: FetchHandler } = {}): FetchHandler {
  return createFetchHandler({
    routes: testServices(),
    ...options,
  });
}

const SAY_HELLO = `http://test/${Greeter.typeName}/SayHello`;

async function post(handler: FetchHandler, url: string, contentType: string, body: BodyInit): Promise<Response> {
  return await handler(new Request(url, { method: "POST", headers: { "content-type": contentType }, body }));
}

/** An enveloped message: https://connectrpc.com/docs/protocol/#streaming-request */
function envelope(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

/** The error in the last envelope of a Connect stream. */
async function endStreamError(response: Response): Promise<{ code: string; message: string }> {
  const bytes = await response.bytes();
  assert.equal(bytes[0], 2, "the only envelope has the end-stream flag");
  return JSON.parse(new TextDecoder().decode(bytes.subarray(5))).error;
}

Deno.test("a unary call in JSON, at both Greeters", async () => {
  const handler = createHandler();
  for (const url of [SAY_HELLO, "http://test/Greeter/SayHello"]) {
    const response = await post(handler, url, "application/json", '{"name":"World"}');
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal(await response.text(), '{"message":"Hello, World!"}');
  }
});

Deno.test("a call without side effects by GET, in JSON and in base64 binary", async () => {
  const handler = createHandler();
  const queries = [
    { connect: "v1", encoding: "json", message: '{"name":"World"}' },
    {
      connect: "v1",
      encoding: "proto",
      base64: "1",
      message: toBinary(HelloRequestSchema, create(HelloRequestSchema, { name: "World" })).toBase64(),
    },
  ];
  for (const query of queries) {
    const response = await handler(new Request(`${SAY_HELLO}?${new URLSearchParams(query)}`));
    assert.equal(response.status, 200);
    assert.match(await response.text(), /Hello, World!/);
  }
});

Deno.test("malformed messages are invalid_argument, and the answer says what is wrong", async () => {
  const handler = createHandler();
  const invalidUtf8 = new Uint8Array([0x0a, 2, 0xff, 0xfe]);
  const truncated = new Uint8Array([0x0a, 9, 65]);
  const cases: [string, BodyInit, RegExp][] = [
    ["application/json", '{"name":', /cannot decode message edgewire\.v1\.HelloRequest from JSON/],
    ["application/json", '{"name":1}', /cannot decode field edgewire\.v1\.HelloRequest\.name from JSON/],
    ["application/json", new Uint8Array([0x22, 0xff, 0x22]), /not valid|invalid/i],
    ["application/proto", invalidUtf8, /^edgewire\.v1\.HelloRequest cannot be decoded: /],
    ["application/proto", truncated, /^edgewire\.v1\.HelloRequest cannot be decoded: /],
  ];
  for (const [contentType, body, message] of cases) {
    const response = await post(handler, SAY_HELLO, contentType, body);
    const error = await response.json();
    assert.equal(response.status, 400);
    assert.equal(error.code, "invalid_argument");
    assert.match(error.message, message);
  }
});

Deno.test("malformed messages in a stream are invalid_argument", async () => {
  const url = `http://test/${Hash.typeName}/ShaStream`;
  const malformed = envelope(new Uint8Array([0x0a, 9, 65]));
  const error = await endStreamError(await post(createHandler(), url, "application/connect+proto", malformed));
  assert.equal(error.code, "invalid_argument");
  assert.match(error.message, /^edgewire\.v1\.ShaStreamRequest cannot be decoded: /);
});

Deno.test("a message of the limit passes, one byte more does not", async () => {
  const limit = 1000;
  const handler = createHandler({ maxMessageBytes: limit });
  const message = (length: number) =>
    toBinary(HelloRequestSchema, create(HelloRequestSchema, { name: "a".repeat(length - 3) }));
  assert.equal(message(limit).length, limit);

  // The answer is longer than the request, so it is the answer that meets the limit here.
  const longest = await post(handler, `http://test/${Hash.typeName}/Sha`, "application/proto", message(limit));
  assert.equal(longest.status, 200);
  await longest.body?.cancel();

  const tooLong = await post(handler, SAY_HELLO, "application/proto", message(limit + 1));
  assert.equal(tooLong.status, 429);
  const error = await tooLong.json();
  assert.equal(error.code, "resource_exhausted");
  assert.equal(error.message, "message is larger than the limit, 1000");

  const answer = await post(handler, SAY_HELLO, "application/proto", message(limit - 4));
  assert.equal(answer.status, 429);
  assert.equal((await answer.json()).message, "response message of 1004 bytes is larger than the limit, 1000");
});

Deno.test("the limit holds for messages in streams, by what their prefix says", async () => {
  const prefix = new Uint8Array([0, 0xff, 0xff, 0xff, 0xff]);
  const url = `http://test/${Hash.typeName}/ShaStream`;
  const error = await endStreamError(await post(createHandler(), url, "application/connect+proto", prefix));
  assert.equal(error.code, "resource_exhausted");
  assert.equal(error.message, `message of 4294967295 bytes is larger than the limit, ${DEFAULT_MAX_MESSAGE_BYTES}`);
});

Deno.test("an unknown method of a service is unimplemented", async () => {
  const response = await post(createHandler(), `http://test/${Greeter.typeName}/SayBye`, "application/json", "{}");
  assert.equal(response.status, 404);
  assert.deepEqual(await response.json(), {
    code: "unimplemented",
    message: "no method /edgewire.v1.Greeter/SayBye",
  });
});

Deno.test("a content type that is none of an RPC is refused with those that are", async () => {
  const response = await post(createHandler(), SAY_HELLO, "text/plain", "{}");
  assert.equal(response.status, 415);
  assert.equal(
    response.headers.get("accept-post"),
    "application/json, application/proto, application/grpc+proto, application/grpc+json, " +
      "application/grpc-web+proto, application/grpc-web+json",
  );
  assert.match(await response.text(), /^Unsupported content type "text\/plain": use application\/json/);
});

Deno.test("gRPC is refused with the reason", async () => {
  const response = await post(createHandler(), SAY_HELLO, "application/grpc+proto", new Uint8Array(5));
  assert.equal(response.status, 415);
  assert.match(await response.text(), /gRPC needs HTTP trailers/);
});

Deno.test("a method of HTTP that does not fit is refused with those that do", async () => {
  const handler = createHandler();
  for (const [path, allow] of [["Greeter/SayHello", "POST"], ["edgewire.v1.Greeter/SayHello", "GET, POST"]]) {
    const response = await handler(new Request(`http://test/${path}`, { method: "DELETE" }));
    assert.equal(response.status, 405);
    assert.equal(response.headers.get("allow"), allow);
    assert.equal(await response.text(), `Cannot DELETE /${path}: use ${allow}\n`);
  }
});

Deno.test("requests that are for no service go to the fallback, or get a 404", async () => {
  const withFallback = createHandler({ fallback: (request) => new Response(`page ${new URL(request.url).pathname}`) });
  assert.equal(await (await withFallback(new Request("http://test/about"))).text(), "page /about");
  const without = await createHandler()(new Request("http://test/about"));
  assert.equal(without.status, 404);
  assert.equal(await without.text(), "Not found: /about\n");
});

Deno.test("an error that is no ConnectError tells the caller nothing", async () => {
  const handler = createFetchHandler({
    routes: (router) =>
      router.service(Greeter, {
        sayHello: () => {
          throw new Error("secret");
        },
      }),
  });
  const response = await post(handler, SAY_HELLO, "application/json", "{}");
  assert.equal(response.status, 500);
  assert.deepEqual(await response.json(), { code: "internal", message: "internal error" });
});

Deno.test("callers that give up leave room for others, as nobody knows that they are one", async () => {
  let running = 0;
  const handler = createFetchHandler({
    routes: (router) => router.service(Greeter, { sayHello: () => (running++, new Promise(() => {})) }),
    maxAbandonedCalls: 2,
  });
  for (let count = 0; count < 5; count++) {
    const caller = new AbortController();
    const { signal } = caller;
    const headers = { "content-type": "application/json" };
    const response = handler(new Request(SAY_HELLO, { method: "POST", headers, body: "{}", signal }));
    await settle();
    caller.abort();
    await response;
  }
  assert.equal(running, 5);
});

Deno.test("a path is told to 200 characters, however long it is", async () => {
  const path = `/${Greeter.typeName}/${"a".repeat(10_000)}`;
  const response = await post(createHandler(), `http://test${path}`, "application/json", "{}");
  assert.equal((await response.json()).message, `no method ${path.slice(0, 200)}...`);
});

Deno.test("names of compressions have no case (RFC 9110 §8.4.1)", async () => {
  const body = new Response(new Blob(['{"name":"World"}']).stream().pipeThrough(new CompressionStream("gzip")));
  const request = new Request(SAY_HELLO, {
    method: "POST",
    headers: { "content-type": "application/json", "content-encoding": "GZIP" },
    body: await body.bytes(),
  });
  assert.equal(await (await createHandler()(request)).text(), '{"message":"Hello, World!"}');
});
