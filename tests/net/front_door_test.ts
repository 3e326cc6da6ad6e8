/** The front door on real sockets: what connections speak, who may come in, and how many. */
import assert from "node:assert/strict";
import type { ConnectionInfo, HttpExchange, RequestHead } from "../../src/http/mod.ts";
import type { StreamHandler } from "../../src/http2/mod.ts";
import { HpackEncoder } from "../../src/http2/hpack/mod.ts";
import { connectHttp2, type HttpServer, type HttpServerOptions, serveHttp } from "../../src/net/mod.ts";
import { type IssuedPair, makeAuthority } from "../support/authority.ts";
import {
  ascii,
  concat,
  headers,
  type ParsedFrame,
  parseFrames,
  PREFACE,
  settings,
  settingsAck,
  wholeFramesLength,
} from "../support/frame_builder.ts";
import { RawClient } from "../support/raw_client.ts";
import { socketCount, uncaughtDuring, until, within } from "../support/sockets.ts";
import { fieldList, REQUEST } from "../support/test_peer.ts";

const GET = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const OK = Object.freeze(fieldList({ ":status": "200", "content-type": "application/json" }));
const HANDSHAKE_MS = 60;

/** Answers with what it is told of the connection. */
function describe(exchange: HttpExchange, _head: RequestHead, _endStream: boolean, info: ConnectionInfo): void {
  exchange.respond(OK);
  exchange.end(ascii(JSON.stringify(info)));
}

