/** Exchanges over `Request` and `Response`: what handlers see and say, made by hand and through `Deno.serve`. */
import assert from "node:assert/strict";
import type { ConnectionInfo, ExchangeHandler, HeaderField, HttpExchange, RequestHead } from "../../src/http/mod.ts";
import { serveFetch } from "../../src/rpc/fetch_exchange.ts";
import { collect, sampleBytes, sha256 } from "../support/bytes.ts";
import { uncaughtDuring, until, within } from "../support/sockets.ts";

const OK: readonly HeaderField[] = Object.freeze([
  { name: ":status", value: "200" },
  { name: "content-type", value: "application/proto" },
]);
const QUEUE_BYTES = 65_536;
const WHOLE_BYTES = 65_536;

const bytes = (text: string) => new TextEncoder().encode(text);
const turn = () => new Promise((resolve) => setTimeout(resolve));

/** What became of one request, in words. */
class Call implements ExchangeHandler {
  readonly events: string[] = [];
  readonly content: Uint8Array<ArrayBuffer>[] = [];
  /** Whether content is released at once. */
  releases = true;
  exchange: HttpExchange | undefined;
  head: RequestHead | undefined;
  connection: ConnectionInfo | undefined;
  #onEvent: ((call: Call, event: string) => void) | undefined;

  /** @param onEvent What to do at `begin`, `data 5`, `end`, `writable` and `reset ...`. */
  constructor(onEvent?: (call: Call, event: string) => void) {
    this.#onEvent = onEvent;
  }

  serve(request: Request, connection?: ConnectionInfo): Response | Promise<Response> {
    return serveFetch(
      (exchange, head, endStream, connection) => {
        exchange.handler = this;
        [this.exchange, this.head, this.connection] = [exchange, head, connection];
        this.#tell(endStream ? "begin, end" : "begin");
      },
      request,
      connection,
    );
  }

  onData(exchange: HttpExchange, buffer: Uint8Array, start: number, end: number, endStream: boolean): void {
    assert.equal(exchange, this.exchange);
    this.content.push(buffer.slice(start, end));
    if (this.releases) {
      exchange.release(end - start);
    }
    this.#tell(`data ${end - start}${endStream ? ", end" : ""}`);
  }

  onTrailers(): void {
    this.#tell("trailers");
  }

  onWritable(): void {
    this.#tell("writable");
  }

  onReset(_exchange: HttpExchange, error: Error): void {
    this.#tell(`reset: ${error.message}`);
  }

  /** All content so far. */
  received(): Promise<Uint8Array> {
    return collect((async function* (parts) {
      yield* parts;
    })(this.content));
  }

  #tell(event: string): void {
    this.events.push(event);
    this.#onEvent?.(this, event);
  }
}

/** Answers with what the request had, when it has ended. */
function createEcho(): Call {
  return new Call(async (call, event) => {
    if (event.endsWith("end")) {
      const content = await call.received();
      call.exchange!.respond(OK);
      call.exchange!.end(content);
    }
  });
}

const GONE = "reset: The caller gave up";
const FAILED = "reset: The request cannot be read";

function post(body: BodyInit, headers: Record<string, string> = {}): Request {
  return new Request("http://test/a", { method: "POST", body, headers });
}

/** With its length as a field, as those that came from a network have it. */
function postSized(body: Uint8Array<ArrayBuffer>): Request {
  return post(body, { "content-length": String(body.length) });
}

/** Content in pieces, and how many were taken. */
function streamOf(pieces: readonly Uint8Array<ArrayBuffer>[], onEnd?: (error: unknown) => void) {
  const source = {
    taken: 0,
    cancelledWith: undefined as unknown,
    stream: new ReadableStream<Uint8Array<ArrayBuffer>>(),
  };
  source.stream = new ReadableStream({
    pull: (controller) => {
      const piece = pieces[source.taken];
      if (piece === undefined) {
        controller.close();
        onEnd?.(undefined);
      } else {
        source.taken++;
        controller.enqueue(piece);
      }
    },
    cancel: (reason) => {
      source.cancelledWith = reason;
    },
  }, { highWaterMark: 0 });
  return source;
}

