/** Callbacks that are told of mistakes, and make some themselves. */
import assert from "node:assert/strict";
import { guardReporter, isThenable, printMistake, thrownText } from "../../src/user_code/mod.ts";
import { uncaughtDuring } from "../support/sockets.ts";

/** What is printed to the console while something is done. */
async function printed(action: () => void): Promise<unknown[][]> {
  const { error } = console;
  const lines: unknown[][] = [];
  console.error = (...items) => lines.push(items);
  try {
    const uncaught = await uncaughtDuring(async () => {
      action();
      await new Promise((resolve) => setTimeout(resolve));
    });
    assert.deepEqual(uncaught, []);
  } finally {
    console.error = error;
  }
  return lines;
}

const HOSTILE = new Proxy({}, {
  get() {
    throw new Error("get");
  },
  getPrototypeOf() {
    throw new Error("getPrototypeOf");
  },
});

Deno.test("a reporter that throws, or whose promise rejects, fails to the console", async () => {
  const reporters: ((error: unknown) => unknown)[] = [
    () => {
      throw "mistake";
    },
    () => Promise.reject("mistake"),
    () => ({ then: (_resolve: unknown, reject: (reason: unknown) => void) => reject("mistake") }),
    () => ({
      get then() {
        throw "mistake";
      },
    }),
  ];
  for (const report of reporters) {
    assert.deepEqual(await printed(() => guardReporter(report)("error")), [["mistake"]]);
  }
  const told: unknown[] = [];
  assert.deepEqual(await printed(() => guardReporter((...items: unknown[]) => told.push(...items))(1, 2)), []);
  assert.deepEqual(told, [1, 2]);
});

Deno.test("whatever was thrown can be printed, and has a text", async () => {
  for (const thrown of [null, undefined, Symbol("a"), Object.create(null), HOSTILE, 10n]) {
    assert.deepEqual((await printed(() => printMistake(thrown, "where"))).map(([where]) => where), ["where"]);
    assert.equal(typeof thrownText(thrown), "string");
  }
  const message = Object.defineProperty(new Error(), "message", {
    get() {
      throw new Error("getter");
    },
  });
  const texts = [new Error("a"), "b", Symbol("c"), message, HOSTILE, Object.create(null)].map(thrownText);
  const unreadable = "a value that cannot be shown";
  assert.deepEqual(texts, ["a", "b", "Symbol(c)", unreadable, unreadable, unreadable]);
  assert.equal(thrownText(Object.assign(new Error(), { message: 5 })), "5");
});

Deno.test("an object that fails at showing itself is printed by its text", async () => {
  const { error } = console;
  const lines: unknown[][] = [];
  console.error = (...items) => {
    if (items.includes(HOSTILE)) {
      throw new Error("cannot show");
    }
    lines.push(items);
  };
  try {
    printMistake(HOSTILE, "where");
  } finally {
    console.error = error;
  }
  assert.deepEqual(lines, [["where", "a value that cannot be shown"]]);
  await Promise.resolve();
});

Deno.test("thenables are what await waits for", () => {
  const callable = Object.assign(() => {}, { then: () => {} });
  assert.deepEqual([Promise.resolve(), { then: () => {} }, callable].map(isThenable), [true, true, true]);
  assert.deepEqual([null, undefined, "then", 1, {}, { then: "a" }, () => {}].some(isThenable), false);
});
