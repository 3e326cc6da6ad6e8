/** Certificate, key and the clients' authority as one set that is changed while a server runs. */
import assert from "node:assert/strict";
import { type HttpServer, type HttpServerOptions, serveHttp } from "../../src/net/mod.ts";
import { installTool } from "../conformance/tools.ts";
import { type IssuedPair, makeAuthority } from "../support/authority.ts";
import { RawClient } from "../support/raw_client.ts";
import { fieldList } from "../support/test_peer.ts";

const GET = "GET / HTTP/1.0\r\nhost: localhost\r\n\r\n";
const OK = Object.freeze(fieldList({ ":status": "200" }));

const authority = await makeAuthority("Edgewire test authority");
const [SERVER, RENEWED] = [await authority.issue("server"), await authority.issue("renewed server")];
const [first, second] = [await makeAuthority("First clients"), await makeAuthority("Second clients")];
const [ALICE, BOB] = [await first.issue("alice"), await second.issue("bob")];

async function withServer(tls: HttpServerOptions["tls"], action: (server: HttpServer) => Promise<void>): Promise<void> {
  const server = await serveHttp((exchange, _head, _endStream, { tlsPeerName }) => {
    exchange.respond(OK);
    exchange.end(new TextEncoder().encode(tlsPeerName ?? "anonymous"));
  }, { tls });
  try {
    await action(server);
  } finally {
    await server.close();
  }
}

/** Says who the client is to the server, or "refused". */
async function nameOf(server: HttpServer, pair?: IssuedPair): Promise<string> {
  const { hostname, port } = server.addresses[0]!;
  try {
    const client = new RawClient(await Deno.connectTls({ hostname, port, caCerts: [authority.cert], ...pair }));
    try {
      await client.send(GET);
      return /\r\n\r\n(\w+)$/.exec(await client.readAll())?.[1] ?? "refused";
    } finally {
      client.close();
    }
  } catch {
    return "refused";
  }
}

Deno.test("reloadTls() takes another authority with the certificate, and keeps the one there is when nothing is said of it", async () => {
  await withServer({ ...SERVER, clientCa: first.cert }, async (server) => {
    const names = async () => [await nameOf(server, ALICE), await nameOf(server, BOB), await nameOf(server)];
    assert.deepEqual(await names(), ["alice", "refused", "refused"]);
    await server.reloadTls({ ...RENEWED, clientCa: second.cert });
    assert.deepEqual(await names(), ["refused", "bob", "refused"]);
    await server.reloadTls(SERVER);
    assert.deepEqual(await names(), ["refused", "bob", "refused"]);
    await server.reloadTls({ ...SERVER, clientCa: first.cert + second.cert });
    assert.deepEqual(await names(), ["alice", "bob", "refused"]);
  });
});

Deno.test("reloadTls() can begin to ask clients for certificates", async () => {
  await withServer(SERVER, async (server) => {
    assert.equal(await nameOf(server), "anonymous");
    await server.reloadTls({ ...SERVER, clientCa: first.cert });
    assert.deepEqual([await nameOf(server, ALICE), await nameOf(server, BOB), await nameOf(server)], [
      "alice",
      "refused",
      "refused",
    ]);
  });
});

Deno.test("reloadTls() takes all or nothing", async () => {
  await withServer({ ...SERVER, clientCa: first.cert }, async (server) => {
    const broken = first.cert.replace(/\n[^-\n]+\n/, "\nAAAA\n");
    const cases: [IssuedPair & { clientCa: string }, RegExp][] = [
      [{ ...RENEWED, clientCa: "none" }, /Cannot read the client CA/],
      [{ ...RENEWED, clientCa: "" }, /Cannot read the client CA/],
      [{ ...RENEWED, clientCa: second.cert + broken }, /Cannot read the client CA/],
      [{ cert: RENEWED.cert, key: SERVER.key, clientCa: second.cert }, /not that of the certificate/],
    ];
    for (const [certificates, message] of cases) {
      await assert.rejects(server.reloadTls(certificates), message);
      assert.deepEqual([await nameOf(server, ALICE), await nameOf(server, BOB)], ["alice", "refused"]);
    }
  });
  await assert.rejects(serveHttp(() => {}, { tls: { ...SERVER, clientCa: "none" } }), /Cannot read the client CA/);
});

/** Connects by openssl, which keeps its session. @returns Whether it resumed one, and the body of the answer. */
async function bySession(server: HttpServer, folder: string, args: readonly string[]): Promise<string> {
  const openssl = await installTool("openssl");
  const child = new Deno.Command(openssl, {
    // deno-fmt-ignore
    args: [
      "s_client", "-connect", `127.0.0.1:${server.addresses[0]!.port}`, "-cert", `${folder}/cert.pem`,
      "-key", `${folder}/key.pem`, ...args,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(GET)).catch(() => {});
  const output = await new Response(child.stdout).text();
  await input.close().catch(() => {});
  await child.status;
  return `${/^(New|Reused), /m.exec(output)?.[1]} ${/^(alice|anonymous)/m.exec(output)?.[1] ?? "refused"}`;
}

for (const version of ["-tls1_2", "-tls1_3"]) {
  Deno.test(`a session is resumed only by clients of an authority that is trusted now: ${version}`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/cert.pem`, ALICE.cert);
      await Deno.writeTextFile(`${folder}/key.pem`, ALICE.key);
      await withServer({ ...SERVER, clientCa: first.cert }, async (server) => {
        const [keep, resume] = [["-sess_out", `${folder}/session`], ["-sess_in", `${folder}/session`]];
        assert.equal(await bySession(server, folder, [version, ...keep]), "New alice");
        await server.reloadTls({ ...RENEWED, clientCa: second.cert });
        assert.match(await bySession(server, folder, [version, ...resume]), / refused$/);
        await server.reloadTls({ ...RENEWED, clientCa: second.cert + first.cert });
        assert.equal(await bySession(server, folder, [version, ...keep]), "New alice");
        assert.equal(await bySession(server, folder, [version, ...resume]), "Reused alice");
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