Deno.test("the head is as the request has it", async () => {
  const cases: [Request, Partial<RequestHead>][] = [
    [new Request("https://example.com:8443/a/b%20c?x=1&y=%2f"), {
      method: "GET",
      scheme: "https",
      authority: "example.com:8443",
      path: "/a/b%20c?x=1&y=%2f",
      contentLength: undefined,
    }],
    [new Request("http://[::1]/", { method: "DELETE" }), { method: "DELETE", authority: "[::1]", path: "/" }],
    [new Request("http://a?q#fragment"), { scheme: "http", authority: "a", path: "/?q" }],
    [new Request("http://a/b#/c"), { path: "/b" }],
    [post("abc", { "content-length": "3" }), { contentLength: 3 }],
    [post("abc", { "content-length": "3, 3" }), { contentLength: undefined }],
    [post("abc", { "content-length": "-3" }), { contentLength: undefined }],
    [post("abc", { "content-length": "99999999999999999999" }), { contentLength: undefined }],
    [new Request("http://a/", { headers: [["X-B", "\u00e9"], ["x-a", "1"], ["X-A", "2"]] }), {
      fields: [{ name: "x-a", value: "1, 2" }, { name: "x-b", value: "\u00e9" }],
    }],
  ];
  for (const [request, expected] of cases) {
    const call = new Call((call) => call.exchange!.respond(OK, true));
    await call.serve(request);
    for (const name of Object.keys(expected) as (keyof RequestHead)[]) {
      assert.deepEqual(call.head![name], expected[name], `${name} of ${request.url}`);
    }
  }
});

Deno.test("the URL of OPTIONS * is a path", async () => {
  const call = new Call((call) => call.exchange!.respond(OK, true));
  const request = new Request("http://a/", { method: "OPTIONS" });
  Object.defineProperty(request, "url", { value: "*" });
  await call.serve(request);
  assert.deepEqual([call.head!.scheme, call.head!.authority, call.head!.path], ["", "", "*"]);
});

Deno.test("the connection is what is given, or what the URL says", async () => {
  const given: ConnectionInfo = { httpVersion: "2", peer: undefined, isTls: true, tlsPeerName: "ada" };
  const seen = async (url: string, connection?: ConnectionInfo) => {
    const call = new Call((call) => call.exchange!.respond(OK, true));
    await call.serve(new Request(url), connection);
    return call.connection;
  };
  assert.equal(await seen("http://a/", given), given);
  assert.deepEqual(await seen("http://a/"), {
    httpVersion: "1.1",
    peer: undefined,
    isTls: false,
    tlsPeerName: undefined,
  });
  assert.equal((await seen("https://a/"))?.isTls, true);
});

Deno.test("a small request of a known length is read at once", async () => {
  for (const length of [1, 12, WHOLE_BYTES]) {
    const call = createEcho();
    const content = sampleBytes(length);
    const response = await call.serve(postSized(content));
    assert.deepEqual(call.events, ["begin", `data ${length}, end`]);
    assert.deepEqual(await response.bytes(), content);
    assert.equal(response.status, 200);
    assert.deepEqual([...response.headers], [["content-type", "application/proto"]]);
  }
});

Deno.test("one octet more is read in pieces, and so is what has no length", async () => {
  for (const request of [postSized(sampleBytes(WHOLE_BYTES + 1)), post(sampleBytes(WHOLE_BYTES + 1)), post("abc")]) {
    const call = createEcho();
    const response = await call.serve(request);
    assert.equal(call.events.at(-1), "data 0, end");
    assert.deepEqual(await response.bytes(), await call.received());
  }
});

Deno.test("a large request arrives as it is", async () => {
  const pieces = Array.from({ length: 100 }, (_, index) => sampleBytes(index * 997, index + 1));
  const call = createEcho();
  const response = await call.serve(post(streamOf(pieces).stream));
  assert.equal(sha256(await response.bytes()), sha256(await collect(streamOf(pieces).stream)));
  assert.equal(call.events.filter((event) => event === "data 0").length, 0, "Empty pieces are nothing");
});

Deno.test("a request without content ends with its head", async () => {
  const requests = [
    new Request("http://a/"),
    new Request("http://a/", { method: "HEAD" }),
    new Request("http://a/", { method: "POST" }),
    post("", { "content-length": "0" }),
    new Request("http://a/", { headers: { "content-length": "3" } }),
  ];
  for (const request of requests) {
    const call = createEcho();
    assert.equal((await call.serve(request)).status, 200);
    assert.deepEqual(call.events, ["begin, end"]);
  }
});

