import assert from "node:assert/strict";
import type { HeaderField } from "../../src/http/mod.ts";
import {
  checkOutgoingHead,
  checkOutgoingTrailers,
  checkRequestHead,
  checkResponseHead,
  checkTrailers,
} from "../../src/http2/message_rules.ts";

type Pair = readonly [name: string, value: string];

const fieldsOf = (pairs: readonly Pair[]): HeaderField[] => pairs.map(([name, value]) => ({ name, value }));

const POST: readonly Pair[] = [[":method", "POST"], [":scheme", "http"], [":path", "/a.B/C"], [":authority", "host:1"]];

/** POST with some pseudo-header fields replaced, or left out. */
function target(changes: Record<string, string | undefined>): HeaderField[] {
  const pairs = POST.map(([name, value]) => [name, name in changes ? changes[name] : value] as const);
  return fieldsOf(pairs.filter((pair): pair is Pair => pair[1] !== undefined));
}

const withFields = (...pairs: Pair[]) => checkRequestHead(fieldsOf([...POST, ...pairs]));

/** The same name and value as a field of a request, of a response and of trailers, which shall agree. */
function checkEverywhere(name: string, value: string): string | undefined {
  const request = withFields([name, value]);
  const response = checkResponseHead(fieldsOf([[":status", "200"], [name, value]]));
  const trailers = checkTrailers(fieldsOf([["x", "y"], [name, value]]));
  const problems = [request, response].map((result) => typeof result === "string" ? result : undefined);
  assert.deepEqual(problems, [trailers, trailers], `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  return trailers;
}

Deno.test("a request is its pseudo-header fields, and the rest as it came", () => {
  const rest = fieldsOf([["cookie", "a=1"], ["te", "trailers"], ["cookie", "b=2"], ["content-length", "12"], [
    "x",
    "",
  ]]);
  assert.deepEqual(checkRequestHead([...fieldsOf(POST), ...rest]), {
    method: "POST",
    scheme: "http",
    authority: "host:1",
    path: "/a.B/C",
    fields: rest,
    contentLength: 12,
    memo: undefined,
  });
  assert.deepEqual(checkRequestHead(fieldsOf([[":path", "/"], [":method", "GET"], [":scheme", "https"]])), {
    method: "GET",
    scheme: "https",
    authority: "",
    path: "/",
    fields: [],
    contentLength: undefined,
    memo: undefined,
  });
});

Deno.test("pseudo-header fields of a request: required, once, known and first", () => {
  assert.equal(checkRequestHead([]), "No valid :method");
  assert.equal(checkRequestHead(target({ ":method": undefined })), "No valid :method");
  assert.equal(checkRequestHead(target({ ":scheme": undefined })), "No valid :scheme");
  assert.equal(checkRequestHead(target({ ":path": undefined })), "No valid :path");
  assert.equal(typeof checkRequestHead(target({ ":authority": undefined })), "object");
  const unknown = "Pseudo-header field that is unknown, or there twice";
  for (const pair of POST) {
    assert.equal(withFields(pair), unknown);
  }
  for (const name of [":status", ":protocol", ":", ":Method", ":method "]) {
    assert.equal(withFields([name, "x"]), unknown);
  }
  assert.equal(withFields(["x", "y"], [":path", "/"]), "Pseudo-header field after another field");
  assert.equal(withFields(["x", "y"], [":unknown", "/"]), "Pseudo-header field after another field");
  const late = [...fieldsOf([["x", "y"]]), ...fieldsOf(POST)];
  assert.equal(checkRequestHead(late), "Pseudo-header field after another field");
});

Deno.test("values of pseudo-header fields of a request", () => {
  const cases: [name: string, good: string[], bad: string[]][] = [
    [":method", ["GET", "get", "M-SEARCH", "X!#$%&'*+.^_`|~0"], [
      "",
      "GET ",
      " GET",
      "G T",
      "G\tT",
      "G/T",
      "GÉT",
      "G\0",
    ]],
    [":scheme", ["http", "https", "HTTP", "a+b-c.1"], ["", "1a", "ht tp", "http:", "http\n", "é"]],
    [":authority", ["h", "h:80", "[::1]:80", "%2Ftmp%2Fsocket"], [
      "",
      "u@h",
      "h/p",
      "h?q",
      "h#f",
      "h\\",
      "h h",
      "h\0",
      "é",
    ]],
    [
      ":path",
      ["/", "//", "/a/b?c=d&e=%20", "/?", "/\\"],
      ["", "a", "*", "http://h/", "?", "/ ", "/a b", "/a#b", "/\t", "/\0", "/\x7f", "/\r\n", "/é"],
    ],
  ];
  for (const [name, good, bad] of cases) {
    for (const value of good) {
      assert.equal(typeof checkRequestHead(target({ [name]: value })), "object", `${name}: ${JSON.stringify(value)}`);
    }
    for (const value of bad) {
      assert.equal(checkRequestHead(target({ [name]: value })), `No valid ${name}`, JSON.stringify(value));
    }
  }
  assert.equal(typeof checkRequestHead(target({ ":method": "OPTIONS", ":path": "*" })), "object");
  assert.equal(checkRequestHead(target({ ":method": "OPTIONS", ":path": "*x" })), "No valid :path");
});

