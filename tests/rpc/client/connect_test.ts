/** Connect: what requests say, and what comes of responses, right and wrong. */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { File } from "../../../gen/edgewire/v1/file_pb.ts";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { createTransport, type TransportOptions } from "../../../src/rpc/mod.ts";
import { each } from "../../support/bytes.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { envelope, greeting, octets } from "../../support/rpc_messages.ts";
import { type ScriptedCall, ScriptedServer } from "../../support/scripted_server.ts";

const HELLO = greeting("Hello");
const PROTO = { ":status": "200", "content-type": "application/proto" };
const JSON_ERROR = { ":status": "404", "content-type": "application/json" };
const STREAM = { ":status": "200", "content-type": "application/connect+proto" };
const END = envelope("{}", 2);

function clientOf(server: ScriptedServer, options: TransportOptions = {}) {
  return createClient(Greeter, createTransport({ httpClient: server.client, acceptCompressions: [], ...options }));
}

Deno.test("a unary call is a POST whose content is the message", async () => {
  await using server = new ScriptedServer();
  const reply = clientOf(server).sayHello({ name: "World" }, { headers: { "x-a": "1" } });
  const call = await server.call();
  assert.deepEqual([call.head.method, call.head.path], ["POST", "/edgewire.v1.Greeter/SayHello"]);
  assert.deepEqual(call.head.fields, [
    { name: "content-type", value: "application/proto" },
    { name: "connect-protocol-version", value: "1" },
    { name: "x-a", value: "1" },
  ]);
  assert.deepEqual([call.content, call.hasEnded], [greeting("World"), true]);
  call.respond(PROTO).end(HELLO);
  assert.equal((await reply).message, "Hello");
});

Deno.test("header and trailers of a unary call are told apart", async () => {
  await using server = new ScriptedServer();
  server.onCall = (call) => call.respond({ ...PROTO, "x-a": "1", "trailer-x-b": "2" }).end(HELLO);
  const seen: Record<string, string | null>[] = [];
  const note = (headers: Headers) => seen.push({ a: headers.get("x-a"), b: headers.get("x-b") });
  await clientOf(server).sayHello({}, { onHeader: note, onTrailer: note });
  assert.deepEqual(seen, [{ a: "1", b: null }, { a: null, b: "2" }]);
});

Deno.test("a message may come in pieces, or be empty", async () => {
  await using server = new ScriptedServer();
  server.onCall = (call) => {
    call.respond(PROTO);
    HELLO.forEach((octet) => call.write(Uint8Array.of(octet)));
    call.end();
  };
  assert.equal((await clientOf(server).sayHello({})).message, "Hello");
  server.onCall = (call) => call.respond(PROTO, true);
  assert.equal((await clientOf(server).sayHello({})).message, "");
});

Deno.test("calls without side effects go by GET when asked to, as caches want them", async () => {
  await using server = new ScriptedServer();
  const pathOf = async (options: TransportOptions, index: number) => {
    const transport = createTransport({
      httpClient: server.client,
      acceptCompressions: [],
      useHttpGet: true,
      ...options,
    });
    const reply = createClient(Greeter, transport).sayHello({ name: "a&b" }, { headers: { "x-a": "1" } }).catch(
      () => {},
    );
    const call = await server.call(index);
    assert.deepEqual([call.head.method, call.hasEnded, call.head.fields], ["GET", true, [{ name: "x-a", value: "1" }]]);
    call.reset(8);
    await reply;
    return call.head.path;
  };
  assert.equal(
    await pathOf({}, 0),
    "/edgewire.v1.Greeter/SayHello?connect=v1&base64=1&encoding=proto&message=CgNhJmI",
  );
  assert.equal(
    await pathOf({ useBinaryFormat: false }, 1),
    "/edgewire.v1.Greeter/SayHello?connect=v1&encoding=json&message=%7B%22name%22%3A%22a%26b%22%7D",
  );
});

Deno.test("a GET that would be too long, or has side effects, is a POST", async () => {
  await using server = new ScriptedServer();
  server.onCall = (call) => call.reset(8);
  const transport = createTransport({ httpClient: server.client, useHttpGet: true });
  await createClient(Greeter, transport).sayHello({ name: "a".repeat(8000) }).catch(() => {});
  await createClient(File, transport).startUpload({}).catch(() => {});
  assert.deepEqual(server.calls.map(({ head }) => head.method), ["POST", "POST"]);
});

/** How a server answers, and what is to come of it. */
type Case = readonly [what: string, answer: (call: ScriptedCall) => void, code: Code, message: string | RegExp];

function failing(content: string, head: Record<string, string> = {}): (call: ScriptedCall) => void {
  return (call) => call.respond({ ...JSON_ERROR, ...head }).end(octets(content));
}

