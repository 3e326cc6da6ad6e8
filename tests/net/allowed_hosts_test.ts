/** What a server on loopback answers to whom: a page whose name was made to resolve to this machine says that name. */
import assert from "node:assert/strict";
import type { HeaderField, HttpExchange, RequestHead, ServeExchange } from "../../src/http/mod.ts";
import { checkAllowedHosts, connectHttp2, listen, type ListenOptions } from "../../src/net/mod.ts";
import { createHostGuard, type HostGuardOptions } from "../../src/net/allowed_hosts.ts";
import { within } from "../support/deadline.ts";
import { HTTP1, requestHead } from "../support/rpc_scene.ts";
import { ScriptedExchange } from "../support/scripted_exchange.ts";

const LOOPBACK = "127.0.0.1";
const HOSTNAME = Deno.hostname().toLowerCase();

/** Whether requests for an authority get through to connections of `address`. */
function verdict(
  options: Partial<HostGuardOptions> = {},
  address: string | undefined = LOOPBACK,
): (authority: string) => boolean {
  let isServed = false;
  const guard = createHostGuard({ allowedHosts: undefined, hostnames: [LOOPBACK], proxyProtocol: false, ...options });
  const serve = guard(() => isServed = true, address);
  return (authority) => {
    isServed = false;
    const exchange = new ScriptedExchange();
    serve(exchange, { ...requestHead(), authority }, true, HTTP1);
    assert.equal(exchange.log.length === 0, isServed, "It is refused or served");
    return isServed;
  };
}

/** That those are let in, and the others not, whether they come for the first time or again. */
function assertVerdicts(isAllowed: (authority: string) => boolean, hosts: { allowed: string[]; refused: string[] }) {
  for (let round = 0; round < 2; round++) {
    for (const authority of hosts.allowed) {
      assert.equal(isAllowed(authority), true, `"${authority}" is allowed`);
      for (const other of hosts.refused) {
        assert.equal(isAllowed(other), false, `"${other}" is refused`);
      }
    }
  }
}

const LOCAL = [
  "localhost",
  "LocalHost",
  "localhost.",
  "localhost:80",
  "localhost.:50051",
  "localhost:",
  "a.localhost",
  "a.b.localhost:1",
  "127.0.0.1",
  "127.0.0.1:50051",
  "127.0.0.1.",
  "127.255.255.255",
  "[::1]",
  "[::1]:50051",
  "[0:0:0:0:0:0:0:1]",
  "[::ffff:127.0.0.1]",
  "[::FFFF:7f00:1]:1",
  HOSTNAME,
  `${HOSTNAME.toUpperCase()}.:50051`,
  "",
];

const FOREIGN = [
  "evil.example",
  "evil.example:50051",
  "evillocalhost",
  "localhost.evil.example",
  "localhost..",
  "127.0.0.1.evil.example",
  "127.0.0.1.nip.io",
  "127.0.0.256",
  "127.1",
  "127.0.0.1.1",
  "0127.0.0.1",
  "2130706433",
  "0x7f000001",
  "128.0.0.1",
  "10.0.0.1",
  "0.0.0.0",
  "0.0.0.0:50051",
  "[::]",
  "[::2]",
  "[::ffff:128.0.0.1]",
  "[fe80::1]",
  "[::1",
  "[::1].evil.example",
  "[evil.example]",
  "::1",
  "localhost:80:80",
  "localhost:x",
  "evil.example:localhost",
  "a@localhost:evil.example",
];

Deno.test("connections to loopback addresses are for this machine's names only", () => {
  for (const address of ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"]) {
    assertVerdicts(verdict({}, address), { allowed: LOCAL, refused: FOREIGN });
  }
});

Deno.test("names that the server listens on are its own", () => {
  const isAllowed = verdict({ hostnames: ["dev.example", LOOPBACK] });
  assertVerdicts(isAllowed, { allowed: ["dev.example", "DEV.example.:1"], refused: ["a.dev.example", "example"] });
});

Deno.test("other addresses, Unix sockets and proxies with the PROXY protocol are free", () => {
  const free = [...LOCAL, ...FOREIGN];
  for (const address of ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1"]) {
    assertVerdicts(verdict({}, address), { allowed: free, refused: [] });
  }
  assertVerdicts(verdict({ proxyProtocol: true }), { allowed: free, refused: [] });
  const guard = createHostGuard({ allowedHosts: ["a.example"], hostnames: [], proxyProtocol: false });
  const serve = () => {};
  assert.equal(guard(serve, undefined), serve, "A Unix socket is free whatever is allowed");
});

