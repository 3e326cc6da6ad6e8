/** Connect's errors and end-stream messages as JSON, both ways. The cases of what is wrong are those of connectconformance, and more. */
import { create, createRegistry, toBinary } from "@bufbuild/protobuf";
import {
  anyPack,
  AnySchema,
  DurationSchema,
  FileDescriptorProtoSchema,
  StringValueSchema,
} from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { endStreamJson, errorFromJson, errorToJson, parseEndStream, parseErrorJson } from "../../src/rpc/error_json.ts";

/** From the HTTP status 401 that a response had. */
const FALLBACK = new ConnectError("HTTP 401", Code.Unauthenticated, { "x-metadata": "1" });

function assertError(error: ConnectError | undefined, code: Code, message: string): ConnectError {
  assert.ok(error instanceof ConnectError);
  assert.equal(Code[error.code], Code[code]);
  assert.equal(error.rawMessage, message);
  assert.equal(error.isWireError, true);
  return error;
}

function parse(text: string): ReturnType<typeof parseEndStream> {
  return parseEndStream(new TextEncoder().encode(text));
}

function stringDetail(value: string) {
  return { desc: StringValueSchema, value: create(StringValueSchema, { value }) };
}

Deno.test("an error as JSON", () => {
  assert.deepEqual(errorToJson(new ConnectError("", Code.NotFound)), { code: "not_found" });
  assert.deepEqual(errorToJson(new ConnectError("no ☺\n", Code.NotFound, { a: "b" })), {
    code: "not_found",
    message: "no ☺\n",
  });
  const noCode: number = 99;
  assert.deepEqual(errorToJson(new ConnectError("x", noCode)), { code: "unknown", message: "x" });
});

Deno.test("details as JSON, shown to people", () => {
  const error = new ConnectError("x", Code.Aborted, undefined, [
    stringDetail("ab"),
    { desc: DurationSchema, value: { seconds: 2n } },
  ]);
  assert.deepEqual(errorToJson(error), {
    code: "aborted",
    message: "x",
    details: [
      { type: "google.protobuf.StringValue", value: "CgJhYg", debug: "ab" },
      { type: "google.protobuf.Duration", value: "CAI", debug: "2s" },
    ],
  });
});

Deno.test("what is shown of details is left out when it cannot be had", () => {
  const value = toBinary(StringValueSchema, create(StringValueSchema, { value: "ab" }));
  const error = new ConnectError("", Code.Aborted);
  // What was received of `debug` is not passed on.
  error.details = [{ type: "google.protobuf.StringValue", value, debug: "garbage" }];
  const bare = { code: "aborted", details: [{ type: "google.protobuf.StringValue", value: "CgJhYg" }] };
  assert.deepEqual(errorToJson(error), bare);
  assert.deepEqual(errorToJson(error, { registry: createRegistry(DurationSchema) }), bare);
  assert.deepEqual(errorToJson(error, { registry: createRegistry(StringValueSchema) }), {
    code: "aborted",
    details: [{ type: "google.protobuf.StringValue", value: "CgJhYg", debug: "ab" }],
  });

  const registry = createRegistry(StringValueSchema);
  error.details = [{ type: "google.protobuf.StringValue", value: new Uint8Array([0xff]) }];
  assert.deepEqual(errorToJson(error, { registry }), {
    code: "aborted",
    details: [{ type: "google.protobuf.StringValue", value: "/w" }],
  });

  // JSON of an Any needs its type.
  const any = anyPack(StringValueSchema, create(StringValueSchema, { value: "ab" }));
  const [detail] = errorToJson(
    new ConnectError("", Code.Aborted, undefined, [{ desc: AnySchema, value: any }]),
  )["details"] as object[];
  assert.deepEqual(Object.keys(detail!), ["type", "value"]);
});

Deno.test("a detail that cannot be encoded is left out", () => {
  const details = [{ desc: DurationSchema, value: { nanos: 1.5 } }, stringDetail("ab")];
  const json = errorToJson(new ConnectError("", Code.Aborted, undefined, details));
  assert.deepEqual(json["details"], [{ type: "google.protobuf.StringValue", value: "CgJhYg", debug: "ab" }]);
});

Deno.test("an error comes back", () => {
  for (let code = 1; code <= 16; code++) {
    const json = errorToJson(new ConnectError("a ☺", code, undefined, [stringDetail("ab")]));
    const error = assertError(errorFromJson(JSON.parse(JSON.stringify(json)), FALLBACK), code, "a ☺");
    assert.deepEqual(error.findDetails(StringValueSchema).map(({ value }) => value), ["ab"]);
    assert.equal(error.metadata.get("x-metadata"), "1");
  }
});

