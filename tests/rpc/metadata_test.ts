/** Metadata between fields of HTTP and `Headers`. */
import { ConnectError, decodeBinaryHeader, encodeBinaryHeader } from "@connectrpc/connect";
import assert from "node:assert/strict";
import type { HeaderField } from "../../src/http/mod.ts";
import { appendFields, splitTrailers, toHeaders } from "../../src/rpc/metadata.ts";

function fieldsOf(...pairs: readonly (readonly [string, string])[]): HeaderField[] {
  return pairs.map(([name, value]) => ({ name, value }));
}

Deno.test("fields become headers, without pseudo-header fields", () => {
  const headers = toHeaders(fieldsOf(
    [":status", "200"],
    ["x-one", "1"],
    ["x-two", "b"],
    ["x-two", "a"],
    ["x-two", "c, d"],
    ["x-empty", ""],
    ["x-latin", "\u00e9\u00ff"],
  ));
  assert.deepEqual([...headers], [["x-empty", ""], ["x-latin", "\u00e9\u00ff"], ["x-one", "1"], [
    "x-two",
    "b, a, c, d",
  ]]);
});

Deno.test("cookies that came one by one are one list of cookies", () => {
  assert.equal(
    toHeaders(fieldsOf(["cookie", "a=1"], ["cookie", "b=2"], ["cookie", "c=3"])).get("cookie"),
    "a=1; b=2; c=3",
  );
});

Deno.test("cookies that are set stay apart", () => {
  assert.deepEqual(toHeaders(fieldsOf(["set-cookie", "a=1"], ["set-cookie", "b=2"])).getSetCookie(), ["a=1", "b=2"]);
  const fields: HeaderField[] = [];
  appendFields(fields, toHeaders(fieldsOf(["set-cookie", "a=1"], ["set-cookie", "b=2"])));
  assert.deepEqual(fields, fieldsOf(["set-cookie", "a=1"], ["set-cookie", "b=2"]));
});

Deno.test("attack 31: names that objects have are names as others", () => {
  const headers = toHeaders(fieldsOf(["__proto__", "1"], ["constructor", "2"]));
  assert.deepEqual([headers.get("__proto__"), headers.get("constructor")], ["1", "2"]);
});

Deno.test("attack 26: a binary value that is damaged is found by who decodes it, and fails nothing else", () => {
  const headers = toHeaders(fieldsOf(["x-bin", "!?"], ["y-bin", encodeBinaryHeader(new Uint8Array([0, 255]))]));
  assert.throws(() => decodeBinaryHeader(headers.get("x-bin")!), ConnectError);
  assert.deepEqual(decodeBinaryHeader(headers.get("y-bin")!), new Uint8Array([0, 255]));
});

Deno.test("trailers of Connect's unary calls are taken apart", () => {
  const { header, trailer } = splitTrailers(fieldsOf(
    [":status", "200"],
    ["x-one", "1"],
    ["trailer-x-two", "2"],
    ["trailer-x-two", "3"],
    ["trailer", "x-two"],
    ["trailer-", "nameless"],
    ["trailers", "4"],
  ));
  assert.deepEqual([...header], [["trailer", "x-two"], ["trailer-", "nameless"], ["trailers", "4"], ["x-one", "1"]]);
  assert.deepEqual([...trailer], [["x-two", "2, 3"]]);
});

Deno.test("metadata is appended to fields, with a prefix if there is one", () => {
  const fields = fieldsOf([":status", "200"]);
  const headers = new Headers([["X-Two", "a"], ["x-two", "b"], ["x-one", "1"]]);
  appendFields(fields, headers);
  appendFields(fields, headers, "trailer-");
  assert.deepEqual(
    fields,
    fieldsOf([":status", "200"], ["x-one", "1"], ["x-two", "a, b"], ["trailer-x-one", "1"], ["trailer-x-two", "a, b"]),
  );
});

Deno.test("what belongs to HTTP or the protocols is not the user's to send", () => {
  const names = [
    ...["accept-encoding", "content-encoding", "content-length", "content-type", "host", "te", "trailer"],
    ...["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"],
    ...["connect-accept-encoding", "connect-content-encoding", "connect-protocol-version", "connect-timeout-ms"],
    ...["grpc-accept-encoding", "grpc-encoding", "grpc-message", "grpc-message-type", "grpc-status", "grpc-timeout"],
    "grpc-status-details-bin",
  ];
  for (const prefix of ["", "trailer-"]) {
    const fields: HeaderField[] = [];
    appendFields(fields, new Headers([...names.map((name): [string, string] => [name, "1"]), ["x-kept", "2"]]), prefix);
    assert.deepEqual(fields, fieldsOf([`${prefix}x-kept`, "2"]));
  }
});

Deno.test("what tracing, authentication and caches use is the user's to send", () => {
  const names = [
    "authorization",
    "cache-control",
    "date",
    "etag",
    "grpc-trace-bin",
    "traceparent",
    "user-agent",
    "vary",
  ];
  const fields: HeaderField[] = [];
  appendFields(fields, new Headers(names.map((name): [string, string] => [name, "1"])));
  assert.deepEqual(fields.map(({ name }) => name), names);
});
