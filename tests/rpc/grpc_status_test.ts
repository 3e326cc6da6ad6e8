/** The end of a gRPC call as trailer fields, both ways. */
import { create, toBinary } from "@bufbuild/protobuf";
import { DurationSchema, type StringValue, StringValueSchema } from "@bufbuild/protobuf/wkt";
import { base64Encode, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import type { HeaderField } from "../../src/http/mod.ts";
import { errorOfStatus, statusFields } from "../../src/rpc/grpc_status.ts";

function fieldsOf(entries: Readonly<Record<string, string>>): HeaderField[] {
  return Object.entries(entries).map(([name, value]) => ({ name, value }));
}

function readError(entries: Readonly<Record<string, string>>): ConnectError {
  const error = errorOfStatus(fieldsOf(entries));
  assert.ok(error instanceof ConnectError, `not an error: ${error}`);
  return error;
}

function assertError(entries: Readonly<Record<string, string>>, code: Code, message: string): ConnectError {
  const error = readError(entries);
  assert.equal(Code[error.code], Code[code]);
  assert.equal(error.rawMessage, message);
  assert.equal(error.isWireError, true);
  return error;
}

/** `google.rpc.Status { code: 9, message: "no ☺", details: [Any of StringValue "a"] }`, octet by octet. */
const STATUS = Uint8Array.from([
  ...[0x08, 9],
  ...[0x12, 6, ...new TextEncoder().encode("no ☺")],
  ...[0x1a, 54, 0x0a, 47, ...new TextEncoder().encode("type.googleapis.com/google.protobuf.StringValue")],
  ...[0x12, 3, 0x0a, 1, 0x61],
]);

function stringDetail(value: string): { desc: typeof StringValueSchema; value: StringValue } {
  return { desc: StringValueSchema, value: create(StringValueSchema, { value }) };
}

Deno.test("success is one list, frozen and the same each time", () => {
  const fields = statusFields(undefined);
  assert.deepEqual(fields, [{ name: "grpc-status", value: "0" }]);
  assert.ok(Object.isFrozen(fields));
  assert.equal(statusFields(undefined), fields);
  assert.equal(errorOfStatus(fields), undefined);
});

Deno.test("an error without a message or details is a status alone", () => {
  for (let code = 1; code <= 16; code++) {
    const fields = statusFields(new ConnectError("", code));
    assert.deepEqual(fields, [{ name: "grpc-status", value: String(code) }]);
    assertError({ "grpc-status": String(code) }, code, "");
  }
});

Deno.test("an error with a message and details", () => {
  const error = new ConnectError("no ☺", Code.FailedPrecondition, { "x-metadata": "1" }, [stringDetail("a")]);
  const fields = statusFields(error);
  assert.deepEqual(fields, [
    { name: "grpc-status", value: "9" },
    { name: "grpc-message", value: "no %E2%98%BA" },
    { name: "grpc-status-details-bin", value: STATUS.toBase64({ omitPadding: true }) },
  ]);
  const read = errorOfStatus(fields, { "x-metadata": "2" });
  assert.ok(read instanceof ConnectError);
  assert.equal(read.code, Code.FailedPrecondition);
  assert.equal(read.rawMessage, "no ☺");
  assert.deepEqual(read.findDetails(StringValueSchema).map(({ value }) => value), ["a"]);
  assert.equal(read.metadata.get("x-metadata"), "2");
});

Deno.test("details of an error that was received are passed on as they are", () => {
  const received = readError({ "grpc-status": "9", "grpc-status-details-bin": STATUS.toBase64() });
  assert.equal(statusFields(received)[2]!.value, STATUS.toBase64({ omitPadding: true }));
});

Deno.test("details are read with and without padding, in both alphabets", () => {
  // Octets whose base64 has all of +, / and =.
  const details = [stringDetail("??>>~~"), stringDetail("☺☺☺☺")];
  const [, , field] = statusFields(new ConnectError("?>?>", Code.Aborted, undefined, details));
  const octets = Uint8Array.fromBase64(field!.value);
  for (const alphabet of ["base64", "base64url"] as const) {
    for (const omitPadding of [true, false]) {
      const value = octets.toBase64({ alphabet, omitPadding });
      const error = assertError({ "grpc-status": "10", "grpc-status-details-bin": value }, Code.Aborted, "?>?>");
      assert.equal(error.findDetails(StringValueSchema).length, 2);
    }
  }
});

Deno.test("details go before grpc-status and grpc-message", () => {
  const value = STATUS.toBase64();
  const entries = { "grpc-status": "5", "grpc-message": "other", "grpc-status-details-bin": value };
  assertError(entries, Code.FailedPrecondition, "no ☺");
});

Deno.test("attack 26: damaged details hide nothing of the error", () => {
  const tooDeep = new BinaryWriter();
  for (let depth = 0; depth < 10_000; depth++) {
    tooDeep.tag(4, WireType.StartGroup);
  }
  const values = [
    "!?",
    "A",
    STATUS.slice(0, -1).toBase64(),
    `${STATUS.toBase64()},${STATUS.toBase64()}`,
    Uint8Array.of(0x12, 1, 0xff).toBase64(), // No UTF-8.
    Uint8Array.of(0x1a, 2, 0x0a, 9).toBase64(),
    Uint8Array.of(0x1a, 0xff, 0xff, 0xff, 0xff, 0x07).toBase64(),
    tooDeep.finish().toBase64(),
  ];
  for (const value of values) {
    const entries = { "grpc-status": "5", "grpc-message": "gone", "grpc-status-details-bin": value };
    const error = assertError(entries, Code.NotFound, "gone");
    assert.deepEqual(error.details, []);
  }
});

Deno.test("an error has 1,024 details at most", () => {
  for (const [count, kept] of [[1024, 1024], [1025, 1024], [20_000, 1024]] as const) {
    const writer = new BinaryWriter().tag(1, WireType.Varint).int32(Code.Aborted);
    for (let i = 0; i < count; i++) {
      writer.tag(3, WireType.LengthDelimited).bytes(new Uint8Array(0));
    }
    const error = errorOfStatus([
      { name: "grpc-status", value: "10" },
      { name: "grpc-status-details-bin", value: base64Encode(writer.finish()) },
    ]);
    assert.ok(error instanceof ConnectError);
    assert.equal(error.details.length, kept);
  }
});

Deno.test("details without a code leave it to grpc-status", () => {
  for (const code of [0, 17, -1]) {
    const octets = new BinaryWriter().tag(1, WireType.Varint).int32(code).raw(STATUS.subarray(2)).finish();
    const entries = { "grpc-status": "5", "grpc-message": "gone", "grpc-status-details-bin": octets.toBase64() };
    const error = assertError(entries, Code.NotFound, "gone");
    assert.equal(error.details.length, 1);
  }
});

Deno.test("fields of later versions of google.rpc.Status are passed over", () => {
  const octets = new BinaryWriter().raw(STATUS).tag(9, WireType.LengthDelimited).string("later").tag(10, WireType.Bit32)
    .fixed32(1).finish();
  const error = assertError(
    { "grpc-status": "9", "grpc-status-details-bin": octets.toBase64() },
    Code.FailedPrecondition,
    "no ☺",
  );
  assert.equal(error.details.length, 1);
});

Deno.test("success is what grpc-status says, whatever else there is", () => {
  const fields = fieldsOf({ "grpc-status": "0", "grpc-message": "x", "grpc-status-details-bin": STATUS.toBase64() });
  assert.equal(errorOfStatus(fields), undefined);
});

Deno.test("without grpc-status it is missing", () => {
  assert.equal(errorOfStatus([]), "missing");
  assert.equal(
    errorOfStatus(fieldsOf({ "grpc-message": "x", "grpc-status-details-bin": STATUS.toBase64() })),
    "missing",
  );
});

Deno.test("a grpc-status that is none is an unknown error", () => {
  for (const status of ["", "17", "99", "00", "-1", "1.0", "0x5", "five", "5, 5", "9".repeat(1000)]) {
    assertError({ "grpc-status": status }, Code.Unknown, "grpc-status is not the number of a status");
    assertError({ "grpc-status": status, "grpc-message": "%41" }, Code.Unknown, "A");
  }
});

Deno.test("of several grpc-status the first counts", () => {
  const fields = [{ name: "grpc-status", value: "5" }, { name: "grpc-status", value: "0" }];
  assert.equal((errorOfStatus(fields) as ConnectError).code, Code.NotFound);
});

Deno.test("an error with what is no code does not become a success", () => {
  for (const code of [0, 17, NaN]) {
    const error = new ConnectError("odd", code, undefined, [stringDetail("a")]);
    const read = errorOfStatus(statusFields(error));
    assert.equal((read as ConnectError).code, Code.Unknown);
  }
});

Deno.test("a detail that cannot be encoded is left out", () => {
  const details = [{ desc: DurationSchema, value: { nanos: 1.5 } }, stringDetail("a")];
  assert.throws(() => toBinary(DurationSchema, create(DurationSchema, { nanos: 1.5 })));
  const read = errorOfStatus(statusFields(new ConnectError("x", Code.Aborted, undefined, details)));
  assert.deepEqual((read as ConnectError).details.map((detail) => "type" in detail && detail.type), [
    "google.protobuf.StringValue",
  ]);
});
