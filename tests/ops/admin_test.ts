import assert from "node:assert/strict";
import { createAdminHandler } from "../../src/ops/mod.ts";

const metrics = { contentType: "text/plain; version=0.0.4", text: () => Promise.resolve("a 1\n") };

Deno.test("operators learn whether the server lives, takes calls, and what it counted", async () => {
  let reason: string | undefined = undefined;
  const handle = createAdminHandler({ notReadyReason: () => Promise.resolve(reason), metrics });
  const ask = async (path: string, method = "GET") => {
    const response = await handle(new Request(`http://localhost${path}`, { method }));
    return [response.status, await response.text()];
  };
  assert.deepEqual(await ask("/healthz"), [200, "ok\n"]);
  assert.deepEqual(await ask("/readyz?verbose"), [200, "ok\n"]);
  reason = "the server is shutting down";
  assert.deepEqual(await ask("/healthz"), [200, "ok\n"]);
  assert.deepEqual(await ask("/readyz"), [503, "not ready: the server is shutting down\n"]);
  assert.deepEqual(await ask("/metrics"), [200, "a 1\n"]);
  assert.deepEqual(await ask("/"), [404, "Not found: there are /healthz, /readyz and /metrics\n"]);
  assert.deepEqual(await ask("/metrics", "POST"), [405, "Use GET\n"]);
  const { headers } = await handle(new Request("http://localhost/metrics"));
  assert.equal(headers.get("content-type"), metrics.contentType);
  for (const path of ["/healthz", "/readyz", "/metrics", "/"]) {
    const { headers } = await handle(new Request(`http://localhost${path}`));
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
  }
});
