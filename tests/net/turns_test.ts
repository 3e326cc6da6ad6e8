/** The queue of turns, with real sockets: its promise depends on the runtime. */
import assert from "node:assert/strict";
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
