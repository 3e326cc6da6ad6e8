/** gRPC and gRPC-Web: what requests say, and what comes of responses, right and wrong. */
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { createTransport, type TransportOptions } from "../../../src/rpc/mod.ts";
import { each } from "../../support/bytes.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { envelope, greeting } from "../../support/rpc_messages.ts";
import { type ScriptedCall, ScriptedServer } from "../../support/scripted_server.ts";

const HELLO = envelope(greeting("Hello"));

function clientOf(server: ScriptedServer, options: TransportOptions = {}) {
  return createClient(Greeter, transportOf(server, options));
}

function transportOf(server: ScriptedServer, options: TransportOptions): Transport {
  return createTransport({ protocol: "grpc", httpClient: server.client, acceptCompressions: [], ...options });
}

Deno.test("a unary call of gRPC is one head, one envelope and the end", async () => {
  await using server = new ScriptedServer();
  const reply = clientOf(server).sayHello({ name: "World" });
  const call = await server.call();
  assert.deepEqual(call.head, {
    method: "POST",
    scheme: "http",
    authority: "server:1",
    path: "/edgewire.v1.Greeter/SayHello",
    fields: [{ name: "content-type", value: "application/grpc+proto" }, { name: "te", value: "trailers" }],
    contentLength: undefined,
    memo: undefined,
  });
  assert.deepEqual([call.content, call.hasEnded], [envelope(greeting("World")), true]);
  call.respond({ ":status": "200", "content-type": "application/grpc" }).write(HELLO);
  call.endWithTrailers({ "grpc-status": "0" });
  assert.equal((await reply).message, "Hello");
  assert.equal(call.resetWith, undefined);
});

Deno.test("metadata, timeout and format are said as each protocol has them", async () => {
  await using server = new ScriptedServer();
  const said = async (options: TransportOptions, index: number) => {
    const headers = { "x-a": "1", "grpc-timeout": "1S", "content-type": "text/plain", "x-bin": "AAEC" };
    const reply = clientOf(server, options).sayHello({}, { headers, timeoutMs: 60_000 }).catch(() => {});
    const call = await server.call(index);
    call.reset(8);
    await reply;
    return call.head.fields.map(({ name, value }) => `${name}: ${value.replace(/^[56]\d{7}u$/, "60 s")}`);
  };
  assert.deepEqual(await said({}, 0), [
    "content-type: application/grpc+proto",
    "te: trailers",
    "grpc-timeout: 60 s",
    "x-a: 1",
    "x-bin: AAEC",
  ]);
  assert.deepEqual(await said({ protocol: "grpc-web", useBinaryFormat: false }, 1), [
    "content-type: application/grpc-web+json",
    "x-grpc-web: 1",
    "grpc-timeout: 60 s",
    "x-a: 1",
    "x-bin: AAEC",
  ]);
});

Deno.test("the path of the base URL comes before the service's", async () => {
  await using server = new ScriptedServer();
  server.onCall = (call) => call.reset(8);
  await clientOf(server, { baseUrl: "http://other:2/api/" }).sayHello({}).catch(() => {});
  assert.deepEqual([server.calls[0]?.head.path, server.calls[0]?.head.authority], [
    "/api/edgewire.v1.Greeter/SayHello",
    "other:2",
  ]);
});

/** How a server answers, and what is to come of it for a unary call. */
type Case = readonly [what: string, answer: (call: ScriptedCall) => void, code: Code, message: string | RegExp];

const GRPC = { ":status": "200", "content-type": "application/grpc+proto" };
const WEB = { ":status": "200", "content-type": "application/grpc-web+proto" };
const OK = { "grpc-status": "0" };
const OK_BLOCK = envelope("grpc-status: 0\r\n", 0x80);

function grpc(call: ScriptedCall, content: readonly Uint8Array[], trailers: Record<string, string>, head = {}): void {
  call.respond({ ...GRPC, ...head }).write(...content);
  call.endWithTrailers(trailers);
}

function web(call: ScriptedCall, ...content: readonly Uint8Array[]): void {
  call.respond(WEB).end(...content);
}

