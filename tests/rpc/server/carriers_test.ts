/** Calls by the engines: frames of HTTP/2 and messages of HTTP/1.1, in memory. What goes wrong on one stream is that stream's only. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Http1Exchange } from "../../../src/http1/mod.ts";
import { settle } from "../../support/fake_socket.ts";
import { ascii, concat, data, resetStream, windowUpdate } from "../../support/frame_builder.ts";
import { Peer } from "../../support/http1_peer.ts";
import {
  CODECS,
  COMPRESS,
  contentOf,
  contentType,
  ECHO,
  envelope,
  HTTP1,
  HTTP2,
  isEnveloped,
  type Method,
  METHODS,
  type Protocol,
  PROTOCOLS,
  readEnvelopes,
  RpcScene,
  sampleOctets,
} from "../../support/rpc_scene.ts";
import { TestPeer, type TestPeerOptions } from "../../support/test_peer.ts";

/** A connection of HTTP/2 to a server, of which the test is the client. */
class Http2Scene {
  readonly peer: TestPeer;

  constructor(readonly scene: RpcScene, options: TestPeerOptions = {}) {
    this.peer = new TestPeer("server", {
      ...options,
      handler: { onRequest: (stream, head, endStream) => scene.handler.serve(stream, head, endStream, HTTP2) },
    });
  }

  head(
    streamId: number,
    protocol: Protocol,
    method: Method,
    fields: Readonly<Record<string, string>> = {},
  ): Uint8Array {
    return this.peer.headers(streamId, {
      ":method": "POST",
      ":scheme": "http",
      ":authority": "a",
      ":path": `/test.v1.Samples/${method}`,
      "content-type": contentType(protocol, "proto", method),
      ...fields,
    });
  }

  call(streamId: number, protocol: Protocol, method: Method, content: Uint8Array): void {
    this.peer.send(this.head(streamId, protocol, method), data(streamId, content, { endStream: true }));
  }

  /** The frames about a stream, without those of windows. */
  async take(streamId: number): Promise<string[]> {
    await settle(3);
    return this.peer.take().filter((text) => text.split(" ")[1] === String(streamId) && !text.startsWith("WINDOW"));
  }
}

const GRPC_HEAD = ":status=200 content-type=application/grpc+proto";
const A = contentOf("grpc", "proto", "Unary", ["a"]);
const AA = '"\\u0000\\u0000\\u0000\\u0000\\u0004\\n\\u0002aa"';

Deno.test("HTTP/2: a unary call of gRPC is three frames", async () => {
  for (const chunkLength of [Infinity, 1]) {
    const http2 = new Http2Scene(new RpcScene(ECHO), { chunkLength });
    http2.call(1, "grpc", "Unary", A);
    assert.deepEqual(await http2.take(1), [
      `HEADERS 1 ${GRPC_HEAD}`,
      `DATA 1 ${AA}`,
      "HEADERS 1 grpc-status=0 end",
    ]);
  }
});

Deno.test("HTTP/2: an error of gRPC is one frame", async () => {
  const http2 = new Http2Scene(new RpcScene({}));
  http2.call(1, "grpc", "Unary", A);
  assert.deepEqual(await http2.take(1), [
    `HEADERS 1 ${GRPC_HEAD} grpc-status=12 grpc-message=test.v1.Samples.Unary is not implemented end`,
  ]);
});

Deno.test("HTTP/2: every protocol and kind of method, in chunks of an octet, too", async () => {
  for (const chunkLength of [Infinity, 1]) {
    const http2 = new Http2Scene(new RpcScene(ECHO), { chunkLength });
    let streamId = 1;
    for (const protocol of PROTOCOLS) {
      for (const method of METHODS) {
        http2.call(streamId, protocol, method, contentOf(protocol, "proto", method, ["a"]));
        await settle(3);
        const frames = http2.peer.takeFrames().filter((frame) => frame.streamId === streamId);
        const content = concat(...frames.filter(({ type }) => type === 0).map(({ payload }) => payload));
        const texts = isEnveloped(protocol, method)
          ? readEnvelopes(content).filter(([flags]) => flags === 0).map(([, text]) => text)
          : [new TextDecoder().decode(content)];
        assert.deepEqual(texts, method === "ServerStream" ? ["\n\x01a", "\n\x01a"] : ["\n\x02aa"]);
        assert.ok(frames.at(-1)!.text.endsWith(" end"));
        streamId += 2;
      }
    }
    assert.equal(http2.peer.connection.streamCount, 0);
  }
});

