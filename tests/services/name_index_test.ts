import assert from "node:assert/strict";
import { NameIndex } from "../../src/services/name_index.ts";
import { Random } from "../support/random.ts";

Deno.test("NameIndex is a sorted set, however names come and go", () => {
  const random = new Random(7);
  const index = new NameIndex();
  const names = new Set<string>();
  assert.deepEqual(index.after("", 10), []);
  for (let step = 0; step < 20_000; step++) {
    const name = `${random.below(4000)}`;
    if (random.below(step < 10_000 ? 4 : 2) === 0) {
      index.delete(name);
      names.delete(name);
    } else {
      index.add(name);
      names.add(name);
    }
    if (step % 1000 === 0) {
      const sorted = [...names].sort();
      assert.deepEqual(index.after("", Infinity), sorted);
      const after = `${random.below(4000)}`;
      assert.deepEqual(index.after(after, 700), sorted.filter((name) => name > after).slice(0, 700));
    }
  }
  for (const name of names) {
    index.delete(name);
  }
  assert.deepEqual(index.after("", 10), []);
  index.add("again");
  assert.deepEqual(index.after("", 10), ["again"]);
  assert.deepEqual(index.after("again", 10), []);
});
