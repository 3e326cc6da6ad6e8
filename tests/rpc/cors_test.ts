/** What browsers are told about other origins, over all three carriers. */
import assert from "node:assert/strict";
import type { ExchangeHandler, HeaderField, HttpExchange, ServeExchange } from "../../src/http/mod.ts";
import { connectHttp2, serveHttp } from "../../src/net/mod.ts";
import { withCors } from "../../src/rpc/cors.ts";
import { serveFetch } from "../../src/rpc/fetch_exchange.ts";
import { within } from "../support/sockets.ts";

const A = "https://a.example";
const B = "http://b.example:8080";

const ECHO: ExchangeHandler = {
  onData(exchange, buffer, start, end, endStream) {
    assert.equal(exchange.context, "mine");
    if (!exchange.headSent) {
      exchange.respond([{ name: ":status", value: "200" }, { name: "x-from", value: "echo" }]);
    }
    exchange.write(buffer, start, end);
    exchange.release(end - start);
    if (endStream) {
      exchange.end();
    }
  },
  onTrailers: (exchange) => exchange.end(),
  onWritable: () => {},
  onReset: () => {},
};

/** Echoes what is sent, refuses what is not: `/404` with a body, `/415` without one. */
const serve: ServeExchange = (exchange, head, endStream) => {
  exchange.context = "mine";
  exchange.handler = ECHO;
  const status = head.path.slice(1);
  if (status === "404") {
    exchange.respond([{ name: ":status", value: status }, { name: "vary", value: "accept" }]);
    const at = exchange.reserve(5);
    exchange.outputBuffer.set(new TextEncoder().encode("none\n"), at);
    exchange.commit(5);
    exchange.end();
  } else if (status === "415") {
    exchange.respond([{ name: ":status", value: status }], true);
  } else if (endStream) {
    exchange.respond([{ name: ":status", value: "200" }]);
    exchange.end(new TextEncoder().encode("page\n"));
  }
};

/** Status and fields of an answer, those that matter to browsers. */
async function answerOf(origins: readonly string[], init: RequestInit, path = "/"): Promise<string[]> {
  const response = await serveFetch(withCors(serve, origins), new Request(`http://server${path}`, init));
  const fields = [...response.headers].filter(([name]) => name.startsWith("access-control-") || name === "vary");
  return [
    String(response.status),
    ...fields.map(([name, value]) => `${name.replace("access-control-", "")}: ${value}`),
  ];
}

const METHODS = "allow-methods: POST, GET";
const HEADERS =
  "allow-headers: Content-Type, Connect-Protocol-Version, Connect-Timeout-Ms, Connect-Content-Encoding, Connect-Accept-Encoding, " +
  "Content-Encoding, Accept-Encoding, Grpc-Message-Type, X-Grpc-Web, X-User-Agent, Grpc-Timeout, Authorization";
const MAX_AGE = "max-age: 7200";
const EXPOSED =
  "expose-headers: Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin, Content-Encoding, Connect-Content-Encoding, *";

const allowedPreflight = (origin: string) => ["204", HEADERS, METHODS, `allow-origin: ${origin}`, MAX_AGE];
const VARY = "vary: origin";

Deno.test("a browser is not told that pages of the web may reach private networks, nor that cookies may be sent", async () => {
  for (const origins of [[A], ["*"]]) {
    const headers = {
      origin: A,
      "access-control-request-method": "POST",
      "access-control-request-private-network": "true",
      "access-control-request-local-network": "true",
    };
    const names = (await answerOf(origins, { method: "OPTIONS", headers })).map((field) => field.split(":")[0]);
    assert.deepEqual(names.filter((name) => /network|credentials/.test(name!)), []);
    assert(names.includes("allow-origin"));
  }
});

