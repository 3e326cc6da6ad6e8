import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { type Turn, Turns } from "../../../src/services/deno/turns.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";

/** Half of the time after which a turn passes, at the latest. */
const ROUND_MS = 2;
const WORK_MS = 4;
const REST_MS = 1;
const CALLER = { peer: "a" };
const settle = () => new Promise((resolve) => setTimeout(resolve));

/** Turns whose time a test lets pass. */
function scene(options: { atOnce?: number; maxOperations?: number; maxPerPeer?: number } = {}) {
  const clock = new VirtualClock();
  const turns = new Turns({ what: "file operations", ...options, clock });
  const granted: Turn[] = [];
  return {
    clock,
    turns,
    granted,
    take: (caller = CALLER) => {
      const turn = turns.take(caller);
      turn instanceof Promise ? turn.then((turn) => granted.push(turn), () => {}) : granted.push(turn);
      return turn;
    },
  };
}

Deno.test("a turn is taken without a promise when none is taken, and the next one when it ends", async () => {
  const { take, granted, clock } = scene();
  assert(!(take() instanceof Promise));
  assert.equal(clock.timerCount, 0);
  assert(take() instanceof Promise);
  assert.equal(clock.timerCount, 1);
  granted[0]!.end();
  granted[0]!.end();
  await clock.advance(0);
  assert.equal(granted.length, 2);
  assert.equal(clock.timerCount, 0);
  assert(take() instanceof Promise);
});

Deno.test("the turn of a completed operation ends with the work on it, or when the thread has nothing to do", async () => {
  const { take, granted, clock } = scene();
  for (let count = 0; count < 3; count++) {
    take();
  }
  granted[0]!.complete();
  await Promise.resolve();
  assert.equal(granted.length, 1);
  granted[0]!.end();
  await Promise.resolve();
  assert.equal(granted.length, 2);
  granted[1]!.complete();
  await clock.advance(0);
  assert.equal(granted.length, 3);
  granted[1]!.end();
  granted[2]!.end();
  assert.equal(clock.timerCount, 0);
  assert(!(take() instanceof Promise));
});

Deno.test("a turn that does not end passes in the second round, at the latest", async () => {
  const { take, granted, clock } = scene({ maxOperations: 3 });
  take();
  take();
  await clock.advance(ROUND_MS);
  assert.equal(granted.length, 1);
  await clock.advance(ROUND_MS + REST_MS);
  assert.equal(granted.length, 2);
  granted[0]!.end(); // It is no longer its turn.
  take();
  await clock.advance(0);
  assert.equal(granted.length, 2);
});

Deno.test("so many operations go on at a time, however slow they are", async () => {
  const { take, granted, clock } = scene({ maxOperations: 2 });
  take();
  take();
  take();
  await clock.advance(20 * ROUND_MS);
  assert.equal(granted.length, 2);
  granted[0]!.complete();
  await clock.advance(2 * ROUND_MS);
  assert.equal(granted.length, 3);
});

Deno.test("all rest for 1 ms when turns have followed each other for 4 ms, also callers that come then", async () => {
  const { take, granted, clock } = scene();
  take();
  take();
  await clock.advance(WORK_MS - 0.1);
  granted.at(-1)!.end();
  await Promise.resolve();
  assert.equal(granted.length, 2);
  take();
  await clock.advance(0.1);
  granted.at(-1)!.end();
  assert(take() instanceof Promise);
  await clock.advance(REST_MS - 0.1);
  assert.equal(granted.length, 2);
  await clock.advance(0.1);
  assert.equal(granted.length, 3);
  granted.at(-1)!.end();
  await Promise.resolve();
  assert.equal(granted.length, 4);
});

Deno.test("a caller alone does not rest", async () => {
  const { take, granted, clock } = scene();
  for (let count = 0; count < 10; count++) {
    assert(!(take() instanceof Promise));
    await clock.advance(WORK_MS);
    granted.at(-1)!.end();
  }
});

Deno.test("run() ends its turn whatever becomes of it", async () => {
  const { turns } = scene();
  await assert.rejects(turns.run(CALLER, () => Promise.reject(new Error("failed"))), /failed/);
  assert.equal(await turns.run(CALLER, () => Promise.resolve(1)), 1);
  assert(!(turns.take(CALLER) instanceof Promise));
});

Deno.test("peers take turns, and a peer has so many callers waiting", async () => {
  const { turns, take, granted } = scene({ maxPerPeer: 2 });
  take();
  const order: string[] = [];
  for (const peer of ["a", "a", "b"]) {
    turns.run({ peer }, () => Promise.resolve(void order.push(peer)));
  }
  const refused = turns.run(CALLER, () => Promise.resolve());
  await assertConnectError(refused, Code.ResourceExhausted, "file operations: the limit is 2 waiting for each peer");
  granted[0]!.end();
  await settle();
  assert.deepEqual(order, ["a", "b", "a"]);
});

Deno.test("a caller whose signal aborts takes no turn", async () => {
  const { turns, take, granted } = scene();
  take();
  const gone = new AbortController();
  const waiting = turns.run({ peer: "a", signal: gone.signal }, () => Promise.reject(new Error("done")));
  gone.abort(new Error("gone"));
  await assert.rejects(waiting, /gone/);
  granted[0]!.end();
  assert(!(turns.take(CALLER) instanceof Promise));
});
