/** Compression on clients: what is said and sent, and what of the responses is read. */
import { Code, createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { type Compression, createTransport, type TransportOptions } from "../../../src/rpc/mod.ts";
import { nodeCompressions } from "../../../src/rpc/node/mod.ts";
import { each } from "../../support/bytes.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { envelope, greeting, octets } from "../../support/rpc_messages.ts";
import { type ScriptedCall, ScriptedServer } from "../../support/scripted_server.ts";

const gzip = nodeCompressions.find(({ name }) => name === "gzip")!;

/** As if another thread did it. */
const slowGzip: Compression = {
  name: "gzip",
  compress: async (data) => await gzip.compress(data),
  decompress: async (data, maxBytes) => await gzip.decompress(data, maxBytes),
};

const GRPC = { ":status": "200", "content-type": "application/grpc+proto", "grpc-encoding": "gzip" };
const CONNECT = { ":status": "200", "content-type": "application/proto", "content-encoding": "gzip" };
const STREAM = { ":status": "200", "content-type": "application/connect+proto", "connect-content-encoding": "gzip" };
const WEB = { ":status": "200", "content-type": "application/grpc-web+proto", "grpc-encoding": "gzip" };

async function zip(data: Uint8Array): Promise<Uint8Array> {
  return await gzip.compress(data);
}

function clientOf(server: ScriptedServer, options: TransportOptions = {}) {
  return createClient(
    Greeter,
    createTransport({ httpClient: server.client, acceptCompressions: [slowGzip], ...options }),
  );
}

for (
  const [protocol, isStream, accept, encoding] of [
    ["connect", false, "accept-encoding", "content-encoding"],
    ["connect", true, "connect-accept-encoding", "connect-content-encoding"],
    ["grpc", false, "grpc-accept-encoding", "grpc-encoding"],
    ["grpc-web", true, "grpc-accept-encoding", "grpc-encoding"],
  ] as const
) {
  Deno.test(`${protocol}, ${isStream ? "stream" : "unary"}: long messages are sent compressed, and the head says so`, async () => {
    await using server = new ScriptedServer();
    const client = clientOf(server, {
      protocol,
      acceptCompressions: nodeCompressions,
      sendCompression: gzip,
      compressMinBytes: 100,
    });
    const send = async (name: string, index: number) => {
      const reply = isStream ? Array.fromAsync(client.converse(each([{ name }]))) : client.sayHello({ name });
      const ended = reply.then(() => {}, () => {});
      const call = await server.call(index);
      call.reset(8);
      await ended;
      return call;
    };
    const isEnveloped = protocol !== "connect" || isStream;
    const short = await send("a".repeat(97), 0);
    assert.deepEqual(short.fields(accept), ["gzip,br,zstd,deflate"]);
    assert.deepEqual(short.fields(encoding), isEnveloped ? ["gzip"] : []);
    assert.deepEqual(short.content.subarray(isEnveloped ? 5 : 0), greeting("a".repeat(97)));
    const long = await send("a".repeat(98), 1);
    assert.deepEqual(long.fields(encoding), ["gzip"]);
    assert.equal(long.content[0], isEnveloped ? 1 : 0x1f);
    const sent = await gzip.decompress(long.content.subarray(isEnveloped ? 5 : 0), 1000);
    assert.deepEqual(sent, greeting("a".repeat(98)));
  });
}

Deno.test("a message in an envelope that compression makes no smaller is sent as it is", async () => {
  await using server = new ScriptedServer();
  const client = clientOf(server, { protocol: "grpc-web", sendCompression: gzip, compressMinBytes: 0 });
  const ended = client.sayHello({ name: "short" }).catch(() => {});
  const call = await server.call(0);
  call.reset(8);
  await ended;
  assert.deepEqual(call.content, envelope(greeting("short")));
});

Deno.test("a GET says how its message is compressed", async () => {
  await using server = new ScriptedServer();
  server.onCall = (call) => call.reset(8);
  const client = clientOf(server, {
    useHttpGet: true,
    sendCompression: gzip,
    compressMinBytes: 0,
    useBinaryFormat: false,
  });
  await client.sayHello({}).catch(() => {});
  const { path, fields } = server.calls[0]!.head;
  assert.match(path, /\?connect=v1&base64=1&compression=gzip&encoding=json&message=H4sI/);
  assert.deepEqual(fields, [{ name: "accept-encoding", value: "gzip" }]);
});

Deno.test("compressed messages are read in their order, compressed or not", async () => {
  await using server = new ScriptedServer();
  const [a, c] = [envelope(await zip(greeting("a")), 1), envelope(await zip(greeting("c")), 1)];
  server.onCall = (call) => {
    call.respond(GRPC).write(a, envelope(greeting("b")), c);
    call.endWithTrailers({ "grpc-status": "0" });
  };
  const replies = clientOf(server, { protocol: "grpc" }).converse(each([]));
  assert.deepEqual(await Array.fromAsync(replies, ({ message }) => message), ["a", "b", "c"]);
});

Deno.test("a compressed answer to a unary call is read", async () => {
  await using server = new ScriptedServer();
  const zipped = await zip(greeting("Hello"));
  server.onCall = (call) => call.respond(CONNECT).end(zipped);
  assert.equal((await clientOf(server).sayHello({})).message, "Hello");
});

Deno.test("compressed errors and ends are read", async () => {
  await using server = new ScriptedServer();
  const error = await zip(octets('{"code":"aborted","message":"a"}'));
  server.onCall = (call) =>
    call.respond({ ...CONNECT, ":status": "409", "content-type": "application/json" }).end(error);
  await assertConnectError(clientOf(server).sayHello({}), Code.Aborted, "a");
  const end = await zip(octets('{"error":{"code":"aborted","message":"b"}}'));
  server.onCall = (call) => call.respond(STREAM).end(envelope(end, 3));
  await assertConnectError(Array.fromAsync(clientOf(server).converse(each([]))), Code.Aborted, "b");
  const trailers = await zip(octets("grpc-status: 10\r\ngrpc-message: c\r\n"));
  server.onCall = (call) => call.respond(WEB).end(envelope(trailers, 0x81));
  await assertConnectError(clientOf(server, { protocol: "grpc-web" }).sayHello({}), Code.Aborted, "c");
});

const DAMAGED: readonly (readonly [what: string, answer: (call: ScriptedCall) => void])[] = [
  ["a message", (call) => call.respond(STREAM).end(envelope("nonsense", 1), envelope("{}", 2))],
  ["an end", (call) => call.respond(STREAM).end(envelope("nonsense", 3))],
];

for (const [what, answer] of DAMAGED) {
  Deno.test(`${what} that cannot be decompressed is the server's fault`, async () => {
    await using server = new ScriptedServer();
    server.onCall = answer;
    const replies = Array.fromAsync(clientOf(server).converse(each([])));
    await assertConnectError(replies, Code.Internal, "message is not valid gzip");
  });
}

Deno.test("the longest message that may be passes after decompression, one octet more does not", async () => {
  await using server = new ScriptedServer();
  const client = clientOf(server, { maxMessageBytes: 50 });
  const [fits, bomb] = [await zip(greeting("a".repeat(48))), await zip(greeting("a".repeat(49)))];
  server.onCall = (call) => call.respond(CONNECT).end(fits);
  assert.equal((await client.sayHello({})).message.length, 48);
  server.onCall = (call) => call.respond(CONNECT).end(bomb);
  await assertConnectError(client.sayHello({}), Code.ResourceExhausted, /50 bytes/);
  server.onCall = (call) => call.respond(STREAM).end(envelope(bomb, 1), envelope("{}", 2));
  await assertConnectError(Array.fromAsync(client.converse(each([]))), Code.ResourceExhausted, /50 bytes/);
});