const UNARY: readonly Case[] = [
  ["an error", failing('{"code":"already_exists","message":"a b"}'), Code.AlreadyExists, "a b"],
  ["an error without a text", failing('{"code":"aborted"}'), Code.Aborted, ""],
  ["an error of an unknown code", failing('{"code":"nope","message":"a"}'), Code.Unimplemented, "a"],
  ["an error that is null", failing("null"), Code.Unimplemented, "HTTP 404"],
  ["an error that is no JSON", failing("{"), Code.Unimplemented, "HTTP 404"],
  ["no content", (call) => call.respond(JSON_ERROR, true), Code.Unimplemented, "HTTP 404"],
  ["a page", failing("<html>", { ":status": "503", "content-type": "text/html" }), Code.Unavailable, "HTTP 503"],
  [
    "another format",
    (call) => call.respond({ ...PROTO, "content-type": "application/json" }).end(octets("{}")),
    Code.Internal,
    /application\/json/,
  ],
  [
    "a page with status 200",
    (call) => call.respond({ ...PROTO, "content-type": "text/html" }).end(),
    Code.Unknown,
    /text\/html/,
  ],
  ["no content-type", (call) => call.respond({ ":status": "200" }).end(), Code.Unknown, /""/],
  [
    "compression that was not asked for",
    (call) => call.respond({ ...PROTO, "content-encoding": "br" }).end(HELLO),
    Code.Internal,
    /"br"/,
  ],
  ["a message that is none", (call) => call.respond(PROTO).end(Uint8Array.of(0x0a, 9)), Code.Internal, /HelloReply/],
  ["a redirection", (call) => call.respond({ ":status": "302", "location": "/" }, true), Code.Unknown, "HTTP 302"],
];

for (const [what, answer, code, message] of UNARY) {
  Deno.test(`Connect, unary: ${what}`, async () => {
    await using server = new ScriptedServer();
    server.onCall = answer;
    await assertConnectError(clientOf(server).sayHello({}), code, message);
  });
}

Deno.test("an error has its details, and all metadata", async () => {
  await using server = new ScriptedServer();
  const json = {
    code: "internal",
    details: [{ type: "edgewire.v1.HelloReply", value: "CgJIaQ", debug: { message: "no" } }],
  };
  server.onCall = failing(JSON.stringify(json), { "x-a": "1", "trailer-x-b": "2" });
  const error = await clientOf(server).sayHello({}).catch((error) => error);
  assert.ok(error instanceof ConnectError);
  assert.equal(error.findDetails(Greeter.method.sayHello.output)[0]?.message, "Hi");
  assert.deepEqual([error.metadata.get("x-a"), error.metadata.get("x-b")], ["1", "2"]);
});

function streaming(...content: readonly Uint8Array[]): (call: ScriptedCall) => void {
  return (call) => call.respond(STREAM).end(...content);
}

const MESSAGE = envelope(HELLO);

const STREAMS: readonly Case[] = [
  ["an error", streaming(envelope('{"error":{"code":"not_found","message":"a"}}', 2)), Code.NotFound, "a"],
  ["an error without a code", streaming(envelope('{"error":{"message":"a"}}', 2)), Code.Unknown, "a"],
  ["an end that is no JSON", streaming(envelope("{", 2)), Code.Internal, /end-stream/],
  ["no end", streaming(MESSAGE), Code.Internal, /no end-stream message/],
  ["no content", streaming(), Code.Internal, /no end-stream message/],
  ["half an end", streaming(END.subarray(0, 6)), Code.Internal, /within an envelope/],
  ["a message after the end", streaming(END, MESSAGE), Code.Internal, /follows the end/],
  [
    "an end that is compressed, and there is no name for it",
    streaming(envelope("{}", 3)),
    Code.Internal,
    /connect-content-encoding/,
  ],
  ["flags that are none", streaming(envelope("", 4)), Code.Internal, /flags 4/],
  ["another status", (call) => call.respond({ ...STREAM, ":status": "429" }, true), Code.Unavailable, "HTTP 429"],
  ["content of a unary call", (call) => call.respond(PROTO).end(HELLO), Code.Unknown, /application\/proto/],
  [
    "another format",
    (call) => call.respond({ ...STREAM, "content-type": "application/connect+json" }).end(END),
    Code.Internal,
    /json/,
  ],
];

for (const [what, answer, code, message] of STREAMS) {
  Deno.test(`Connect, stream: ${what}`, async () => {
    await using server = new ScriptedServer();
    server.onCall = answer;
    await assertConnectError(Array.fromAsync(clientOf(server).converse(each([{}]))), code, message);
  });
}

Deno.test("a stream says what it is, and ends with its trailers", async () => {
  await using server = new ScriptedServer();
  const seen: (string | null)[] = [];
  const replies = clientOf(server).converse(each([{ name: "a" }, { name: "b" }]), {
    timeoutMs: 100_000_000,
    onTrailer: (trailer) => seen.push(trailer.get("x-t")),
  });
  const messages = Array.fromAsync(replies, ({ message }) => message);
  const call = await server.call();
  assert.deepEqual(call.fields("content-type"), ["application/connect+proto"]);
  assert.deepEqual(call.fields("connect-protocol-version"), ["1"]);
  assert.match(call.fields("connect-timeout-ms").join(), /^(100000000|99999\d{3})$/);
  assert.deepEqual(call.content, new Uint8Array([...envelope(greeting("a")), ...envelope(greeting("b"))]));
  call.respond(STREAM).write(MESSAGE, MESSAGE);
  call.end(envelope('{"error":null,"metadata":{"x-t":["1","2"]}}', 2));
  assert.deepEqual([await messages, seen], [["Hello", "Hello"], ["1, 2"]]);
});