Deno.test("HTTP/2: a stream that is answered early is reset with NO_ERROR, and the others go on", async () => {
  const scene = new RpcScene(ECHO, { maxMessageBytes: 100 });
  const http2 = new Http2Scene(scene);
  http2.peer.send(http2.head(1, "grpc", "ClientStream"), http2.head(3, "grpc", "ClientStream"));
  http2.peer.send(data(1, envelope(new Uint8Array(0), 0, 101)), data(3, A));
  assert.deepEqual(await http2.take(1), [
    `HEADERS 1 ${GRPC_HEAD} grpc-status=8 grpc-message=message of 101 bytes is larger than the limit, 100 end`,
    "RST_STREAM 1 NO_ERROR",
  ]);
  http2.peer.send(data(1, new Uint8Array(1000)), data(3, A, { endStream: true }));
  assert.deepEqual((await http2.take(3)).at(-1), "HEADERS 3 grpc-status=0 end");
  assert.deepEqual([http2.peer.connection.isClosed, scene.errors], [false, []]);
});

Deno.test("HTTP/2: of each bad request the stream ends, and only the stream", async () => {
  const scene = new RpcScene(ECHO, { maxMessageBytes: 1000 });
  const http2 = new Http2Scene(scene);
  const bomb = COMPRESS["gzip"]!(new Uint8Array(1e6));
  const cases: [Readonly<Record<string, string>>, Uint8Array, number][] = [
    [{}, envelope(ascii("\xff\xff\xff"), 0), 3],
    [{}, envelope(new Uint8Array(0), 0, 0xffffffff), 8],
    [{}, envelope(new Uint8Array(0), 0x80), 3],
    [{}, envelope(new Uint8Array(0), 1), 13],
    [{}, new Uint8Array(4), 3],
    [{}, new Uint8Array(0), 12],
    [{}, concat(A, A), 12],
    [{ "grpc-encoding": "gzip" }, envelope(bomb, 1), 8],
    [{ "grpc-encoding": "gzip" }, envelope(bomb.subarray(0, 20), 1), 3],
    [{ "grpc-encoding": "snappy" }, A, 12],
    [{ "grpc-timeout": "1" }, A, 3],
    [{ ":path": "/test.v1.Samples/nothing" }, A, 12],
    [{ ":path": "/test.v1.Samples/Unary?" }, A, 12],
    [{ "x-bin": "*" }, A, 3],
  ];
  let streamId = 1;
  for (const [fields, content, status] of cases) {
    http2.peer.send(http2.head(streamId, "grpc", "Unary", fields), data(streamId, content, { endStream: true }));
    // What is answered by its head is reset, without an error, before its content is there.
    const frames = (await http2.take(streamId)).filter((text) => text !== `RST_STREAM ${streamId} NO_ERROR`);
    assert.match(
      frames.at(-1)!,
      new RegExp(` grpc-status=${status}( .*)? end$`),
      JSON.stringify([fields, content.length]),
    );
    streamId += 2;
  }
  http2.call(streamId, "grpc", "Unary", A);
  assert.deepEqual((await http2.take(streamId)).length, 3);
  assert.deepEqual([http2.peer.connection.streamCount, scene.errors], [0, []]);
});

Deno.test("HTTP/2: a client that resets is told nothing more, and its handler hears of it", async () => {
  let reason: unknown;
  const scene = new RpcScene({
    bidi: async function* (requests, { signal }) {
      signal.addEventListener("abort", () => reason = signal.reason);
      for await (const request of requests) {
        yield request;
      }
    },
  });
  const http2 = new Http2Scene(scene);
  http2.peer.send(http2.head(1, "grpc", "Bidi"), data(1, A));
  assert.equal((await http2.take(1)).length, 2);
  http2.peer.send(resetStream(1, 8));
  assert.deepEqual(await http2.take(1), []);
  assert.match(String(reason), /^ConnectError: \[canceled\] the client is gone: .*CANCEL/);
  assert.deepEqual(scene.errors, []);
});

Deno.test("HTTP/2: rapid resets leave no more handlers than the limit, and the connection is good for others after", async () => {
  let running = 0;
  const wake: (() => void)[] = [];
  const scene = new RpcScene({
    unary: async () => {
      running++;
      await new Promise<void>((resolve) => wake.push(resolve));
      running--;
      return {};
    },
  });
  const http2 = new Http2Scene(scene);
  let streamId = 1;
  for (let count = 0; count < 1500; count++, streamId += 2) {
    http2.peer.send(
      http2.head(streamId, "grpc", "Unary"),
      data(streamId, A, { endStream: true }),
      resetStream(streamId, 8),
    );
  }
  assert.equal(running, 1024);
  http2.peer.take();
  wake.splice(0).forEach((resolve) => resolve());
  await settle(2);
  assert.equal(running, 0);
  http2.call(streamId, "grpc", "Unary", A);
  wake.splice(0).forEach((resolve) => resolve());
  assert.match((await http2.take(streamId)).at(-1)!, /grpc-status=0 end$/);
});