Deno.test("allowed hosts are let in beside those of this machine, whatever the address", () => {
  const allowedHosts = ["a.example", ".b.example", "münchen.example", "192.0.2.7", "2001:db8::7", "[2001:db8::8]"];
  const given = [
    "a.example",
    "A.Example.:8080",
    "b.example",
    "x.b.example",
    "x.y.b.example:1",
    "xn--mnchen-3ya.example",
    "192.0.2.7:80",
    "[2001:db8::7]",
    "[2001:0DB8::8]:80",
  ];
  const refused = ["c.example", "x.a.example", "xb.example", "a.example.evil.example", "0.0.0.0", "[::]"];
  for (const options of [{}, { proxyProtocol: true }]) {
    assertVerdicts(verdict({ allowedHosts, ...options }), {
      allowed: [...LOCAL, ...given],
      refused: [...refused, "192.0.2.8", "[2001:db8::9]"],
    });
    for (const address of ["0.0.0.0", "192.0.2.1", "::"]) {
      // Probes and balancers call by address, which no page can have for a name.
      assertVerdicts(verdict({ allowedHosts, ...options }, address), {
        allowed: [...LOCAL, ...given, "192.0.2.8", "[2001:db8::9]:1"],
        refused,
      });
    }
  }
  assertVerdicts(verdict({ allowedHosts: [] }, "0.0.0.0"), { allowed: LOCAL, refused: ["evil.example"] });
});

Deno.test("* allows any host", () => {
  assertVerdicts(verdict({ allowedHosts: ["*"] }), { allowed: [...LOCAL, ...FOREIGN], refused: [] });
  assertVerdicts(verdict({ allowedHosts: ["a.example", "*"] }, "::"), { allowed: FOREIGN, refused: [] });
});

Deno.test("more hosts than are remembered get the same verdict", () => {
  const isAllowed = verdict();
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 200; index++) {
      assert.equal(isAllowed(`a${index}.localhost`), true);
      assert.equal(isAllowed(`a${index}.example`), false);
    }
  }
});

Deno.test("what is no host cannot be allowed", () => {
  checkAllowedHosts(["a", "a.example", ".a.example", "a_b", "127.0.0.1", "::1", "[::1]", "*"]);
  const wrong = ["", ".", "a.example:80", "http://a.example", "a.example/", "*.a.example", "a b", "[::1]:80", "::g"];
  for (const host of [...wrong, "a@b", "a,b?", "1.2.3.4.5", "%"]) {
    assert.throws(
      () => checkAllowedHosts([host]),
      new TypeError(
        `Cannot allow host "${host}": it is example.com, .example.com with all below it, or an address, without scheme and port; or *`,
      ),
    );
  }
});

Deno.test("a refusal says what was asked for, in part if that is long, and has no content for HEAD", () => {
  const guard = createHostGuard({ allowedHosts: undefined, hostnames: [], proxyProtocol: false });
  const serve = guard(() => assert.fail("It is not served"), LOOPBACK);
  const answerTo = (head: Partial<RequestHead>) => {
    const exchange = new ScriptedExchange();
    serve(exchange, { ...requestHead(), ...head }, true, HTTP1);
    return exchange;
  };
  const head = "respond :status=403 content-type=text/plain; charset=utf-8 x-content-type-options=nosniff";
  const refused = answerTo({ authority: "evil.example:1" });
  assert.deepEqual(refused.log, [head, "end"]);
  assert.equal(
    new TextDecoder().decode(refused.content),
    'Forbidden: host "evil.example:1" is not one that this server answers for: --allowed-hosts, or allowedHosts of serve(), adds it\n',
  );
  assert.match(new TextDecoder().decode(answerTo({ authority: "a".repeat(5000) }).content), /host "a{100}\.\.\." is/);
  assert.deepEqual(answerTo({ authority: "evil.example", method: "HEAD" }).log, [`${head} end`]);
});

const SERVED: ServeExchange = (exchange) => exchange.respond([{ name: ":status", value: "200" }], true);

async function withServer(options: ListenOptions, test: (url: URL) => Promise<void>): Promise<void> {
  const server = await listen(SERVED, { port: 0, ...options });
  try {
    for (const url of server.urls) {
      await test(new URL(url));
    }
  } finally {
    await within(5000, "the end of the server", server.close());
  }
}

const addressOf = ({ hostname, port }: URL) => ({ hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });

/** The status of the answer to a head of HTTP/1. */
async function statusOf(address: Deno.ConnectOptions | Deno.UnixConnectOptions, head: string): Promise<string> {
  const socket = "path" in address ? await Deno.connect(address) : await Deno.connect(address);
  await socket.write(new TextEncoder().encode(`${head}\r\nconnection: close\r\n\r\n`));
  return (await new Response(socket.readable).text()).slice(9, 12);
}

/** The status of the answer to a request by HTTP/2, with `:authority`, `host`, both or neither. */
async function statusByHttp2(url: URL, fields: Record<string, string>): Promise<string> {
  const client = await connectHttp2(addressOf(url));
  const pseudo = { ":method": "POST", ":scheme": "http", ":path": "/" };
  const list: HeaderField[] = Object.entries({ ...pseudo, ...fields }).map(([name, value]) => ({ name, value }));
  const status = await new Promise<string>((resolve) => {
    client.connection.openStream(list, {
      onResponse: (_stream, head) => resolve(`${head.status}`),
      onData: (stream, _buffer, start, end) => stream.release(end - start),
      onTrailers: () => {},
      onWritable: () => {},
      onReset: (_stream, error) => resolve(error.message),
    }, true);
  });
  await client.close();
  return status;
}