Deno.test("what is no error at all is the fallback", () => {
  for (
    const json of [null, undefined, 1, "unauthenticated", true, [], ["code"], {}, { error: "x" }, { code: "foobar" }, {
      message: 5,
    }]
  ) {
    assert.equal(errorFromJson(json, FALLBACK), FALLBACK, JSON.stringify(json));
  }
});

Deno.test("without a code that is known the fallback's counts", () => {
  for (const code of [null, undefined, "foobar", "", 5, {}, ["not_found"], "constructor", "Not_Found"]) {
    assertError(errorFromJson({ code, message: "oops" }, FALLBACK), Code.Unauthenticated, "oops");
  }
});

Deno.test("a message that is none is empty", () => {
  for (const message of [undefined, null, 5, {}, ["oops"], ""]) {
    assertError(errorFromJson({ code: "not_found", message }, FALLBACK), Code.NotFound, "");
  }
});

Deno.test("unknown fields and `debug` are passed over", () => {
  const json = {
    code: "out_of_range",
    message: "oops",
    foobar: "baz",
    details: [{
      type: "google.protobuf.FileDescriptorProto",
      value: "Cgp0ZXN0LnByb3Rv",
      frob: "nitz",
      debug: { name: "other.proto", foobar: true },
    }],
  };
  const error = assertError(errorFromJson(json, FALLBACK), Code.OutOfRange, "oops");
  assert.deepEqual(error.findDetails(FileDescriptorProtoSchema).map(({ name }) => name), ["test.proto"]);
});

Deno.test("damaged details hide nothing of the error", () => {
  const good = { type: "google.protobuf.StringValue", value: "CgJhYg" };
  for (
    const bad of [null, 5, "x", [], {}, { type: 1, value: "" }, { type: "a" }, { type: "a", value: 1 }, {
      type: "a",
      value: "!?",
    }]
  ) {
    const error = assertError(
      errorFromJson({ code: "aborted", message: "x", details: [bad, good] }, FALLBACK),
      Code.Aborted,
      "x",
    );
    assert.equal(error.details.length, 1, JSON.stringify(bad));
  }
  for (const details of [null, 5, "x", {}]) {
    assert.deepEqual(assertError(errorFromJson({ code: "aborted", details }, FALLBACK), Code.Aborted, "").details, []);
  }
});

Deno.test("values of details are read with and without padding", () => {
  for (const value of ["CgJhYg==", "CgJhYg"]) {
    const error = errorFromJson(
      { code: "aborted", details: [{ type: "google.protobuf.StringValue", value }] },
      FALLBACK,
    );
    assert.equal(error.findDetails(StringValueSchema)[0]?.value, "ab");
  }
});

Deno.test("the end of a stream that went well", () => {
  assert.equal(endStreamJson(undefined, undefined), "{}");
  assert.equal(endStreamJson(undefined, new Headers()), "{}");
  const trailer = new Headers([["X-One", "1"], ["x-two", "a"], ["x-two", "b"], ["content-type", "left/out"]]);
  const text = endStreamJson(undefined, trailer);
  assert.deepEqual(JSON.parse(text), { metadata: { "x-one": ["1"], "x-two": ["a, b"] } });
  const end = parse(text);
  assert.equal(end.error, undefined);
  assert.deepEqual([...end.trailer], [["x-one", "1"], ["x-two", "a, b"]]);
});

Deno.test("the end of a stream that failed has the error's metadata too", () => {
  const error = new ConnectError("x", Code.Aborted, { "x-one": "2", "x-error": "3" });
  const text = endStreamJson(error, new Headers({ "x-one": "1" }));
  assert.deepEqual(JSON.parse(text), {
    error: { code: "aborted", message: "x" },
    metadata: { "x-one": ["1", "2"], "x-error": ["3"] },
  });
  const end = parse(text);
  assertError(end.error, Code.Aborted, "x");
  assert.equal(end.error?.metadata.get("x-one"), "1, 2");
  assert.equal(end.trailer.get("x-error"), "3");
});

Deno.test("metadata of an error that was received is not passed on", () => {
  const error = errorFromJson({ code: "aborted" }, FALLBACK);
  assert.equal(endStreamJson(error, undefined), '{"error":{"code":"aborted"}}');
});

