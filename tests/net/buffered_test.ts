/** What waits on real sockets: peers that take nothing, and peers that never end, beside one who does no wrong. */
import assert from "node:assert/strict";
import { type HttpExchange, NO_HANDLER } from "../../src/http/mod.ts";
import { HpackEncoder } from "../../src/http2/hpack/mod.ts";
import {
  createFetchBridge,
  defaultMaxBufferedBytes,
  type HttpServerOptions,
  serveHttp,
  withRoomFor,
} from "../../src/net/mod.ts";
import { resolveBudget } from "../../src/net/buffer_limits.ts";
import { concat, headers, PREFACE, settings, settingsAck } from "../support/frame_builder.ts";
import { RawClient } from "../support/raw_client.ts";
import { until } from "../support/sockets.ts";
import { fieldList, REQUEST } from "../support/test_peer.ts";

const MEBIBYTE = 1 << 20;
const LIMITS: HttpServerOptions = { maxBufferedBytes: 2 * MEBIBYTE, maxConnectionBufferedBytes: MEBIBYTE };

/** Answers with as many octets as the path says. */
function answer(exchange: HttpExchange, path: string): void {
  exchange.handler = NO_HANDLER;
  exchange.respond(fieldList({ ":status": "200" }));
  exchange.end(new Uint8Array(Number(path.slice(1))));
}

/** Requests of one HTTP/2 connection whose peer opens no windows. */
function requests(count: number, path: string): Uint8Array {
  const encoder = new HpackEncoder();
  const fields = fieldList({ ...REQUEST, ":path": path });
  const frames = Array.from({ length: count }, (_, index) => {
    const buffer = new Uint8Array(encoder.bound(fields));
    return headers(1 + 2 * index, buffer.slice(0, encoder.encode(fields, buffer, 0)), { endStream: true });
  });
  return concat(PREFACE, settings([4, 0]), settingsAck(), ...frames);
}

async function isServed(port: number): Promise<boolean> {
  return (await (await fetch(`http://127.0.0.1:${port}/5`)).arrayBuffer()).byteLength === 5;
}

Deno.test("responses that nobody takes are bounded, on a connection and on all, and a call beside them is answered", async () => {
  const refused: string[] = [];
  const server = await serveHttp((exchange, { path }) => answer(exchange, path), {
    ...LIMITS,
    onRefused: ({ reason }) => refused.push(reason),
  });
  const [address] = server.addresses;
  const clients: RawClient[] = [];
  for (let connections = 0; connections < 5; connections++) {
    const client = await RawClient.connect(address!);
    clients.push(client);
    await client.send(requests(20, "/100000"));
    await until(() => refused.length >= 10 * (connections + 1));
    assert.ok(server.bufferedBytes <= 2 * MEBIBYTE, `${server.bufferedBytes}`);
    assert.ok(await isServed(address!.port));
  }
  assert.deepEqual(new Set(refused), new Set(["maxConnectionBufferedBytes", "maxBufferedBytes"]));
  clients.forEach((client) => client.close());
  await until(() => server.bufferedBytes === 0);
  await server.close();
});

Deno.test("a connection that may have all of it has it", async () => {
  const refused: string[] = [];
  const server = await serveHttp((exchange, { path }) => answer(exchange, path), {
    ...LIMITS,
    onRefused: ({ reason }) => refused.push(reason),
  });
  const client = await RawClient.connect(server.addresses[0]!);
  await client.send(requests(10, "/100000"));
  await until(() => server.bufferedBytes === 1_000_000);
  assert.deepEqual(refused, []);
  client.close();
  await server.close();
  assert.equal(server.bufferedBytes, 0);
});

Deno.test("requests that a fetch handler does not read are bounded, and end with 503", async () => {
  const reading = Promise.withResolvers<void>();
  const handler = async (request: Request) => {
    if (request.method === "GET") {
      return new Response("hello");
    }
    await reading.promise;
    return new Response(`${(await request.arrayBuffer()).byteLength}`);
  };
  const server = await serveHttp(createFetchBridge(handler, () => {}), LIMITS);
  const [address] = server.addresses;
  const body = new Uint8Array(262_144);
  const answers: Promise<number>[] = [];
  for (let connections = 0; connections < 12; connections++) {
    const client = await RawClient.connect(address!);
    await client.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length + 1}\r\n\r\n`);
    await client.send(body);
    answers.push(
      client.readAnswer().then(({ status }) => {
        client.close();
        return status;
      }),
    );
    answers.at(-1)!.catch(() => {});
    assert.ok(await isServed(address!.port));
  }
  await until(() => server.bufferedBytes <= 2 * MEBIBYTE);
  assert.equal(await Promise.race(answers), 503);
  reading.resolve();
  await server.close();
  await Promise.allSettled(answers);
  await until(() => server.bufferedBytes === 0);
});

Deno.test("a response that is one large piece waits at the handler's side, however large it is", async () => {
  const large = new Uint8Array(8 * MEBIBYTE);
  const server = await serveHttp(createFetchBridge(() => new Response(large), () => {}), LIMITS);
  const response = await fetch(`http://127.0.0.1:${server.addresses[0]!.port}/`);
  assert.equal((await response.arrayBuffer()).byteLength, large.length);
  await server.close();
});

Deno.test("by default it depends on the memory, and one connection never has all", () => {
  assert.equal(defaultMaxBufferedBytes(64 * MEBIBYTE), 32 * MEBIBYTE);
  assert.equal(defaultMaxBufferedBytes(1024 * MEBIBYTE), 128 * MEBIBYTE);
  assert.equal(defaultMaxBufferedBytes(64_000 * MEBIBYTE), 256 * MEBIBYTE);
  for (const mebibytes of [1, 32, 64, 256]) {
    const { maxBytes, maxConnectionBytes } = resolveBudget({ maxBufferedBytes: mebibytes * MEBIBYTE });
    assert.equal(maxBytes, mebibytes * MEBIBYTE);
    assert.equal(maxConnectionBytes, Math.min(32, mebibytes / 2) * MEBIBYTE);
  }
});

Deno.test("where messages may be larger than usual there is room for some of them, unless it is said how much there is", () => {
  assert.equal(withRoomFor(4 * MEBIBYTE, LIMITS), LIMITS);
  const large = resolveBudget(withRoomFor(100 * MEBIBYTE, {}));
  assert.deepEqual(large, { maxBytes: 1600 * MEBIBYTE, maxConnectionBytes: 800 * MEBIBYTE });
  assert.deepEqual(resolveBudget(withRoomFor(100 * MEBIBYTE, LIMITS)), {
    maxBytes: 2 * MEBIBYTE,
    maxConnectionBytes: MEBIBYTE,
  });
  const half = resolveBudget(withRoomFor(100 * MEBIBYTE, { maxBufferedBytes: 300 * MEBIBYTE }));
  assert.equal(half.maxConnectionBytes, 150 * MEBIBYTE);
});

Deno.test("limits that cannot be are refused by their names", async () => {
  for (const maxBufferedBytes of [0, MEBIBYTE - 1, 1.5 * MEBIBYTE + 0.5, NaN]) {
    assert.throws(() => resolveBudget({ maxBufferedBytes }), /maxBufferedBytes/);
  }
  assert.throws(() => resolveBudget({ maxConnectionBufferedBytes: 1000 }), /maxConnectionBufferedBytes/);
  await assert.rejects(serveHttp(() => {}, { maxBufferedBytes: 5 }), /maxBufferedBytes/);
});