Deno.test("CONNECT has an authority with a port and nothing else", () => {
  const connect = (...pairs: Pair[]) => checkRequestHead(fieldsOf([[":method", "CONNECT"], ...pairs]));
  assert.deepEqual(connect([":authority", "host:443"], ["x", "y"]), {
    method: "CONNECT",
    scheme: "",
    authority: "host:443",
    path: "",
    fields: fieldsOf([["x", "y"]]),
    contentLength: undefined,
    memo: undefined,
  });
  const problem = "CONNECT has :authority with a port, and neither :scheme nor :path";
  for (
    const pairs of [
      [],
      [[":authority", "host"]],
      [[":authority", "host:"]],
      [[":authority", ":443"]],
      [[":authority", "host:443"], [":path", "/"]],
      [[":authority", "host:443"], [":scheme", "http"]],
      [["host", "host:443"]],
    ] as Pair[][]
  ) {
    assert.equal(connect(...pairs), problem);
  }
});

Deno.test("host stands in for :authority, or agrees with it", () => {
  const check = (scheme: string, authority: string | undefined, host: string) =>
    checkRequestHead([...target({ ":scheme": scheme, ":authority": authority }), { name: "host", value: host }]);
  const authorityOf = (result: ReturnType<typeof check>) => typeof result === "string" ? result : result.authority;
  assert.equal(authorityOf(check("http", undefined, "Other:8")), "Other:8");
  assert.equal(authorityOf(check("http", "host:1", "host:1")), "host:1");
  assert.equal(authorityOf(check("http", "Host:80", "hOST")), "Host:80");
  assert.equal(authorityOf(check("https", "host", "host:443")), "host");
  for (const [authority, host] of [["a", "b"], ["a:1", "a"], ["a:443", "a"], ["a", ""]] as const) {
    assert.equal(check("http", authority, host), "Fields host and :authority differ");
  }
  assert.equal(check("http", undefined, "u@h"), "No valid host");
  assert.equal(withFields(["host", "host:1"], ["host", "host:1"]), "Two fields host");
});

Deno.test("every character in a field name", () => {
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code);
    const isAllowed = /[!#$%&'*+.^_`|~0-9a-z-]/.test(character);
    const problem = isAllowed ? undefined : "Field name is empty or has a character that is not allowed";
    assert.equal(checkEverywhere(`x${character}y`, "v"), problem, `U+${code.toString(16)}`);
  }
  assert.equal(checkEverywhere("", "v"), "Field name is empty or has a character that is not allowed");
  assert.equal(checkEverywhere("xĀ", "v"), "Field name is empty or has a character that is not allowed");
  assert.equal(checkEverywhere("__proto__", "v"), undefined);
});

Deno.test("every character in a field value, inside, first and last", () => {
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code);
    const forbidden = [0, 10, 13].includes(code) ? "Field value has a character that is not allowed" : undefined;
    const atEnds = [9, 32].includes(code) ? "Field value begins or ends with whitespace" : forbidden;
    assert.equal(checkEverywhere("x", `v${character}v`), forbidden, `U+${code.toString(16)}`);
    assert.equal(checkEverywhere("x", `${character}v`), atEnds);
    assert.equal(checkEverywhere("x", `v${character}`), atEnds);
    assert.equal(checkEverywhere("x", character), atEnds);
  }
  assert.equal(checkEverywhere("x", ""), undefined);
});

Deno.test("connection-specific fields", () => {
  for (const name of ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]) {
    assert.equal(checkEverywhere(name, "x"), `Connection-specific field ${name}`);
    assert.equal(checkEverywhere(`${name}s`, "x"), undefined);
  }
  assert.equal(checkEverywhere("te", "trailers"), undefined);
  for (const value of ["", "gzip", "trailers, gzip", "trailers;q=1"]) {
    assert.equal(checkEverywhere("te", value), "Field te is not trailers");
  }
});

Deno.test("content-length is one number, however often", () => {
  const lengthOf = (...values: string[]) => {
    const pairs = values.map((value): Pair => ["content-length", value]);
    const request = withFields(...pairs);
    const response = checkResponseHead(fieldsOf([[":status", "200"], ...pairs]));
    const [left, right] = [request, response].map((head) => typeof head === "string" ? head : head.contentLength);
    assert.equal(left, right);
    return left;
  };
  assert.equal(lengthOf("0"), 0);
  assert.equal(lengthOf("007"), 7);
  assert.equal(lengthOf("9007199254740991"), Number.MAX_SAFE_INTEGER);
  assert.equal(lengthOf("5", "5"), 5);
  const problem = "Field content-length is no number, or two that differ";
  for (const value of ["", "-1", "+1", "1.0", "1e3", "0x1", "5, 5", "1 1", "١", "9007199254740992", "9".repeat(400)]) {
    assert.equal(lengthOf(value), value === "١" ? "Field value has a character that is not allowed" : problem, value);
  }
  assert.equal(lengthOf("5", "6"), problem);
  assert.equal(lengthOf("x", "5"), problem);
});

