/** Deadlines in a wheel whose clock goes by when it is told to. */
import assert from "node:assert/strict";
import { type DeadlineEntry, DeadlineWheel, unwatchDeadline, watchDeadline } from "../../src/rpc/deadline_wheel.ts";
import { fuzzSeed, Random } from "../support/random.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

class Call implements DeadlineEntry {
  readonly deadlineAtMs: number;
  isOpen = true;
  /** When it was told, and how often. */
  readonly toldAtMs: number[] = [];
  readonly #clock: VirtualClock;
  readonly #then: () => void;

  constructor(clock: VirtualClock, timeoutMs: number, then: () => void = () => {}) {
    this.#clock = clock;
    this.deadlineAtMs = clock.nowMs() + timeoutMs;
    this.#then = then;
  }

  onDeadline(): void {
    this.toldAtMs.push(this.#clock.nowMs());
    this.isOpen = false;
    this.#then();
  }
}

interface Scene {
  readonly clock: VirtualClock;
  watch(timeoutMs: number, then?: () => void): Call;
  end(call: Call): void;
}

function createScene(): Scene {
  const clock = new VirtualClock();
  const wheel = new DeadlineWheel(clock);
  return {
    clock,
    watch: (timeoutMs, then) => {
      const call = new Call(clock, timeoutMs, then);
      wheel.watch(call);
      return call;
    },
    end: (call) => {
      call.isOpen = false;
      wheel.unwatch(call);
    },
  };
}

/** Never early, and at most a tick and what the clock rounds late. */
function assertTold(call: Call): void {
  assert.equal(call.toldAtMs.length, 1);
  const lateMs = call.toldAtMs[0]! - call.deadlineAtMs;
  assert.ok(lateMs >= 0 && lateMs <= 11, `told ${lateMs} ms after its deadline`);
}

Deno.test("deadlines are told once, not early and not late", async () => {
  for (const timeoutMs of [0.001, 1, 9.999, 10, 10.001, 11, 200, 5110, 5119, 5120, 5121, 5130, 60_000]) {
    const { clock, watch } = createScene();
    await clock.advance(3.7);
    const call = watch(timeoutMs);
    await clock.advance(timeoutMs - 0.0005);
    assert.deepEqual(call.toldAtMs, [], `${timeoutMs} ms`);
    await clock.advance(100_000);
    assertTold(call);
    assert.equal(clock.timerCount, 0);
  }
});

Deno.test("attack 25: a timeout of zero is over at once, without a timer", async () => {
  const { clock, watch } = createScene();
  const calls = [watch(0), watch(-1), watch(-10)];
  assert.deepEqual(calls.map(({ toldAtMs }) => toldAtMs.length), [0, 0, 0], "not from within the call");
  await clock.advance(0);
  calls.forEach(assertTold);
  assert.equal(clock.timerCount, 0);
});

Deno.test("attack 25: no timer waits longer than a round, however far the deadline", async () => {
  const delays: number[] = [];
  const clock = new VirtualClock();
  const wheel = new DeadlineWheel({
    nowMs: () => clock.nowMs(),
    schedule: (callback, delayMs) => {
      delays.push(delayMs);
      return clock.schedule(callback, delayMs);
    },
  });
  const calls = [2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, 9_999_999_999, 359_999_996_400_000, Infinity].map((timeoutMs) =>
    new Call(clock, timeoutMs)
  );
  for (const call of calls) {
    wheel.watch(call);
    await clock.advance(100_000);
    assert.deepEqual(call.toldAtMs, []);
    call.isOpen = false;
    wheel.unwatch(call);
    assert.equal(clock.timerCount, 0, String(call.deadlineAtMs));
  }
  assert.ok(delays.length >= calls.length * 10);
  assert.ok(delays.every((delayMs) => delayMs > 0 && delayMs <= 5120), String(Math.max(...delays)));
});

Deno.test("a deadline of many rounds is told in its own", async () => {
  const { clock, watch } = createScene();
  const call = watch(5120 * 20 + 5);
  await clock.advance(5120 * 20 + 4);
  assert.deepEqual(call.toldAtMs, []);
  await clock.advance(12);
  assertTold(call);
});

Deno.test("calls that end within the batch of work need no timer", async () => {
  const { clock, watch, end } = createScene();
  for (let round = 0; round < 100; round++) {
    end(watch(1000));
    const call = watch(1000);
    await Promise.resolve();
    call.isOpen = false; // Without a word to the wheel.
    await clock.advance(0);
    assert.equal(clock.timerCount, 0);
  }
  const call = watch(1000);
  await Promise.resolve();
  assert.equal(clock.timerCount, 0);
  end(call);
  await clock.advance(0);
  assert.equal(clock.timerCount, 0);
});

Deno.test("all calls have one timer, the last that ends takes it back", async () => {
  const { clock, watch, end } = createScene();
  const calls = Array.from({ length: 1000 }, (_, index) => watch(20_000 - index * 13));
  await clock.advance(0);
  assert.equal(clock.timerCount, 1);
  calls.slice(1).forEach(end);
  assert.equal(clock.timerCount, 1);
  calls.slice(1).forEach(end); // Once more: nothing happens.
  assert.equal(clock.timerCount, 1);
  end(calls[0]!);
  assert.equal(clock.timerCount, 0);
  await clock.advance(100_000);
  assert.ok(calls.every(({ toldAtMs }) => toldAtMs.length === 0));
});

Deno.test("calls that end without a word are dropped within a round", async () => {
  const { clock, watch } = createScene();
  const calls = Array.from({ length: 1000 }, (_, index) => watch(1_000_000 + index * 13));
  await clock.advance(0);
  calls.forEach((call) => call.isOpen = false);
  assert.equal(clock.timerCount, 1);
  await clock.advance(5120);
  assert.equal(clock.timerCount, 0);
});

Deno.test("an earlier deadline that comes later is told first", async () => {
  const { clock, watch } = createScene();
  const late = watch(1000);
  await clock.advance(100);
  const early = watch(50);
  await clock.advance(60);
  assertTold(early);
  assert.deepEqual(late.toldAtMs, []);
  await clock.advance(1000);
  assertTold(late);
});

Deno.test("what is told may end other calls and watch new ones", async () => {
  const { clock, watch, end } = createScene();
  const others: Call[] = [];
  let next: Call | undefined;
  const first = watch(100, () => {
    others.forEach(end);
    next = watch(0);
  });
  others.push(watch(100), watch(101), watch(500));
  await clock.advance(1000);
  assertTold(first);
  assert.ok(others.every(({ toldAtMs }) => toldAtMs.length === 0));
  assertTold(next!);
  assert.equal(clock.timerCount, 0);
});

Deno.test("a thread that was busy for many rounds tells all that are due", async () => {
  const callbacks: (() => void)[] = [];
  let nowMs = 0;
  const wheel = new DeadlineWheel({ nowMs: () => nowMs, schedule: (callback) => (callbacks.push(callback), () => {}) });
  const clock = new VirtualClock();
  const calls = Array.from({ length: 2000 }, (_, index) => new Call(clock, -1000 + 1 + index * 10));
  calls.forEach((call) => wheel.watch(call));
  await Promise.resolve().then(() => {}).then(() => {});
  nowMs = 1_000_000;
  callbacks[0]!();
  assert.ok(calls.every(({ toldAtMs }) => toldAtMs.length === 1));
  assert.equal(callbacks.length, 1);
});

Deno.test("a timer that fires early is set again", async () => {
  const callbacks: (() => void)[] = [];
  let nowMs = 0;
  const wheel = new DeadlineWheel({ nowMs: () => nowMs, schedule: (callback) => (callbacks.push(callback), () => {}) });
  const call = new Call(new VirtualClock(), -1000 + 20);
  wheel.watch(call);
  await Promise.resolve().then(() => {}).then(() => {});
  nowMs = 19.9;
  callbacks[0]!();
  assert.deepEqual(call.toldAtMs, []);
  nowMs = 20;
  callbacks[1]!();
  assert.equal(call.toldAtMs.length, 1);
});

Deno.test("random calls: each is told at its time or not at all", async () => {
  const seed = fuzzSeed();
  const random = new Random(seed);
  const { clock, watch, end } = createScene();
  const calls: Call[] = [];
  const ended = new Set<Call>();
  for (let step = 0; step < 300; step++) {
    for (let count = random.below(4); count > 0; count--) {
      calls.push(watch(random.below(random.pick([20, 1000, 20_000])) + random.below(1000) / 1000));
    }
    const call = random.pick(calls.length > 0 ? calls : [watch(1)]);
    if (call.isOpen) {
      end(call);
      ended.add(call);
    }
    await clock.advance(random.below(random.pick([5, 100])) + random.below(1000) / 1000);
  }
  await clock.advance(30_000);
  for (const call of calls) {
    if (ended.has(call)) {
      assert.deepEqual(call.toldAtMs, [], `seed ${seed}`);
    } else {
      assertTold(call);
    }
  }
  assert.equal(clock.timerCount, 0);
});

Deno.test("the wheel of the process, by the system's clock", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const deadlineAtMs = performance.now() + 5;
  const told = { deadlineAtMs, isOpen: true, onDeadline: () => resolve(performance.now()) };
  const other = { deadlineAtMs: deadlineAtMs + 3_600_000, isOpen: true, onDeadline: () => assert.fail() };
  watchDeadline(told);
  watchDeadline(other);
  assert.ok(await promise >= deadlineAtMs);
  other.isOpen = false;
  unwatchDeadline(other); // Else this test would leave a timer behind.
});