Deno.test("HTTP/2: resets that the server is made to send count as well (MadeYouReset)", () => {
  let running = 0;
  const scene = new RpcScene({ unary: () => (running++, new Promise(() => {})) }, { maxAbandonedCalls: 10 });
  const http2 = new Http2Scene(scene);
  for (let count = 0, streamId = 1; count < 100; count++, streamId += 2) {
    http2.peer.send(
      http2.head(streamId, "grpc", "Unary"),
      data(streamId, A, { endStream: true }),
      windowUpdate(streamId, 0x7fffffff), // Over the top: the stream has to be reset.
    );
  }
  assert.equal(running, 10);
});

Deno.test("HTTP/2: a slow handler holds the client to the window, and gives it back as it reads", async () => {
  const read: (() => Promise<unknown>)[] = [];
  const scene = new RpcScene({
    async clientStream(requests) {
      const iterator = requests[Symbol.asyncIterator]();
      read.push(() => iterator.next());
      await new Promise(() => {});
      return {};
    },
  });
  const http2 = new Http2Scene(scene, { limits: { streamWindowSize: 65_535, connectionWindowSize: 65_535 } });
  const message = envelope(concat(ascii("\x12\xff\x27"), new Uint8Array(5119))); // 5,122 octets of `data`.
  http2.peer.send(http2.head(1, "grpc", "ClientStream"));
  for (let count = 0; count < 12; count++) {
    http2.peer.send(data(1, message));
  }
  await settle(2);
  assert.deepEqual(http2.peer.take().filter((text) => text.startsWith("WINDOW_UPDATE")), []);
  for (let count = 0; count < 12; count++) {
    await read[0]!();
  }
  const updates = http2.peer.take().filter((text) => text.startsWith("WINDOW_UPDATE 1 "));
  const given = updates.reduce((sum, text) => sum + Number(text.split(" ")[2]), 0);
  assert.ok(given > 6 * message.length && given <= 12 * message.length, `${given} were given back`);
});

Deno.test("HTTP/2: a deadline ends the stream, though the request goes on", async () => {
  const scene = new RpcScene({ clientStream: () => new Promise(() => {}) });
  const http2 = new Http2Scene(scene);
  http2.peer.send(http2.head(1, "grpc", "ClientStream", { "grpc-timeout": "50m" }), data(1, A));
  await scene.clock.advance(60);
  assert.deepEqual(await http2.take(1), [
    `HEADERS 1 ${GRPC_HEAD} grpc-status=4 grpc-message=the deadline has passed end`,
    "RST_STREAM 1 NO_ERROR",
  ]);
  http2.peer.send(data(1, A));
  assert.equal(http2.peer.connection.isClosed, false);
});

/** What an answer of HTTP/1.1 says: its head without date, its content without chunks. */
function parseAnswer(output: string): { head: string[]; content: Uint8Array } {
  const end = output.indexOf("\r\n\r\n");
  const head = output.slice(0, end).split("\r\n").filter((line) => !/^date:/i.test(line));
  let rest = output.slice(end + 4);
  if (!head.some((line) => /^transfer-encoding: chunked$/i.test(line))) {
    return { head, content: ascii(rest) };
  }
  let content = "";
  while (true) {
    const line = rest.indexOf("\r\n");
    const length = parseInt(rest.slice(0, line), 16);
    if (length === 0) {
      assert.equal(rest.slice(line), "\r\n\r\n", "Nothing comes after the end");
      return { head, content: ascii(content) };
    }
    content += rest.slice(line + 2, line + 2 + length);
    rest = rest.slice(line + 4 + length);
  }
}

function http1Peer(scene: RpcScene): Peer {
  return new Peer({
    onRequest: (exchange: Http1Exchange, head, endStream) => scene.handler.serve(exchange, head, endStream, HTTP1),
  });
}

const latin1 = (octets: Uint8Array) => Buffer.from(octets).toString("latin1");

function http1Request(path: string, type: string, content: Uint8Array, isChunked: boolean): string {
  const head = `POST /test.v1.Samples/${path} HTTP/1.1\r\nhost: a\r\ncontent-type: ${type}\r\n`;
  return isChunked
    ? `${head}transfer-encoding: chunked\r\n\r\n${
      content.length === 0 ? "" : `${content.length.toString(16)}\r\n${latin1(content)}\r\n`
    }0\r\n\r\n`
    : `${head}content-length: ${content.length}\r\n\r\n${latin1(content)}`;
}