Deno.test("an answer that is complete in the turn of the head needs no promise, and leaves the request alone", async () => {
  const source = streamOf([bytes("abc")]);
  const request = post(source.stream);
  const response = new Call((call) => {
    call.exchange!.respond(OK);
    call.exchange!.end(bytes("early"));
  }).serve(request);
  assert.ok(response instanceof Response);
  assert.equal(await response.text(), "early");
  assert.equal(source.taken, 0);
  assert.equal(request.bodyUsed, false);
});

Deno.test("an answer that ends before its request cancels what is left of it", async () => {
  const source = streamOf([bytes("abc"), bytes("def"), bytes("ghi")]);
  const call = new Call((call, event) => {
    if (event === "data 3") {
      call.exchange!.respond(OK);
      call.exchange!.end(bytes("enough"));
    }
  });
  assert.equal(await (await call.serve(post(source.stream))).text(), "enough");
  assert.deepEqual(call.events, ["begin", "data 3"]);
  assert.equal(source.cancelledWith, "The answer has ended");
  assert.ok(source.taken <= 2);
});

Deno.test("an answer does not wait for its request", async () => {
  const request = post(new ReadableStream({ pull: () => new Promise(() => {}) }), { "content-length": "5" });
  const call = new Call();
  const response = call.serve(request);
  await turn();
  call.exchange!.respond(OK);
  call.exchange!.end(bytes("too late"));
  assert.equal(await (await within(5000, Promise.resolve(response))).text(), "too late");
});

Deno.test("the next piece is read when the one before was released", async () => {
  const source = streamOf([sampleBytes(1000), sampleBytes(500), sampleBytes(1)]);
  const call = createEcho();
  call.releases = false;
  const response = call.serve(post(source.stream));
  await turn();
  assert.deepEqual(call.events, ["begin", "data 1000"]);
  assert.equal(source.taken, 1);
  call.exchange!.release(999);
  await turn();
  assert.equal(source.taken, 1);
  assert.throws(() => call.exchange!.release(2), /^RangeError: Cannot release 2 octets of a request: it holds 1$/);
  call.exchange!.release(0);
  call.exchange!.release(1);
  await turn();
  assert.deepEqual(call.events, ["begin", "data 1000", "data 500"]);
  assert.equal(source.taken, 2);
  call.exchange!.release(500);
  await turn();
  call.exchange!.release(1);
  assert.equal((await (await response).bytes()).length, 1501);
  call.exchange!.release(5);
});

Deno.test("writes of the turn in which it ends are one answer", async () => {
  const call = new Call(({ exchange }) => {
    exchange!.respond(OK);
    assert.ok(exchange!.headSent);
    assert.equal(exchange!.write(bytes("one, ")), true);
    assert.equal(exchange!.write(bytes("(two, )"), 1, 6), true);
    const at = exchange!.reserve(10);
    exchange!.outputBuffer.set(bytes("three"), at);
    exchange!.commit(5);
    assert.equal(exchange!.isClosed, false);
    exchange!.end(bytes(", four"));
    assert.ok(exchange!.isClosed);
  });
  const response = call.serve(new Request("http://a/"));
  assert.ok(response instanceof Response);
  assert.equal(await response.text(), "one, two, three, four");
});

Deno.test("an answer keeps its octets when others use the output after it", async () => {
  const answer = (text: string) =>
    new Call(({ exchange }) => {
      exchange!.respond(OK);
      const at = exchange!.reserve(10);
      exchange!.outputBuffer.set(bytes(text), at);
      exchange!.commit(text.length);
      exchange!.end();
    }).serve(new Request("http://a/"));
  const responses = [answer("first"), answer("second"), answer("3")];
  assert.deepEqual(await Promise.all(responses.map(async (response) => (await response).text())), [
    "first",
    "second",
    "3",
  ]);
});

Deno.test("an answer that ends later is a stream, one chunk for what was written in a turn", async () => {
  const call = new Call();
  const pending = call.serve(new Request("http://a/"));
  call.exchange!.respond(OK);
  call.exchange!.write(bytes("a"));
  call.exchange!.write(bytes("b"));
  const response = await pending;
  const reader = response.body!.getReader();
  assert.deepEqual((await reader.read()).value, bytes("ab"));
  const next = reader.read();
  call.exchange!.write(bytes("c"));
  call.exchange!.write(new Uint8Array(0));
  assert.deepEqual((await next).value, bytes("c"));
  call.exchange!.write(bytes("d"));
  call.exchange!.end(bytes("e"));
  assert.deepEqual((await reader.read()).value, bytes("de"));
  assert.equal((await reader.read()).done, true);
  assert.deepEqual(call.events, ["begin, end"]);
});

