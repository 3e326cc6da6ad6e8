/** Dialing: with a network in memory and a clock of its own, then on real sockets of this machine. */
import assert from "node:assert/strict";
import type { HttpExchange } from "../../src/http/mod.ts";
import { type DialNetwork, type DialTarget, SYSTEM_NETWORK } from "../../src/net/dial.ts";
import { interleaveFamilies } from "../../src/net/happy_eyeballs.ts";
import { connectHttp2, type Http2Client, type Http2ClientOptions } from "../../src/net/http2_client.ts";
import { createHttp2Client, type Http2PoolOptions, serveHttp } from "../../src/net/mod.ts";
import type { Socket } from "../../src/net/sockets.ts";
import { makeCertificate } from "../support/certificate.ts";
import { FakeSocket, settle } from "../support/fake_socket.ts";
import { ascii } from "../support/frame_builder.ts";
import { Http2ServerSocket } from "../support/http2_server_socket.ts";
import { fieldList, REQUEST } from "../support/test_peer.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

const IPV6 = ["2001:db8::1", "2001:db8::2"];
const IPV4 = ["192.0.2.1", "192.0.2.2"];

/** A network of which the test says when what happens. */
class Network implements DialNetwork {
  readonly clock = new VirtualClock();
  /** What was asked for, and given up: `resolve a`, `open 192.0.2.1`, `abort 192.0.2.1`. */
  readonly events: string[] = [];
  readonly #answers = new Map<string, PromiseWithResolvers<Socket>>();
  readonly #resolve: () => Promise<readonly string[]>;

  constructor(addresses: readonly string[] | (() => Promise<readonly string[]>)) {
    this.#resolve = typeof addresses === "function" ? addresses : () => Promise.resolve(addresses);
  }

  resolve(hostname: string): Promise<readonly string[]> {
    this.events.push(`resolve ${hostname}`);
    return this.#resolve();
  }

  open(address: string, _target: DialTarget, signal: AbortSignal): Promise<Socket> {
    this.events.push(`open ${address}`);
    signal.addEventListener("abort", () => this.events.push(`abort ${address}`));
    const answer = Promise.withResolvers<Socket>();
    this.#answers.set(address, answer);
    return answer.promise;
  }

  async accept(address: string, socket: FakeSocket = new Http2ServerSocket().socket): Promise<FakeSocket> {
    this.#answers.get(address)!.resolve(socket);
    await settle();
    return socket;
  }

  async refuse(address: string, message = "Connection refused (os error 111)"): Promise<void> {
    this.#answers.get(address)!.reject(new Error(message));
    await settle();
  }

  /** What happened since the last time is this. */
  async want(...events: readonly string[]): Promise<void> {
    await settle();
    assert.deepEqual(this.events.splice(0), events);
  }

  connect(options: Partial<Http2ClientOptions> = {}): Promise<Http2Client> {
    const connecting = connectHttp2({ hostname: "a", port: 80, ...options }, this);
    connecting.catch(() => {}); // The test looks at it later.
    return connecting;
  }
}

/** An error with exactly this message. */
function message(text: string): (error: Error) => boolean {
  return (error) => {
    assert.equal(error.message, text);
    return true;
  };
}

Deno.test("Families take turns, the first one first", () => {
  const [v6, w6] = IPV6 as [string, string];
  const [v4, w4] = IPV4 as [string, string];
  assert.deepEqual(interleaveFamilies([v6, w6, v4, w4]), [v6, v4, w6, w4]);
  assert.deepEqual(interleaveFamilies([v4, v6, w6]), [v4, v6, w6]);
  assert.deepEqual(interleaveFamilies([v6, v4, w4]), [v6, v4, w4]);
  assert.deepEqual(interleaveFamilies([v4, w4]), [v4, w4]);
  assert.deepEqual(interleaveFamilies([]), []);
});

