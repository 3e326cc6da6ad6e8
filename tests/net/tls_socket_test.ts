/** What a peer may have us keep over TLS, and what of it arrives, with real sockets: both depend on the runtime. */
import assert from "node:assert/strict";
import { listenTls, type TlsListener, type TlsSocket } from "../../src/net/tls.ts";
import { makeCertificate } from "../support/certificate.ts";

const MIB = 1 << 20;

/** More than the system keeps for both ends of a connection. */
const MUCH = 64 * MIB;

interface Pair {
  readonly client: Deno.TlsConn;
  readonly server: TlsSocket;
}

async function withPairs(count: number, run: (...pairs: Pair[]) => Promise<void>): Promise<void> {
  await using certificate = await makeCertificate();
  const listener: TlsListener = await listenTls({
    cert: certificate.cert,
    key: certificate.key,
    hostname: "127.0.0.1",
    port: 0,
    reusePort: false,
    handshakeTimeoutMs: 10_000,
    backlog: 16,
  });
  const pairs: Pair[] = [];
  try {
    for (let index = 0; index < count; index++) {
      const dialling = Deno.connectTls({
        hostname: "localhost",
        port: listener.addr.port,
        caCerts: [certificate.cert],
      });
      const server = await listener.accept();
      await server.handshake();
      pairs.push({ client: await dialling, server });
    }
    await run(...pairs);
  } finally {
    for (const { client, server } of pairs) {
      server.close();
      client.close();
    }
    listener.close();
  }
}

/** Reads so many bytes, or up to the end. */
async function readLength(socket: TlsSocket, wanted: number): Promise<number> {
  const buffer = new Uint8Array(65_536);
  let total = 0;
  while (total < wanted) {
    const length = await socket.read(buffer);
    if (length === null) {
      break;
    }
    total += length;
  }
  return total;
}

Deno.test("a peer that sends what is not read has to wait, and all of it arrives when it is read", () =>
  withPairs(2, async (flood, other) => {
    let sent = 0;
    const chunk = new Uint8Array(65_536);
    const sending = (async () => {
      while (sent < MUCH) {
        sent += await flood.client.write(chunk);
      }
    })();
    const byte = new Uint8Array(1);
    let unchanged = 0;
    for (let before = -1; unchanged < 20; unchanged = sent === before ? unchanged + 1 : 0) {
      before = sent;
      for (let round = 0; round < 20; round++) {
        await other.client.write(byte);
        await other.server.read(byte);
      }
    }
    assert(sent < MUCH, `${sent} bytes were taken and not read`);
    assert.equal(await readLength(flood.server, MUCH), MUCH);
    await sending;
  }));

Deno.test("the end of a connection arrives behind what was sent before it and not read yet", () =>
  withPairs(2, async (peer, other) => {
    await peer.client.write(new Uint8Array(1));
    assert.equal(await readLength(peer.server, 1), 1);
    for (let sent = 0; sent < MIB;) {
      sent += await peer.client.write(new Uint8Array(MIB - sent));
    }
    await peer.client.closeWrite();
    const byte = new Uint8Array(1);
    for (let round = 0; round < 50; round++) { // Whatever the server reads without being asked, it has read by then.
      await other.client.write(byte);
      await other.server.read(byte);
    }
    assert.equal(await readLength(peer.server, Infinity), MIB);
  }));
