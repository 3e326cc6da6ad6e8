/** What `fetch` handlers see and say through the bridge, by both engines. The client is mostly Deno's `fetch`, which has another engine. */
import assert from "node:assert/strict";
import type { HeaderField } from "../../src/http/mod.ts";
import {
  connectHttp2,
  createFetchBridge,
  type HttpServer,
  type HttpServerOptions,
  serveHttp,
} from "../../src/net/mod.ts";
import { sampleBytes, sha256 } from "../support/bytes.ts";
import { RawClient } from "../support/raw_client.ts";
import { uncaughtDuring, until, within } from "../support/sockets.ts";

type Handler = (request: Request) => Response | Promise<Response>;

/** Octets that the system may keep of a connection that nobody reads, and our limits beside them: of an endless stream no more is taken. */
const MAX_BUFFERED = 32 << 20;
const CHUNK = new Uint8Array(256 << 10);

const VERSIONS = ["HTTP/1.1", "HTTP/2"] as const;
type Version = (typeof VERSIONS)[number];

/** A server, and a client of the version that is tested. */
interface Scene {
  readonly server: HttpServer;
  readonly url: string;
  readonly version: Version;
  /** What the bridge was told of, by the handler's mistakes. */
  readonly errors: unknown[];
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

async function withBridge(version: Version, handler: Handler, action: (scene: Scene) => Promise<void>): Promise<void> {
  const errors: unknown[] = [];
  const lost: unknown[] = [];
  const options: HttpServerOptions = { onError: (error) => lost.push(error) };
  const uncaught = await uncaughtDuring(async () => {
    const server = await serveHttp(createFetchBridge(handler, (error) => errors.push(error)), options);
    const url = `http://127.0.0.1:${server.addresses[0]!.port}`;
    const client = Deno.createHttpClient({ http1: version === "HTTP/1.1", http2: version === "HTTP/2" });
    try {
      await action({ server, url, version, errors, fetch: (path, init) => fetch(url + path, { ...init, client }) });
    } finally {
      client.close();
      await within(5000, server.close());
    }
    assert.equal(server.connectionCount, 0);
    assert.equal(server.bufferedBytes, 0);
  });
  assert.deepEqual(uncaught, []);
  assert.deepEqual(lost, [], "No connection was lost by a mistake");
}

/** A test for each version. */
function test(name: string, handler: () => Handler, action: (scene: Scene) => Promise<void>): void {
  for (const version of VERSIONS) {
    Deno.test(`${version}: ${name}`, () => withBridge(version, handler(), action));
  }
}

/** A stream without an end, and how much was taken of it. */
class Endless {
  taken = 0;
  cancelledWith: unknown = undefined;
  isCancelled = false;
  readonly #limit: number;
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;

  constructor(limit = Infinity) {
    this.#limit = limit;
    this.stream = new ReadableStream({
      pull: async (controller) => {
        await new Promise((resolve) => setTimeout(resolve));
        this.taken += CHUNK.length;
        controller.enqueue(CHUNK.slice());
        if (this.taken >= this.#limit) {
          controller.close();
        }
      },
      cancel: (reason) => {
        this.isCancelled = true;
        this.cancelledWith = reason;
      },
    }, { highWaterMark: 0 });
  }