Deno.test("listen() refuses foreign hosts by each version of HTTP, on each loopback address", () =>
  withServer({}, async (url) => {
    const address = addressOf(url);
    for (
      const [host, status] of [[url.host, "200"], ["evil.example", "403"], [`evil.example:${url.port}`, "403"]] as const
    ) {
      assert.equal(await statusOf(address, `GET / HTTP/1.1\r\nhost: ${host}`), status, host);
      assert.equal(await statusOf(address, `GET / HTTP/1.0\r\nhost: ${host}`), status, host);
      assert.equal(await statusOf(address, `OPTIONS * HTTP/1.1\r\nhost: ${host}`), status, host);
      // The target wins over the field (RFC 9112 §3.2.2).
      assert.equal(await statusOf(address, `GET http://${host}/ HTTP/1.1\r\nhost: evil.example`), status, host);
      assert.equal(await statusOf(address, `GET http://${host}/ HTTP/1.1\r\nhost: localhost`), status, host);
      assert.equal(await statusByHttp2(url, { ":authority": host }), status, host);
      assert.equal(await statusByHttp2(url, { host }), status, host);
    }
    assert.equal(await statusOf(address, "GET / HTTP/1.0"), "200");
    assert.equal(await statusOf(address, "GET / HTTP/1.1\r\nhost:"), "200");
    assert.equal(await statusByHttp2(url, {}), "200");
  }));

Deno.test("listen() takes what X-Forwarded-Host says for no reason to let a host in", () =>
  withServer({ trustForwarded: true }, async (url) => {
    const fields = "x-forwarded-host: localhost\r\nforwarded: host=localhost;for=127.0.0.1";
    assert.equal(await statusOf(addressOf(url), `GET / HTTP/1.1\r\nhost: evil.example\r\n${fields}`), "403");
    assert.equal(await statusOf(addressOf(url), `GET / HTTP/1.1\r\nhost: localhost\r\n${fields}`), "200");
  }));

Deno.test("listen() lets all hosts in by a Unix socket, beside an address that is guarded", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/socket`;
  try {
    await withServer({ unixPath: path }, async (url) => {
      for (const host of ["localhost", "", "evil.example", "socket", "%2Ftmp%2Fsocket"]) {
        assert.equal(await statusOf({ transport: "unix", path }, `GET / HTTP/1.1\r\nhost: ${host}`), "200", host);
      }
      assert.equal(await statusOf(addressOf(url), "GET / HTTP/1.1\r\nhost: evil.example"), "403");
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("listen() guards all addresses when it is told which hosts to let in, others but loopback only then", async () => {
  const ask = (url: URL, host: string) =>
    statusOf({ hostname: "127.0.0.1", port: Number(url.port) }, `GET / HTTP/1.1\r\nhost: ${host}`);
  await withServer({ host: "0.0.0.0" }, async (url) => assert.equal(await ask(url, "evil.example"), "200"));
  for (const host of ["0.0.0.0", "127.0.0.1"]) {
    await withServer({ host, allowedHosts: ["a.example"] }, async (url) => {
      assert.equal(await ask(url, "a.example"), "200");
      assert.equal(await ask(url, "evil.example"), "403");
    });
  }
  await assert.rejects(listen(SERVED, { port: 0, allowedHosts: ["a:1"] }), /^TypeError: Cannot allow host "a:1"/);
});

Deno.test("listen() answers the next request of a connection after one that it refused", () =>
  withServer({}, async (url) => {
    const socket = await Deno.connect(addressOf(url));
    const post = (host: string, close: string) =>
      `POST / HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 3\r\n${close}\r\nabc`;
    await socket.write(new TextEncoder().encode(post("evil.example", "") + post("localhost", "connection: close\r\n")));
    const text = await new Response(socket.readable).text();
    assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 403", "HTTP/1.1 200"]);
  }));

Deno.test("an own refusal is given the reason, and the exchange", () => {
  const seen: [HttpExchange, string][] = [];
  const guard = createHostGuard({
    allowedHosts: [],
    hostnames: [],
    proxyProtocol: false,
    refuse: (exchange, _head, reason) => seen.push([exchange, reason]),
  });
  const exchange = new ScriptedExchange();
  guard(() => assert.fail("It is not served"), LOOPBACK)(exchange, requestHead(), true, HTTP1);
  assert.deepEqual(seen.map(([refused]) => refused === exchange), [true]);
  assert.match(seen[0]![1], /^host "test" is not one .*--allowed-hosts/);
});
