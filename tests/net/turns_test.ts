/** The queue of turns, with real sockets: its promise depends on the runtime. */
import assert from "node:assert/strict";
import { MemoryPressure } from "../../src/net/garbage.ts";
import { TurnQueue } from "../../src/net/turns.ts";

const ROOT = new URL("../..", import.meta.url);

Deno.test("A TurnQueue gives turns in the order of the requests, one at a time", async () => {
  const turns = await TurnQueue.open();
  const order: number[] = [];
  const take = async (name: number) => {
    await turns.next();
    order.push(name);
    await Promise.resolve(); // What it does in its turn comes before the next turn.
    order.push(name);
  };
  await Promise.all([1, 2, 3, 4].map(take));
  assert.deepEqual(order, [1, 1, 2, 2, 3, 3, 4, 4]);
  await take(5);
  assert.equal(order.length, 10);
  turns.close();
});

Deno.test("The runtime polls for ready sockets before each turn", async () => {
  const turns = await TurnQueue.open();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const near = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  const far = await listener.accept();
  const buffer = new Uint8Array(1);
  for (let round = 0; round < 50; round++) {
    let turnsTaken = 0;
    let isRead = false;
    const reading = far.read(buffer).then(() => isRead = true);
    await near.write(buffer);
    while (!isRead) {
      await turns.next();
      turnsTaken++;
    }
    assert(turnsTaken <= 3, `a byte waited for ${turnsTaken} turns`);
    await reading;
  }
  near.close();
  far.close();
  turns.close();
});

Deno.test("A TurnQueue that is closed, or may not open sockets, still gives turns", async () => {
  const turns = await TurnQueue.open();
  turns.close();
  await turns.next();
  const program = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "-"],
    cwd: ROOT, // For deno.json.
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = program.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`
    import { TurnQueue } from "${import.meta.resolve("../../src/net/turns.ts")}";
    const turns = await TurnQueue.open();
    await turns.next();
    console.log("a turn");
  `));
  await writer.close();
  assert.equal(new TextDecoder().decode((await program.output()).stdout), "a turn\n");
});

/** Lets the queue believe that connections had the thread for so long, in milliseconds. */
function spend(turns: TurnQueue, ms: number): void {
  const nowMs = performance.now();
  turns.spend(nowMs - ms, nowMs);
}

Deno.test("connections with much input wait after 8 ms without a poll, until there was one", async () => {
  const turns = await TurnQueue.open();
  assert.equal(turns.isOver, false);
  spend(turns, 4);
  assert.deepEqual([turns.isOver, turns.isNextDue], [false, false]);
  spend(turns, 4);
  assert.deepEqual([turns.isOver, turns.isNextDue], [false, true]);
  spend(turns, 0.5);
  assert.deepEqual([turns.isOver, turns.isNextDue], [true, true]);
  await turns.next();
  assert.equal(turns.isOver, false);
  turns.close();
});

Deno.test("time between two inputs counts, as handlers may have had it, unless it is so long that the runtime has polled", async () => {
  const turns = await TurnQueue.open();
  turns.spend(1000, 1001);
  for (let ms = 1001; ms <= 1005; ms += 4) {
    turns.spend(ms + 3.9, ms + 4); // 1 ms, and twice 4.
  }
  assert.equal(turns.isOver, true);
  await turns.next();
  turns.spend(2000, 2003);
  turns.spend(2007, 2010); // 3 + 3 ms, and not 10.
  assert.equal(turns.isOver, false);
  turns.close();
});

Deno.test("costly work is done at once while little time has passed, and gives or throws what it does", async () => {
  const turns = await TurnQueue.open();
  assert.equal(turns.schedule({}, 0, () => 7, false), 7);
  assert.throws(() =>
    turns.schedule({}, 0, () => {
      throw new RangeError("no");
    }, false), RangeError);
  turns.close();
});

Deno.test("after 4 ms work waits, and its promise gives or rejects with what it does", async () => {
  const turns = await TurnQueue.open();
  spend(turns, 4.5);
  const given = turns.schedule({}, 0, () => 7, false);
  const failed = turns.schedule({}, 0, (): number => {
    throw new RangeError("no");
  }, false);
  assert(given instanceof Promise);
  assert.equal(await given, 7);
  await assert.rejects(Promise.resolve(failed), RangeError);
  turns.close();
});