const UNARY: readonly Case[] = [
  [
    "an error in trailers",
    (call) => grpc(call, [], { "grpc-status": "5", "grpc-message": "a%20b" }),
    Code.NotFound,
    "a b",
  ],
  ["an error after a message", (call) => grpc(call, [HELLO], { "grpc-status": "8" }), Code.ResourceExhausted, ""],
  [
    "an error in the head",
    (call) => call.respond({ ...GRPC, "grpc-status": "7", "grpc-message": "no" }, true),
    7,
    "no",
  ],
  [
    "an error in the head, then an empty content",
    (call) => call.respond({ ...GRPC, "grpc-status": "7", "grpc-message": "no" }).end(),
    Code.PermissionDenied,
    "no",
  ],
  [
    "a status in the head that trailers overrule",
    (call) => grpc(call, [], { "grpc-status": "5" }, { "grpc-status": "7" }),
    5,
    "",
  ],
  ["a status that is none", (call) => grpc(call, [HELLO], { "grpc-status": "99" }), Code.Unknown, /grpc-status/],
  ["no status", (call) => grpc(call, [HELLO], { "x": "y" }), Code.Internal, /no grpc-status/],
  ["no trailers", (call) => call.respond(GRPC).end(HELLO), Code.Internal, /no grpc-status/],
  ["no message", (call) => grpc(call, [], OK), Code.Unimplemented, /no message/],
  ["two messages", (call) => grpc(call, [HELLO, HELLO], OK), Code.Unimplemented, /more than one message/],
  ["half an envelope", (call) => grpc(call, [HELLO.subarray(0, 8)], OK), Code.Internal, /within an envelope/],
  [
    "half the head of an envelope",
    (call) => grpc(call, [HELLO.subarray(0, 3)], OK),
    Code.Internal,
    /within an envelope/,
  ],
  ["flags that are none", (call) => grpc(call, [envelope("", 2)], OK), Code.Internal, /flags 2/],
  ["trailers of gRPC-Web", (call) => grpc(call, [HELLO, OK_BLOCK], OK), Code.Internal, /flags 128/],
  ["compression without a name", (call) => grpc(call, [envelope("", 1)], OK), Code.Internal, /no grpc-encoding/],
  [
    "compression that is called identity",
    (call) => grpc(call, [envelope("", 1)], OK, { "grpc-encoding": "identity" }),
    Code.Internal,
    /no grpc-encoding/,
  ],
  [
    "compression that was not asked for",
    (call) => grpc(call, [HELLO], OK, { "grpc-encoding": "snappy" }),
    Code.Internal,
    /"snappy", which was not asked for/,
  ],
  [
    "a length of 4 GiB",
    (call) => grpc(call, [Uint8Array.of(0, 255, 255, 255, 255)], OK),
    Code.ResourceExhausted,
    /4294967295/,
  ],
  ["a message that is none", (call) => grpc(call, [envelope(Uint8Array.of(0x0a, 9))], OK), Code.Internal, /HelloReply/],
  [
    "another format",
    (call) => grpc(call, [HELLO], OK, { "content-type": "application/grpc+json" }),
    Code.Internal,
    /\+json/,
  ],
  ["another protocol", (call) => grpc(call, [HELLO], OK, { "content-type": "text/html" }), Code.Unknown, /text\/html/],
  ...([[400, 13], [401, 16], [403, 7], [404, 12], [409, 2], [429, 14], [502, 14], [503, 14], [504, 14], [
    500,
    2,
  ]] as const)
    .map(([status, code]): Case => [
      `HTTP status ${status}`,
      (call) => call.respond({ ":status": `${status}`, "grpc-status": "0" }, true),
      code,
      `HTTP ${status}`,
    ]),
];

for (const [what, answer, code, message] of UNARY) {
  Deno.test(`gRPC, unary: ${what}`, async () => {
    await using server = new ScriptedServer();
    server.onCall = answer;
    await assertConnectError(clientOf(server).sayHello({}), code, message);
  });
}

