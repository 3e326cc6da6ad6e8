import assert from "node:assert/strict";
import { readReport } from "./report.ts";

Deno.test("readReport() tells what passed and failed", () => {
  const report = readReport(`FAILED: Basic/HTTPVersion:1/unary/success:
\texpecting an error but received none
\texpecting 0 response messages but instead got 1
---- HTTP Trace ----
 request>     0.000ms POST http://127.0.0.1/
--------------------
FAILED: Timeouts/unary:
\tactual error does not match

Total cases: 4
2 passed, 2 failed
`);
  assert.deepEqual(report, {
    total: 4,
    passed: 2,
    failures: [
      "Basic/HTTPVersion:1/unary/success:\n\texpecting an error but received none\n\texpecting 0 response messages but instead got 1",
      "Timeouts/unary:\n\tactual error does not match",
    ],
  });
});

Deno.test("readReport() finds nothing where a run was cut short", () => {
  assert.deepEqual(readReport("error starting server: exit status 1\n"), { total: 0, passed: 0, failures: [] });
});
