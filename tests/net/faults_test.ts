/** What the network does to connections, at each octet of an exchange: afterwards nothing is left of any. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect, createServer, type Socket as NodeSocket } from "node:net";
import type { HttpConnection, ServeExchange } from "../../src/http/mod.ts";
import { createConnection as createHttp1Connection } from "../../src/http1/mod.ts";
import { createConnection as createHttp2Connection } from "../../src/http2/mod.ts";
import { Driver } from "../../src/net/driver.ts";
import {
  connectHttp2,
  createFetchBridge,
  type HttpServer,
  type HttpServerOptions,
  serveHttp,
} from "../../src/net/mod.ts";
import { HpackEncoder } from "../../src/http2/hpack/mod.ts";
import { makeAuthority } from "../support/authority.ts";
import { FakeSocket, settle } from "../support/fake_socket.ts";
import {
  ascii,
  concat,
  data,
  goaway,
  headers,
  parseFrames,
  PREFACE,
  settings,
  settingsAck,
  wholeFramesLength,
  windowUpdate,
} from "../support/frame_builder.ts";
import { RawClient } from "../support/raw_client.ts";
import { socketCount, uncaughtDuring, until, within } from "../support/sockets.ts";
import { fieldList } from "../support/test_peer.ts";

/** Connections at a time. */
const BATCH = 40;

const FIELDS = { ":method": "POST", ":scheme": "http", ":path": "/echo", ":authority": "a" };

/** What a client of HTTP/1.1 says: lengths, chunks, trailers, and requests one after the other. */
const HTTP1_REQUESTS = ascii(
  "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello" +
    "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-sum: 1\r\n\r\n" +
    "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
);

function fieldBlock(encoder: HpackEncoder, fields: Readonly<Record<string, string>>): Uint8Array {
  const list = fieldList(fields);
  const buffer = new Uint8Array(encoder.bound(list));
  return buffer.slice(0, encoder.encode(list, buffer, 0));
}

/** What a client of HTTP/2 says: two requests, the second one with trailers, and farewell. */
function http2Requests(): Uint8Array {
  const encoder = new HpackEncoder();
  return concat(
    PREFACE,
    settings([3, 100]),
    windowUpdate(0, 1000),
    headers(1, fieldBlock(encoder, FIELDS)),
    data(1, "hello", { endStream: true }),
    headers(3, fieldBlock(encoder, FIELDS)),
    data(3, "abcde", { padding: 3 }),
    headers(3, fieldBlock(encoder, { "x-sum": "1" }), { endStream: true }),
    settingsAck(),
    goaway(0, 0),
  );
}

const VERSIONS = ["HTTP/1.1", "HTTP/2"] as const;
const RECORDINGS = { "HTTP/1.1": HTTP1_REQUESTS, "HTTP/2": http2Requests() } as const;

/** How a peer ends: by RST, by FIN of both directions, or of its own and waits for ours. */
const ENDINGS = ["reset", "close", "half-close"] as const;
type Ending = (typeof ENDINGS)[number];

function endBy(socket: NodeSocket, ending: Ending): void {
  if (ending === "reset") {
    socket.resetAndDestroy();
  } else if (ending === "close") {
    socket.destroy();
  } else {
    socket.end();
  }
}

const serve: ServeExchange = createFetchBridge(async (request) => {
  const content = await request.bytes();
  return new Response(content.length === 0 ? "none" : content);
}, (error) => {
  throw error;
});

