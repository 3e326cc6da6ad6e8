/** What a server says of connections that are over. */
import assert from "node:assert/strict";
import { type ConnectionEnd, type HttpServer, serveHttp } from "../../src/net/mod.ts";
import { concat, frame, PREFACE, settings } from "../support/frame_builder.ts";
import { RawClient } from "../support/raw_client.ts";
import { fieldList } from "../support/test_peer.ts";

const OK = fieldList({ ":status": "200" });

/** A server, and the ends that it tells of, as `2 done`. */
async function withServer(
  options: Omit<Parameters<typeof serveHttp>[1] & object, "onConnectionEnd">,
  test: (server: HttpServer, nextEnd: () => Promise<string>) => Promise<void>,
): Promise<void> {
  const ends: ConnectionEnd[] = [];
  let onEnd = () => {};
  const server = await serveHttp((exchange) => exchange.respond(OK, true), {
    ...options,
    onConnectionEnd: (end) => {
      ends.push(end);
      onEnd();
    },
  });
  try {
    await test(server, async () => {
      while (ends.length === 0) {
        await new Promise<void>((resolve) => onEnd = resolve);
      }
      const { httpVersion, reason, detail, peer } = ends.shift()!;
      const isAbuse = reason === "ENHANCE_YOUR_CALM";
      return `${httpVersion} ${reason}${isAbuse ? `: ${detail}, of ${peer?.hostname}` : ""}`;
    });
    assert.deepEqual(ends, []);
  } finally {
    await server.close();
  }
}

/** Sends something, and hangs up when all that is answered was read, or at once. */
async function say(server: HttpServer, octets: string | Uint8Array, hangsUp = false): Promise<void> {
  const client = await RawClient.connect(server.addresses[0]!);
  await client.send(octets);
  if (!hangsUp) {
    const buffer = new Uint8Array(4096);
    while (await client.socket.read(buffer).catch(() => null) !== null) {
      // It may say more.
    }
  }
  client.socket.close();
}

const HEAD = "GET / HTTP/1.1\r\nhost: a\r\n";

Deno.test("a connection ends as it should, or with what its peer was told", async () => {
  await withServer({ http1: { maxRequestLineLength: 16 } }, async (server, nextEnd) => {
    await say(server, `${HEAD}connection: close\r\n\r\n`);
    assert.equal(await nextEnd(), "1.1 done");
    await say(server, "GET /123 HTTP/1.1\r\nhost: a\r\n\r\n");
    assert.equal(await nextEnd(), "1.1 414");
    await say(server, `${HEAD}a b: c\r\n\r\n`);
    assert.equal(await nextEnd(), "1.1 400");
    await say(server, `${HEAD}content-length: 5\r\n\r\n`, true);
    assert.equal(await nextEnd(), "1.1 peer");
    await say(server, new Uint8Array([...PREFACE, ...settings(), ...frame(6, 0, 1, new Uint8Array(8))]));
    assert.equal(await nextEnd(), "2 PROTOCOL_ERROR");
    const goaways = Array.from({ length: 20_000 }, () => frame(7, 0, 0, new Uint8Array(8)));
    await say(server, concat(PREFACE, settings(), ...goaways));
    assert.equal(
      await nextEnd(),
      "2 ENHANCE_YOUR_CALM: Too many frames that carry no message, the last one GOAWAY, of 127.0.0.1",
    );
  });
});

Deno.test("who was not let in, and who said nothing, are told of, too", async () => {
  await withServer({ maxConnections: 1 }, async (server, nextEnd) => {
    const first = await RawClient.connect(server.addresses[0]!);
    await first.send(`${HEAD}\r\n`);
    await first.readAnswer();
    await say(server, "");
    assert.equal(await nextEnd(), "undefined full");
    first.socket.close();
    assert.equal(await nextEnd(), "1.1 done");
    await say(server, "", true);
    assert.equal(await nextEnd(), "undefined unknown");
  });
});