Deno.test("A slow address is joined by the next one after 250 ms; the faster one wins, the other is closed", async () => {
  const network = new Network(["2001:db8::1", "192.0.2.1"]);
  const connecting = network.connect();
  await network.clock.advance(249);
  await network.want("resolve a", "open 2001:db8::1");
  await network.clock.advance(1);
  await network.want("open 192.0.2.1");
  await network.accept("192.0.2.1");
  await network.want("abort 2001:db8::1", "abort 192.0.2.1");
  const client = await connecting;
  const late = await network.accept("2001:db8::1");
  assert.equal(late.isClosed, true);
  assert.equal(client.connection.canOpenStream, true);
  assert.equal(network.clock.timerCount, 0);
  await client.close();
});

Deno.test("An address that fails is followed by the next one at once, also when its handshake fails", async () => {
  const network = new Network(["2001:db8::1", "192.0.2.1", "192.0.2.2"]);
  const connecting = network.connect();
  await network.clock.advance(100);
  await network.refuse("2001:db8::1");
  await network.want("resolve a", "open 2001:db8::1", "open 192.0.2.1");
  await network.clock.advance(249);
  await network.want();
  await network.clock.advance(1);
  await network.want("open 192.0.2.2");
  await network.refuse("192.0.2.2", "received fatal alert: HandshakeFailure");
  await network.accept("192.0.2.1");
  await (await connecting).close();
});

Deno.test("When all fail, the error has host, port and each reason once", async () => {
  const same = new Network(["2001:db8::1", "192.0.2.1"]);
  const refused = same.connect();
  await settle();
  await same.refuse("2001:db8::1");
  await same.refuse("192.0.2.1");
  await assert.rejects(refused, message("Cannot connect to a:80: connection refused"));
  const different = new Network(["2001:db8::1", "192.0.2.1"]);
  const failed = different.connect();
  await settle();
  await different.refuse("2001:db8::1", "Network is unreachable (os error 101)");
  await different.refuse("192.0.2.1");
  await assert.rejects(
    failed,
    message("Cannot connect to a:80: network is unreachable (2001:db8::1); connection refused (192.0.2.1)"),
  );
  assert.equal(different.clock.timerCount, 0);
});

Deno.test("Names without addresses", async () => {
  await assert.rejects(new Network([]).connect(), message("Cannot connect to a:80: the name has no address"));
  const unknown = new Network(() => Promise.reject(new Error("getaddrinfo ENOTFOUND a")));
  await assert.rejects(unknown.connect(), message("Cannot connect to a:80: the name is not known"));
});

Deno.test("Addresses are not resolved, nor is localhost, nor what Deno resolves for client certificates", async () => {
  for (
    const [hostname, options, address] of [
      ["192.0.2.1", {}, "192.0.2.1"],
      ["2001:db8::1", {}, "2001:db8::1"],
      ["[2001:db8::1]", {}, "2001:db8::1"],
      ["localhost", {}, "127.0.0.1"],
      ["a.localhost", {}, "127.0.0.1"],
      ["a", { tls: true, cert: "cert", key: "key" }, "a"],
    ] as const
  ) {
    const network = new Network([]);
    const connecting = network.connect({ hostname, ...options });
    await network.want(`open ${address}`);
    await network.accept(address);
    await (await connecting).close();
  }
  const network = new Network(["192.0.2.1"]);
  const connecting = network.connect({ hostname: "notlocalhost" });
  await network.want("resolve notlocalhost", "open 192.0.2.1");
  await network.accept("192.0.2.1");
  await (await connecting).close();
});

Deno.test("The timeout covers name, sockets and SETTINGS, to the millisecond", async () => {
  const stages: Record<string, (network: Network) => Promise<FakeSocket | undefined>> = {
    resolving: () => Promise.resolve(undefined),
    opening: () => Promise.resolve(undefined),
    settings: (network) => network.accept("192.0.2.1", new FakeSocket()),
  };
  for (const [stage, prepare] of Object.entries(stages)) {
    const network = new Network(stage === "resolving" ? () => new Promise(() => {}) : ["192.0.2.1"]);
    let isOver = false;
    const connecting = network.connect({ connectTimeoutMs: 500 });
    connecting.catch(() => isOver = true);
    await settle();
    const socket = await prepare(network);
    await network.clock.advance(499);
    assert.equal(isOver, false, stage);
    await network.clock.advance(1);
    await assert.rejects(connecting, message("Cannot connect to a:80: no answer within 500 ms"));
    assert.notEqual(socket?.isClosed, false);
    assert.equal(network.clock.timerCount, 0);
  }
});

