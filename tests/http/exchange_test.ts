import assert from "node:assert/strict";
import { fieldValue, type RequestHead } from "../../src/http/mod.ts";

const HEAD: RequestHead = {
  method: "GET",
  scheme: "http",
  authority: "a",
  path: "/",
  fields: [{ name: "x-a", value: "1" }, { name: "x-b", value: "" }, { name: "x-a", value: "2" }],
  contentLength: undefined,
};

Deno.test("the value of a field is the first one", () => {
  assert.equal(fieldValue(HEAD, "x-a"), "1");
  assert.equal(fieldValue(HEAD, "x-b"), "");
  assert.equal(fieldValue(HEAD, "x-c"), undefined);
  assert.equal(fieldValue({ ...HEAD, fields: [] }, "x-a"), undefined);
});
