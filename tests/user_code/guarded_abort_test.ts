/** Listeners of guarded signals: they are those of `AbortSignal`, and what they throw goes to the owner of the signal. */
import assert from "node:assert/strict";
import { abortGuarded, createGuardedAbort, guardSignal, type MistakeOwner } from "../../src/user_code/mod.ts";
import { uncaughtDuring } from "../support/sockets.ts";

class Owner implements MistakeOwner {
  readonly mistakes: unknown[] = [];

  report(mistake: unknown): void {
    this.mistakes.push(mistake);
  }
}

/** Values that nobody should throw. The last two throw when they are looked at. */
const THROWN: readonly unknown[] = [
  new Error("a"),
  null,
  undefined,
  Symbol("b"),
  Object.create(null),
  Object.defineProperty(new Error("c"), "message", {
    get() {
      throw new Error("getter");
    },
  }),
  new Proxy({}, {
    get() {
      throw new Error("get");
    },
    getPrototypeOf() {
      throw new Error("getPrototypeOf");
    },
  }),
];

async function abortWith(listen: (signal: AbortSignal, log: string[]) => void): Promise<[Owner, string[]]> {
  const owner = new Owner();
  const log: string[] = [];
  const uncaught = await uncaughtDuring(async () => {
    const controller = createGuardedAbort(owner);
    listen(controller.signal, log);
    abortGuarded(controller, "reason", owner);
    assert.equal(controller.signal.reason, "reason");
    await new Promise((resolve) => setTimeout(resolve));
  });
  assert.deepEqual(uncaught, []);
  return [owner, log];
}

Deno.test("what a listener throws goes to the owner, and the other listeners run", async () => {
  for (const thrown of THROWN) {
    const fail = () => {
      throw thrown;
    };
    const [owner, log] = await abortWith((signal, log) => {
      signal.addEventListener("abort", fail);
      signal.addEventListener("abort", { handleEvent: fail }, { once: true });
      signal.onabort = fail;
      signal.addEventListener("abort", () => log.push("last"));
    });
    assert.equal(owner.mistakes.length, 3);
    assert.ok(owner.mistakes.every((mistake) => mistake === thrown));
    assert.deepEqual(log, ["last"]);
  }
});

Deno.test("what the promise of an asynchronous listener rejects with goes to the owner", async () => {
  const [owner] = await abortWith((signal) => {
    signal.addEventListener("abort", async () => {
      await Promise.resolve();
      throw new Error("late");
    });
    signal.onabort = () => ({
      get then() {
        throw new Error("then");
      },
    });
  });
  assert.deepEqual(owner.mistakes.map(String).sort(), ["Error: late", "Error: then"]);
});

Deno.test("so does what listeners of dependent signals throw", async () => {
  const [owner, log] = await abortWith((signal, log) => {
    AbortSignal.any([signal]).addEventListener("abort", () => {
      throw new Error("any");
    });
    new Request("http://localhost", { signal }).signal.onabort = () => {
      throw new Error("request");
    };
    const inner = new Owner();
    const other = createGuardedAbort(inner);
    AbortSignal.any([other.signal]).onabort = () => {
      throw new Error("inner");
    };
    signal.addEventListener("abort", () => {
      abortGuarded(other, undefined, inner);
      log.push(...inner.mistakes.map(String));
    });
  });
  assert.deepEqual(owner.mistakes.map(String).sort(), ["Error: any", "Error: request"]);
  assert.deepEqual(log, ["Error: inner"]);
});

Deno.test("errors of the program beside it are not swallowed", async () => {
  const owner = new Owner();
  const uncaught = await uncaughtDuring(async () => {
    abortGuarded(createGuardedAbort(owner), undefined, owner);
    reportError(new Error("of the program"));
    await new Promise((resolve) => setTimeout(resolve));
  });
  assert.deepEqual(uncaught.map(String), ["Error: of the program"]);
  assert.deepEqual(owner.mistakes, []);
});

Deno.test("a guarded signal is an AbortSignal in all else", async () => {
  const owner = new Owner();
  const log: string[] = [];
  const controller = createGuardedAbort(owner);
  const { signal } = controller;
  assert.ok(signal instanceof AbortSignal);
  assert.equal(signal.onabort, null);
  function listener(this: unknown, event: Event) {
    log.push(`${event.type} ${this === signal}`);
  }
  signal.addEventListener("abort", listener);
  signal.addEventListener("abort", listener);
  const removed = () => log.push("removed");
  signal.addEventListener("abort", removed);
  signal.removeEventListener("abort", removed);
  signal.onabort = removed;
  assert.equal(signal.onabort, removed);
  signal.onabort = null;
  assert.equal(signal.onabort, null);
  const waiting = AbortSignal.any([signal]);
  const fetching = fetch("data:,a", { signal });
  await (await fetching).text();
  abortGuarded(controller, new Error("reason"), owner);
  assert.deepEqual(log, ["abort true"]);
  assert.ok(waiting.aborted);
  assert.throws(() => signal.throwIfAborted(), /reason/);
  await assert.rejects(fetch("data:,a", { signal }), /reason/);
});

Deno.test("what is no listener is reported as a mistake, too", async () => {
  const [owner, log] = await abortWith((signal, log) => {
    signal.addEventListener("abort", 1 as never);
    signal.addEventListener("abort", {} as never);
    signal.addEventListener("abort", () => log.push("last"));
  });
  assert.equal(owner.mistakes.length, 2);
  assert.deepEqual(log, ["last"]);
});

Deno.test("a signal that another owner made is guarded by guardSignal", async () => {
  const owner = new Owner();
  const uncaught = await uncaughtDuring(() => {
    const controller = new AbortController();
    guardSignal(controller.signal, owner);
    controller.signal.addEventListener("abort", () => {
      throw "thrown";
    });
    controller.abort();
    return Promise.resolve();
  });
  assert.deepEqual(uncaught, []);
  assert.deepEqual(owner.mistakes, ["thrown"]);
});