Deno.test("A signal ends an attempt with its reason, and not the connection that came of it", async () => {
  const reason = new Error("Enough");
  await assert.rejects(new Network([]).connect({ signal: AbortSignal.abort(reason) }), reason);
  const opening = new Network(["192.0.2.1"]);
  const abort = new AbortController();
  const connecting = opening.connect({ signal: abort.signal });
  await settle();
  abort.abort(reason);
  await assert.rejects(connecting, reason);
  await opening.want("resolve a", "open 192.0.2.1", "abort 192.0.2.1");
  assert.equal((await opening.accept("192.0.2.1")).isClosed, true);
  assert.equal(opening.clock.timerCount, 0);

  const open = new Network(["192.0.2.1"]);
  const late = new AbortController();
  const connected = open.connect({ signal: late.signal });
  await settle();
  await open.accept("192.0.2.1");
  const client = await connected;
  late.abort(reason);
  await settle();
  assert.equal(client.connection.canOpenStream, true);
  await client.close();
});

Deno.test("A server that closes, breaks or speaks something else is none of HTTP/2", async () => {
  const cases: [give: (socket: FakeSocket) => void, reason: RegExp][] = [
    [(socket) => socket.end(), /: the server closed the connection$/],
    [(socket) => socket.close(), /: closed$/],
    [(socket) => socket.give(ascii("HTTP/1.1 400 Bad Request\r\n\r\n")), /_ERROR, local\)$/],
  ];
  for (const [give, reason] of cases) {
    const network = new Network(["192.0.2.1"]);
    const connecting = network.connect();
    await settle();
    const socket = await network.accept("192.0.2.1", new FakeSocket());
    give(socket);
    await settle();
    socket.end();
    await assert.rejects(connecting, (error: Error) => {
      assert.match(error.message, /^Cannot connect to a:80: [^\n]+$/);
      assert.match(error.message, reason);
      return true;
    });
    assert.equal(socket.isClosed, true);
  }
});

Deno.test("Options that make no sense are mistakes, and leave no socket behind", async () => {
  const network = new Network(["192.0.2.1"]);
  await assert.rejects(network.connect({ tls: true, cert: "cert" }), TypeError);
  await assert.rejects(network.connect({ tls: true, key: "key" }), TypeError);
  await assert.rejects(network.connect({ cert: "cert", key: "key" }), TypeError);
  await network.want();
  const connecting = network.connect({ limits: { maxFrameSize: 1 } });
  await settle();
  const socket = await network.accept("192.0.2.1");
  await assert.rejects(connecting, RangeError);
  assert.equal(socket.isClosed, true);
});

// Real sockets.

const OK = fieldList({ ":status": "200" });

function answer(exchange: HttpExchange): void {
  exchange.respond(OK, true);
}

/** Makes a call with a pool. @returns The status, or what it ended with. */
async function call(baseUrl: string, options: Partial<Http2PoolOptions> = {}): Promise<string> {
  const pool = createHttp2Client({ ...options, baseUrl });
  const { protocol, host } = new URL(baseUrl);
  const { promise, resolve } = Promise.withResolvers<string>();
  pool.open(
    fieldList({ ...REQUEST, ":scheme": protocol.slice(0, -1), ":authority": host }),
    {
      onOpen: () => {},
      onUnreachable: (error) => resolve(error instanceof Error ? error.message : String(error)),
      onResponse: (_call, { status }) => resolve(`${status}`),
      onData: () => {},
      onTrailers: () => {},
      onWritable: () => {},
      onReset: (_call, error) => resolve(error.message),
    },
    true,
  );
  try {
    return await promise;
  } finally {
    await pool.close();
  }
}

Deno.test("Sockets: a call by address and by name, and nobody there", async () => {
  const server = await serveHttp(answer);
  const { port } = server.addresses[0]!;
  assert.equal(await call(`http://127.0.0.1:${port}`), "200");
  assert.equal(await call(`http://localhost:${port}`), "200");
  await server.close();
  assert.equal(
    await call(`http://127.0.0.1:${port}`),
    `Cannot connect to 127.0.0.1:${port}: connection refused`,
  );
});