Deno.test("a response is its status, and the rest as it came", () => {
  const rest = fieldsOf([["content-type", "application/grpc"], ["content-length", "3"]]);
  assert.deepEqual(checkResponseHead([...fieldsOf([[":status", "200"]]), ...rest]), {
    status: 200,
    fields: rest,
    contentLength: 3,
  });
  for (const status of ["100", "103", "204", "599", "999"]) {
    const head = checkResponseHead(fieldsOf([[":status", status]]));
    assert.equal(typeof head === "object" && head.status, Number(status));
  }
  for (const status of ["", "0", "099", "20", "2000", "2x0", "-20", " 200", "200 "]) {
    assert.equal(checkResponseHead(fieldsOf([[":status", status]])), "No valid :status");
  }
  assert.equal(checkResponseHead([]), "No valid :status");
  assert.equal(checkResponseHead(fieldsOf([["x", "y"], [":status", "200"]])), "No valid :status");
  assert.equal(checkResponseHead(fieldsOf([[":status", "101"]])), "Status 101");
  const twice = fieldsOf([[":status", "200"], [":status", "200"]]);
  assert.equal(checkResponseHead(twice), "Pseudo-header field that is unknown, or there twice");
  const late = fieldsOf([[":status", "200"], ["x", "y"], [":status", "200"]]);
  assert.equal(checkResponseHead(late), "Pseudo-header field after another field");
});

Deno.test("trailers have no pseudo-header fields", () => {
  assert.equal(checkTrailers([]), undefined);
  assert.equal(checkTrailers(fieldsOf([["grpc-status", "0"], ["grpc-message", ""]])), undefined);
  assert.equal(checkTrailers(fieldsOf([["grpc-status", "0"], [":status", "200"]])), "Pseudo-header field in trailers");
});

Deno.test("our own fields are checked, and the message names the one that is wrong", () => {
  checkOutgoingTrailers([]);
  checkOutgoingTrailers(
    fieldsOf([["content-type", "application/grpc"], ["te", "trailers"], ["x", "\xff\x7f\t!"], ["y", ""]]),
  );
  const cases: [name: string, value: string, problem: string][] = [
    [":status", "200", "pseudo-header fields come first, and in heads only"],
    ["X-Name", "v", "names are lower case"],
    ["x\u0130", "v", "names are lower case"],
    ["", "v", "the name is empty or has a character that is not allowed"],
    ["x y", "v", "the name is empty or has a character that is not allowed"],
    ["xé", "v", "the name is empty or has a character that is not allowed"],
    ["x", "a\r\nb: c", "the value has NUL, CR, LF or a character above U+00FF"],
    ["x", "a\0", "the value has NUL, CR, LF or a character above U+00FF"],
    ["x", "\u0100", "the value has NUL, CR, LF or a character above U+00FF"],
    ["x", "a\u010a", "the value has NUL, CR, LF or a character above U+00FF"],
    ["x", " a", "the value begins or ends with whitespace"],
    ["x", "a\t", "the value begins or ends with whitespace"],
    ["connection", "close", "it is about a connection, which HTTP/2 does not allow"],
    ["te", "gzip", "it is about a connection, which HTTP/2 does not allow"],
  ];
  for (const [name, value, problem] of cases) {
    const message = `Cannot send the field ${JSON.stringify(name)}: ${problem}`;
    assert.throws(() => checkOutgoingTrailers(fieldsOf([["good", "field"], [name, value]])), {
      name: "TypeError",
      message,
    });
  }
});

Deno.test("message rules: a head of our own is what a peer would accept", () => {
  checkOutgoingHead(fieldsOf(POST), "client");
  checkOutgoingHead(fieldsOf([...POST, ["te", "trailers"]]), "client");
  checkOutgoingHead(fieldsOf([[":status", "200"], ["content-type", "a/b"]]), "server");
  checkOutgoingHead(fieldsOf([[":status", "103"]]), "server");
  const cases: [pairs: readonly Pair[], role: "client" | "server", message: RegExp][] = [
    [[[":status", "99"]], "server", /No valid :status/],
    [[["a", "b"]], "server", /No valid :status/],
    [POST, "server", /No valid :status/],
    [[[":status", "200"]], "client", /malformed/],
    [POST.slice(1), "client", /malformed/],
    [[...POST, ["X", "y"]], "client", /field "X": names are lower case/],
    [[["a", "b"], ...POST], "client", /field ":method": pseudo-header fields come first/],
  ];
  for (const [pairs, role, message] of cases) {
    assert.throws(() => checkOutgoingHead(fieldsOf(pairs), role), { name: "TypeError", message });
  }
});
