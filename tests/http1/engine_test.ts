import assert from "node:assert/strict";
import { answerText, octets, Peer, type PeerOptions } from "../support/http1_peer.ts";

const HEAD_200 = Object.freeze([{ name: ":status", value: "200" }]);
const GET = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/** What is seen of the same octets at once, one at a time, and in pieces of seven. */
function exchangeAll(input: string, options: PeerOptions = {}): Peer {
  const peers = [Infinity, 1, 7].map((size) => {
    const peer = new Peer(options);
    peer.send(input, size);
    return peer;
  });
  const [first, ...others] = peers;
  for (const other of others) {
    assert.deepEqual(other.log, first!.log);
    assert.equal(other.output, first!.output);
    assert.equal(other.connection.isClosed, first!.connection.isClosed);
    assert.deepEqual(other.heads, first!.heads);
  }
  return first!;
}

Deno.test("a request with a body is answered, and the connection goes on", () => {
  const input = "POST /a?b=c HTTP/1.1\r\nHost: example.com:80\r\nContent-Length: 5\r\nX-Unknown:  v w \t\r\n\r\nhello";
  const peer = exchangeAll(input + input, { onEnd: answerText("hi") });
  assert.deepEqual(peer.log, ["POST /a?b=c", "data hello", "end", "POST /a?b=c", "data hello", "end"]);
  assert.deepEqual(peer.heads[0], {
    method: "POST",
    scheme: "http",
    authority: "example.com:80",
    path: "/a?b=c",
    fields: [
      { name: "host", value: "example.com:80" },
      { name: "content-length", value: "5" },
      { name: "x-unknown", value: "v w" },
    ],
    contentLength: 5,
    version: "1.1",
    memo: undefined,
  });
  const answer = "HTTP/1.1 200 OK\r\ncontent-length:          2\r\n\r\nhi";
  assert.equal(peer.output, answer + answer);
});

Deno.test("equal heads are one object, and their fields are frozen", () => {
  const peer = new Peer({ onEnd: answerText("") });
  peer.send(GET + GET + "GET /other HTTP/1.1\r\nhost: a\r\n\r\n" + GET);
  assert.equal(peer.heads[0], peer.heads[1]);
  assert.equal(peer.heads[0], peer.heads[3]);
  assert.notEqual(peer.heads[0], peer.heads[2]);
  assert(Object.isFrozen(peer.heads[0]!.fields));
});

Deno.test("a body in chunks, with extensions and trailers", () => {
  const input = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked\r\n\r\n" +
    '3;a=b\r\nabc\r\n0004 ; c="d"\r\ndefg\r\n00\r\nX-Sum: 7\r\nx-more:\r\n\r\n';
  const peer = exchangeAll(input + GET, { onEnd: answerText("ok") });
  assert.deepEqual(peer.log, ["POST /", "data abcdefg", "trailers x-sum: 7, x-more: ", "end", "GET /", "end"]);
});

Deno.test("a body in chunks without trailers, and an empty one", () => {
  const head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
  const peer = exchangeAll(`${head}A\r\n0123456789\r\n0\r\n\r\n${head}0\r\n\r\n`, { onEnd: answerText("ok") });
  assert.deepEqual(peer.log, ["POST /", "data 0123456789", "end", "POST /", "end"]);
});