Deno.test("Sockets: the address that does not answer is left for the one that does", async () => {
  const server = await serveHttp(answer);
  const { port } = server.addresses[0]!;
  const network: DialNetwork = { ...SYSTEM_NETWORK, resolve: () => Promise.resolve(["::1", "127.0.0.1"]) };
  const client = await connectHttp2({ hostname: "a", port }, network);
  assert.equal(client.connection.canOpenStream, true);
  await client.close();
  await server.close();
});

Deno.test("Sockets: TLS with roots of one's own, and without", async () => {
  await using own = await makeCertificate();
  await using other = await makeCertificate();
  const server = await serveHttp(answer, { tls: own });
  const { port } = server.addresses[0]!;
  const url = `https://localhost:${port}`;
  assert.equal(await call(url, { caCerts: [own.cert] }), "200");
  assert.equal(await call(`https://127.0.0.1:${port}`, { caCerts: [own.cert] }), "200");
  const untrusted = new RegExp(`^Cannot connect to localhost:${port}: .*invalid peer certificate: [^\\n]+$`);
  assert.match(await call(url), untrusted);
  assert.match(await call(url, { caCerts: [other.cert] }), untrusted);
  // A name that the certificate does not have.
  assert.match(await call(`https://a.localhost:${port}`, { caCerts: [own.cert] }), /invalid peer certificate/);
  await server.close();
});

Deno.test("Sockets: a client certificate is shown, and missed", async () => {
  await using own = await makeCertificate();
  await using client = await makeCertificate();
  await using stranger = await makeCertificate();
  const names: (string | undefined)[] = [];
  const server = await serveHttp((exchange, _head, _endStream, { tlsPeerName }) => {
    names.push(tlsPeerName);
    answer(exchange);
  }, { tls: { cert: own.cert, key: own.key, clientCa: client.cert } });
  const url = `https://localhost:${server.addresses[0]!.port}`;
  const caCerts = [own.cert];
  assert.equal(await call(url, { caCerts, cert: client.cert, key: client.key }), "200");
  assert.deepEqual(names, ["localhost"]);
  assert.match(await call(url, { caCerts }), /^Cannot connect to localhost:\d+: .*received fatal alert: Certificate/);
  assert.match(
    await call(url, { caCerts, cert: stranger.cert, key: stranger.key }),
    /^Cannot connect to localhost:\d+: (the server closed the connection|received fatal alert: \w+)$/,
  );
  assert.equal(names.length, 1);
  await server.close();
});

Deno.test("Sockets: TLS without h2, and none at all", async () => {
  await using own = await makeCertificate();
  const old = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert: own.cert, key: own.key });
  const plain = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = [old, plain].map(async (listener) => {
    const socket = await listener.accept();
    await socket.read(new Uint8Array(1000)).catch(() => null);
    await socket.write(ascii("HTTP/1.1 400 Bad Request\r\n\r\n")).catch(() => null);
    socket.close();
    listener.close();
  });
  const caCerts = [own.cert];
  const { port } = old.addr as Deno.NetAddr;
  assert.equal(
    await call(`https://127.0.0.1:${port}`, { caCerts }),
    `Cannot connect to 127.0.0.1:${port}: the server chose no protocol by ALPN, not h2`,
  );
  assert.match(
    await call(`https://127.0.0.1:${(plain.addr as Deno.NetAddr).port}`, { caCerts }),
    /^Cannot connect to 127\.0\.0\.1:\d+: [^\n]+$/,
  );
  await Promise.all(serving);
});

Deno.test("Sockets: a handshake that never ends is given up", async () => {
  await using own = await makeCertificate();
  for (const pair of [{}, { cert: own.cert, key: own.key }]) {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const accepting = listener.accept();
    const abort = new AbortController();
    const reason = new Error("Enough");
    const connecting = connectHttp2({ hostname: "127.0.0.1", port, tls: true, ...pair, signal: abort.signal });
    const socket = await accepting;
    await socket.read(new Uint8Array(10));
    abort.abort(reason);
    await assert.rejects(connecting, reason);
    socket.close();
    listener.close();
  }
});
