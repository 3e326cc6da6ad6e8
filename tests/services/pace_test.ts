import assert from "node:assert/strict";
import { Pace } from "../../src/services/pace.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

Deno.test("workers rest together after 4 ms of work, for 1 ms", async () => {
  const clock = new VirtualClock();
  const pace = new Pace(clock);
  using _one = pace.join();
  using _other = pace.join();
  await clock.advance(3.9);
  assert.equal(pace.next(), undefined);
  await clock.advance(0.1);
  let hasRested = false;
  const rest = pace.next();
  rest!.then(() => hasRested = true);
  assert.equal(pace.next(), rest);
  await clock.advance(0.9);
  assert.equal(hasRested, false);
  await clock.advance(0.1);
  assert.equal(hasRested, true);
  assert.equal(pace.next(), undefined);
  await clock.advance(4);
  assert.notEqual(pace.next(), undefined);
});

Deno.test("a worker alone does not rest, unless its pieces are so small that they come without a break", async () => {
  const clock = new VirtualClock();
  const pace = new Pace(clock);
  using _one = pace.join();
  {
    using _other = pace.join();
  }
  await clock.advance(1000);
  for (let piece = 1; piece < 256; piece++) {
    assert.equal(pace.next(), undefined);
  }
  assert.notEqual(pace.next(), undefined);
});
