import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { type Turn, Turns } from "../../../src/services/deno/turns.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";

const ROUND_MS = 2;
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
    /** Half of the time after which a turn passes, at the earliest. */
    passRound: () => clock.advance(ROUND_MS),
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
  const { take, granted, passRound } = scene({ maxOperations: 3 });
  take();
  take();
  await passRound();
  assert.equal(granted.length, 1);
  await passRound();
  assert.equal(granted.length, 2);
  granted[0]!.end(); // It is no longer its turn.
  take();
  await settle();
  assert.equal(granted.length, 2);
});

Deno.test("so many operations go on at a time, however slow they are", async () => {
  const { take, granted, passRound } = scene({ maxOperations: 2 });
  take();
  take();
  take();
  for (let round = 0; round < 6; round++) {
    await passRound();
  }
  assert.equal(granted.length, 2);
  granted[0]!.complete();
  await passRound();
  assert.equal(granted.length, 3);
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