  /** Waits until no more is taken. */
  async stopped(): Promise<void> {
    for (let before = -1; this.taken !== before;) {
      assert.ok(this.taken < MAX_BUFFERED, `${this.taken} octets were taken`);
      before = this.taken;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(this.taken > 0, "Something was taken");
  }
}

/** The fields of an answer to our own client, and its status first; or why there is none. */
function callHttp2(url: string, fields: readonly HeaderField[], ...content: readonly Uint8Array[]): Promise<string> {
  const { hostname, port } = new URL(url);
  const { promise, resolve } = Promise.withResolvers<string>();
  let [status, text] = [0, ""];
  return connectHttp2({ hostname, port: Number(port) }).then(async (client) => {
    const stream = client.connection.openStream(fields, {
      onResponse: (_stream, head, endStream) => {
        status = head.status;
        if (endStream) {
          resolve(`${status}`);
        }
      },
      onData: (stream, buffer, start, end, endStream) => {
        text += new TextDecoder().decode(buffer.slice(start, end));
        stream.release(end - start);
        if (endStream) {
          resolve(`${status} ${text}`);
        }
      },
      onTrailers: () => resolve(`${status} ${text}`),
      onWritable: () => {},
      onReset: (_stream, error) => resolve(error.message),
    }, content.length === 0);
    content.forEach((octets) => stream.write(octets));
    if (content.length > 0) {
      stream.endWithTrailers([{ name: "x-sum", value: "1" }]);
    }
    try {
      return await within(5000, promise);
    } finally {
      await client.close();
    }
  });
}

/** A request that no `fetch` would send, by either version: status and text of the answer. */
async function call(
  { url, version }: Scene,
  { method = "GET", authority = "a", fields = [], content = [] }: {
    readonly method?: string;
    readonly authority?: string;
    readonly fields?: readonly (readonly [name: string, value: string])[];
    readonly content?: readonly string[];
  },
): Promise<string> {
  if (version === "HTTP/2") {
    const list = fields.map(([name, value]) => ({ name, value }));
    const pseudo = method === "CONNECT" ? [] : [{ name: ":scheme", value: "http" }, { name: ":path", value: "/x" }];
    const head = [{ name: ":method", value: method }, ...pseudo, { name: ":authority", value: authority }, ...list];
    return await callHttp2(url, head, ...content.map((text) => new TextEncoder().encode(text)));
  }
  const { hostname, port } = new URL(url);
  const client = await RawClient.connect({ hostname, port: Number(port) });
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const chunks = content.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join("");
  const encoding = content.length === 0 ? "" : "transfer-encoding: chunked\r\n";
  const end = content.length === 0 ? "" : "0\r\nx-sum: 1\r\n\r\n";
  const target = method === "CONNECT" ? authority : "/x";
  await client.send(`${method} ${target} HTTP/1.1\r\nhost: ${authority}\r\n${lines}${encoding}\r\n${chunks}${end}`);
  const { status, body } = await client.readAnswer();
  client.close();
  return `${status} ${body}`.trim();
}

// What handlers see

test("a GET with all that belongs to it", () => async (request) =>
  Response.json({
    method: request.method,
    url: request.url.replace(/:\d+/, ""),
    hasBody: request.body !== null,
    text: await request.text(),
    fields: Object.fromEntries([...request.headers].filter(([name]) => name.startsWith("x-"))),
  }, {
    headers: { "x-a": "b", "connection": "close", "keep-alive": "x", "transfer-encoding": "gzip", "upgrade": "x" },
  }), async (scene) => {
  const response = await scene.fetch("/a%20b/?c=d&e", { headers: { "x-one": "1", "x-two": "caf\xe9" } });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("x-a"), "b");
  for (const name of ["connection", "keep-alive", "upgrade"]) {
    assert.equal(response.headers.get(name), null, name);
  }
  assert.deepEqual(await response.json(), {
    method: "GET",
    url: "http://127.0.0.1/a%20b/?c=d&e",
    hasBody: false,
    text: "",
    fields: { "x-one": "1", "x-two": "caf\xe9" },
  });
});

test("a HEAD gets the head, and what the body would have been is cancelled", () => {
  const endless = new Endless();
  return (request) =>
    request.url.endsWith("/seen")
      ? Response.json({ isCancelled: endless.isCancelled, taken: endless.taken })
      : new Response(endless.stream, { headers: { "content-length": "1000000" } });
}, async (scene) => {
  const response = await scene.fetch("/", { method: "HEAD" });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-length"), "1000000");
  assert.equal(await response.text(), "");
  assert.deepEqual(await (await scene.fetch("/seen")).json(), { isCancelled: true, taken: 0 });
});

test("a POST is streamed both ways, octet for octet", () => (request) => new Response(request.body), async (scene) => {
  for (const length of [0, 1, 16_384, 65_536, 1 << 20, 5_000_001]) {
    const content = sampleBytes(length);
    const whole = await (await scene.fetch("/", { method: "POST", body: content })).bytes();
    assert.equal(sha256(whole), sha256(content), `${length} octets at once`);
    const streamed = await (await scene.fetch("/", { method: "POST", body: new Blob([content]).stream() })).bytes();
    assert.equal(sha256(streamed), sha256(content), `${length} octets in a stream`);
  }
  assert.deepEqual(scene.errors, []);
});

test(
  "an answer may begin before the request has ended, and goes on with it",
  () => (request) => new Response(request.body),
  async (scene) => {
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
    const writer = writable.getWriter();
    const answered = scene.fetch("/", { method: "POST", body: readable });
    await writer.write(new Uint8Array([1]));
    const reader = (await within(5000, answered)).body!.getReader();
    assert.deepEqual([...(await within(5000, reader.read())).value!], [1]);
    for (const octet of [2, 3, 4]) {
      await writer.write(new Uint8Array([octet]));
      assert.deepEqual([...(await within(5000, reader.read())).value!], [octet]);
    }
    await writer.close();
    assert.equal((await within(5000, reader.read())).done, true);
  },
);

test(
  "cookies of several fields are joined, other fields as fetch does it",
  () => (request) => new Response(`${request.headers.get("cookie")} | ${request.headers.get("x-a")}`),
  async (scene) => {
    const fields = [["cookie", "a=b"], ["x-a", "1"], ["cookie", "c=d"], ["x-a", "2"], ["cookie", "e=f"]] as const;
    assert.equal(await call(scene, { fields }), "200 a=b; c=d; e=f | 1, 2");
  },
);

test(
  "trailers are not for fetch handlers, the content before them is",
  () => async (request) => new Response(`${await request.text()} ${request.headers.get("x-sum")}`),
  async (scene) => {
    assert.equal(await call(scene, { method: "POST", content: ["abc", "def"] }), "200 abcdef null");
  },
);

test("what is legal in HTTP and not in fetch gets a 400", () => () => new Response("seen"), async (scene) => {
  assert.equal(await call(scene, {}), "200 seen");
  assert.equal(await call(scene, { authority: "a:99999" }), "400");
  assert.equal(
    await call(scene, { authority: "[::1" }),
    scene.version === "HTTP/2" ? "400" : "400 Field host is malformed",
  );
  assert.equal(await call(scene, { method: "TRACE" }), "400");
  assert.equal(await call(scene, { method: "CONNECT", authority: "a:443" }), "400");
  assert.deepEqual(scene.errors, []);
});

test("a head that is too large gets a 431", () => () => new Response("seen"), async (scene) => {
  const fields = (count: number) => Array.from({ length: count }, (_, index) => [`x-${index}`, "a"] as const);
  assert.match(await call(scene, { fields: [["x-a", "a".repeat(60_000)]] }), /^200 seen/);
  const tooLarge = await scene.fetch("/", { headers: { "x-a": "a".repeat(70_000) } }); // Our own client sends none.
  assert.equal(tooLarge.status, 431);
  await tooLarge.body?.cancel();
  assert.match(await call(scene, { fields: fields(120) }), /^200 seen/);
  assert.match(await call(scene, { fields: fields(130) }), /^431/);
});

test(
  "a GET may have content, which is dropped, and the connection goes on",
  () => (request) => new Response(String(request.body)),
  async (scene) => {
    assert.equal(await call(scene, { content: ["abc"] }), "200 null");
    assert.equal(await (await scene.fetch("/")).text(), "null");
  },
);

// What handlers say

test("answers without a body", () => (request) => {
  const status = Number(new URL(request.url).pathname.slice(1));
  return new Response(null, { status, headers: { "x-status": `${status}` } });
}, async (scene) => {
  for (const status of [200, 204, 205, 304, 404, 500, 599]) {
    const response = await scene.fetch(`/${status}`);
    assert.equal(response.status, status);
    assert.equal(response.headers.get("x-status"), `${status}`);
    assert.equal(await response.text(), "");
  }
});

test(
  "each set-cookie stays a field of its own, and octets above 127 stay what they are",
  () => () => new Response("", { headers: [["set-cookie", "a=b"], ["set-cookie", "c=d"], ["x-latin", "\xe9"]] }),
  async (scene) => {
    const { headers } = await scene.fetch("/");
    assert.deepEqual(headers.getSetCookie(), ["a=b", "c=d"]);
    assert.equal(headers.get("x-latin"), "\xe9");
  },
);

test("pieces that are empty, many or large", () => (request) => {
  const count = Number(new URL(request.url).searchParams.get("count"));
  const length = Number(new URL(request.url).searchParams.get("length"));
  return new Response(ReadableStream.from(Array.from({ length: count }, (_, index) => sampleBytes(length, index + 1))));
}, async (scene) => {
  for (const [count, length] of [[0, 0], [3, 0], [5000, 1], [3, 3 << 20], [100, 16_385]] as const) {
    const received = await (await scene.fetch(`/?count=${count}&length=${length}`)).bytes();
    assert.equal(received.length, count * length);
    for (let index = 0; index < Math.min(count, 3) && length > 0; index++) {
      const piece = received.subarray(index * length, (index + 1) * length);
      assert.equal(sha256(piece), sha256(sampleBytes(length, index + 1)));
    }
  }
});

// Mistakes of handlers

const MISTAKES: Readonly<Record<string, Handler>> = {
  "throws": () => {
    throw new Error("secret");
  },
  "rejects": () => Promise.reject(new Error("secret")),
  "returns no response": () => undefined as unknown as Response,
  "returns an error response": () => Response.error(),
  "returns a response that was used": async () => {
    const response = new Response("secret");
    await response.text();
    return response;
  },
  "returns a response whose body is locked": () => {
    const response = new Response("secret");
    response.body!.getReader();
    return response;
  },
};

for (const [what, handler] of Object.entries(MISTAKES)) {
  test(
    `a handler that ${what}: 500 without its words`,
    () => (request) => request.url.endsWith("/good") ? new Response("good") : handler(request),
    async (scene) => {
      const response = await scene.fetch("/");
      assert.equal(response.status, 500);
      assert.equal(await response.text(), "Internal Server Error\n");
      assert.equal(scene.errors.length, 1);
      assert.equal((await scene.fetch("/", { method: "POST", body: "abc" })).status, 500);
      assert.equal((await scene.fetch("/", { method: "HEAD" })).status, 500);
      assert.equal(scene.errors.length, 3);
      assert.equal(await (await scene.fetch("/good")).text(), "good");
    },
  );
}

const BREAKING: Readonly<Record<string, () => Response>> = {
  "fails": () => {
    let count = 0;
    return new Response(
      new ReadableStream({
        pull: (controller) => count++ < 3 ? controller.enqueue(CHUNK.slice()) : controller.error(new Error("secret")),
      }),
    );
  },
  "has text instead of octets": () =>
    new Response(ReadableStream.from([CHUNK.slice(), "secret"]) as ReadableStream<Uint8Array<ArrayBuffer>>),
  "is longer than said": () =>
    new Response(ReadableStream.from([CHUNK.slice(), CHUNK.slice()]), {
      headers: { "content-length": String(CHUNK.length + 1) },
    }),
  "is shorter than said": () =>
    new Response(ReadableStream.from([CHUNK.slice()]), { headers: { "content-length": String(CHUNK.length + 1) } }),
};

for (const [what, respond] of Object.entries(BREAKING)) {
  test(
    `a body that ${what}: the answer breaks off, others go on`,
    () => (request) => request.url.endsWith("/good") ? new Response("good") : respond(),
    async (scene) => {
      await assert.rejects(async () => {
        const response = await scene.fetch("/");
        const octets = await response.bytes();
        assert.fail(`${response.status} with ${octets.length} octets`);
      }, TypeError);
      assert.equal(scene.errors.length, 1);
      assert.equal(await (await scene.fetch("/good")).text(), "good");
    },
  );
}

// Back-pressure

test("a handler that does not read stops the peer", () => {
  let isReading = Promise.withResolvers<void>();
  return async (request) => {
    if (request.method === "GET") {
      isReading.resolve();
      isReading = Promise.withResolvers();
      return new Response();
    }
    await isReading.promise;
    return new Response(String((await request.bytes()).length));
  };
}, async (scene) => {
  const limit = MAX_BUFFERED + (8 << 20);
  const endless = new Endless(limit);
  const answer = scene.fetch("/", { method: "POST", body: endless.stream });
  await until(() => endless.taken > 1 << 20);
  await endless.stopped();
  await (await scene.fetch("/")).text();
  assert.equal(await (await within(20_000, answer)).text(), String(limit));
});

test("a peer that does not read stops the handler", () => {
  const endless = new Endless(MAX_BUFFERED + (8 << 20));
  return (request) => request.url.endsWith("/taken") ? new Response(`${endless.taken}`) : new Response(endless.stream);
}, async (scene) => {
  const response = await scene.fetch("/");
  const taken = async () => Number(await (await scene.fetch("/taken")).text());
  let before = -1;
  for (let now = 0; now !== before; now = await taken()) {
    before = now;
    assert.ok(now < MAX_BUFFERED, `${now} octets were taken`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(before > 0);
  assert.equal((await within(20_000, response.bytes())).length, MAX_BUFFERED + (8 << 20));
});

// Peers that go away

test("a peer that goes before the answer aborts the request's signal", () => {
  const seen: string[] = [];
  return async (request) => {
    if (request.url.endsWith("/seen")) {
      return Response.json(seen);
    }
    seen.push("begun");
    await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    seen.push("aborted");
    throw request.signal.reason;
  };
}, async (scene) => {
  const abort = new AbortController();
  const answer = scene.fetch("/", { signal: abort.signal });
  const seen = async () => await (await scene.fetch("/seen")).json() as string[];
  await eventually(async () => (await seen()).includes("begun"));
  abort.abort();
  await assert.rejects(answer);
  await eventually(async () => (await seen()).includes("aborted"));
  assert.deepEqual(scene.errors, [], "That is nobody's mistake");
});

/** Sends half of a request, and gives what ends it. Deno's `fetch` does not reset a stream of HTTP/2 while it waits for more to send. */
async function beginUpload({ url, version }: Scene): Promise<() => Promise<void>> {
  const { hostname, port } = new URL(url);
  if (version === "HTTP/1.1") {
    const client = await RawClient.connect({ hostname, port: Number(port) });
    await client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf");
    return () => Promise.resolve(client.close());
  }
  const client = await connectHttp2({ hostname, port: Number(port) });
  const ignore = () => {};
  const handler = { onResponse: ignore, onData: ignore, onTrailers: ignore, onWritable: ignore, onReset: ignore };
  const fields = { ":method": "POST", ":scheme": "http", ":path": "/", ":authority": "a", "content-length": "10" };
  const stream = client.connection.openStream(
    Object.entries(fields).map(([name, value]) => ({ name, value })),
    handler,
  );
  stream.write(new TextEncoder().encode("half"));
  return async () => {
    stream.reset();
    await client.shutdown();
  };
}

test("a peer that goes within its request makes reading it fail", () => {
  const seen: string[] = [];
  return async (request) => {
    if (request.url.endsWith("/seen")) {
      return Response.json(seen);
    }
    seen.push("begun");
    await request.bytes().catch((error: Error) => {
      seen.push(`failed ${request.signal.aborted}`);
      throw error;
    });
    return new Response();
  };
}, async (scene) => {
  const leave = await beginUpload(scene);
  const seen = async () => await (await scene.fetch("/seen")).json() as string[];
  await eventually(async () => (await seen()).includes("begun"));
  await leave();
  await eventually(async () => (await seen()).includes("failed true"));
  assert.deepEqual(scene.errors, []);
});

for (const when of ["within the answer, reading", "within the answer, not reading", "before the answer"]) {
  test(`a peer that goes ${when}: the stream is cancelled, and no more is taken of it`, () => {
    const endless = new Endless();
    return async (request) => {
      if (request.url.endsWith("/seen")) {
        const { isCancelled, taken } = endless;
        return Response.json({ isCancelled, taken });
      }
      if (when === "before the answer") {
        await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      }
      return new Response(endless.stream);
    };
  }, async (scene) => {
    const abort = new AbortController();
    const answer = scene.fetch("/", { signal: abort.signal });
    if (when === "before the answer") {
      await new Promise((resolve) => setTimeout(resolve, 50));
      abort.abort();
      await assert.rejects(answer);
    } else {
      const reader = (await answer).body!.getReader();
      await reader.read();
      if (when.endsWith("not reading")) {
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      abort.abort();
      await assert.rejects(async () => {
        while (!(await reader.read()).done) {
          // What had arrived.
        }
      });
    }
    const seen = async () => await (await scene.fetch("/seen")).json() as { isCancelled: boolean; taken: number };
    await eventually(async () => (await seen()).isCancelled);
    await new Promise((resolve) => setTimeout(resolve, 20)); // What was being taken then.
    const { taken } = await seen();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal((await seen()).taken, taken);
    assert.deepEqual(scene.errors, []);
  });
}

/** Waits for what is about to be so. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; !await condition(); turn++) {
    assert.ok(turn < 500, "It happens at last");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test(
  "a handler that answers without reading does not break what comes after",
  () => () => new Response("early"),
  async (scene) => {
    for (const length of [1, 100_000, 1 << 20, 10 << 20]) {
      const response = await scene.fetch("/", { method: "POST", body: sampleBytes(length) });
      assert.equal(await response.text(), "early", `${length} octets`);
    }
  },
);