Deno.test("preflights", async () => {
  const cases: [origins: string[], origin: string, expected: string[]][] = [
    [[A], A, [...allowedPreflight(A), VARY]],
    [[A, B], A, [...allowedPreflight(A), VARY]],
    [[A, B], B, [...allowedPreflight(B), VARY]],
    [[A], B, ["403", VARY]],
    [[], A, ["403", VARY]],
    [[A], "http://a.example", ["403", VARY]],
    [[A], "https://a.example:444", ["403", VARY]],
    [[A], "https://a.example.evil.example", ["403", VARY]],
    [[A], "https://sub.a.example", ["403", VARY]],
    [[A], "HTTPS://A.EXAMPLE", ["403", VARY]],
    [[A, B], `${A}, ${B}`, ["403", VARY]],
    [[A], "null", ["403", VARY]],
    [[A], "*", ["403", VARY]],
    [["*"], A, allowedPreflight("*")],
    [["*"], "null", allowedPreflight("*")],
    [[A, "*"], A, allowedPreflight("*")],
  ];
  for (const [origins, origin, expected] of cases) {
    for (const method of ["POST", "GET", "DELETE"]) {
      const headers = {
        origin,
        "access-control-request-method": method,
        "access-control-request-headers": "connect-protocol-version,content-type",
      };
      assert.deepEqual(await answerOf(origins, { method: "OPTIONS", headers }), expected, `${origin} for ${origins}`);
    }
  }
});

Deno.test("answers", async () => {
  const cases: [origins: string[], origin: string, expected: string[]][] = [
    [[A], A, [`allow-origin: ${A}`, EXPOSED, VARY]],
    [[A, B], B, [`allow-origin: ${B}`, EXPOSED, VARY]],
    [[A], B, [VARY]],
    [[A], "null", [VARY]],
    [[], A, [VARY]],
    [["*"], A, ["allow-origin: *", EXPOSED]],
    [["*"], "null", ["allow-origin: *", EXPOSED]],
  ];
  for (const [origins, origin, expected] of cases) {
    const headers = { origin };
    const withVary = expected.map((field) => field === VARY ? "vary: accept, origin" : field);
    const plus = withVary.includes("vary: accept, origin") ? [] : ["vary: accept"];
    assert.deepEqual(await answerOf(origins, { headers }), ["200", ...expected], `${origin} for ${origins}`);
    assert.deepEqual(await answerOf(origins, { method: "POST", body: "a", headers }), ["200", ...expected]);
    assert.deepEqual(await answerOf(origins, { headers }, "/415"), ["415", ...expected]);
    assert.deepEqual(await answerOf(origins, { headers }, "/404"), ["404", ...withVary, ...plus]);
    // OPTIONS that asks for no method is no preflight.
    assert.deepEqual(await answerOf(origins, { method: "OPTIONS", headers }), ["200", ...expected]);
  }
});

Deno.test("what has no origin is not touched", async () => {
  for (const origins of [[A], ["*"], []]) {
    assert.deepEqual(await answerOf(origins, {}), ["200"]);
    assert.deepEqual(await answerOf(origins, { method: "POST", body: "a" }), ["200"]);
    assert.deepEqual(await answerOf(origins, {}, "/404"), ["404", "vary: accept"]);
    const headers = { "access-control-request-method": "POST" };
    assert.deepEqual(await answerOf(origins, { method: "OPTIONS", headers }), ["200"]);
    let seen: HttpExchange | undefined;
    const wrapped = withCors((exchange) => {
      seen = exchange;
      exchange.respond([{ name: ":status", value: "200" }], true);
    }, origins);
    let given: HttpExchange | undefined;
    await serveFetch((exchange, ...rest) => wrapped(given = exchange, ...rest), new Request("http://a/"));
    assert.equal(seen, given);
  }
});

Deno.test("only origins are allowed", () => {
  for (
    const origin of ["", "a.example", "https://a.example/", "https://a.example/b", "https://A.example", "null", "**"]
  ) {
    assert.throws(() => withCors(serve, [A, origin]), {
      name: "TypeError",
      message: `Cannot allow origin "${origin}": it is not of the form https://example.com`,
    });
  }
});

Deno.test("content, its end and its credit go through", async () => {
  const body = "abc".repeat(100_000);
  const stream = () => new Blob([body]).stream();
  const init = { method: "POST", body: stream(), headers: { origin: A } };
  const response = await serveFetch(withCors(serve, [A]), new Request("http://server/", init));
  assert.equal(await response.text(), body);
  assert.equal(response.headers.get("x-from"), "echo");
});

