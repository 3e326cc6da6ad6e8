import assert from "node:assert/strict";
import { fieldValue } from "../../src/http/mod.ts";

Deno.test("the value of a field is the first one", () => {
  const fields = [{ name: "x-a", value: "1" }, { name: "x-b", value: "" }, { name: "x-a", value: "2" }];
  assert.equal(fieldValue(fields, "x-a"), "1");
  assert.equal(fieldValue(fields, "x-b"), "");
  assert.equal(fieldValue(fields, "x-c"), undefined);
  assert.equal(fieldValue([], "x-a"), undefined);
});