/** Runs with a server, after which nothing is left of it: no connection, descriptor or error. */
async function withServer(options: HttpServerOptions, action: (server: HttpServer) => Promise<void>): Promise<void> {
  const lost: unknown[] = [];
  const before = await socketCount();
  const uncaught = await uncaughtDuring(async () => {
    const server = await serveHttp(serve, { onError: (error) => lost.push(error), ...options });
    await action(server);
    await until(() => server.connectionCount === 0, "All connections end");
    // It still serves.
    if (options.tls === undefined) {
      const client = await RawClient.connect(server.addresses[0]!);
      await client.send(HTTP1_REQUESTS);
      assert.equal((await client.readAnswer()).body, "hello");
      client.close();
    }
    await within(5000, server.shutdown());
    assert.equal(server.connectionCount, 0);
  });
  assert.deepEqual(uncaught, []);
  assert.deepEqual(lost, []);
  for (let turn = 0; await socketCount() > before; turn++) {
    assert.ok(turn < 500, `There are ${await socketCount()} sockets, and were ${before}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Does something for each number below `count`, some at a time. */
async function forEachBelow(count: number, action: (index: number) => Promise<void>): Promise<void> {
  for (let start = 0; start < count; start += BATCH) {
    const indices = Array.from({ length: Math.min(BATCH, count - start) }, (_, index) => start + index);
    await Promise.all(indices.map((index) => within(5000, action(index))));
  }
}

/** Sends octets, reads `readLength` of what comes back, and ends. Resolves when the socket is closed. */
function exchange(server: HttpServer, octets: Uint8Array, ending: Ending, readLength = 0): Promise<number> {
  const { hostname, port } = server.addresses[0]!;
  return new Promise((resolve) => {
    let received = 0;
    const socket = connect({ host: hostname, port, allowHalfOpen: true });
    const end = () => {
      endBy(socket, ending);
      socket.resume();
    };
    socket.on("error", () => {});
    socket.on("close", () => resolve(received));
    socket.on("end", () => socket.destroy());
    socket.on("data", (chunk) => {
      const isShort = received < readLength;
      received += chunk.length;
      if (isShort && received >= readLength) {
        end();
      }
    });
    socket.on("connect", () => {
      socket.setNoDelay();
      socket.write(octets, () => readLength === 0 && setTimeout(end, 1));
    });
  });
}

for (const [version, octets] of Object.entries(RECORDINGS)) {
  for (const ending of ENDINGS) {
    Deno.test(`${version}: ${ending} after each octet that the client sends`, async () => {
      await withServer({}, (server) =>
        forEachBelow(octets.length + 1, async (length) => {
          await exchange(server, octets.subarray(0, length), ending);
        }));
    });
  }

  for (const ending of ["reset", "close"] as const) {
    Deno.test(`${version}: ${ending} after each octet that the server sends`, async () => {
      await withServer({}, async (server) => {
        const total = await exchange(server, octets, "half-close");
        assert.ok(total > 100, `${total} octets are answered`);
        await forEachBelow(total, async (length) => void await exchange(server, octets, ending, length + 1));
      });
    });
  }
}

Deno.test("TLS: reset or end after each octet of a client's first flight", async () => {
  const hello = await recordClientHello();
  const authority = await makeAuthority("Edgewire test authority");
  const pair = await authority.issue("server");
  for (const tls of [pair, { ...pair, clientCa: authority.cert }]) {
    await withServer({ tls }, async (server) => {
      for (const ending of ["reset", "close"] as const) {
        await forEachBelow(hello.length + 1, async (length) => {
          await exchange(server, hello.subarray(0, length), ending);
        });
      }
    });
  }
});

/** What Deno's client says first. */
async function recordClientHello(): Promise<Uint8Array> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const connecting = Deno.connectTls({ hostname: "127.0.0.1", port, alpnProtocols: ["h2", "http/1.1"] });
  const handshaking = connecting.then(async (client) => {
    await client.handshake().catch(() => {});
    client.close();
  });
  const socket = await listener.accept();
  const buffer = new Uint8Array(4096);
  const length = await socket.read(buffer);
  socket.close();
  listener.close();
  await handshaking;
  return buffer.slice(0, length!);
}

// Our client

/** What a server of HTTP/2 says to one request. */
function http2Answers(): Uint8Array {
  const encoder = new HpackEncoder();
  return concat(
    settings([3, 100]),
    settingsAck(),
    windowUpdate(0, 1000),
    headers(1, fieldBlock(encoder, { ":status": "200", "content-type": "text/plain" })),
    data(1, "hello"),
    headers(1, fieldBlock(encoder, { "x-sum": "1" }), { endStream: true }),
  );
}

for (const ending of ENDINGS) {
  Deno.test(`Our client: ${ending} after each octet that the server sends`, async () => {
    const octets = http2Answers();
    const before = await socketCount();
    const uncaught = await uncaughtDuring(async () => {
      const sockets = new Set<NodeSocket>();
      let length = 0;
      const listener = createServer({ allowHalfOpen: true }, (socket) => {
        sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => sockets.delete(socket));
        socket.on("end", () => socket.end());
        const end = () => setTimeout(() => endBy(socket, ending));
        // Its SETTINGS at once, the answer to a request when that is there.
        const settingsLength = Math.min(length, 9 + octets[2]!);
        socket.write(octets.subarray(0, settingsLength), settingsLength === length ? end : undefined);
        let received = Buffer.alloc(0);
        let isAnswered = settingsLength === length;
        socket.on("data", (chunk) => {
          received = Buffer.concat([received, chunk as Buffer]);
          if (!isAnswered && hasHeaders(received.subarray(PREFACE.length))) {
            isAnswered = true;
            socket.write(octets.subarray(settingsLength, length), end);
          }
        });
      });
      await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
      const { port } = listener.address() as { port: number };
      for (length = 0; length <= octets.length; length++) {
        const outcome = await within(5000, connectAndCall(port));
        const isWhole = length === octets.length;
        // What was sent before a reset may be lost.
        assert.ok(isWhole ? outcome !== "" : outcome !== "200 hello", `${length}: ${outcome}`);
        if (isWhole && ending === "half-close") {
          assert.equal(outcome, "200 hello");
        }
      }
      await until(() => sockets.size === 0);
      await new Promise((resolve) => listener.close(resolve));
    });
    assert.deepEqual(uncaught, []);
    for (let turn = 0; await socketCount() > before; turn++) {
      assert.ok(turn < 500, "All sockets are closed");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
}

/** A call on a connection of its own: the status and text, or why there is none. */
async function connectAndCall(port: number): Promise<string> {
  let client: Awaited<ReturnType<typeof connectHttp2>>;
  try {
    client = await connectHttp2({ hostname: "127.0.0.1", port });
  } catch (error) {
    return String(error); // It ended before the server's SETTINGS were there.
  }
  if (client.connection.isClosed) {
    return "It ended before the call";
  }
  const outcome = await callOnce(client);
  await client.closed;
  return outcome;
}

/** Whether there is a HEADERS frame among whole frames. */
function hasHeaders(frames: Uint8Array): boolean {
  for (let at = 0; at + 9 <= frames.length; at += 9 + (frames[at]! << 16 | frames[at + 1]! << 8 | frames[at + 2]!)) {
    if (frames[at + 3] === 1) {
      return true;
    }
  }
  return false;
}

/** A call: the status and text, or why there is none. */
function callOnce(client: Awaited<ReturnType<typeof connectHttp2>>): Promise<string> {
  let [status, text] = [0, ""];
  return new Promise((resolve) => {
    client.connection.openStream(fieldList(FIELDS), {
      onResponse: (_stream, head) => {
        status = head.status;
      },
      onData: (stream, buffer, start, end) => {
        text += Buffer.from(buffer.slice(start, end)).toString();
        stream.release(end - start);
      },
      onTrailers: () => resolve(`${status} ${text}`),
      onWritable: () => {},
      onReset: (_stream, error) => resolve(error.message),
    }, true);
  });
}

// Sockets that give and take an octet at a time

/** What a connection answers to all that was recorded, by a driver on a socket in memory. */
async function answerTo(octets: Uint8Array, isHttp2: boolean, maxRead: number, maxWrite: number): Promise<Uint8Array> {
  const socket = new FakeSocket();
  socket.maxRead = maxRead;
  socket.maxWrite = maxWrite;
  const info = { httpVersion: isHttp2 ? "2" : "1.1", peer: undefined, isTls: false, tlsPeerName: undefined } as const;
  const driver = new Driver<HttpConnection>(
    socket,
    (hooks) => {
      const handler: Parameters<typeof createHttp1Connection>[0]["handler"] = {
        onRequest: (stream, head, endStream) => serve(stream, head, endStream, info),
        ...hooks,
      };
      return isHttp2
        ? createHttp2Connection({
          role: "server",
          nowMs: performance.now(),
          handler: { onRequest: (stream, head, endStream) => serve(stream, head, endStream, info), ...hooks },
        })
        : createHttp1Connection({ nowMs: performance.now(), handler });
    },
    (error) => {
      throw error;
    },
  );
  socket.give(octets);
  // One of HTTP/2 stays open until both sides have ended it.
  for (let before = -1; socket.unread > 0 || before !== socket.writes.length;) {
    before = socket.writes.length;
    await settle();
  }
  socket.end();
  await within(5000, driver.closed);
  assert.ok(socket.isClosed);
  return socket.written;
}

async function http1Contents(answer: Uint8Array): Promise<string[]> {
  const socket = new FakeSocket();
  socket.give(answer);
  socket.end();
  const client = new RawClient(socket);
  const contents = [];
  while (contents.length < 3) {
    contents.push((await client.readAnswer()).body);
  }
  assert.equal(await client.readAll(), "");
  return contents;
}

function http2Contents(answer: Uint8Array): string[] {
  const contents = parseFrames(answer).filter(({ type, payload }) => type === 0 && payload.length > 0);
  return contents.map(({ payload }) => Buffer.from(payload).toString());
}

for (const [version, octets] of Object.entries(RECORDINGS)) {
  Deno.test(`${version}: reads and writes of any few octets make no difference`, async () => {
    const isHttp2 = version === "HTTP/2";
    for (
      const [maxRead, maxWrite] of [[Infinity, Infinity], [1, Infinity], [Infinity, 1], [1, 1], [2, 3], [7, 5]] as const
    ) {
      const answer = await answerTo(octets, isHttp2, maxRead, maxWrite);
      const contents = isHttp2 ? http2Contents(answer) : await http1Contents(answer);
      assert.deepEqual(contents, isHttp2 ? ["hello", "abcde"] : ["hello", "abcde", "none"], `${maxRead}, ${maxWrite}`);
    }
  });
}

Deno.test("Both versions, read an octet at a time by the client", async () => {
  await withServer({}, async (server) => {
    for (const octets of Object.values(RECORDINGS)) {
      const socket = await Deno.connect(server.addresses[0]!);
      await socket.write(octets);
      const buffer = new Uint8Array(1);
      let text = "";
      while (!/hello[^]*abcde/.test(text)) {
        assert.equal(await within(5000, socket.read(buffer)), 1);
        text += String.fromCharCode(buffer[0]!);
      }
      socket.close();
    }
  });
});

// Peers that stop in the middle

const SHORT_MS = 80;
const SHORT: HttpServerOptions = {
  handshakeTimeoutMs: SHORT_MS,
  http1: {
    headerTimeoutMs: SHORT_MS,
    bodyTimeoutMs: SHORT_MS,
    idleTimeoutMs: SHORT_MS,
    stalledStreamTimeoutMs: SHORT_MS,
  },
  http2: {
    handshakeTimeoutMs: SHORT_MS,
    headerBlockTimeoutMs: SHORT_MS,
    idleTimeoutMs: SHORT_MS,
    stalledStreamTimeoutMs: SHORT_MS,
  },
  keepaliveIntervalMs: SHORT_MS,
};

/**
 * Whether octets of HTTP/2 end where a time is running that can be made short: in the preface, or within a frame that is not DATA. At the end of a
 * frame a connection is idle, and gets ten seconds to acknowledge that it is told so; a request's content may take its time.
 */
function isInHead(octets: Uint8Array): boolean {
  const frames = octets.subarray(PREFACE.length);
  const rest = frames.subarray(wholeFramesLength(frames));
  return octets.length < PREFACE.length + 9 || rest.length > 3 && rest[3] !== 0;
}

for (const version of VERSIONS) {
  const octets = RECORDINGS[version];
  Deno.test(`${version}: peers that stop after each octet are gone in time`, async () => {
    await withServer(SHORT, async (server) => {
      const startMs = performance.now();
      const lengths = Array.from({ length: octets.length }, (_, length) => length).filter((length) =>
        version === "HTTP/1.1" || isInHead(octets.subarray(0, length))
      );
      await Promise.all(lengths.map(async (length) => {
        const client = await RawClient.connect(server.addresses[0]!);
        await client.send(octets.subarray(0, length));
        await client.readAll();
        client.close();
      }));
      assert.ok(performance.now() - startMs < 4000, `It took ${performance.now() - startMs} ms`);
    });
  });
}

Deno.test("Peers that ask for much and read nothing are gone in time", async () => {
  const large = new Uint8Array(64 << 20);
  const before = await socketCount();
  const server = await serveHttp(createFetchBridge(() => new Response(large), () => {}), SHORT);
  const encoder = new HpackEncoder();
  const get = fieldBlock(encoder, { ...FIELDS, ":method": "GET" });
  const window = 0x7fff_ffff - 65_535;
  for (
    const octets of [
      ascii("GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
      concat(
        PREFACE,
        settings([4, 0x7fff_ffff]),
        windowUpdate(0, window),
        headers(1, get, { endStream: true }),
        settingsAck(),
      ),
    ]
  ) {
    const socket = await Deno.connect(server.addresses[0]!);
    await socket.write(octets);
    await until(() => server.connectionCount === 1);
    await until(() => server.connectionCount === 0, "It is given up");
    socket.close();
  }
  await within(5000, server.close());
  for (let turn = 0; await socketCount() > before; turn++) {
    assert.ok(turn < 500, "All sockets are closed");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});
