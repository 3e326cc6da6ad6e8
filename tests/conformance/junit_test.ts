import assert from "node:assert/strict";
import { readJunit } from "./junit.ts";

Deno.test("readJunit() tells what passed, failed and was skipped", () => {
  const report = readJunit(`<?xml version="1.0"?><testsuites>
<testsuite name="a" tests="4"><testcase package="http2/5.1" classname="Passes" time="0.1"></testcase>
<testcase package="http2/5.1" classname="Passes, too" time="0.1"/>
<testcase package="http2/6.7" classname="Sends &#34;PING&#34;" time="2"><failure>GOAWAY &lt;1&gt;&#xA;Timeout</failure></testcase>
<testcase package="http2/6.9" classname="Waits" time="0"><skipped></skipped></testcase></testsuite></testsuites>`);
  assert.deepEqual(report, {
    total: 4,
    failures: ['http2/6.7 Sends "PING"\nGOAWAY <1>\nTimeout'],
    skipped: ["http2/6.9 Waits"],
  });
});
