import assert from "node:assert/strict";
import { AbuseLimits, TokenBucket } from "../../src/http2/abuse_limits.ts";
import { DEFAULT_HTTP2_LIMITS, resolveLimits } from "../../src/http2/limits.ts";

/** How often something succeeds before it fails, at most `limit` times. */
function countSuccesses(spend: () => boolean, limit = 100_000): number {
  let count = 0;
  while (count < limit && spend()) {
    count++;
  }
  return count;
}

Deno.test("a TokenBucket has its burst, and gets back so many a second up to that", () => {
  const bucket = new TokenBucket(10, 4);
  assert.equal(countSuccesses(() => bucket.spend(1000)), 10);
  assert.equal(bucket.spend(1249), false);
  assert.equal(bucket.spend(1250), true);
  assert.equal(bucket.spend(1250), false);
  assert.equal(countSuccesses(() => bucket.spend(2250)), 4);
  assert.equal(countSuccesses(() => bucket.spend(1_000_000)), 10);
});

Deno.test("a TokenBucket loses no fraction, however often it is asked", () => {
  const bucket = new TokenBucket(1, 33);
  let granted = 0;
  for (let nowMs = 0; nowMs <= 100_000; nowMs++) {
    granted += bucket.spend(nowMs) ? 1 : 0;
  }
  assert(granted >= 3200 && granted <= 3301, `${granted}`);
});

Deno.test("a TokenBucket does not mind a clock that goes back, or begins anywhere", () => {
  const bucket = new TokenBucket(2, 1);
  assert.equal(countSuccesses(() => bucket.spend(-5000)), 2);
  assert.equal(bucket.spend(-9000), false);
  assert.equal(bucket.spend(-4001), false);
  assert.equal(bucket.spend(-4000), true);
  const empty = new TokenBucket(0, 1000);
  assert.equal(empty.spend(0), false);
  assert.equal(empty.spend(1_000_000), false);
});

Deno.test("Stream errors: a thousand at once, 33 a second", () => {
  const limits = new AbuseLimits(DEFAULT_HTTP2_LIMITS);
  assert.equal(countSuccesses(() => limits.spendStreamError(0)), 1000);
  assert.equal(countSuccesses(() => limits.spendStreamError(1000)), 33);
  const steady = new AbuseLimits(DEFAULT_HTTP2_LIMITS);
  assert(
    Array.from({ length: 100_000 }, (_, index) => steady.spendStreamError(index * 31)).every(Boolean),
    "32 a second for long",
  );
});

Deno.test("Resets: enough for a client whose calls all pass their deadline", () => {
  const limits = new AbuseLimits(DEFAULT_HTTP2_LIMITS);
  assert.equal(countSuccesses(() => limits.spendReset(0)), 10_000);
  assert.equal(countSuccesses(() => limits.spendReset(100)), 1000);
  const client = new AbuseLimits(DEFAULT_HTTP2_LIMITS);
  // 5000 calls a second, for a minute; the client resets each of them.
  assert(Array.from({ length: 300_000 }, (_, index) => client.spendReset(index / 5)).every(Boolean));
});

Deno.test("Overhead: so much at once and per second, ten for each stream, one for each DATA frame with content", () => {
  const limits = new AbuseLimits(resolveLimits({ overheadBurst: 100, overheadPerSecond: 5 }));
  assert.equal(countSuccesses(() => limits.spendOverhead(0)), 100);
  assert.equal(countSuccesses(() => limits.spendOverhead(1000)), 5);
  limits.openStream();
  limits.receiveContent();
  limits.sendData();
  assert.equal(countSuccesses(() => limits.spendOverhead(1000)), 12);
  for (let stream = 0; stream < 1000; stream++) {
    limits.openStream();
  }
  assert.equal(countSuccesses(() => limits.spendOverhead(1000)), 100, "no more than the burst");
  limits.spendEmptyFrame();
  assert.equal(limits.spendOverhead(1000), false, "a frame without content earns nothing");
});

Deno.test("empty frames: so many in a row and not one more", () => {
  const limits = new AbuseLimits(DEFAULT_HTTP2_LIMITS);
  for (let round = 0; round < 3; round++) {
    assert.equal(countSuccesses(() => limits.spendEmptyFrame(), 100), 100);
    limits.receiveContent();
  }
  assert.equal(countSuccesses(() => limits.spendEmptyFrame()), 100);
});

Deno.test("PRIORITY: so many for each stream, and for none", () => {
  const limits = new AbuseLimits(resolveLimits({ maxPriorityFramesPerStream: 10 }));
  limits.openStream();
  limits.openStream();
  assert.equal(countSuccesses(() => limits.spendPriority()), 30);
  const unused = new AbuseLimits(DEFAULT_HTTP2_LIMITS);
  assert.equal(countSuccesses(() => unused.spendPriority()), 100);
});

Deno.test("WINDOW_UPDATE: some for free, two for each stream, twenty for each DATA frame", () => {
  const limits = new AbuseLimits(DEFAULT_HTTP2_LIMITS);
  limits.openStream();
  limits.openStream();
  limits.sendData();
  assert.equal(countSuccesses(() => limits.spendWindowUpdate()), 5 + 2 * (2 + 10 * 1));
  const unused = new AbuseLimits(DEFAULT_HTTP2_LIMITS);
  assert.equal(countSuccesses(() => unused.spendWindowUpdate()), 5);
});

Deno.test("unsent answers: reading pauses, then the connection is to be closed", () => {
  const limits = new AbuseLimits(DEFAULT_HTTP2_LIMITS);
  assert.equal(countSuccesses(() => limits.spendControlFrame(), 99), 99);
  assert.equal(limits.isReadingPaused, false);
  assert.equal(limits.spendControlFrame(), true);
  assert.equal(limits.isReadingPaused, true);
  assert.equal(countSuccesses(() => limits.spendControlFrame()), 900);
  limits.releaseControlFrames();
  assert.equal(limits.isReadingPaused, false);
  assert.equal(countSuccesses(() => limits.spendControlFrame()), 1000);
});

Deno.test("a million small messages each way, with two WINDOW_UPDATE frames for each, cost nothing", () => {
  const limits = new AbuseLimits(DEFAULT_HTTP2_LIMITS);
  limits.openStream();
  for (let message = 0; message < 1_000_000; message++) {
    limits.receiveContent();
    limits.sendData();
    assert(limits.spendWindowUpdate() && limits.spendWindowUpdate());
    assert(message % 2 === 0 || limits.spendOverhead(0), "a PING for every other message, to measure the round trip");
  }
  const late = new AbuseLimits(DEFAULT_HTTP2_LIMITS);
  late.openStream();
  for (let message = 0; message < 1_000_000; message++) {
    late.sendData();
  }
  assert.equal(countSuccesses(() => late.spendWindowUpdate(), 2_000_000), 2_000_000);
});

Deno.test("a hundred thousand calls, each with a PRIORITY, two WINDOW_UPDATE frames, a PING and an empty frame, cost nothing", () => {
  const limits = new AbuseLimits(DEFAULT_HTTP2_LIMITS);
  for (let call = 0; call < 100_000; call++) {
    limits.openStream();
    assert(limits.spendPriority() && limits.spendWindowUpdate() && limits.spendWindowUpdate());
    assert(limits.spendControlFrame() && !limits.isReadingPaused);
    limits.releaseControlFrames();
    assert(limits.spendEmptyFrame());
    limits.receiveContent();
    // One call in a hundred is cancelled, at 2000 calls a second.
    assert(call % 100 > 0 || limits.spendReset(call / 2));
  }
});
