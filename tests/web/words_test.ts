/** What the page says: numbers, times and errors in words. */
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { formatBytes, formatDuration, formatPercent, formatRate } from "../../web/format.ts";
import { describeProblem } from "../../web/problem.ts";
import { Progress } from "../../web/progress.ts";

Deno.test("sizes have three digits and a unit", () => {
  const sizes = [0, 1, 999, 1000, 12_345, 999_499, 999_500, 50_000_000, 2 ** 40, 5e15];
  assert.deepEqual(sizes.map(formatBytes), [
    "0 bytes",
    "1 byte",
    "999 bytes",
    "1 kB",
    "12.3 kB",
    "999 kB",
    "1 MB",
    "50 MB",
    "1.1 TB",
    "5,000 TB",
  ]);
  assert.equal(formatRate(31_400_000.5), "31.4 MB/s");
});

Deno.test("durations have two units at most", () => {
  const durations = [0, 499, 500, 59_499, 59_500, 185_000, 3_840_000];
  assert.deepEqual(durations.map(formatDuration), [
    "less than a second",
    "less than a second",
    "1 s",
    "59 s",
    "1 min 0 s",
    "3 min 5 s",
    "1 h 4 min",
  ]);
});

Deno.test("100 % is the end, and nothing before it", () => {
  assert.deepEqual([0, 0.009, 0.999, 1].map(formatPercent), ["0 %", "0 %", "99 %", "100 %"]);
});

Deno.test("rate and remaining time are those of the last seconds", () => {
  let nowMs = 0;
  const progress = new Progress(10_000, () => nowMs);
  progress.start(1000);
  assert.deepEqual([progress.bytesPerSecond.value, progress.remainingMs.value], [undefined, undefined]);
  nowMs = 1000;
  progress.advance(2000);
  assert.deepEqual([progress.bytesPerSecond.value, progress.remainingMs.value], [1000, 8000]);
  for (nowMs = 2000; nowMs <= 8000; nowMs += 1000) {
    progress.advance(2000 + nowMs / 2);
  }
  assert.equal(progress.bytesPerSecond.value, 500);
  assert.equal(progress.fraction.value, 0.6);
});

Deno.test("of nothing at all everything is done", () => {
  assert.equal(new Progress(0).fraction.value, 1);
});

Deno.test("every code of Connect has words of its own", () => {
  const codes = Object.values(Code).filter((code) => typeof code === "number");
  for (const code of codes) {
    const { what, why, advice } = describeProblem("Cannot try", new ConnectError("because", code));
    assert.equal(what, "Cannot try");
    assert.match(why, /^[A-Z].*\.$/);
    assert.match(advice, /^[A-Z].*\.$/);
  }
});

Deno.test("a refused file name is explained as one", () => {
  const error = new ConnectError("name: has 300 bytes, the limit is 255", Code.InvalidArgument);
  assert.deepEqual(describeProblem("Cannot upload “x”", error), {
    what: "Cannot upload “x”",
    why: "The file name has 300 bytes, the limit is 255.",
    advice: "Rename the file, then upload it again.",
  });
});

Deno.test("errors that nobody foresaw are shown with what they say", () => {
  const why = (error: unknown) => describeProblem("Cannot try", error).why;
  assert.equal(why(new Error("no worker")), "Something went wrong that should not: no worker.");
  assert.equal(why("odd"), "Something went wrong that should not: odd.");
  assert.equal(why(new Error("")), "Something went wrong that should not: no reason was given.");
  assert.equal(why(new DOMException("x", "NotReadableError")), "The file was changed, or may not be read.");
});
