import assert from "node:assert/strict";
import { type Fault, Faults } from "../../src/http1/faults.ts";
import { answerText, Peer } from "../support/http1_peer.ts";

const HOST = "host: a\r\n";
const POST = `POST / HTTP/1.1\r\n${HOST}`;
const CHUNKED = `${POST}transfer-encoding: chunked\r\n\r\n`;
/** What a request that is smuggled looks like: it must never be seen. */
const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`;

const get = (fields: string) => `GET / HTTP/1.1\r\n${HOST}${fields}\r\n`;
const post = (fields: string) => `${POST}${fields}\r\n`;
const line = (text: string) => `${text}\r\n${HOST}\r\n`;

/** Whatever two readers could understand in two ways, or no reader should. Each is followed by a request that must not be seen. */
const CASES: readonly (readonly [what: string, input: string, fault: Fault])[] = [
  // Request line
  ["HTTP/0.9", "GET /\r\n", Faults.BAD_REQUEST_LINE],
  ["no target", line("GET HTTP/1.1"), Faults.BAD_REQUEST_LINE],
  ["empty target", line("GET  HTTP/1.1"), Faults.BAD_REQUEST_LINE],
  ["method alone", line("GET"), Faults.BAD_REQUEST_LINE],
  ["two spaces before the version", line("GET /  HTTP/1.1"), Faults.BAD_REQUEST_LINE],
  ["space after the version", line("GET / HTTP/1.1 "), Faults.BAD_REQUEST_LINE],
  ["a fourth part", line("GET / x HTTP/1.1"), Faults.BAD_REQUEST_LINE],
  ["tab instead of space", line("GET\t/ HTTP/1.1"), Faults.BAD_METHOD],
  ["tab in the target", line("GET /\ta HTTP/1.1"), Faults.BAD_TARGET],
  ["space before the method", line(" GET / HTTP/1.1"), Faults.BAD_METHOD],
  ["method with a colon", line("GE:T / HTTP/1.1"), Faults.BAD_METHOD],
  ["method with NUL", line("GE\0T / HTTP/1.1"), Faults.BAD_METHOD],
  ["method with an octet above 127", line("G\xc9T / HTTP/1.1"), Faults.BAD_METHOD],
  ["TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Faults.BAD_METHOD],
  ["target with NUL", line("GET /\0 HTTP/1.1"), Faults.BAD_TARGET],
  ["target with DEL", line("GET /\x7f HTTP/1.1"), Faults.BAD_TARGET],
  ["target with an octet above 127", line("GET /\xe9 HTTP/1.1"), Faults.BAD_TARGET],
  ["target with a fragment", line("GET /#a HTTP/1.1"), Faults.BAD_TARGET],
  ["target without a slash", line("GET admin HTTP/1.1"), Faults.BAD_TARGET],
  ["asterisk in GET", line("GET * HTTP/1.1"), Faults.BAD_TARGET],
  ["another scheme", line("GET ftp://a/ HTTP/1.1"), Faults.BAD_TARGET],
  ["authority-form in GET", line("GET a:443 HTTP/1.1"), Faults.BAD_TARGET],
  ["CONNECT with a path", line("CONNECT / HTTP/1.1"), Faults.BAD_TARGET],
  ["CONNECT without a port", line("CONNECT a HTTP/1.1"), Faults.BAD_TARGET],
  ["CONNECT with an absolute form", line("CONNECT http://a:80/ HTTP/1.1"), Faults.BAD_TARGET],
  ["userinfo", line("GET http://a@b/ HTTP/1.1"), Faults.BAD_AUTHORITY],
  ["no authority", line("GET http:///a HTTP/1.1"), Faults.BAD_AUTHORITY],
  ["backslash in the authority", line("GET http://a\\b/ HTTP/1.1"), Faults.BAD_AUTHORITY],
  ["HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Faults.VERSION_NOT_SUPPORTED],
  ["HTTP/2.0", line("GET / HTTP/2.0"), Faults.VERSION_NOT_SUPPORTED],
  ["HTTP/3.0", line("GET / HTTP/3.0"), Faults.VERSION_NOT_SUPPORTED],
  ["HTTP/0.9 by name", line("GET / HTTP/0.9"), Faults.VERSION_NOT_SUPPORTED],
  ["HTTP/2", line("GET / HTTP/2"), Faults.BAD_VERSION],
  ["lower case version", line("GET / http/1.1"), Faults.BAD_VERSION],
  ["version with leading zero", line("GET / HTTP/01.1"), Faults.BAD_VERSION],
  ["version with two digits", line("GET / HTTP/1.10"), Faults.BAD_VERSION],
  ["version with a comma", line("GET / HTTP/1,1"), Faults.BAD_VERSION],
  ["another protocol", line("GET / ICY/1.1"), Faults.NOT_HTTP],
  ["CR before the CRLF of the request line", line("GET / HTTP/1.1\r"), Faults.BAD_VERSION],
  ["CR in the request line", line("GET /\r HTTP/1.1"), Faults.BAD_TARGET],
  // Ends of lines
  ["bare LF after the request line", `GET / HTTP/1.1\n${HOST}\r\n`, Faults.BARE_LF],
  ["bare LF after a field", `GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n`, Faults.BARE_LF],
  ["bare LF for the empty line", `GET / HTTP/1.1\r\n${HOST}\n`, Faults.BARE_LF],
  ["LF LF", "GET / HTTP/1.1\n\n", Faults.BARE_LF],
  ["LF before the request", `\n${get("")}`, Faults.BARE_LF],
  ["CR before the request", `\r${get("")}`, Faults.BARE_CR],
  ["two empty lines before the request", `\r\n\r\n${get("")}`, Faults.BAD_METHOD],
  ["bare CR in a value", get("x: y\rz: w\r\n"), Faults.BARE_CR],
  ["bare CR as the end of a line", get("x: y\rtransfer-encoding: chunked\r\n"), Faults.BARE_CR],
  ["CR CR LF", get("x: y\r\r\n"), Faults.BARE_CR],
  ["CR in a name", get("x\ry: z\r\n"), Faults.BAD_FIELD_NAME],
  ["CR alone on a line", get("\r\r\n"), Faults.BAD_FIELD_NAME],
  // Field lines
  ["obs-fold with a space", get("x: y\r\n z\r\n"), Faults.OBS_FOLD],
  ["obs-fold with a tab", get("x: y\r\n\tz\r\n"), Faults.OBS_FOLD],
  ["obs-fold of transfer-encoding", post("transfer-encoding:\r\n chunked\r\n"), Faults.OBS_FOLD],
  ["space before the first field", "GET / HTTP/1.1\r\n host: a\r\n\r\n", Faults.OBS_FOLD],
  ["line of spaces", get("  \r\n"), Faults.OBS_FOLD],
  ["space before the colon", get("content-length : 5\r\n"), Faults.SPACE_BEFORE_COLON],
  ["tab before the colon", get("transfer-encoding\t: chunked\r\n"), Faults.SPACE_BEFORE_COLON],
  ["no colon", get("x\r\n"), Faults.BAD_FIELD_NAME],
  ["no name", get(": y\r\n"), Faults.BAD_FIELD_NAME],
  ["name with a vertical tab", get("\x0btransfer-encoding: chunked\r\n"), Faults.BAD_FIELD_NAME],
  ["name with NUL", get("transfer\0-encoding: chunked\r\n"), Faults.BAD_FIELD_NAME],
  ["name with an octet above 127", get("x\x80: y\r\n"), Faults.BAD_FIELD_NAME],
  ["name with a quote", get('"x": y\r\n'), Faults.BAD_FIELD_NAME],
  ["NUL in a value", get("x: y\0z\r\n"), Faults.BAD_FIELD_VALUE],
  ["control character in a value", get("x: y\x01z\r\n"), Faults.BAD_FIELD_VALUE],
  ["DEL in a value", get("x: \x7f\r\n"), Faults.BAD_FIELD_VALUE],
  ["vertical tab before a value", post("transfer-encoding: \x0bchunked\r\n"), Faults.BAD_FIELD_VALUE],
  // host
  ["no host", "GET / HTTP/1.1\r\n\r\n", Faults.NO_HOST],
  ["no host with an absolute form", "GET http://a/ HTTP/1.1\r\n\r\n", Faults.NO_HOST],
  ["two hosts", get("host: b\r\n"), Faults.TWO_HOSTS],
  ["two equal hosts", get("Host: a\r\n"), Faults.TWO_HOSTS],
  ["two hosts in HTTP/1.0", `GET / HTTP/1.0\r\n${HOST}${HOST}\r\n`, Faults.TWO_HOSTS],
  ["host with a path", "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", Faults.BAD_HOST],
  ["host with userinfo", "GET / HTTP/1.1\r\nhost: a@b\r\n\r\n", Faults.BAD_HOST],
  ["host with a space", "GET / HTTP/1.1\r\nhost: a b\r\n\r\n", Faults.BAD_HOST],
  ["host with a letter in the port", "GET / HTTP/1.1\r\nhost: a:8x\r\n\r\n", Faults.BAD_HOST],
  ["host with an open bracket", "GET / HTTP/1.1\r\nhost: [::1\r\n\r\n", Faults.BAD_HOST],
  // content-length
  ["empty length", post("content-length:\r\n"), Faults.BAD_CONTENT_LENGTH],
  ["plus sign", post("content-length: +5\r\n"), Faults.BAD_CONTENT_LENGTH],
  ["minus sign", post("content-length: -5\r\n"), Faults.BAD_CONTENT_LENGTH],
  ["hexadecimal length", post("content-length: 0x5\r\n"), Faults.BAD_CONTENT_LENGTH],
  ["length with a point", post("content-length: 5.0\r\n"), Faults.BAD_CONTENT_LENGTH],
  ["length with an exponent", post("content-length: 1e1\r\n"), Faults.BAD_CONTENT_LENGTH],
  ["length with a space", post("content-length: 5 5\r\n"), Faults.BAD_CONTENT_LENGTH],
  ["list of lengths", post("content-length: 5, 5\r\n"), Faults.BAD_CONTENT_LENGTH],
  ["list of lengths that differ", post("content-length: 5,6\r\n"), Faults.BAD_CONTENT_LENGTH],
  ["length with an underscore", post("content-length: 5_0\r\n"), Faults.BAD_CONTENT_LENGTH],
  ["lengths that differ", post("content-length: 5\r\ncontent-length: 6\r\n"), Faults.TWO_CONTENT_LENGTHS],
  ["lengths that are equal", post("content-length: 5\r\nContent-Length: 5\r\n"), Faults.TWO_CONTENT_LENGTHS],
  ["length of 2^53", post("content-length: 9007199254740992\r\n"), Faults.CONTENT_TOO_LARGE],
  ["length of 2^64 + 5", post("content-length: 18446744073709551621\r\n"), Faults.CONTENT_TOO_LARGE],
  // transfer-encoding
  ["length and encoding", post("content-length: 5\r\ntransfer-encoding: chunked\r\n"), Faults.LENGTH_AND_ENCODING],
  ["encoding and length", post("transfer-encoding: chunked\r\ncontent-length: 0\r\n"), Faults.LENGTH_AND_ENCODING],
  ["chunked twice in a list", post("transfer-encoding: chunked, chunked\r\n"), Faults.UNKNOWN_TRANSFER_ENCODING],
  ["chunked not last", post("transfer-encoding: chunked, identity\r\n"), Faults.UNKNOWN_TRANSFER_ENCODING],
  ["gzip, chunked", post("transfer-encoding: gzip, chunked\r\n"), Faults.UNKNOWN_TRANSFER_ENCODING],
  ["identity", post("transfer-encoding: identity\r\n"), Faults.UNKNOWN_TRANSFER_ENCODING],
  ["empty encoding", post("transfer-encoding:\r\n"), Faults.UNKNOWN_TRANSFER_ENCODING],
  ["xchunked", post("transfer-encoding: xchunked\r\n"), Faults.UNKNOWN_TRANSFER_ENCODING],
  ["chunked in quotes", post('transfer-encoding: "chunked"\r\n'), Faults.UNKNOWN_TRANSFER_ENCODING],
  ["chunked with a parameter", post("transfer-encoding: chunked;a=b\r\n"), Faults.UNKNOWN_TRANSFER_ENCODING],
  ["chunked with a comma", post("transfer-encoding: chunked,\r\n"), Faults.UNKNOWN_TRANSFER_ENCODING],
  [
    "two encodings",
    post("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"),
    Faults.TWO_TRANSFER_ENCODINGS,
  ],
  [
    "two encodings, one unknown",
    post("transfer-encoding: chunked\r\ntransfer-encoding: x\r\n"),
    Faults.TWO_TRANSFER_ENCODINGS,
  ],
  [
    "encoding in HTTP/1.0",
    `POST / HTTP/1.0\r\n${HOST}transfer-encoding: chunked\r\n\r\n`,
    Faults.ENCODING_IN_HTTP_1_0,
  ],
  ["CONNECT with content", `CONNECT a:1 HTTP/1.1\r\n${HOST}content-length: 1\r\n\r\n`, Faults.CONTENT_IN_CONNECT],
  ["CONNECT in chunks", `CONNECT a:1 HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n`, Faults.CONTENT_IN_CONNECT],
  ["unknown expectation", post("expect: 200-ok\r\ncontent-length: 1\r\n"), Faults.UNKNOWN_EXPECTATION],
  // Chunks
  ["no size", `${CHUNKED}\r\n`, Faults.BAD_CHUNK_SIZE],
  ["size with a letter", `${CHUNKED}g\r\n`, Faults.BAD_CHUNK_SIZE],
  ["size with 0x", `${CHUNKED}0x5\r\nhello\r\n`, Faults.BAD_CHUNK_SIZE],
  ["negative size", `${CHUNKED}-1\r\n`, Faults.BAD_CHUNK_SIZE],
  ["size with a plus sign", `${CHUNKED}+5\r\nhello\r\n`, Faults.BAD_CHUNK_SIZE],
  ["space before the size", `${CHUNKED} 5\r\nhello\r\n`, Faults.BAD_CHUNK_SIZE],
  ["space after the size", `${CHUNKED}5 \r\nhello\r\n`, Faults.BAD_CHUNK_SIZE],
  ["size with an underscore", `${CHUNKED}1_0\r\n`, Faults.BAD_CHUNK_SIZE],
  ["size with LF", `${CHUNKED}5\nhello\r\n`, Faults.BAD_CHUNK_SIZE],
  ["size with CR and no LF", `${CHUNKED}5\rhello\r\n`, Faults.BAD_CHUNK_SIZE],
  ["size with NUL", `${CHUNKED}5\0\r\nhello\r\n`, Faults.BAD_CHUNK_SIZE],
  ["size of 17 digits", `${CHUNKED}00000000000000005\r\nhello\r\n`, Faults.BAD_CHUNK_SIZE],
  ["size of 2^53", `${CHUNKED}20000000000000\r\n`, Faults.CONTENT_TOO_LARGE],
  ["size of 2^64 - 1", `${CHUNKED}ffffffffffffffff\r\n`, Faults.CONTENT_TOO_LARGE],
  ["LF in an extension", `${CHUNKED}5;a\nhello\r\n`, Faults.BAD_CHUNK_EXTENSION],
  ["NUL in an extension", `${CHUNKED}5;\0\r\nhello\r\n`, Faults.BAD_CHUNK_EXTENSION],
  ["CR in an extension", `${CHUNKED}5;a\rb\r\nhello\r\n`, Faults.BAD_CHUNK_SIZE],
  ["chunk longer than its size", `${CHUNKED}4\r\nhello\r\n`, Faults.BAD_CHUNK_END],
  ["chunk that ends with LF", `${CHUNKED}5\r\nhello\n`, Faults.BAD_CHUNK_END],
  ["chunk that ends with CR", `${CHUNKED}5\r\nhello\r0\r\n`, Faults.BAD_CHUNK_END],
  // Trailers
  ["LF after the last chunk", `${CHUNKED}0\r\n\n`, Faults.BARE_LF],
  ["LF after a trailer", `${CHUNKED}0\r\nx: y\n\r\n`, Faults.BARE_LF],
  ["obs-fold in trailers", `${CHUNKED}0\r\nx: y\r\n z\r\n\r\n`, Faults.OBS_FOLD],
  ["length in trailers", `${CHUNKED}0\r\ncontent-length: 5\r\n\r\n`, Faults.FORBIDDEN_TRAILER],
  ["encoding in trailers", `${CHUNKED}0\r\ntransfer-encoding: chunked\r\n\r\n`, Faults.FORBIDDEN_TRAILER],
  ["host in trailers", `${CHUNKED}0\r\nhost: b\r\n\r\n`, Faults.FORBIDDEN_TRAILER],
  ["request instead of trailers", `${CHUNKED}0\r\nGET /smuggled HTTP/1.1\r\n${HOST}\r\n`, Faults.BAD_FIELD_NAME],
];

function assertRefused(peer: Peer, fault: Fault, what: string): void {
  assert.equal(
    peer.output,
    fault.status === 0
      ? ""
      : `HTTP/1.1 ${fault.status} ${PHRASES[fault.status]}\r\ncontent-type: text/plain; charset=utf-8\r\n` +
        `content-length: ${fault.reason.length + 1}\r\nconnection: close\r\n\r\n${fault.reason}\n`,
    what,
  );
  assert.equal(peer.log.at(-1), `close ${fault.reason} (local${fault.status === 0 ? "" : `, ${fault.status}`})`, what);
  assert(!peer.log.some((entry) => entry.includes("smuggled")), what);
  assert(peer.connection.isClosed && !peer.connection.wantsInput, what);
  assert.equal(peer.connection.pollTimeout(), undefined, what);
}

const PHRASES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  413: "Content Too Large",
  414: "URI Too Long",
  417: "Expectation Failed",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  505: "HTTP Version Not Supported",
};

Deno.test("what requests are smuggled with is refused", () => {
  for (const [what, input, fault] of CASES) {
    for (const size of [Infinity, 1, 2, 5]) {
      const peer = new Peer({ onEnd: answerText("ok") });
      peer.send(input + SMUGGLED, size);
      assertRefused(peer, fault, `${what}, ${size} at a time`);
    }
  }
});

Deno.test("a fault after an answer is told to nobody who has the answer", () => {
  for (const size of [Infinity, 1]) {
    const peer = new Peer({ onEnd: answerText("ok") });
    peer.send(`${get("")}${get("x y\r\n")}`, size);
    assert.match(peer.output, /^HTTP\/1.1 200 OK\r\n.*\r\n\r\nokHTTP\/1.1 400 Bad Request\r\n/s);
    const begun = new Peer({
      onRequest: (exchange) => {
        exchange.respond([{ name: ":status", value: "200" }]);
        exchange.write(new Uint8Array([97]));
      },
    });
    begun.send(CHUNKED);
    begun.send("x", size);
    assert.equal(begun.output, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0001\r\na\r\n");
    assert.deepEqual(begun.log, [
      "POST /",
      "reset Chunk size is malformed (local)",
      "close Chunk size is malformed (local)",
    ]);
  }
});

Deno.test("an answer to HEAD has no body, also of a fault", () => {
  const peer = new Peer();
  peer.send(`HEAD / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\nx`);
  assert.match(peer.output, /^HTTP\/1.1 400 Bad Request\r\n.*\r\n\r\n$/s);
});

Deno.test("every fault is in the documents", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/http1.md", import.meta.url));
  for (const { status, reason } of Object.values(Faults)) {
    assert(new RegExp(`^\\| ${status === 0 ? "none" : status} +\\| ${reason} `, "m").test(text), reason);
  }
});

Deno.test("every fault with a status of a request is among the cases", () => {
  const seen = new Set(CASES.map(([, , fault]) => fault.reason));
  const elsewhere = [
    "REQUEST_LINE_TOO_LONG",
    "HEAD_TOO_LARGE",
    "TOO_MANY_FIELDS",
    "CHUNK_EXTENSIONS_TOO_LONG",
    "HEAD_TIMEOUT",
    "BODY_TIMEOUT",
    "TOO_MUCH_DISCARDED",
  ];
  for (const [name, { reason }] of Object.entries(Faults)) {
    assert.equal(seen.has(reason), !elsewhere.includes(name), name);
  }
  assert(CASES.length >= 120, `${CASES.length}`);
});