Deno.test("every command and event goes through", () => {
  const log: string[] = [];
  const called = (name: string) => (...args: unknown[]) => {
    log.push(`${name} ${JSON.stringify(args)}`);
    return name === "reserve" ? 7 : name === "write" ? false : undefined;
  };
  const outputBuffer = new Uint8Array(1);
  const below = {
    handler: ECHO,
    context: undefined as unknown,
    headSent: true,
    isClosed: true,
    canSendTrailers: true,
    outputBuffer,
  };
  const commands = [
    "sendInformation",
    "respond",
    "write",
    "end",
    "endWithTrailers",
    "reserve",
    "commit",
    "reset",
    "release",
  ];
  const exchange = Object.assign(
    below,
    Object.fromEntries(commands.map((name) => [name, called(name)])),
  ) as unknown as HttpExchange;
  const fields: HeaderField[] = [{ name: "x", value: "1" }];
  const head = {
    method: "POST",
    scheme: "",
    authority: "",
    path: "/",
    fields: [{ name: "origin", value: A }],
    contentLength: undefined,
    memo: undefined,
  };
  const connection = { httpVersion: "2", peer: undefined, isTls: false, tlsPeerName: undefined } as const;
  const told: unknown[][] = [];
  const handler: ExchangeHandler = {
    onData: (...args) => told.push(["onData", ...args]),
    onTrailers: (...args) => told.push(["onTrailers", ...args]),
    onWritable: (...args) => told.push(["onWritable", ...args]),
    onReset: (...args) => told.push(["onReset", ...args]),
  };
  let above: HttpExchange | undefined;
  withCors((exchange) => above = exchange, ["*"])(exchange, head, false, connection);
  assert.ok(above !== undefined && above !== exchange);
  exchange.handler.onData(exchange, outputBuffer, 0, 1, false);
  assert.deepEqual(log.splice(0), ["release [1]"], "Dropped until there is a handler");

  above.handler = handler;
  const error = new Error("gone");
  exchange.handler.onData(exchange, outputBuffer, 0, 1, true);
  exchange.handler.onTrailers(exchange, fields);
  exchange.handler.onWritable(exchange);
  exchange.handler.onReset(exchange, error);
  assert.deepEqual(told, [
    ["onData", above, outputBuffer, 0, 1, true],
    ["onTrailers", above, fields],
    ["onWritable", above],
    ["onReset", above, error],
  ]);

  above.sendInformation(fields);
  assert.equal(above.write(outputBuffer, 0, 1), false);
  above.end(outputBuffer);
  above.endWithTrailers(fields);
  assert.equal(above.reserve(3), 7);
  above.commit(2);
  above.reset(8);
  above.release(4);
  assert.deepEqual(log, [
    'sendInformation [[{"name":"x","value":"1"}]]',
    'write [{"0":0},0,1]',
    'end [{"0":0}]',
    'endWithTrailers [[{"name":"x","value":"1"}]]',
    "reserve [3]",
    "commit [2]",
    "reset [8]",
    "release [4]",
  ]);
  assert.deepEqual([above.headSent, above.isClosed, above.canSendTrailers], [true, true, true]);
  assert.equal(above.outputBuffer, outputBuffer);
});

Deno.test("HTTP/1.1 and HTTP/2 have the same", async () => {
  const server = await serveHttp(withCors(serve, [A]));
  const port = server.addresses[0]!.port;
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "abc", headers: { origin: A } });
    assert.equal(response.headers.get("access-control-allow-origin"), A);
    assert.equal(response.headers.get("vary"), "origin");
    assert.equal(await response.text(), "abc");

    const client = await connectHttp2({ hostname: "127.0.0.1", port });
    const { promise, resolve } = Promise.withResolvers<readonly HeaderField[]>();
    client.connection.openStream([
      { name: ":method", value: "OPTIONS" },
      { name: ":scheme", value: "http" },
      { name: ":path", value: "/" },
      { name: ":authority", value: "server" },
      { name: "origin", value: A },
      { name: "access-control-request-method", value: "POST" },
    ], {
      onResponse: (_stream, head) => resolve(head.fields),
      onData: () => {},
      onTrailers: () => {},
      onWritable: () => {},
      onReset: () => resolve([]),
    }, true);
    const fields = await within(5000, promise);
    assert.ok(fields.some(({ name, value }) => name === "access-control-allow-origin" && value === A));
    assert.ok(fields.some(({ name, value }) => name === "access-control-max-age" && value === "7200"));
    await client.close();
  } finally {
    await within(5000, server.close());
  }
});
