/** How a bench goes on when one of those that it measures does not. */
import assert from "node:assert/strict";
import type { Peer } from "../../bench/peers.ts";
import { runScenario } from "../../bench/run.ts";
import { goals, type Scenario } from "../../bench/scenario.ts";

function peer(name: string): Peer {
  return { name, build: () => Promise.resolve([]) };
}

const [ours, other, broken] = [peer("ours"), peer("other"), peer("broken")] as const;

function scenario(measure: Scenario["measure"], better: "more" | "less" = "more"): Scenario {
  return {
    key: "key",
    title: "title",
    metrics: [{ name: "figures", better }],
    peers: [ours, other, broken],
    goals: goals(ours, [[other, 2], [broken, 1]]),
    measure,
  };
}

Deno.test("All peers are measured in each round; goals compare medians", async () => {
  const order: string[] = [];
  const figures = { ours: [9, 30, 8], other: [3, 1, 4] };
  const result = await runScenario(
    scenario(({ name }) => {
      order.push(name);
      return Promise.resolve([figures[name as keyof typeof figures].shift()!]);
    }),
    [ours, other],
    { rounds: 3, onProgress: () => {} },
  );
  assert.deepEqual(order, ["ours", "other", "ours", "other", "ours", "other"]);
  assert.deepEqual(result.peers[0], { name: "ours", rounds: [[9], [30], [8]] });
  assert.deepEqual(result.goals, [{ ours: "ours", other: "other", metric: 0, atLeast: 2, ratio: 3 }]);
});

Deno.test("Where less is better a ratio says how many times less", async () => {
  const { goals } = await runScenario(
    scenario(({ name }) => Promise.resolve([name === "ours" ? 20 : 10]), "less"),
    [ours, other],
    { rounds: 1, onProgress: () => {} },
  );
  assert.equal(goals[0]!.ratio, 0.5);
});

Deno.test("A peer that fails is reported and left out, and the others go on", async () => {
  const asked: string[] = [];
  const { peers, goals } = await runScenario(
    scenario(({ name }) => {
      asked.push(name);
      return name === "broken" && asked.length > 3
        ? Promise.reject(new Error("cargo build ended with 101:\n   Compiling x\nerror: no such crate"))
        : Promise.resolve([1]);
    }),
    [ours, broken, other],
    { rounds: 3, onProgress: () => {} },
  );
  assert.deepEqual(peers[1], { name: "broken", rounds: [[1]], failure: "error: no such crate" });
  assert.deepEqual(peers[2], { name: "other", rounds: [[1], [1], [1]] });
  assert.deepEqual(goals.map(({ other }) => other), ["other"]);
});