Deno.test("an answer that is written after it was polled is in chunks", () => {
  const peer = new Peer();
  peer.send(GET);
  peer.exchange.respond(HEAD_200);
  assert.equal(peer.flush(), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
  peer.output = "";
  assert.equal(peer.exchange.write(octets("abc")), true);
  peer.exchange.write(octets("-defg-"), 1, 5);
  assert.equal(peer.flush(), "0007\r\nabcdefg\r\n");
  peer.output = "";
  peer.exchange.end(octets("h"));
  assert.equal(peer.flush(), "0001\r\nh\r\n0\r\n\r\n");
  assert.equal(peer.connection.streamCount, 0);
});

Deno.test("what was written before the first poll becomes the first chunk", () => {
  const peer = new Peer();
  peer.send(GET);
  peer.exchange.respond(HEAD_200);
  peer.exchange.write(octets("abc"));
  assert.equal(peer.flush(), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0003\r\nabc\r\n");
  peer.output = "";
  peer.exchange.end();
  assert.equal(peer.flush(), "0\r\n\r\n");
});

Deno.test("reserve and commit", () => {
  const peer = new Peer({
    onEnd: (exchange) => {
      exchange.respond(HEAD_200);
      const offset = exchange.reserve(100);
      exchange.outputBuffer.set(octets("abcd"), offset);
      exchange.commit(3);
      exchange.end();
    },
  });
  peer.send(GET);
  assert.equal(peer.output, "HTTP/1.1 200 OK\r\ncontent-length:          3\r\n\r\nabc");
  peer.output = "";
  const other = new Peer();
  other.send(GET);
  other.exchange.respond(HEAD_200);
  other.flush();
  other.output = "";
  assert.equal(other.exchange.reserve(40_000), -1);
  other.exchange.reserve(10);
  other.exchange.commit(0);
  assert.equal(other.flush(), "");
  const offset = other.exchange.reserve(10);
  other.exchange.outputBuffer.set(octets("xy"), offset);
  other.exchange.commit(2);
  other.exchange.end();
  assert.equal(other.flush(), "0002\r\nxy\r\n0\r\n\r\n");
});

Deno.test("large writes, in each framing", () => {
  const body = "x".repeat(40_000);
  for (
    const [fields, isPolled] of [[[], false], [[], true], [
      [{ name: "content-length", value: "80000" }],
      false,
    ]] as const
  ) {
    for (const version of ["1.1", "1.0"]) {
      const peer = new Peer({ limits: { maxSendQueue: 1 << 20 } });
      peer.send(`GET / HTTP/${version}\r\nhost: a\r\n\r\n`);
      peer.exchange.respond([...HEAD_200, ...fields]);
      if (isPolled) {
        peer.flush();
      }
      peer.exchange.write(octets(body));
      peer.exchange.end(octets(body));
      const answer = peer.flush();
      const [head, rest] = [answer.slice(0, answer.indexOf("\r\n\r\n")), answer.slice(answer.indexOf("\r\n\r\n") + 4)];
      const content = /chunked/.test(head) ? unchunk(rest) : rest;
      assert.equal(content, body + body);
      assert.equal(peer.connection.isClosed, version === "1.0");
    }
  }
});

/** The content of chunks that have ended. */
function unchunk(text: string): string {
  let content = "";
  for (let position = 0;;) {
    const end = text.indexOf("\r\n", position);
    const size = Number.parseInt(text.slice(position, end), 16);
    if (size === 0) {
      assert.equal(text.slice(position), "0\r\n\r\n");
      return content;
    }
    content += text.slice(end + 2, end + 2 + size);
    assert.equal(text.slice(end + 2 + size, end + 4 + size), "\r\n");
    position = end + 4 + size;
  }
}

Deno.test("trailers go to those who take them", () => {
  const answer = (peer: Peer) => {
    peer.exchange.respond(HEAD_200);
    peer.exchange.write(octets("a"));
    peer.exchange.endWithTrailers([{ name: "grpc-status", value: "0" }]);
    return peer.flush();
  };
  const willing = new Peer();
  willing.send("GET / HTTP/1.1\r\nhost: a\r\nTE: gzip;q=0.5, Trailers\r\n\r\n");
  assert.equal(willing.exchange.canSendTrailers, true);
  assert.equal(
    answer(willing),
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0001\r\na\r\n0\r\ngrpc-status: 0\r\n\r\n",
  );
  const other = new Peer();
  other.send(GET);
  assert.equal(other.exchange.canSendTrailers, false);
  assert.equal(answer(other), "HTTP/1.1 200 OK\r\ncontent-length:          1\r\n\r\na");
});

Deno.test("HEAD, 204 and 304 have no body", () => {
  const cases: [string, string, string][] = [
    ["HEAD", "200", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"],
    ["GET", "304", "HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\n"],
    ["GET", "204", "HTTP/1.1 204 No Content\r\n\r\n"],
  ];
  for (const [method, status, expected] of cases) {
    const peer = exchangeAll(`${method} / HTTP/1.1\r\nhost: a\r\n\r\n`, {
      onEnd: (exchange) => {
        exchange.respond([{ name: ":status", value: status }, { name: "content-length", value: "3" }]);
        exchange.reserve(3);
        exchange.commit(3);
        exchange.write(octets("abc"));
        exchange.end(octets("abc"));
      },
    });
    assert.equal(peer.output, expected);
    assert(!peer.connection.isClosed);
  }
});

Deno.test("an answer without a body says so", () => {
  const peer = exchangeAll(GET, { onEnd: (exchange) => exchange.respond(HEAD_200, true) });
  assert.equal(peer.output, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
});

Deno.test("a date is added, unless there is one", () => {
  const date = () => "Sun, 06 Nov 1994 08:49:37 GMT";
  const peer = exchangeAll(GET, { date, onEnd: (exchange) => exchange.respond(HEAD_200, true) });
  assert.equal(peer.output, "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 0\r\n\r\n");
  const own = exchangeAll(GET, {
    date,
    onEnd: (exchange) => exchange.respond([...HEAD_200, { name: "date", value: "x" }], true),
  });
  assert.equal(own.output, "HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 0\r\n\r\n");
});

Deno.test("the date is told the time of the input that is answered at once, and nothing when the answer comes later", () => {
  const told: (number | undefined)[] = [];
  const date = (nowMs: number | undefined) => `${told.push(nowMs)}`;
  const peer = new Peer({
    date,
    nowMs: 70,
    onEnd: (exchange, { path }) => path === "/" && exchange.respond(HEAD_200, true),
  });
  peer.send(GET + "GET /later HTTP/1.1\r\nhost: a\r\n\r\n");
  peer.exchange.respond(HEAD_200, true);
  assert.deepEqual(told, [70, undefined]);
});

Deno.test("connections that end with the answer", () => {
  for (
    const head of [
      "GET / HTTP/1.1\r\nhost: a\r\nconnection: x, Close\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
      "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
    ]
  ) {
    const peer = exchangeAll(head + GET, { onEnd: answerText("hi") });
    assert.match(peer.output, /^HTTP\/1\.1 200 OK\r\nconnection: close\r\n(content-length: +2\r\n)\r\nhi$/);
    assert.deepEqual(peer.log, ["GET /", "end", "close clean"]);
  }
});

Deno.test("HTTP/1.0 has bodies that end with the connection", () => {
  const peer = new Peer();
  peer.send("GET / HTTP/1.0\r\n\r\n");
  peer.exchange.sendInformation([{ name: ":status", value: "103" }]);
  peer.exchange.respond(HEAD_200);
  peer.flush();
  peer.exchange.end(octets("hi"));
  assert.equal(peer.flush(), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhi");
  assert(peer.connection.isClosed);
});

Deno.test("request targets", () => {
  const cases: [string, string, string, string][] = [
    ["GET http://b.example/x?y HTTP/1.1", "http", "b.example", "/x?y"],
    ["GET HTTPS://b.example:443 HTTP/1.1", "https", "b.example:443", "/"],
    ["GET http://b.example?q HTTP/1.1", "http", "b.example", "/?q"],
    ["OPTIONS http://[::1]:80 HTTP/1.1", "http", "[::1]:80", "*"],
    ["OPTIONS * HTTP/1.1", "http", "a", "*"],
    ["CONNECT b:443 HTTP/1.1", "", "b:443", ""],
    ["GET //x HTTP/1.1", "http", "a", "//x"],
    ["GET /a|b^c HTTP/1.7", "http", "a", "/a|b^c"],
  ];
  for (const [line, scheme, authority, path] of cases) {
    const peer = exchangeAll(`${line}\r\nhost: a\r\n\r\n`);
    const { head } = { head: peer.heads[0]! };
    assert.deepEqual([head.scheme, head.authority, head.path], [scheme, authority, path], line);
    assert.deepEqual(head.fields, [{ name: "host", value: authority }], line);
    assert.equal(head.version, "1.1");
  }
  assert.equal(exchangeAll("GET / HTTP/1.1\r\nhost:\r\n\r\n", { scheme: "https" }).heads[0]!.scheme, "https");
});

Deno.test("one empty line before a request is ignored", () => {
  const peer = exchangeAll(`\r\n${GET}\r\n${GET}`, { onEnd: answerText("") });
  assert.deepEqual(peer.log, ["GET /", "end", "GET /", "end"]);
});

Deno.test("pipelined requests wait for the answer before them", () => {
  const peer = new Peer();
  const rest = peer.send("GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n");
  assert.deepEqual(peer.log, ["GET /1", "end"]);
  assert.equal(rest.length, 28);
  assert.equal(peer.connection.wantsInput, false);
  const calls = peer.onOutputCalls;
  answerText("1")(peer.exchange);
  assert(peer.onOutputCalls > calls);
  assert.equal(peer.connection.wantsInput, true);
  assert.equal(peer.send(rest).length, 0);
  assert.deepEqual(peer.log, ["GET /1", "end", "GET /2", "end"]);
  assert.equal(peer.connection.wantsInput, true, "so that the end is seen");
  peer.connection.handleEof();
  assert.deepEqual(peer.log.slice(4), [
    "reset The peer closed the connection (peer)",
    "close The peer closed the connection (peer)",
  ]);
});

Deno.test("100 (Continue) is sent when the request was not answered", () => {
  const head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-Continue\r\ncontent-length: 2\r\n\r\n";
  const peer = new Peer({ onEnd: answerText("ok") });
  peer.send(head);
  assert.equal(peer.output, "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("ab");
  assert.match(peer.output, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok$/);
  assert(!peer.connection.isClosed);

  const refusing = new Peer({ onRequest: (exchange) => exchange.respond([{ name: ":status", value: "401" }], true) });
  refusing.send(head);
  assert.equal(refusing.output, "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  assert(refusing.connection.isClosed, "nobody knows whether the body comes");

  const hasty = new Peer({ onEnd: answerText("ok") });
  hasty.send(head + "ab");
  assert.match(hasty.output, /^HTTP\/1.1 200 OK/);

  const own = new Peer({ onRequest: (exchange) => exchange.sendInformation([{ name: ":status", value: "100" }]) });
  own.send(head);
  assert.equal(own.output, "HTTP/1.1 100 Continue\r\n\r\n");

  const old = new Peer();
  old.send(head.replace("1.1", "1.0"));
  assert.equal(old.output, "");
});

Deno.test("an answer before the end of the body", () => {
  const limits = { maxDiscardedBody: 10 };
  const early = (exchange: Parameters<NonNullable<PeerOptions["onRequest"]>>[0]) => answerText("no")(exchange);
  // Small enough: it is read and dropped.
  const small = exchangeAll(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n0123456789${GET}`, {
    limits,
    onRequest: early,
  });
  assert.deepEqual(small.log, ["POST /", "GET /", "end"]);
  // Too large: the connection ends, and the answer says so.
  const large = exchangeAll("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 11\r\n\r\n0123456789a", {
    limits,
    onRequest: early,
  });
  assert.deepEqual(large.log, ["POST /", "close clean"]);
  assert.match(large.output, /^HTTP\/1.1 200 OK\r\ncontent-length: +2\r\nconnection: close\r\n\r\nno$/);
  // Chunks of which nobody knows: the connection ends, and the answer says so.
  const chunkedHead = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
  const chunks = exchangeAll(`${chunkedHead}0\r\n\r\n`, { limits, onRequest: early });
  assert.deepEqual(chunks.log, ["POST /", "close clean"]);
  assert.match(chunks.output, /^HTTP\/1.1 200 OK\r\ncontent-length: +2\r\nconnection: close\r\n\r\nno$/);
  // It cannot say so any more: they are read and dropped up to the limit, framing and all.
  for (const [content, ends] of [["", false], ["8\r\nabcdefgh\r\n", true]] as const) {
    const peer = new Peer({ limits, onRequest: (exchange) => exchange.respond(HEAD_200) });
    peer.send(chunkedHead);
    peer.flush();
    peer.exchange.end();
    peer.send(`${content}0\r\n\r\n${ends ? "" : GET}`);
    assert.deepEqual(peer.log, [
      "POST /",
      ...ends ? ["close Too much content after the answer (local)"] : ["GET /", "end"],
    ]);
  }
});

Deno.test("an answer while the body comes", () => {
  const peer = new Peer({
    onRequest: (exchange) => exchange.respond(HEAD_200),
    onData: (exchange, length) => void (length > 0 && exchange.write(octets("x".repeat(length)))),
    onEnd: (exchange) => exchange.end(),
  });
  peer.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab");
  peer.send("cd");
  assert.equal(
    peer.output,
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0002\r\nxx\r\n0002\r\nxx\r\n0\r\n\r\n",
  );
  assert(!peer.connection.isClosed);
});

Deno.test("misuse", () => {
  const peer = new Peer();
  peer.send(GET);
  const { exchange } = peer;
  assert.throws(
    () => exchange.write(octets("a")),
    /^TypeError: Cannot send a body in answer to request 1: the head was not sent$/,
  );
  assert.throws(() => exchange.endWithTrailers([]), TypeError);
  assert.throws(() => exchange.respond([]), TypeError);
  assert.throws(() => exchange.respond([{ name: ":status", value: "101" }]), TypeError);
  assert.throws(() => exchange.respond([{ name: ":status", value: "103" }]), TypeError);
  assert.throws(() => exchange.sendInformation(HEAD_200), TypeError);
  for (
    const [name, value] of [
      ["Upper", "a"],
      ["", "a"],
      ["a b", "a"],
      ["a", "b\r\nc: d"],
      ["a", "\u0100"],
      ["a", " b"],
      [":status", "200"],
      ["connection", "close"],
      ["transfer-encoding", "chunked"],
      ["content-length", "x"],
    ]
  ) {
    assert.throws(() => exchange.respond([...HEAD_200, { name: name!, value: value! }]), TypeError, name);
  }
  assert.throws(() => exchange.release(1), RangeError);
  exchange.respond([...HEAD_200, { name: "content-length", value: "3" }]);
  assert.throws(() => exchange.respond(HEAD_200), TypeError);
  assert.throws(() => exchange.sendInformation([{ name: ":status", value: "103" }]), TypeError);
  assert.throws(() => exchange.write(octets("abcd")), RangeError);
  exchange.write(octets("ab"));
  assert.throws(() => exchange.end(), /1 octets of its content-length are missing/);
  assert(peer.connection.isClosed, "else the peer would take the next answer for this one's end");
  assert.equal(exchange.write(octets("a")), true);
  assert.equal(peer.flush(), "", "nobody had seen the head");
});

Deno.test("a reset ends the connection, and what nobody has seen is not sent", () => {
  const peer = new Peer();
  peer.send(GET);
  peer.exchange.respond(HEAD_200);
  peer.exchange.write(octets("abc"));
  peer.exchange.reset();
  assert.equal(peer.flush(), "");
  assert.deepEqual(peer.log, ["GET /", "end", "close The exchange was reset (local)"]);
  const other = new Peer();
  other.send(GET);
  other.exchange.respond(HEAD_200);
  other.flush();
  other.exchange.write(octets("abc"));
  other.exchange.reset();
  assert(!other.flush().includes("0\r\n\r\n"));
  assert(other.connection.isClosed);
});

Deno.test("shutdown", () => {
  const idle = new Peer();
  idle.connection.shutdown();
  assert.deepEqual(idle.log, ["close clean"]);
  assert.equal(idle.onOutputCalls, 1);

  const busy = new Peer();
  const rest = busy.send(GET + GET);
  busy.connection.shutdown();
  assert(!busy.connection.isClosed && busy.connection.isDraining);
  answerText("ok")(busy.exchange);
  assert.match(busy.flush(), /^HTTP\/1.1 200 OK\r\nconnection: close\r\ncontent-length: +2\r\n\r\nok$/);
  assert.deepEqual(busy.log, ["GET /", "end", "close clean"]);
  assert.equal(busy.send(rest).length, 0, "what comes after the end is dropped");

  const late = new Peer();
  late.send(GET);
  late.exchange.respond(HEAD_200);
  late.connection.shutdown();
  late.exchange.end(octets("a"));
  assert.match(late.flush(), /content-length: +1\r\nconnection: close\r\n\r\na$/);

  const partly = new Peer({ onEnd: answerText("ok") });
  partly.send(GET.slice(0, 5));
  partly.connection.shutdown();
  partly.send(GET.slice(5));
  assert.match(partly.output, /connection: close/);
});

Deno.test("close answers what was not answered", () => {
  const broken = new Peer();
  broken.send(GET);
  broken.connection.close(2, "Internal error");
  assert.match(broken.flush(), /^HTTP\/1.1 500 Internal Server Error\r\n.*connection: close\r\n\r\nInternal error\n$/s);
  assert.deepEqual(broken.log.slice(2), ["reset Internal error (local, 500)", "close Internal error (local, 500)"]);
  const ended = new Peer();
  ended.send(GET);
  ended.connection.close();
  assert.match(ended.flush(), /^HTTP\/1.1 503 /);
  const idle = new Peer();
  idle.connection.close();
  assert.equal(idle.flush(), "");
  assert.deepEqual(idle.log, ["close The connection was closed (local)"]);
});

Deno.test("the end of the input", () => {
  const inputs: [string, string][] = [
    ["", "close clean"],
    ["\r\n", "close clean"],
    ["G", "close The peer closed the connection (peer)"],
    ["POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\na", "close The peer closed the connection (peer)"],
  ];
  for (const [input, last] of inputs) {
    const peer = new Peer();
    peer.send(input);
    peer.connection.handleEof();
    assert.equal(peer.log.at(-1), last);
    assert.equal(peer.connection.pollTimeout(), undefined);
  }
});
