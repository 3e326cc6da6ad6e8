/** What is refused when too much waits, and what is not. */
import assert from "node:assert/strict";
import { type ByteAccount, ByteBudget, type ByteBudgetHost, type RefusalError } from "../../src/http/mod.ts";

/** A connection whose requests are numbers of bytes, the largest of which is refused first. */
class Connection {
  readonly account: ByteAccount;
  readonly requests: number[] = [];
  readonly refused: number[] = [];
  readonly errors: RefusalError[] = [];

  constructor(budget: ByteBudget) {
    this.account = budget.open(this);
  }

  keep(...requests: readonly number[]): void {
    for (const bytes of requests) {
      this.requests.push(bytes);
      this.account.add(bytes);
    }
  }

  release(bytes: number): void {
    this.requests.splice(this.requests.indexOf(bytes), 1);
    this.account.remove(bytes);
  }

  refuseLargest(error: RefusalError): void {
    const largest = Math.max(...this.requests);
    this.release(largest);
    this.refused.push(largest);
    this.errors.push(error);
  }
}

function budgetOf(maxBytes: number, maxConnectionBytes: number, host?: ByteBudgetHost): ByteBudget {
  return new ByteBudget({ maxBytes, maxConnectionBytes }, host);
}

Deno.test("a connection may keep as much as its limit, and with a byte more its largest request is refused", () => {
  const budget = budgetOf(1000, 100);
  const connection = new Connection(budget);
  connection.keep(20, 50, 30);
  assert.deepEqual(connection.refused, []);
  connection.keep(1);
  assert.deepEqual(connection.refused, [50]);
  assert.match(connection.errors[0]!.message, /maxConnectionBufferedBytes, 100/);
  assert.equal(budget.bytes, 51);
});

Deno.test("what is refused by one connection's limit is never another's", () => {
  const budget = budgetOf(1000, 100);
  const [greedy, modest] = [new Connection(budget), new Connection(budget)];
  modest.keep(90);
  greedy.keep(40, 40, 40, 40, 40);
  assert.deepEqual([greedy.refused.length, modest.refused.length], [3, 0]);
});

Deno.test("all together may keep as much as the server's limit, and above the largest connections give", () => {
  const budget = budgetOf(800, 1000);
  const [large, middle, small] = [new Connection(budget), new Connection(budget), new Connection(budget)];
  small.keep(100);
  middle.keep(100, 100, 100);
  large.keep(200, 200);
  assert.equal(budget.bytes, 800);
  small.keep(1);
  assert.match(large.errors[0]!.message, /maxBufferedBytes, 800/);
  assert.deepEqual([large.refused, middle.refused, small.refused], [[200], [], []]);
  assert.ok(budget.bytes <= 700, "down to seven eighths, so that the next look is not for the next byte");
});

Deno.test("many connections that keep the same are refused as few requests as are enough", () => {
  const budget = budgetOf(1000, 1000);
  const connections = Array.from({ length: 101 }, () => new Connection(budget));
  connections.forEach((connection) => connection.keep(5, 5));
  const refused = connections.reduce((sum, { refused }) => sum + refused.length, 0);
  assert.equal(budget.bytes, 1010 - 5 * refused);
  assert.equal(budget.bytes, 880, "875 and what came after that");
});

Deno.test("a connection that has nothing to refuse does not keep others from being looked at", () => {
  const budget = budgetOf(100, 100);
  const stubborn = budget.open({ refuseLargest: () => {} });
  const other = new Connection(budget);
  stubborn.add(60);
  other.keep(50);
  assert.deepEqual(other.refused, [50]);
  stubborn.remove(60);
  assert.equal(budget.bytes, 0);
});

Deno.test("what handlers keep after their call counts, and when it is as much as a limit nothing more comes in", () => {
  const budget = budgetOf(100, 1000);
  const connection = new Connection(budget);
  connection.account.add(99);
  connection.account.orphan(99);
  assert.deepEqual([budget.bytes, connection.account.bytes, connection.account.orphanedBytes], [99, 0, 99]);
  connection.keep(10);
  assert.deepEqual(connection.refused, [], "one that goes on is not what its neighbours pay for");
  connection.account.add(1);
  connection.account.orphan(1);
  connection.keep(10);
  assert.deepEqual(connection.refused, [10]);
  connection.account.removeOrphaned(100);
  connection.keep(20);
  assert.deepEqual([connection.refused, budget.bytes], [[10], 30]);
});

Deno.test("a refusal that makes another connection keep more comes to an end", () => {
  const budget = budgetOf(100, 100);
  const other = new Connection(budget);
  const first: ByteAccount = budget.open({
    refuseLargest: () => {
      first.remove(80);
      other.keep(10); // An answer that waits.
    },
  });
  first.add(80);
  other.keep(30);
  assert.deepEqual([budget.bytes, other.refused], [40, []]);
});

Deno.test("its host is told of refusals", () => {
  const refused: string[] = [];
  const small = new Connection(budgetOf(1 << 30, 10, { onRefused: ({ reason }) => refused.push(reason) }));
  small.keep(11);
  assert.deepEqual(refused, ["maxConnectionBufferedBytes"]);
});

Deno.test("accounts that come and go leave nothing", () => {
  const budget = budgetOf(100, 100);
  const connections = [1, 2, 3, 4].map(() => new Connection(budget));
  for (const order of [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]]) {
    connections.forEach((connection) => connection.keep(10));
    order.forEach((index) => connections[index]!.release(10));
    assert.equal(budget.bytes, 0);
    assert.ok(connections.every(({ account }) => account.next === undefined && account.previous === undefined));
  }
});