Deno.test("HTTP/1.1: Connect and gRPC-Web, of every kind, with a length and in chunks, whole and octet by octet", async () => {
  for (const protocol of ["connect", "grpc-web"] as const) {
    for (const codec of CODECS) {
      for (const method of METHODS) {
        for (const isChunked of [true, false]) {
          for (const size of [Infinity, 1]) {
            const peer = http1Peer(new RpcScene(ECHO));
            const type = contentType(protocol, codec, method);
            peer.send(http1Request(method, type, contentOf(protocol, codec, method, ["a"]), isChunked), size);
            await settle(3);
            const { head, content } = parseAnswer(peer.flush());
            assert.equal(head[0], "HTTP/1.1 200 OK");
            assert.ok(head.includes(`content-type: ${type}`), head.join());
            const texts = method === "ServerStream" ? ["a", "a"] : ["aa"];
            const tail = protocol === "grpc-web"
              ? envelope(ascii("grpc-status: 0\r\n"), 0x80)
              : isEnveloped(protocol, method)
              ? envelope(ascii("{}"), 2)
              : new Uint8Array(0);
            assert.deepEqual(content, concat(contentOf(protocol, codec, method, texts), tail));
          }
        }
      }
    }
  }
});

Deno.test("HTTP/1.1: calls follow each other on a connection, errors and all", async () => {
  const peer = http1Peer(new RpcScene(ECHO));
  const request = (text: string) => http1Request("Unary", "application/json", ascii(text), false);
  for (
    const [text, status, content] of [
      ['{"text":"a"}', "200 OK", '{"text":"aa"}'],
      ["[", "400 Bad Request", undefined],
      ['{"text":"b"}', "200 OK", '{"text":"bb"}'],
    ] as const
  ) {
    peer.output = "";
    peer.send(request(text));
    await settle(2);
    const answer = parseAnswer(peer.flush());
    assert.equal(answer.head[0], `HTTP/1.1 ${status}`);
    if (content !== undefined) {
      assert.equal(latin1(answer.content), content);
    }
  }
});

Deno.test("HTTP/1.1: gRPC is refused with 505", async () => {
  const peer = http1Peer(new RpcScene(ECHO));
  const request = http1Request("Unary", "application/grpc", A, false).replace("host: a", "host: a\r\nte: trailers");
  peer.send(request);
  await settle(2);
  assert.equal(parseAnswer(peer.flush()).head[0], "HTTP/1.1 505 HTTP Version Not Supported");
});

Deno.test("HTTP/1.1: a GET is a call", async () => {
  const peer = http1Peer(new RpcScene(ECHO));
  const message = sampleOctets("proto", "a").toBase64({ alphabet: "base64url", omitPadding: true });
  peer.send(
    `GET /test.v1.Samples/Get?message=${message}&base64=1&encoding=proto&connect=v1 HTTP/1.1\r\nhost: a\r\n\r\n`,
  );
  await settle(2);
  const { head, content } = parseAnswer(peer.flush());
  assert.equal(head[0], "HTTP/1.1 200 OK");
  assert.ok(head.includes("vary: accept-encoding"), head.join());
  assert.deepEqual(content, sampleOctets("proto", "aa"));
});

Deno.test("HTTP/1.1: a stream is half-duplex or full, as its client likes: answers come while the request goes on", async () => {
  const peer = http1Peer(new RpcScene(ECHO));
  const chunk = (octets: Uint8Array) => `${octets.length.toString(16)}\r\n${latin1(octets)}\r\n`;
  peer.send(
    "POST /test.v1.Samples/Bidi HTTP/1.1\r\nhost: a\r\ncontent-type: application/connect+proto\r\n" +
      `transfer-encoding: chunked\r\n\r\n${chunk(A)}`,
  );
  await settle(2);
  assert.ok(peer.flush().includes("aa"), "The first answer is there");
  peer.send(`${chunk(envelope(sampleOctets("proto", "b")))}0\r\n\r\n`);
  await settle(2);
  const { content } = parseAnswer(peer.flush());
  assert.deepEqual(readEnvelopes(content), [[0, "\n\x02aa"], [0, "\n\x02bb"], [2, "{}"]]);
});

Deno.test("HTTP/1.1: a content that is too large is answered while it comes", async () => {
  const peer = http1Peer(new RpcScene(ECHO, { maxMessageBytes: 100 }));
  peer.send(
    "POST /test.v1.Samples/Unary HTTP/1.1\r\nhost: a\r\ncontent-type: application/proto\r\ncontent-length: 1000000\r\n\r\n" +
      "a".repeat(200),
  );
  await settle(2);
  assert.match(peer.flush(), /^HTTP\/1\.1 429 [^]*message is larger than the limit, 100/);
});