const WEB_UNARY: readonly Case[] = [
  ["an error", (call) => web(call, envelope("grpc-status: 5\r\ngrpc-message: a%20b\r\n", 0x80)), Code.NotFound, "a b"],
  ["names in upper case", (call) => web(call, envelope("GRPC-STATUS:5\r\n", 0x80)), Code.NotFound, ""],
  ["an error in the head", (call) => call.respond({ ...WEB, "grpc-status": "7" }).end(), Code.PermissionDenied, ""],
  ["no trailers", (call) => web(call, HELLO), Code.Internal, /no grpc-status/],
  ["no content", (call) => web(call), Code.Internal, /no grpc-status/],
  [
    "trailers without a status",
    (call) => web(call, HELLO, envelope("a: b\r\n", 0x80)),
    Code.Internal,
    /no grpc-status/,
  ],
  ["trailers that are none", (call) => web(call, HELLO, envelope("a\r\n", 0x80)), Code.Internal, /no field/],
  ["a message after the trailers", (call) => web(call, OK_BLOCK, HELLO), Code.Internal, /follows the end/],
  ["trailers twice", (call) => web(call, HELLO, OK_BLOCK, OK_BLOCK), Code.Internal, /follows the end/],
  ["half of the trailers", (call) => web(call, HELLO, OK_BLOCK.subarray(0, 9)), Code.Internal, /within an envelope/],
  [
    "trailers of HTTP only",
    (call) => {
      call.respond(WEB).write(HELLO);
      call.endWithTrailers(OK);
    },
    Code.Internal,
    /no grpc-status/,
  ],
  ["no message", (call) => web(call, OK_BLOCK), Code.Unimplemented, /no message/],
  ["another protocol", (call) => call.respond(GRPC).end(), Code.Unknown, /application\/grpc\+proto/],
  [
    "trailers of more than 64 KiB",
    (call) => web(call, HELLO, envelope(`grpc-status: 0\r\nx: ${"a".repeat(65_520)}\r\n`, 0x80)),
    Code.ResourceExhausted,
    "trailers have more than 65536 bytes",
  ],
  [
    "more than 128 trailers",
    (call) => web(call, HELLO, envelope(`grpc-status: 0\r\n${"x: a\r\n".repeat(128)}`, 0x80)),
    Code.ResourceExhausted,
    "trailers have more than 128 fields",
  ],
  ["a NUL in trailers", (call) => web(call, HELLO, envelope("grpc-status: 0\r\nx: a\0\r\n", 0x80)), 13, /no field/],
  ["a trailer without a name", (call) => web(call, HELLO, envelope("grpc-status: 0\r\n: a\r\n", 0x80)), 13, /no field/],
  [
    "text",
    (call) => call.respond({ ...WEB, "content-type": "application/grpc-web-text" }).end(),
    Code.Internal,
    /-text/,
  ],
];

for (const [what, answer, code, message] of WEB_UNARY) {
  Deno.test(`gRPC-Web, unary: ${what}`, async () => {
    await using server = new ScriptedServer();
    server.onCall = answer;
    await assertConnectError(clientOf(server, { protocol: "grpc-web" }).sayHello({}), code, message);
  });
}

Deno.test("gRPC-Web: a message, then trailers, in any pieces", async () => {
  await using server = new ScriptedServer();
  const trailers = envelope("grpc-status: 0\r\nx-t: 1\r\nx-t:2 \r\n", 0x80);
  server.onCall = (call) => {
    call.respond({ ...WEB, "x-h": "1" });
    for (const octet of [...HELLO, ...trailers]) {
      call.write(Uint8Array.of(octet));
    }
    call.end();
  };
  const seen: (string | null)[] = [];
  const reply = await clientOf(server, { protocol: "grpc-web" }).sayHello({}, {
    onHeader: (header) => seen.push(header.get("x-h")),
    onTrailer: (trailer) => seen.push(trailer.get("x-t")),
  });
  assert.deepEqual([reply.message, seen], ["Hello", ["1", "1, 2"]]);
});

