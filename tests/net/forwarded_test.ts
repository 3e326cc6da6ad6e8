import assert from "node:assert/strict";
import type { ConnectionInfo, HttpExchange } from "../../src/http/mod.ts";
import { trustForwarded } from "../../src/net/forwarded.ts";

const DIRECT: ConnectionInfo = {
  httpVersion: "2",
  peer: { hostname: "10.0.0.1", port: 9 },
  isTls: false,
  tlsPeerName: undefined,
};

/** An address of the length that is the most there are, but for those with an IPv4 address in them. */
const LONGEST = "2001:0db8:1111:2222:3333:4444:5555:6666";

const CASES: readonly [fields: Record<string, string>, peer: string, isTls: boolean][] = [
  [{}, "10.0.0.1 9", false],
  [{ "x-forwarded-for": "192.0.2.1" }, "192.0.2.1 0", false],
  [{ "x-forwarded-for": "6.6.6.6, 192.0.2.1" }, "192.0.2.1 0", false],
  [{ "x-forwarded-for": "2001:db8::1", "x-forwarded-proto": "https" }, "2001:db8::1 0", true],
  [{ "x-forwarded-for": "unknown" }, "10.0.0.1 9", false],
  [{ "x-forwarded-for": "evil name" }, "10.0.0.1 9", false],
  [{ forwarded: "for=192.0.2.1" }, "192.0.2.1 0", false],
  [{ forwarded: 'for="[2001:db8::1]:47";proto=https;by=x' }, "2001:db8::1 47", true],
  [{ forwarded: "for=6.6.6.6, For=192.0.2.1:8080 ; Proto=HTTPS" }, "192.0.2.1 8080", true],
  [{ forwarded: "for=_hidden", "x-forwarded-for": "192.0.2.2" }, "10.0.0.1 9", false],
  [{ "x-forwarded-for": "6.6.6.6", forwarded: "for=192.0.2.1" }, "192.0.2.1 0", false],
  [{ "x-forwarded-for": `[${LONGEST}]:65535` }, `${LONGEST} 65535`, false],
  // A pattern that tries all ways to split the colons takes minutes for the first one.
  [{ "x-forwarded-for": `${":".repeat(2000)}x` }, "10.0.0.1 9", false],
  [{ forwarded: `for=${":".repeat(60_000)}` }, "10.0.0.1 9", false],
  [{ "x-forwarded-for": ":".repeat(64) }, `${":".repeat(64)} 0`, false],
  [{ "x-forwarded-for": ":".repeat(65) }, "10.0.0.1 9", false],
];

for (const [fields, peer, isTls] of CASES) {
  Deno.test(`forwarded: ${JSON.stringify(fields).slice(0, 100)}`, () => {
    let seen: ConnectionInfo | undefined;
    const serve = trustForwarded((_exchange, _head, _endStream, connection) => void (seen = connection));
    const head = {
      method: "GET",
      scheme: "http",
      authority: "a",
      path: "/",
      contentLength: undefined,
      memo: undefined,
      fields: Object.entries(fields).map(([name, value]) => ({ name, value })),
    };
    serve({} as HttpExchange, head, true, DIRECT);
    assert.deepEqual([`${seen?.peer?.hostname} ${seen?.peer?.port}`, seen?.isTls], [peer, isTls]);
  });
}