/** Runs with a server, after which there are no connections, sockets or uncaught errors. */
async function withServer(options: HttpServerOptions, action: (server: HttpServer) => Promise<void>): Promise<void> {
  const socketsBefore = await socketCount();
  const errors: unknown[] = [];
  const uncaught = await uncaughtDuring(async () => {
    const server = await serveHttp(describe, { onError: (error) => errors.push(error), ...options });
    try {
      await action(server);
      await until(() => server.connectionCount === 0, "All connections end");
    } finally {
      await within(5000, server.close());
    }
  });
  assert.deepEqual(uncaught, []);
  assert.deepEqual(errors, []);
  for (let turn = 0; await socketCount() > socketsBefore; turn++) {
    assert.ok(turn < 1000, `There are ${await socketCount()} sockets, and were ${socketsBefore}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const addressOf = (server: HttpServer) => server.addresses[0]!;

/** Preface, SETTINGS and a request on stream 1. */
function http2Octets(): Uint8Array {
  const fields = fieldList({ ...REQUEST, ":method": "GET" });
  const encoder = new HpackEncoder();
  const buffer = new Uint8Array(encoder.bound(fields));
  const block = buffer.slice(0, encoder.encode(fields, buffer, 0));
  return concat(PREFACE, settings(), headers(1, block, { endStream: true }), settingsAck());
}

/** A GET over a connection that speaks HTTP/2 already; the answer's text. */
async function getByHttp2(socket: Pick<Deno.Conn, "read" | "write">): Promise<string> {
  await socket.write(http2Octets());
  return await readHttp2Content(socket);
}

async function readHttp2Content(socket: Pick<Deno.Conn, "read">): Promise<string> {
  const buffer = new Uint8Array(65_536);
  const frames: ParsedFrame[] = [];
  let received: Uint8Array = new Uint8Array(0);
  while (true) {
    const content = frames.find(({ type }) => type === 0);
    if (content !== undefined) {
      return new TextDecoder().decode(content.payload);
    }
    const length = await within(5000, socket.read(buffer));
    assert.notEqual(length, null, `There is no answer in ${frames.map(({ type }) => type)}`);
    received = concat(received, buffer.subarray(0, length!));
    const whole = wholeFramesLength(received);
    frames.push(...parseFrames(received.subarray(0, whole)));
    received = received.slice(whole);
  }
}

Deno.test("HTTP/2 and HTTP/1.1 share a port, octet by octet", async () => {
  await withServer({}, async (server) => {
    const [first, second] = [await RawClient.connect(addressOf(server)), await RawClient.connect(addressOf(server))];
    const [, answer] = await Promise.all([
      first.send(http2Octets(), 1).then(async () =>
        assert.match(await readHttp2Content(first.socket), /"httpVersion":"2"/)
      ),
      second.send(GET, 1).then(() => second.readAnswer()),
    ]);
    assert.equal(answer.status, 200);
    assert.equal(JSON.parse(answer.body).httpVersion, "1.1");
    first.close();
    second.close();
  });
});

Deno.test("The peer's address is known to both protocols", async () => {
  await withServer({}, async (server) => {
    const { hostname, port } = addressOf(server);
    const socket = await Deno.connect({ hostname, port });
    const client = new RawClient(socket);
    await client.send(GET);
    const info = JSON.parse((await client.readAnswer()).body);
    assert.deepEqual(info, {
      httpVersion: "1.1",
      peer: { hostname: "127.0.0.1", port: (socket.localAddr as Deno.NetAddr).port },
      isTls: false,
    });
    const http2 = await connectHttp2({ hostname, port });
    assert.match(await contentOf(http2), /^\{"httpVersion":"2","peer":\{"hostname":"127\.0\.0\.1","port":\d+\}/);
    client.close();
    await http2.close();
  });
});

/** The answer to a GET of our own client. */
function contentOf({ connection }: Awaited<ReturnType<typeof connectHttp2>>): Promise<string> {
  let content = "";
  return new Promise((resolve, reject) => {
    const handler: StreamHandler = {
      onResponse: () => {},
      onData: (stream, buffer, start, end, endStream) => {
        content += new TextDecoder().decode(buffer.slice(start, end));
        stream.release(end - start);
        if (endStream) {
          resolve(content);
        }
      },
      onTrailers: () => {},
      onWritable: () => {},
      onReset: (_stream, error) => reject(error),
    };
    connection.openStream(fieldList({ ...REQUEST, ":method": "GET" }), handler, true);
  });
}

Deno.test("What is neither HTTP/2 nor HTTP/1.1 is refused in HTTP/1.1, where something is said at all", async () => {
  await withServer({}, async (server) => {
    for (
      const [text, answer] of [
        ["PRI * HTTP/1.1\r\nhost: a\r\n\r\n", /^HTTP\/1\.1 400 /],
        ["PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n", /^HTTP\/1\.1 505 /],
        ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", /^(HTTP\/1\.1 400 |$)/],
        ["GET / HTTP/1.1\nhost: a\n\n", /^HTTP\/1\.1 400 /],
      ] as const
    ) {
      const client = await RawClient.connect(addressOf(server));
      await client.send(text);
      assert.match(await client.readAll(), answer, JSON.stringify(text));
      client.close();
    }
  });
});

Deno.test("Those who say nothing, or half of it, are gone when their time is over, and nobody before", async () => {
  await withServer({ handshakeTimeoutMs: HANDSHAKE_MS, http1: { headerTimeoutMs: HANDSHAKE_MS } }, async (server) => {
    const beginnings = ["", "P", "PRI * HTTP/2.0\r", "G", "GET / HTTP/1.1\r\nhost: a\r\n"];
    const startMs = performance.now();
    const clients = await Promise.all(beginnings.map(() => RawClient.connect(addressOf(server))));
    await Promise.all(clients.map((client, index) => client.send(beginnings[index]!)));
    await until(() => server.connectionCount === clients.length);
    const answers = await Promise.all(clients.map(async (client) => {
      const answer = await client.readAll();
      assert.ok(performance.now() - startMs >= HANDSHAKE_MS - 10, "Not before their time");
      client.close();
      return answer.slice(0, 12);
    }));
    assert.deepEqual(answers, ["", "", "", "HTTP/1.1 408", "HTTP/1.1 408"]);
  });
});

Deno.test("Those who end at once, or within the preface, leave nothing behind", async () => {
  await withServer({}, async (server) => {
    for (const text of ["", "P", "PRI * HTTP/2.0\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]) {
      const client = await RawClient.connect(addressOf(server));
      await client.send(text);
      await client.socket.closeWrite();
      await client.readAll();
      client.close();
    }
  });
});

Deno.test("A second address has the port of the first, and each protocol", async () => {
  await withServer({ hostnames: ["127.0.0.1", "::1"] }, async (server) => {
    const [first, second] = server.addresses;
    assert.equal(server.addresses.length, 2);
    assert.equal(first!.port, second!.port);
    assert.equal(second!.hostname, "::1");
    for (const { hostname, port } of server.addresses) {
      const client = await RawClient.connect({ hostname, port });
      await client.send(GET);
      assert.equal(JSON.parse((await client.readAnswer()).body).peer.hostname, hostname);
      client.close();
      const http2 = await connectHttp2({ hostname, port });
      assert.equal(JSON.parse(await contentOf(http2)).peer.hostname, hostname);
      await http2.close();
    }
  });
});

Deno.test("An address that is taken, or is not ours, is an error, and leaves nothing open", async () => {
  await withServer({}, async (server) => {
    const { port } = addressOf(server);
    const before = await socketCount();
    await assert.rejects(serveHttp(describe, { port }), /in use|Cannot listen on/);
    await assert.rejects(serveHttp(describe, { hostnames: ["::1", "127.0.0.1"], port }), /in use|Cannot listen on/);
    await assert.rejects(serveHttp(describe, { hostnames: ["127.0.0.1", "192.0.2.1"] }), /assign|Cannot listen on/);
    assert.equal(await socketCount(), before);
  });
});

Deno.test("Connections are counted over all addresses, strangers too, and those above the limit are closed", async () => {
  await withServer({ hostnames: ["127.0.0.1", "::1"], maxConnections: 3 }, async (server) => {
    const silent = [await RawClient.connect(server.addresses[0]!), await RawClient.connect(server.addresses[1]!)];
    await until(() => server.connectionCount === 2);
    const third = await RawClient.connect(server.addresses[0]!);
    await third.send(GET);
    assert.equal((await third.readAnswer()).status, 200);
    for (const address of server.addresses) {
      const fourth = await RawClient.connect(address);
      assert.equal(await fourth.readAll(), "");
      fourth.close();
    }
    assert.equal(server.connectionCount, 3);
    silent[0]!.close();
    await until(() => server.connectionCount === 2);
    const fifth = await RawClient.connect(server.addresses[1]!);
    await fifth.send(GET);
    assert.equal((await fifth.readAnswer()).status, 200);
    for (const client of [silent[1]!, third, fifth]) {
      client.close();
    }
  });
});

// TLS

const authority = await makeAuthority("Edgewire test authority");
const SERVER = await authority.issue("server");
const RENEWED = await authority.issue("renewed server");
const caCerts = [authority.cert];
const clients = await makeAuthority("Edgewire test clients");
const strangers = await makeAuthority("Edgewire test clients");

interface TlsClientOptions {
  readonly alpnProtocols?: string[];
  readonly pair?: IssuedPair;
}

/** Connects, and lets the handshake end. */
async function connectTls(server: HttpServer, { alpnProtocols, pair }: TlsClientOptions = {}): Promise<Deno.TlsConn> {
  const socket = await Deno.connectTls({
    hostname: addressOf(server).hostname,
    port: addressOf(server).port,
    caCerts,
    ...(alpnProtocols === undefined ? {} : { alpnProtocols }),
    ...pair,
  });
  try {
    await within(5000, socket.handshake());
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** A GET by the protocol that was agreed on, and what the server knows of the connection. */
async function getByTls(server: HttpServer, options: TlsClientOptions): Promise<string> {
  const socket = await connectTls(server, options);
  try {
    const { alpnProtocol } = await socket.handshake();
    if (alpnProtocol === "h2") {
      return await getByHttp2(socket);
    }
    const client = new RawClient(socket);
    await client.send(GET);
    return (await client.readAnswer()).body;
  } finally {
    socket.close();
  }
}

for (const kind of ["without client certificates", "with client certificates"] as const) {
  const isMutual = kind === "with client certificates";
  const pair = isMutual ? await clients.issue("alice") : undefined;
  const tls = { ...SERVER, ...(isMutual ? { clientCa: clients.cert } : {}) };
  const asClient = pair === undefined ? {} : { pair };

  Deno.test(`TLS ${kind}: ALPN decides`, async () => {
    await withServer({ tls }, async (server) => {
      for (
        const [alpnProtocols, agreed] of [
          [["h2"], "h2"],
          [["http/1.1"], "http/1.1"],
          [["http/1.1", "h2"], "h2"],
          [["spdy/3", "http/1.1"], "http/1.1"],
          [undefined, null],
        ] as const
      ) {
        const options = { ...(alpnProtocols === undefined ? {} : { alpnProtocols: [...alpnProtocols] }), ...asClient };
        const socket = await connectTls(server, options);
        assert.equal((await socket.handshake()).alpnProtocol, agreed, String(alpnProtocols));
        socket.close();
        assert.match(await getByTls(server, options), agreed === "h2" ? /"httpVersion":"2"/ : /"httpVersion":"1.1"/);
      }
      // "... the server SHALL send a fatal "no_application_protocol" alert" (RFC 7301 §3.2)
      await assert.rejects(connectTls(server, { alpnProtocols: ["spdy/3"], ...asClient }));
    });
  });

  Deno.test(`TLS ${kind}: those who are slow, silent or speak no TLS are gone in time`, async () => {
    await withServer({ tls, handshakeTimeoutMs: HANDSHAKE_MS }, async (server) => {
      // The head of a record with a handshake message of 508 octets, and nothing of them.
      for (
        const text of [
          "",
          "\x16",
          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
          GET,
          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ]
      ) {
        const client = await RawClient.connect(addressOf(server));
        await client.send(text);
        const answer = await client.readAll();
        assert.doesNotMatch(answer, /HTTP/, JSON.stringify(text));
        client.close();
      }
      assert.match(await getByTls(server, asClient), /"isTls":true/);
    });
  });

  Deno.test(`TLS ${kind}: another certificate for new connections, while old ones go on and clients come`, async () => {
    await withServer({ tls }, async (server) => {
      const old = new RawClient(await connectTls(server, { alpnProtocols: ["http/1.1"], ...asClient }));
      await old.send(GET);
      assert.equal((await old.readAnswer()).status, 200);
      let isOver = false;
      const failures: string[] = [];
      let served = 0;
      const comeAndGo = async (protocol: string) => {
        while (!isOver) {
          try {
            await getByTls(server, { alpnProtocols: [protocol], ...asClient });
            served++;
          } catch (error) {
            failures.push(String(error));
          }
        }
      };
      const coming = ["h2", "http/1.1", "h2", "http/1.1"].map(comeAndGo);
      const names: string[] = [];
      for (let turn = 0; turn < 10; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        await server.reloadTls(turn % 2 === 0 ? RENEWED : SERVER);
        names.push(await certificateName(server, pair));
      }
      isOver = true;
      await Promise.all(coming);
      assert.deepEqual(failures, []);
      assert.ok(served > 10, `${served} were served`);
      assert.deepEqual(names.slice(0, 2), ["renewed server", "server"]);
      await old.send(GET);
      assert.equal((await old.readAnswer()).status, 200);
      old.close();
    });
  });

  Deno.test(`TLS ${kind}: a bad pair is an error, at start and later, and the old one stays`, async () => {
    const before = await socketCount();
    const bad = [
      { cert: SERVER.cert, key: RENEWED.key },
      { cert: "", key: SERVER.key },
      { cert: SERVER.cert, key: "" },
      { cert: "no PEM", key: "no PEM" },
      { cert: SERVER.cert.replace(/[A-Za-z0-9]{40}/, "A".repeat(40)), key: SERVER.key },
    ];
    for (const [index, each] of bad.entries()) {
      await assert.rejects(serveHttp(describe, { tls: { ...tls, ...each } }), Error, `pair ${index}`);
    }
    assert.equal(await socketCount(), before);
    await withServer({ tls }, async (server) => {
      for (const [index, each] of bad.entries()) {
        await assert.rejects(server.reloadTls(each), Error, `pair ${index}`);
        assert.equal(await certificateName(server, pair), "server");
      }
    });
  });

  Deno.test(`TLS ${kind}: no more connections than allowed, those in a handshake too`, async () => {
    await withServer({ tls, maxConnections: 2 }, async (server) => {
      const silent = [await RawClient.connect(addressOf(server)), await RawClient.connect(addressOf(server))];
      await until(() => server.connectionCount === 2, "Those in a handshake are counted");
      const third = await RawClient.connect(addressOf(server));
      assert.equal(await within(1000, third.readAll()), "");
      third.close();
      silent.forEach((client) => client.close());
      await until(() => server.connectionCount === 0);
      assert.match(await getByTls(server, asClient), /"isTls":true/);
    });
  });

  Deno.test(`TLS ${kind}: close and shutdown do not wait for handshakes`, async () => {
    for (const end of ["close", "shutdown"] as const) {
      const server = await serveHttp(describe, { tls });
      const silent = await RawClient.connect(addressOf(server));
      await silent.send("\x16\x03\x01");
      await new Promise((resolve) => setTimeout(resolve, 20));
      await within(1000, server[end]());
      assert.equal(await within(1000, silent.readAll()), "", end);
      silent.close();
    }
  });
}

/** The common name of the certificate that a server shows. */
async function certificateName(server: HttpServer, pair: IssuedPair | undefined): Promise<string> {
  const { connect } = await import("node:tls");
  const { hostname: host, port } = addressOf(server);
  const socket = connect({ host, port, ca: caCerts, ALPNProtocols: ["h2"], ...pair });
  try {
    await within(5000, new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject)));
    return [socket.getPeerCertificate().subject.CN].flat()[0]!;
  } finally {
    socket.destroy();
  }
}

Deno.test("A server without TLS has no certificate to reload", async () => {
  await withServer({}, async (server) => {
    await assert.rejects(server.reloadTls(SERVER), /the server speaks no TLS/);
  });
});

Deno.test("Clients with the right certificate have a name, all others are refused before a request is seen", async () => {
  const [alice, mallory] = [await clients.issue("alice"), await strangers.issue("alice")];
  await withServer({ tls: { ...SERVER, clientCa: clients.cert } }, async (server) => {
    for (const alpnProtocols of [["h2"], ["http/1.1"], []]) {
      assert.match(await getByTls(server, { alpnProtocols, pair: alice }), /"tlsPeerName":"alice"/);
      await assert.rejects(getByTls(server, { alpnProtocols }), `no certificate, ${alpnProtocols}`);
      await assert.rejects(
        getByTls(server, { alpnProtocols, pair: mallory }),
        `of another authority, ${alpnProtocols}`,
      );
      await assert.rejects(
        getByTls(server, { alpnProtocols, pair: SERVER }),
        `of the server's authority, ${alpnProtocols}`,
      );
    }
    const named = JSON.parse(await getByTls(server, { pair: alice }));
    assert.equal(named.tlsPeerName, "alice");
    assert.equal(named.peer.hostname, "127.0.0.1");
    // The same after a reload.
    await server.reloadTls(RENEWED);
    assert.equal(JSON.parse(await getByTls(server, { pair: alice })).tlsPeerName, "alice");
    await assert.rejects(getByTls(server, {}));
    await assert.rejects(getByTls(server, { pair: mallory }));
  });
});
