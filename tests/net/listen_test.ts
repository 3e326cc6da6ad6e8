/** What a `fetch` handler sees through the front door, and where the door may be. */
import assert from "node:assert/strict";
import { createFetchBridge, listen, type ListenOptions, type Server } from "../../src/net/mod.ts";

const GET = new TextEncoder().encode("GET / HTTP/1.0\r\nhost: localhost\r\n\r\n");

const NOTHING = createFetchBridge(() => new Response(), (error) => assert.fail(String(error)));

/** Answers with the peer and the scheme that the handler sees. */
async function withServer(options: ListenOptions, test: (server: Server) => Promise<void>): Promise<void> {
  const serve = createFetchBridge(
    (request, { peer, isTls }) => new Response(`${new URL(request.url).protocol} ${peer?.hostname} ${isTls}`),
    (error) => assert.fail(String(error)),
  );
  const server = await listen(serve, { port: 0, ...options });
  try {
    await test(server);
  } finally {
    await server.close();
  }
}

/** The body of the answer to what is sent, or nothing if the connection is closed without. */
async function exchange(socket: Deno.Conn, ...chunks: readonly Uint8Array[]): Promise<string> {
  for (const chunk of chunks) {
    await socket.write(chunk);
  }
  const text = await new Response(socket.readable).text().catch(() => "");
  return text.split("\r\n\r\n")[1] ?? "";
}

const connectTo = (url: string) => {
  const { hostname, port } = new URL(url);
  return Deno.connect({ hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });
};

Deno.test("listen() listens on both loopback addresses, and tells handlers who calls", () =>
  withServer({}, async (server) => {
    assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    for (const url of server.urls) {
      const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
      assert.equal(await exchange(await connectTo(url), GET), `http: ${host} false`);
    }
  }));

Deno.test("listen() listens on a Unix socket, and removes it", async () => {
  const directory = await Deno.makeTempDir();
  const unixPath = `${directory}/socket`;
  try {
    await withServer({ unixPath }, async () => {
      const socket = await Deno.connect({ transport: "unix", path: unixPath });
      assert.equal(await exchange(socket, GET), "http: undefined false");
      await assert.rejects(listen(NOTHING, { port: 0, unixPath }), /^Error: Cannot listen on .*socket: /);
    });
    assert.deepEqual(await Array.fromAsync(Deno.readDir(directory)), []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("listen() reads the PROXY protocol when it is told to, and closes connections without", () =>
  withServer({ proxyProtocol: true }, async (server) => {
    const header = new TextEncoder().encode("PROXY TCP4 192.0.2.1 127.0.0.1 4660 80\r\n");
    const together = Uint8Array.of(...header, ...GET);
    assert.equal(await exchange(await connectTo(server.url), header, GET), "http: 192.0.2.1 false");
    assert.equal(await exchange(await connectTo(server.url), together), "http: 192.0.2.1 false");
    assert.equal(await exchange(await connectTo(server.url), GET), "");
  }));

Deno.test("listen() believes forwarding fields only when it is told to", async () => {
  const request = new TextEncoder().encode(
    "GET / HTTP/1.0\r\nhost: localhost\r\nforwarded: for=192.0.2.1;proto=https\r\n\r\n",
  );
  for (const [trustForwarded, seen] of [[true, "https: 192.0.2.1 true"], [false, "http: 127.0.0.1 false"]] as const) {
    await withServer({ trustForwarded }, async (server) => {
      assert.equal(await exchange(await connectTo(server.url), request), seen);
    });
  }
});

Deno.test("listen() refuses what cannot be", async () => {
  await assert.rejects(
    listen(NOTHING, { tls: { cert: "x", key: "y" }, port: 0 }),
    /^Error: Cannot listen on 127/,
  );
  await assert.rejects(
    listen(NOTHING, { tls: { cert: "", key: "" }, proxyProtocol: true }),
    /^TypeError: Cannot read the PROXY protocol in front of TLS/,
  );
  await withServer({}, async (server) => {
    const port = Number(new URL(server.url).port);
    await assert.rejects(
      listen(NOTHING, { port }),
      new RegExp(`Cannot listen on 127.0.0.1:${port}: Address already in use`),
    );
  });
});
