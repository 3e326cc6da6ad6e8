import assert from "node:assert/strict";
import { abuseLog } from "../../src/ops/mod.ts";
import { recordLog } from "../support/log_records.ts";

const PEER = { hostname: "192.0.2.1", port: 4711 };
const CALM = { reason: "ENHANCE_YOUR_CALM", detail: "Too many resets", peer: PEER };

Deno.test("The log names the peer and the reason of a connection that was closed for abuse, and no others", async () => {
  const records = await recordLog(() => {
    const log = abuseLog(() => 0);
    for (const reason of ["done", "peer", "PROTOCOL_ERROR", "408", "full", "unknown"]) {
      log({ ...CALM, reason });
    }
    log(CALM);
    log({ ...CALM, peer: undefined });
  });
  assert.deepEqual(records.map(({ level, properties }) => [level, properties]), [
    ["warning", { peer: "192.0.2.1:4711", detail: "Too many resets", unlogged: 0 }],
    ["warning", { peer: "a Unix socket", detail: "Too many resets", unlogged: 0 }],
  ]);
});

Deno.test("The log has at most five such lines a second, and the next line counts the rest", async () => {
  let nowMs = 0;
  const records = await recordLog(() => {
    const log = abuseLog(() => nowMs);
    for (let count = 0; count < 12; count++) {
      log(CALM);
    }
    nowMs = 999;
    log(CALM);
    nowMs = 1000;
    log(CALM);
    log(CALM);
  });
  assert.deepEqual(records.map(({ properties }) => properties.unlogged), [0, 0, 0, 0, 0, 8, 0]);
});
