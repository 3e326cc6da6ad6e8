import assert from "node:assert/strict";
import { fuzzSeed, Random } from "../support/random.ts";
import { compare } from "./differential.ts";
import { CONFORMANCE_PROTOS, loadTypes, OWN_PROTOS } from "./stubs.ts";

Deno.test("both codecs encode, decode and refuse as protobuf-es does", async () => {
  const types = await loadTypes("test", [...OWN_PROTOS, CONFORMANCE_PROTOS]);
  assert.ok(types.length >= 60, `${types.length} types`);
  const counts = compare(types, new Random(fuzzSeed()), 4000);
  assert.ok(counts.refused > 500 && counts.inputs - counts.refused > 500, JSON.stringify(counts));
});