Deno.test("a head goes out before there is content", async () => {
  const call = new Call(({ exchange }) => exchange!.respond(OK));
  const response = await call.serve(new Request("http://a/"));
  assert.equal(response.status, 200);
  call.exchange!.end();
  assert.equal(await response.text(), "");
});

Deno.test("an answer waits for who reads it, and goes on when there is room", async () => {
  const chunk = sampleBytes(16_384);
  let left = 100;
  const call = new Call((call, event) => {
    if (event === "begin, end") {
      call.exchange!.respond(OK);
    }
    while (left > 0 && call.exchange!.write(chunk)) {
      left--;
    }
    if (left === 0) {
      call.exchange!.end();
    } else {
      left--; // The one that made it full.
    }
  });
  const response = await call.serve(new Request("http://a/"));
  await turn();
  assert.equal(100 - left, QUEUE_BYTES / chunk.length, "No more than the queue holds");
  assert.throws(() => call.exchange!.write(chunk), /^RangeError: .* its queue is full$/);
  assert.equal(call.exchange!.write(new Uint8Array(0)), false);
  assert.equal(call.exchange!.reserve(1), -1);
  const content = await response.bytes();
  assert.equal(content.length, 100 * chunk.length);
  assert.equal(sha256(content), sha256(await collect(streamOf(Array(100).fill(chunk)).stream)));
});

Deno.test("room in the output is for what fits the queue", async () => {
  const call = new Call(({ exchange }) => {
    exchange!.respond(OK);
    assert.equal(exchange!.reserve(QUEUE_BYTES + 1), -1);
    const at = exchange!.reserve(QUEUE_BYTES);
    assert.ok(exchange!.outputBuffer.length - at >= QUEUE_BYTES);
    exchange!.outputBuffer.fill(1, at, at + QUEUE_BYTES);
    exchange!.commit(QUEUE_BYTES);
    assert.equal(exchange!.reserve(1), -1);
    exchange!.end(bytes("!"));
  });
  const content = await (await call.serve(new Request("http://a/"))).bytes();
  assert.equal(content.length, QUEUE_BYTES + 1);
});

Deno.test("where HTTP has no content it is dropped", async () => {
  const cases = [["HEAD", "200"], ["GET", "204"], ["GET", "205"], ["GET", "304"]] as const;
  for (const [method, status] of cases) {
    for (const late of [false, true]) {
      const call = new Call();
      const pending = call.serve(new Request("http://a/", { method }));
      call.exchange!.respond([{ name: ":status", value: status }, { name: "x-a", value: "1" }]);
      assert.equal(call.exchange!.reserve(5), -1);
      assert.equal(call.exchange!.write(sampleBytes(2 * QUEUE_BYTES)), true);
      if (late) {
        await pending;
        assert.equal(call.exchange!.write(bytes("more")), true);
      }
      call.exchange!.end(bytes("end"));
      const response = await pending;
      assert.equal(response.status, Number(status));
      assert.equal(response.headers.get("x-a"), "1");
      assert.equal(response.body, null);
    }
  }
});

Deno.test("fields keep their order and repetitions", async () => {
  const call = new Call(({ exchange }) =>
    exchange!.respond([
      { name: ":status", value: "404" },
      { name: "set-cookie", value: "a=1" },
      { name: "x-a", value: "\u00e9" },
      { name: "set-cookie", value: "b=2" },
      { name: "x-a", value: "2" },
    ], true)
  );
  const response = await call.serve(new Request("http://a/"));
  assert.equal(response.status, 404);
  assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
  assert.equal(response.headers.get("x-a"), "\u00e9, 2");
});

