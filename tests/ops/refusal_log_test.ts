import assert from "node:assert/strict";
import { createRefusalLog } from "../../src/ops/refusal_log.ts";
import { recordLog } from "../support/log_records.ts";

Deno.test("refusals are a line in ten seconds at most, which says how many there were and why the last one was", async () => {
  let nowMs = 0;
  const records = await recordLog(() => {
    const log = createRefusalLog(() => nowMs);
    log(new Error("first"));
    for (; nowMs < 10_000; nowMs += 100) {
      log(new Error("another"));
    }
    log(new Error("last"));
    log(new Error("too early"));
  });
  assert.deepEqual(records.map(({ level, properties }) => [level, properties.count, properties.reason]), [
    ["warning", 1, "first"],
    ["warning", 101, "last"],
  ]);
});