Deno.test("gRPC-Web: up to 128 trailers, and 64 KiB of spaces around and within a value", async () => {
  await using server = new ScriptedServer();
  const many = "x: a\r\n".repeat(126);
  const spaces = " ".repeat(32_000);
  server.onCall = (call) => web(call, HELLO, envelope(`grpc-status: 0\r\n${many}y:${spaces}a${spaces}b\t \r\n`, 0x80));
  const seen: (string | undefined)[] = [];
  await clientOf(server, { protocol: "grpc-web" }).sayHello({}, {
    onTrailer: (trailer) => seen.push(trailer.get("y")?.replace(spaces, "_"), String(trailer.get("x")?.length)),
  });
  assert.deepEqual(seen, ["a_b", String(126 * 3 - 2)]);
});

Deno.test("a response that takes more memory than it may is resource_exhausted", async () => {
  await using server = new ScriptedServer();
  const json = (count: number) => `{"message":"a","x":[${new Array(count).fill("0").join()}]}`;
  const options = { useBinaryFormat: false, maxDecodedBytes: 100_000 };
  const respond = (count: number) => (call: ScriptedCall) => {
    call.respond({ ...GRPC, "content-type": "application/grpc+json" }).write(envelope(json(count)));
    call.endWithTrailers(OK);
  };
  server.onCall = respond(2_000);
  assert.equal((await clientOf(server, options).sayHello({})).message, "a");
  server.onCall = respond(2_200);
  await assertConnectError(clientOf(server, options).sayHello({}), Code.ResourceExhausted, /\(maxDecodedBytes\)$/);
});

Deno.test("messages come before the error that follows them", async () => {
  await using server = new ScriptedServer();
  server.onCall = (call) => grpc(call, [HELLO, HELLO.subarray(0, 7)], OK);
  const messages: string[] = [];
  await assertConnectError(
    async () => {
      for await (const { message } of clientOf(server).converse(each([{}]))) {
        messages.push(message);
      }
    },
    Code.Internal,
    /within an envelope/,
  );
  assert.deepEqual(messages, ["Hello"]);
});

Deno.test("one block of fields is shown as header and as trailer, and once in the error", async () => {
  await using server = new ScriptedServer();
  server.onCall = (call) => call.respond({ ...GRPC, "grpc-status": "5", "x-a": "1" }, true);
  const response = await transportOf(server, {}).stream(
    Greeter.method.converse,
    undefined,
    undefined,
    undefined,
    each([]),
  );
  const error = await Array.fromAsync(response.message).catch((error) => error);
  assert.ok(error instanceof ConnectError);
  assert.deepEqual(
    [response.header, response.trailer, error.metadata].map((headers) => headers.get("x-a")),
    ["1", "1", "1"],
  );
});

Deno.test("JSON is sent and read in envelopes, too", async () => {
  await using server = new ScriptedServer();
  const reply = clientOf(server, { useBinaryFormat: false }).sayHello({ name: "a" });
  const call = await server.call();
  assert.deepEqual(call.content, envelope('{"name":"a"}'));
  grpc(call, [envelope('{"message":"Hi","new":1}')], OK, { "content-type": "application/grpc+json" });
  assert.equal((await reply).message, "Hi");
});

Deno.test("the longest message that may be passes, one octet more does not", async () => {
  await using server = new ScriptedServer();
  const client = clientOf(server, { maxMessageBytes: 10 });
  server.onCall = (call) => grpc(call, [envelope(greeting("12345678"))], OK);
  assert.equal((await client.sayHello({ name: "12345678" })).message, "12345678");
  await assertConnectError(
    client.sayHello({ name: "123456789" }),
    Code.ResourceExhausted,
    "message has 11 bytes, the limit is 10",
  );
  assert.equal(server.calls.length, 1, "It was not sent");
  server.onCall = (call) => grpc(call, [envelope(greeting("123456789"))], OK);
  await assertConnectError(client.sayHello({}), Code.ResourceExhausted, "message has 11 bytes, the limit is 10");
});