Deno.test("what does not fit is a mistake that is named", async () => {
  const call = new Call();
  const pending = call.serve(new Request("http://a/"));
  const exchange = call.exchange!;
  const sent = "Cannot send";
  const to = "in answer to a request:";
  const cases: [() => void, string][] = [
    [() => exchange.write(bytes("a")), `${sent} content ${to} the head was not sent`],
    [() => exchange.end(), `${sent} content ${to} the head was not sent`],
    [() => exchange.reserve(1), `${sent} content ${to} the head was not sent`],
    [() => exchange.respond([]), `${sent} a head ${to} its status is undefined`],
    [() => exchange.respond([{ name: ":status", value: "103" }]), `${sent} a head ${to} its status is 103`],
    [() => exchange.respond([{ name: ":status", value: "600" }]), `${sent} a head ${to} its status is 600`],
    [() => exchange.sendInformation(OK), `${sent} an interim response ${to} its status is 200`],
    [() => exchange.respond(OK), ""],
    [() => exchange.respond(OK), `${sent} a head ${to} the head was sent`],
    [() => exchange.sendInformation(OK), `${sent} an interim response ${to} the response was sent`],
    [() => exchange.endWithTrailers([]), `${sent} trailers ${to} a Response has none`],
    [() => exchange.end(), ""],
    [() => exchange.write(bytes("a")), `${sent} content ${to} its end was sent`],
    [() => exchange.end(), `${sent} content ${to} its end was sent`],
    [() => exchange.reset(), ""],
  ];
  for (const [command, message] of cases) {
    if (message === "") {
      command();
    } else {
      assert.throws(command, { name: "TypeError", message });
    }
  }
  assert.equal((await pending).status, 200);
  assert.equal(exchange.canSendTrailers, false);
});

Deno.test("interim responses are dropped", async () => {
  const call = new Call(({ exchange }) => {
    exchange!.sendInformation([{ name: ":status", value: "103" }]);
    exchange!.respond(OK, true);
  });
  assert.equal((await call.serve(new Request("http://a/"))).status, 200);
});

Deno.test("a field that may not be sent fails whoever sends it", async () => {
  const BAD: readonly HeaderField[] = [{ name: ":status", value: "200" }, { name: "a b", value: "1" }];
  const whole = new Call(({ exchange }) => {
    assert.throws(() => exchange!.respond(BAD, true), TypeError);
    exchange!.reset();
  });
  assert.equal((await whole.serve(new Request("http://a/"))).status, 500);
  const streamed = new Call((call, event) => event.startsWith("begin") && call.exchange!.respond(BAD));
  assert.equal((await streamed.serve(new Request("http://a/"))).status, 500);
  assert.deepEqual(streamed.events, ["begin, end", "reset: The head cannot be sent"]);
});

Deno.test("a reset before the response is a 500, and then nothing can be said", async () => {
  for (const [request, when] of [[post("abc"), "data 3"], [postSized(bytes("abc")), "data 3, end"]] as const) {
    const call = new Call((call, event) => event === when && call.exchange!.reset(8));
    const response = await call.serve(request);
    assert.equal(response.status, 500);
    assert.equal(response.body, null);
    const exchange = call.exchange!;
    assert.ok(exchange.isClosed);
    exchange.respond(OK);
    assert.equal(exchange.write(bytes("a")), true);
    assert.equal(exchange.reserve(1), -1);
    exchange.end();
    exchange.reset();
    exchange.release(7);
    assert.deepEqual(call.events, ["begin", when], "Whoever resets is not told");
  }
});

Deno.test("a reset after the head, in its turn, is a 500, too", async () => {
  const call = new Call(({ exchange }) => {
    exchange!.respond(OK);
    exchange!.write(bytes("half an ans"));
    exchange!.reset();
  });
  assert.equal((await call.serve(new Request("http://a/"))).status, 500);
});

Deno.test("a later reset fails the answer and cancels the request", async () => {
  const source = streamOf([bytes("abc"), bytes("def")]);
  const call = new Call();
  call.releases = false;
  const pending = call.serve(post(source.stream));
  call.exchange!.respond(OK);
  call.exchange!.write(bytes("a"));
  const response = await pending;
  await turn();
  call.exchange!.reset();
  await assert.rejects(response.text(), /The exchange was reset/);
  assert.match(String(source.cancelledWith), /The exchange was reset/);
  assert.deepEqual(call.events, ["begin", "data 3"]);
});

Deno.test("who does not read the answer to its end resets the exchange", async () => {
  const call = new Call(({ exchange }, event) => event.startsWith("begin") && exchange!.respond(OK));
  const response = await call.serve(new Request("http://a/"));
  await response.body!.cancel("enough");
  assert.deepEqual(call.events, ["begin, end", GONE]);
  assert.ok(call.exchange!.isClosed);
  call.exchange!.write(bytes("a"));
  call.exchange!.end();
});

