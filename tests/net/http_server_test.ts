/** The server and the client on real sockets of this machine. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { type HttpExchange, NO_HANDLER } from "../../src/http/mod.ts";
import { connectHttp2, type Http2Client, type HttpServer, serveHttp } from "../../src/net/mod.ts";
import { settle } from "../support/fake_socket.ts";
import { frame, PREFACE, settings } from "../support/frame_builder.ts";
import { FrameText } from "../support/frame_text.ts";
import { fieldList, REQUEST } from "../support/test_peer.ts";

const OK = fieldList({ ":status": "200" });
const HEAD = fieldList(REQUEST);

/** Answers at once. */
function answer(stream: HttpExchange): void {
  stream.handler = NO_HANDLER;
  stream.respond(OK, true);
}

/** A call, and how it ends: the status, or the error. */
function call(client: Http2Client): Promise<string> {
  return new Promise((resolve) => {
    client.connection.openStream(HEAD, {
      ...NO_HANDLER,
      onResponse: (_stream, head) => resolve(`${head.status}`),
      onReset: (_stream, error) => resolve(error.message),
    }, true);
  });
}

const connectTo = ({ addresses: [address] }: HttpServer) => connectHttp2(address!);

/** Waits for what is about to happen on its own. */
async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    assert.ok(turn < 5000, "It happens at last");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

Deno.test("GOAWAY reaches a peer that has sent more than was read", async () => {
  const server = await serveHttp(answer);
  const socket = await Deno.connect(server.addresses[0]!);
  // The fault comes first, and megabytes behind it that nobody reads as frames.
  const octets = new Uint8Array(4 << 20);
  const text = new FrameText("server");
  const sending = (async () => {
    await socket.write(new Uint8Array([...PREFACE, ...settings(), ...frame(6, 0, 1, new Uint8Array(8))]));
    for (let sent = 0; sent < octets.length;) {
      sent += await socket.write(octets.subarray(sent));
    }
  })().catch(() => {});
  const received: number[] = [];
  const buffer = new Uint8Array(4096);
  for (let length = await socket.read(buffer); length !== null; length = await socket.read(buffer).catch(() => null)) {
    received.push(...buffer.subarray(0, length));
  }
  assert.equal(text.read(new Uint8Array(received)).at(-1)?.text, "GOAWAY 0 PROTOCOL_ERROR");
  socket.close();
  await sending;
  await server.close();
});

Deno.test("Shutdown lets the streams that are open end, and takes no connections", async () => {
  const streams: HttpExchange[] = [];
  const server = await serveHttp((stream) => {
    stream.handler = NO_HANDLER;
    streams.push(stream);
  });
  const client = await connectTo(server);
  const answered = call(client);
  await until(() => streams.length === 1);
  let isOver = false;
  const over = server.shutdown().then(() => isOver = true);
  await until(() => !client.connection.canOpenStream);
  await settle();
  assert.equal(isOver, false);
  await assert.rejects(Deno.connect(server.addresses[0]!));
  answer(streams[0]!);
  assert.equal(await answered, "200");
  await over;
  assert.equal(await client.closed, undefined);
  assert.equal(server.connectionCount, 0);
});

Deno.test("Close ends everything now, also when a handler throws at that", async () => {
  const streams: HttpExchange[] = [];
  const errors: unknown[] = [];
  const server = await serveHttp((stream) => {
    stream.handler = {
      ...NO_HANDLER,
      onReset: () => {
        throw new Error("boom");
      },
    };
    streams.push(stream);
  }, { onError: (error) => errors.push(error) });
  const clients = [await connectTo(server), await connectTo(server)];
  const answers = clients.map(call);
  await until(() => streams.length === 2);
  await server.close();
  for (const text of await Promise.all(answers)) {
    assert.match(text, /^Stream 1: The connection ended/);
  }
  assert.equal(errors.length, 2);
  await Promise.all(clients.map(({ closed }) => closed));
  assert.equal(server.connectionCount, 0);
});

Deno.test("A client's close and shutdown end its connection", async () => {
  const server = await serveHttp(answer);
  const first = await connectTo(server);
  assert.equal(await call(first), "200");
  await first.shutdown();
  const second = await connectTo(server);
  assert.equal(await call(second), "200");
  await second.close();
  await until(() => server.connectionCount === 0);
  await server.close();
});

Deno.test("Clients that reset before they are accepted, or at once after, do no harm", async () => {
  const server = await serveHttp(answer);
  const sockets = Array.from({ length: 50 }, (_, index) => {
    const socket = connect(
      server.addresses[0]!.port,
      server.addresses[0]!.hostname,
      () => index % 2 === 0 ? socket.resetAndDestroy() : socket.destroy(),
    );
    socket.on("error", () => {});
    return new Promise<void>((resolve) => socket.once("close", () => resolve()));
  });
  await Promise.all(sockets);
  await until(() => server.connectionCount === 0);
  const client = await connectTo(server);
  assert.equal(await call(client), "200");
  await client.close();
  await server.close();
});

Deno.test("As many connections as allowed, one more is closed, and there is room again", async () => {
  const server = await serveHttp(answer, { maxConnections: 2 });
  const clients = [await connectTo(server), await connectTo(server)];
  for (const client of clients) {
    assert.equal(await call(client), "200");
  }
  await assert.rejects(connectTo(server), /^Error: Cannot connect to 127\.0\.0\.1:\d+: /);
  assert.equal(server.connectionCount, 2);
  await clients[0]!.close();
  await until(() => server.connectionCount === 1);
  const fourth = await connectTo(server);
  assert.equal(await call(fourth), "200");
  await fourth.close();
  await clients[1]!.close();
  await server.close();
});