Deno.test("work on many bytes counts for what its handler will do with them: 1 ms for each MB", async () => {
  const turns = await TurnQueue.open();
  assert.equal(turns.schedule({}, 3_000_000, () => 1, false), 1);
  assert.equal(turns.schedule({}, 1_100_000, () => 2, false), 2);
  const third = turns.schedule({}, 0, () => 3, false);
  assert(third instanceof Promise);
  assert.equal(await third, 3);
  turns.close();
});

Deno.test("connections with work have their turns one after the other, whatever one of them has waiting", async () => {
  const turns = await TurnQueue.open();
  const order: string[] = [];
  spend(turns, 4.5);
  const [first, second] = [{}, {}];
  const add = (owner: object, name: string) => turns.schedule(owner, 0, () => order.push(name), false);
  const all = [add(first, "a1"), add(first, "a2"), add(first, "a3"), add(second, "b1"), add(second, "b2")];
  await Promise.all(all);
  assert.deepEqual(order, ["a1", "b1", "a2", "b2", "a3"]);
  turns.close();
});

Deno.test("what goes on with earlier work comes before work that has not begun, whosever it is", async () => {
  const turns = await TurnQueue.open();
  const order: string[] = [];
  const owners = [{}, {}, {}];
  spend(turns, 4.5);
  await Promise.all(owners.map(async (owner, index) => {
    const busy = (name: string) => () => {
      order.push(`${name}${index}`);
      for (const endMs = performance.now() + 5; performance.now() < endMs;);
    };
    await turns.schedule(owner, 0, busy("decompress"), false);
    await turns.schedule(owner, 0, busy("decode"), true);
  }));
  assert.deepEqual(order, ["decompress0", "decode0", "decompress1", "decode1", "decompress2", "decode2"]);
  turns.close();
});

Deno.test("a connection that waits is not behind the costly work of those before it", async () => {
  const turns = await TurnQueue.open();
  let done = 0;
  let doneBefore = -1;
  spend(turns, 9);
  const costly = Array.from({ length: 10 }, async () => {
    await turns.next();
    await turns.schedule({}, 0, () => {
      for (const endMs = performance.now() + 5; performance.now() < endMs;);
      done++;
    }, false);
  });
  const cheap = turns.next().then(() => doneBefore = done);
  await Promise.all([...costly, cheap]);
  assert.deepEqual([doneBefore <= 1, done], [true, 10], `it waited for ${doneBefore} pieces of work`);
  turns.close();
});

Deno.test("the runtime polls between pieces of work that take long each, so that a new client is accepted, read and answered", async () => {
  const turns = await TurnQueue.open();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let answered = -1;
  let done = 0;
  const serving = (async () => {
    const conn = await listener.accept();
    await conn.read(new Uint8Array(1));
    answered = done;
    conn.close();
  })();
  spend(turns, 4.5);
  using client = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  await client.write(new Uint8Array(1));
  const works = Array.from({ length: 10 }, () =>
    turns.schedule({}, 0, () => {
      for (const endMs = performance.now() + 5; performance.now() < endMs;);
      done++;
    }, false));
  await Promise.all([serving, ...works]);
  assert(answered >= 0 && answered <= 1, `answered after ${answered} pieces of work`);
  turns.close();
});

Deno.test("work is done where the system does not say how much memory there is", async () => {
  const memory = new MemoryPressure({
    usable: () => 1000,
    resident: () => {
      throw new Error("Too many open files (os error 24)");
    },
    collect: () => {},
  });
  const turns = await TurnQueue.open(memory);
  spend(turns, 4.5);
  assert.equal(await turns.schedule({}, 0, () => 7, false), 7);
  spend(turns, 4.5);
  assert.equal(await turns.schedule({}, 0, () => 8, false), 8);
  turns.close();
});

Deno.test("garbage is collected before costly work where memory is short, and nothing waits for long if that does not help", async () => {
  let collections = 0;
  const memory = new MemoryPressure({ usable: () => 1000, resident: () => 900, collect: () => void collections++ });
  const turns = await TurnQueue.open(memory);
  spend(turns, 4.5);
  assert.equal(await turns.schedule({}, 0, () => collections, false), 1);
  spend(turns, 4.5);
  assert.equal(await turns.schedule({}, 0, () => collections, false), 1);
  for (let turn = 0; turn < 100; turn++) {
    await turns.next();
  }
  assert.equal(collections, 1);
  turns.close();
});