Deno.test("a request that fails resets the exchange", async () => {
  const failing = () =>
    new ReadableStream({
      start: (controller) => controller.enqueue(bytes("abc")),
      pull: (controller) => controller.error(new Error("wire cut")),
    }, { highWaterMark: 0 });
  const streamed = new Call();
  const sized = new Call();
  assert.equal((await streamed.serve(post(failing()))).status, 500);
  assert.equal((await sized.serve(post(failing(), { "content-length": "10" }))).status, 500);
  assert.deepEqual(streamed.events, ["begin", "data 3", FAILED]);
  assert.deepEqual(sized.events, ["begin", FAILED]);
});

Deno.test("a request that somebody has read, or that is no octets, resets the exchange", async () => {
  const used = post("abc");
  await used.text();
  const strings = post(
    new ReadableStream<unknown>({ start: (controller) => controller.enqueue("text") }) as ReadableStream,
  );
  for (const request of [used, strings]) {
    const call = new Call();
    assert.equal((await call.serve(request)).status, 500);
    assert.deepEqual(call.events, ["begin", FAILED]);
  }
});

Deno.test("an abort of the request resets the exchange while it is open", async () => {
  for (const streamed of [false, true]) {
    const abort = new AbortController();
    const call = new Call();
    const pending = call.serve(new Request("http://a/", { signal: abort.signal }));
    if (streamed) {
      call.exchange!.respond(OK);
    }
    await turn();
    abort.abort(new Error("gone"));
    await turn();
    assert.deepEqual(call.events, ["begin, end", GONE]);
    const response = await pending;
    assert.equal(response.status, streamed ? 200 : 500);
    if (streamed) {
      await assert.rejects(response.text(), /The caller gave up/);
    }
  }
});

Deno.test("an abort before the exchange resets it, one after it does nothing", async () => {
  const before = new Call();
  const response = await before.serve(new Request("http://a/", { signal: AbortSignal.abort() }));
  assert.equal(response.status, 500);
  assert.deepEqual(before.events, ["begin, end", GONE]);

  const abort = new AbortController();
  const after = new Call();
  const pending = after.serve(new Request("http://a/", { signal: abort.signal }));
  await turn();
  after.exchange!.respond(OK, true);
  abort.abort();
  assert.equal((await pending).status, 200);
  assert.deepEqual(after.events, ["begin, end"]);
});

Deno.test("without a handler content is dropped", async () => {
  const source = streamOf([bytes("abc"), bytes("def")]);
  const { promise: ended, resolve } = Promise.withResolvers<HttpExchange>();
  const pending = serveFetch(
    (exchange) => void until(() => source.taken === 2).then(() => resolve(exchange)),
    post(source.stream),
  );
  const exchange = await ended;
  exchange.respond(OK);
  exchange.end(bytes("dropped it"));
  assert.equal(await (await pending).text(), "dropped it");
});

/** A real server, which is closed after the test and has met nothing that nobody caught. Gives what it would have logged. */
async function withServer(
  createCall: () => Call,
  action: (url: string, calls: Call[]) => Promise<void>,
): Promise<string[]> {
  const calls: Call[] = [];
  const logged: string[] = [];
  const onError = (error: unknown) => {
    logged.push(String(error));
    return new Response(null, { status: 500 });
  };
  const uncaught = await uncaughtDuring(async () => {
    const onListen = () => {};
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen, onError }, (request) => {
      const call = createCall();
      calls.push(call);
      return call.serve(request);
    });
    try {
      await action(`http://127.0.0.1:${server.addr.port}`, calls);
    } finally {
      await within(5000, server.shutdown());
    }
  });
  assert.deepEqual(uncaught, []);
  return logged;
}

Deno.test("Deno.serve: echoes of all sizes", async () => {
  await withServer(createEcho, async (url) => {
    for (const length of [0, 1, 1000, WHOLE_BYTES, WHOLE_BYTES + 1, 3_000_000]) {
      const content = sampleBytes(length);
      for (const body of [content, streamOf([content]).stream]) {
        const response = await fetch(url, { method: "POST", body });
        assert.equal(response.status, 200);
        assert.equal(sha256(await response.bytes()), sha256(content));
      }
    }
    assert.equal((await fetch(url, { method: "HEAD" })).status, 200);
    assert.equal(await (await fetch(url)).text(), "");
  });
});

