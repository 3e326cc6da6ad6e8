import assert from "node:assert/strict";
import { requestField, type RequestHead } from "../../src/http/mod.ts";

const HEAD: RequestHead = {
  method: "GET",
  scheme: "http",
  authority: "a",
  path: "/",
  fields: [{ name: "x-a", value: "1" }],
  contentLength: undefined,
};

Deno.test("a field of a request is looked for in its list", () => {
  assert.equal(requestField(HEAD, "x-a"), "1");
  assert.equal(requestField(HEAD, "x-b"), undefined);
});

Deno.test("a head that can tell one field is asked", () => {
  const head: RequestHead = { ...HEAD, getValue: (name) => name === "x-c" ? "3" : undefined };
  assert.equal(requestField(head, "x-c"), "3");
  assert.equal(requestField(head, "x-a"), undefined);
});
