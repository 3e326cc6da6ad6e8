/** Names and HTTP statuses of codes: all of them, as Connect's specification has them. */
import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { codeFromName, codeName, codeOfHttpStatus, httpStatusOfCode, isCode } from "../../src/rpc/code.ts";

/** https://connectrpc.com/docs/protocol#error-codes */
const EXPECTED: readonly (readonly [number, string, number])[] = [
  [1, "canceled", 499],
  [2, "unknown", 500],
  [3, "invalid_argument", 400],
  [4, "deadline_exceeded", 504],
  [5, "not_found", 404],
  [6, "already_exists", 409],
  [7, "permission_denied", 403],
  [8, "resource_exhausted", 429],
  [9, "failed_precondition", 400],
  [10, "aborted", 409],
  [11, "out_of_range", 400],
  [12, "unimplemented", 501],
  [13, "internal", 500],
  [14, "unavailable", 503],
  [15, "data_loss", 500],
  [16, "unauthenticated", 401],
];

Deno.test("each code has its name and its HTTP status", () => {
  for (const [number, name, httpStatus] of EXPECTED) {
    assert.ok(isCode(number));
    assert.equal(codeName(number), name);
    assert.equal(codeFromName(name), number);
    assert.equal(httpStatusOfCode(number), httpStatus);
  }
  assert.equal(EXPECTED.length, Object.values(Code).filter((value) => typeof value === "number").length);
});

Deno.test("what is no code is unknown", () => {
  for (const number of [-1, 0, 17, 1.5, NaN]) {
    assert.equal(isCode(number), false);
    assert.equal(codeName(number), "unknown");
    assert.equal(httpStatusOfCode(number), 500);
  }
  for (const name of ["", "Canceled", "cancelled", "INVALID_ARGUMENT", "code_3", "3", "constructor", "__proto__"]) {
    assert.equal(codeFromName(name), undefined, name);
  }
});

Deno.test("an answer without an error of its own stands for a code", () => {
  const expected = new Map([
    [400, Code.Internal],
    [401, Code.Unauthenticated],
    [403, Code.PermissionDenied],
    [404, Code.Unimplemented],
    [429, Code.Unavailable],
    [502, Code.Unavailable],
    [503, Code.Unavailable],
    [504, Code.Unavailable],
  ]);
  for (let status = 100; status < 600; status++) {
    assert.equal(codeOfHttpStatus(status), expected.get(status) ?? Code.Unknown, String(status));
  }
});