Deno.test("Deno.serve: an answer goes on while its request does", async () => {
  const createCall = () =>
    new Call((call, event) => {
      if (event === "begin") {
        call.exchange!.respond(OK);
      } else if (event === "data 0, end") {
        call.exchange!.end();
      } else if (event.startsWith("data")) {
        call.exchange!.write(call.content.at(-1)!);
      }
    });
  await withServer(createCall, async (url) => {
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
    const writer = writable.getWriter();
    const response = await fetch(url, { method: "POST", body: readable });
    const reader = response.body!.getReader();
    for (const text of ["one", "two", "three"]) {
      await writer.write(bytes(text));
      assert.deepEqual((await reader.read()).value, bytes(text));
    }
    await writer.close();
    assert.equal((await reader.read()).done, true);
  });
});

Deno.test("Deno.serve: a caller who leaves resets the exchange", async () => {
  const createCall = () =>
    new Call((call, event) =>
      call.head!.path === "/streamed" && event.startsWith("begin") && call.exchange!.respond(OK)
    );
  const logged = await withServer(createCall, async (url, calls) => {
    for (const path of ["/streamed", "/waiting"]) {
      const abort = new AbortController();
      const fetched = fetch(url + path, { method: "POST", body: "abc", signal: abort.signal }).catch(() => undefined);
      await until(() => calls.at(-1)?.events.includes("data 3, end") ?? false);
      if (path === "/streamed") {
        await fetched;
      }
      await turn();
      abort.abort();
      await fetched;
      await until(() => calls.at(-1)!.exchange!.isClosed);
      assert.deepEqual(calls.at(-1)!.events, ["begin", "data 3, end", GONE]);
    }
  });
  assert.deepEqual(logged, [], "It is no mistake of the server");
});

Deno.test("Deno.serve: a request is not taken faster than it is released", async () => {
  const createCall = () => {
    const call = createEcho();
    call.releases = false;
    return call;
  };
  await withServer(createCall, async (url, calls) => {
    const content = sampleBytes(1_000_000);
    const fetched = fetch(url, { method: "POST", body: content });
    for (let received = 0; received < content.length;) {
      await until(() => (calls[0]?.content.length ?? 0) > 0);
      const piece = calls[0]!.content.at(-1)!;
      const count = calls[0]!.content.length;
      await turn();
      assert.equal(calls[0]!.content.length, count, "Nothing more before it is released");
      received += piece.length;
      calls[0]!.exchange!.release(piece.length);
      await until(() => calls[0]!.content.length > count);
    }
    assert.equal(sha256(await (await fetched).bytes()), sha256(content));
  });
});

Deno.test("Deno.serve: an answer waits for its caller", async () => {
  const chunk = sampleBytes(QUEUE_BYTES);
  let written = 0;
  const createCall = () =>
    new Call((call, event) => {
      if (event === "begin, end") {
        call.exchange!.respond(OK);
      }
      if (!event.startsWith("reset")) {
        written++;
        assert.equal(call.exchange!.write(chunk), false);
      }
    });
  await withServer(createCall, async (url, calls) => {
    const response = await fetch(url);
    const reader = response.body!.getReader();
    assert.equal((await reader.read()).done, false);
    for (let before = -1; before !== written;) {
      before = written;
      assert.ok(written * chunk.length < 32 << 20, "The system keeps some of it, not all");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await reader.cancel();
    await until(() => calls[0]!.events.at(-1) === GONE);
  });
});

Deno.test("Deno.serve: a reset answer does not look whole", async () => {
  const createCall = () =>
    new Call(({ exchange }, event) => {
      if (event.startsWith("begin")) {
        exchange!.respond(OK);
        exchange!.write(bytes("half an ans"));
        setTimeout(() => exchange!.reset());
      }
    });
  const logged = await withServer(createCall, async (url) => {
    await assert.rejects(async () => await (await fetch(url)).text());
  });
  assert.deepEqual([...new Set(logged)], ["Error: The exchange was reset"]);
});

Deno.test("Deno.serve: a refusal before the request was read is heard", async () => {
  const createCall = () =>
    new Call(({ exchange }) => {
      exchange!.respond([{ name: ":status", value: "413" }]);
      exchange!.end(bytes("too large"));
    });
  await withServer(createCall, async (url) => {
    const response = await fetch(url, { method: "POST", body: sampleBytes(1000) });
    assert.equal(response.status, 413);
    assert.equal(await response.text(), "too large");
  });
});
