import assert from "node:assert/strict";
import { Turn, Work, WORK_PER_TURN } from "../../src/http/mod.ts";

Deno.test("A turn is over when its work is spent, and enter() begins the next one", () => {
  const turn = new Turn(1000);
  turn.enter();
  turn.spend(999);
  assert.equal(turn.isOver, false);
  turn.enter();
  assert.equal(turn.isOver, false, "the same turn");
  turn.spend(1);
  assert.equal(turn.isOver, true);
  turn.enter();
  turn.spend(999);
  assert.equal(turn.isOver, false, "a new one, all of it");
});

Deno.test("A turn has so many reads, requests, frames and bytes", () => {
  const countOf = (spend: (turn: Turn) => void) => {
    const turn = new Turn();
    let count = 0;
    for (; !turn.isOver; count++) {
      spend(turn);
    }
    return count;
  };
  assert.equal(countOf((turn) => turn.spend(Work.INPUT)), 128);
  assert.equal(countOf((turn) => turn.spend(Work.REQUEST)), 1024);
  assert.equal(countOf((turn) => turn.spendFrame(0)), 4096);
  assert.equal(countOf((turn) => turn.spendFrame(16_384)), 241); // Nearly 4 MiB.
  assert.equal(countOf((turn) => turn.spend(Work.HEAD_BYTE)), 65_536);
  assert.equal(countOf((turn) => turn.spend(WORK_PER_TURN)), 1);
});