Deno.test("the end of a stream, as others send it", () => {
  for (const text of ["{}", ' {"error": null} ', '{"error":null,"metadata":null}', '{"metadata":{}}', '{"later":1}']) {
    assert.equal(parse(text).error, undefined, text);
  }
  assert.equal(parse('{"metadata":{"X-A":["1","2"],"x-b":[]}}').trailer.get("x-a"), "1, 2");
  assertError(parse('{"error":{"code":null,"message":"oops"}}').error, Code.Unknown, "oops");
  assertError(parse('{"error":{"message":"oops"}}').error, Code.Unknown, "oops");
  assertError(parse('{"error":{"code":"foobar","message":"oops"}}').error, Code.Unknown, "oops");
  assertError(parse('{"error":{"code":"unauthenticated"}}').error, Code.Unauthenticated, "");
  for (const text of ['{"error":{}}', '{"error":"oops"}', '{"error":[]}', '{"error":1}', '{"error":false}']) {
    assertError(parse(text).error, Code.Unknown, "");
  }
});

Deno.test("an end-stream message that cannot be read is an internal error", () => {
  const texts = [
    "",
    "null",
    "[]",
    "1",
    '"x"',
    "{",
    "{} {}",
    '{"metadata":[]}',
    '{"metadata":"x"}',
    '{"metadata":{"a":"b"}}',
  ];
  for (
    const text of [...texts, '{"metadata":{"a":[1]}}', '{"metadata":{"a b":["c"]}}', '{"metadata":{"a":["b\\r\\nc"]}}']
  ) {
    const { error } = parse(text);
    assert.equal(error?.code, Code.Internal, text);
    assert.equal(error?.rawMessage, "end-stream message is not valid");
  }
});

Deno.test("damaged metadata does not hide the error", () => {
  assertError(parse('{"error":{"code":"aborted","message":"x"},"metadata":{"a":5}}').error, Code.Aborted, "x");
});

Deno.test("attack 23: depth, and names that objects have", () => {
  const depth = 1_000_000;
  assert.equal(parse("[".repeat(depth)).error?.code, Code.Internal);
  assert.equal(parse(`{"metadata":{"a":${"[".repeat(depth)}${"]".repeat(depth)}}}`).error?.code, Code.Internal);
  const nested = (depth: number) => `${'{"error":'.repeat(depth)}null${"}".repeat(depth)}`;
  assertError(parse(nested(200)).error, Code.Unknown, "");
  assert.equal(parse(nested(201)).error?.code, Code.Internal);

  const { error, trailer } = parse(
    '{"metadata":{"__proto__":["1"],"constructor":["2"]},"__proto__":{"error":{"code":"aborted"}}}',
  );
  assert.equal(error, undefined);
  assert.deepEqual([...trailer], [["__proto__", "1"], ["constructor", "2"]]);
  assert.equal(
    endStreamJson(undefined, new Headers([["__proto__", "1"], ["constructor", "2"]])),
    '{"metadata":{"__proto__":["1"],"constructor":["2"]}}',
  );
});

Deno.test("JSON of an error that is nested too deep, or has too many values, is none", () => {
  const parseError = (text: string) => parseErrorJson(new TextEncoder().encode(text));
  const nested = (depth: number) => `{"code":"aborted","x":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
  const values = (count: number) => `{"code":"aborted","x":[${new Array(count).fill("0").join()}]}`;
  for (const text of [nested(200), values(170_000)]) {
    assertError(errorFromJson(parseError(text), FALLBACK), Code.Aborted, "");
  }
  for (const text of [nested(201), values(180_000), `{"code":"aborted","x":${"[".repeat(4_000_000)}`, "{"]) {
    assert.equal(parseError(text), undefined);
    assert.equal(errorFromJson(parseError(text), FALLBACK), FALLBACK);
    assertEnd(parse(`{"error":${text}}`).error);
  }
});

Deno.test("an error has 1,024 details at most, and an end of stream 128 values of metadata", () => {
  const details = (count: number) => Array.from({ length: count }, () => ({ type: "a.B", value: "" }));
  for (const [count, kept] of [[1024, 1024], [1025, 1024], [10_000, 1024]] as const) {
    assert.equal(errorFromJson({ code: "aborted", details: details(count) }, FALLBACK).details.length, kept);
  }
  const metadata = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, ["a"]]));
  const end = (json: unknown) => parse(JSON.stringify(json));
  assert.equal([...end({ metadata: metadata(128) }).trailer].length, 128);
  assert.equal(end({ metadata: metadata(128) }).error, undefined);
  for (const many of [metadata(129), { a: new Array(129).fill("a") }, metadata(30_000)]) {
    assertEnd(end({ metadata: many }).error);
  }
});

function assertEnd(error: ConnectError | undefined): void {
  assert.equal(error?.code, Code.Internal);
  assert.equal(error?.rawMessage, "end-stream message is not valid");
}
