/** What a profile says of each function. */
import assert from "node:assert/strict";
import { formatSelfTimes, selfTimes } from "../../bench/report/self_times.ts";

function node(id: number, functionName: string, url: string, lineNumber: number, hitCount: number) {
  return { id, callFrame: { functionName, scriptId: "0", url, lineNumber, columnNumber: 0 }, hitCount };
}

Deno.test("Self times are summed up for each function, as shares of the time that was not idle", () => {
  const url = "file:///work/src/a.ts";
  const nodes = [
    node(1, "(root)", "", -1, 0),
    node(2, "(idle)", "", -1, 900),
    node(3, "(program)", "", -1, 10),
    node(4, "read", url, 9, 50),
    node(5, "read", url, 9, 20), // Called by another one
    node(6, "read", url, 19, 15),
    node(7, "", "ext:core/01_core.js", 0, 5),
    node(8, "main", url, 0, 0),
  ];
  const times = selfTimes({ nodes, startTime: 1000, endTime: 2000, cpuMicroseconds: 90 }, "file:///work/");
  assert.deepEqual(times, [
    { name: "read", place: "src/a.ts:10", share: 0.7 },
    { name: "read", place: "src/a.ts:20", share: 0.15 },
    { name: "(program)", place: "", share: 0.1 },
    { name: "(anonymous)", place: "ext:core/01_core.js:1", share: 0.05 },
  ]);
  assert.deepEqual(formatSelfTimes(times).split(/\s*\n\s*/)[2], "10.0 %  (program)");
});

Deno.test("CPU that was used while V8 was idle is the event loop's", () => {
  const nodes = [node(1, "(idle)", "", -1, 90), node(2, "op_write", "", -1, 10)];
  const profile = { nodes, startTime: 1000, endTime: 2000 };
  assert.deepEqual(selfTimes({ ...profile, cpuMicroseconds: 400 }, "file:///work/"), [
    { name: "(event loop)", place: "", share: 0.75 },
    { name: "op_write", place: "", share: 0.25 },
  ]);
  // It is counted in steps: it may be less than what V8 was seen at work.
  assert.deepEqual(selfTimes({ ...profile, cpuMicroseconds: 100 }, "file:///work/"), [
    { name: "op_write", place: "", share: 1 },
  ]);
});

Deno.test("A program that was idle all the time has no functions", () => {
  const profile = { nodes: [node(1, "(idle)", "", -1, 9)], startTime: 1000, endTime: 2000, cpuMicroseconds: 0 };
  assert.deepEqual(selfTimes(profile, "file:///work/"), []);
});