Deno.test("no timer is asked for in the past, when telling of a deadline took longer than to the next", async () => {
  const delaysMs: number[] = [];
  let nowMs = 0;
  let onTimer = () => {};
  const wheel = new DeadlineWheel({
    nowMs: () => nowMs,
    schedule: (callback, delayMs) => {
      delaysMs.push(delayMs);
      onTimer = callback;
      return () => {};
    },
  });
  const entry = (deadlineAtMs: number, onDeadline: () => void) => ({ deadlineAtMs, isOpen: true, onDeadline });
  wheel.watch(entry(10, () => nowMs = 45));
  wheel.watch(entry(30, () => {}));
  await Promise.resolve();
  await Promise.resolve();
  nowMs = 10;
  onTimer();
  assert.deepEqual(delaysMs, [10, 0]);
});

Deno.test("the calls of a batch have begun at one time, for which the clock is asked once", async () => {
  const clock = new VirtualClock();
  let lookedAt = 0;
  const wheel = new DeadlineWheel({
    nowMs: () => (lookedAt++, clock.nowMs()),
    schedule: (callback, delayMs) => clock.schedule(callback, delayMs),
  });
  const begin = () => {
    const beganAtMs = wheel.batchNowMs();
    const call = new Call(clock, 10_000);
    wheel.watch(call);
    call.isOpen = false;
    return beganAtMs;
  };
  assert.deepEqual([begin(), begin(), begin(), lookedAt], [1000, 1000, 1000, 1]);
  await clock.advance(500);
  lookedAt = 0;
  assert.deepEqual([begin(), begin(), lookedAt], [1500, 1500, 1]);
  await clock.advance(0);
});
