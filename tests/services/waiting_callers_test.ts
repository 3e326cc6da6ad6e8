import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { WaitingCallers } from "../../src/services/waiting_callers.ts";
import { assertConnectError } from "../support/connect_error.ts";

/** Has callers of peers wait, and gives the peers in the order in which they go on. */
function waitInOrder(waiting: WaitingCallers<string>, peers: readonly string[]): string[] {
  const served: string[] = [];
  for (const [index, peer] of peers.entries()) {
    waiting.wait({ peer }).then(() => served.push(`${peer}${index}`), () => served.push(`!${peer}${index}`));
  }
  return served;
}

const settle = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("callers go on peer by peer, those of a peer in the order in which they came", async () => {
  const waiting = new WaitingCallers<string>("files");
  const served = waitInOrder(waiting, ["a", "a", "a", "b", "b", "c"]);
  for (let count = 0; count < 4; count++) {
    assert.equal(waiting.serve(() => "granted"), true);
  }
  waiting.serve((peer) => peer === "a" ? undefined : "granted");
  await settle();
  assert.deepEqual(served, ["a0", "b3", "c5", "a1", "b4"]);
  assert.equal(waiting.size, 1);
  assert.equal(waiting.serve((peer) => peer === "a" ? undefined : "granted"), false);
  assert.equal(waiting.serve(() => "granted"), true);
  assert.equal(waiting.serve(() => "granted"), false);
});

Deno.test("a peer has so many callers waiting, and another one its own", async () => {
  const waiting = new WaitingCallers<string>("files", { maxPerPeer: 2 });
  const served = waitInOrder(waiting, ["a", "a"]);
  await assertConnectError(
    waiting.wait({ peer: "a" }),
    Code.ResourceExhausted,
    "files: the limit is 2 waiting for each peer",
  );
  const other = waiting.wait({ peer: undefined });
  while (waiting.serve(() => "granted"));
  assert.equal(await other, "granted");
  assert.deepEqual(served, ["a0", "a1"]);
});

Deno.test("when too many wait, one of the peer that has most makes room; a peer that has as many is refused", async () => {
  const waiting = new WaitingCallers<string>("files", { max: 4 });
  const served = waitInOrder(waiting, ["a", "b", "b", "b"]);
  const late = waiting.wait({ peer: "c" });
  await settle();
  assert.deepEqual(served, ["!b3"]);
  const second = waiting.wait({ peer: "c" });
  await assertConnectError(second, Code.ResourceExhausted, "files: the limit is 4 waiting");
  while (waiting.serve(() => "granted"));
  assert.equal(await late, "granted");
  assert.deepEqual(served, ["!b3", "a0", "b1", "b2"]);
});

Deno.test("a caller whose signal aborts waits no longer, and the others do not notice", async () => {
  const waiting = new WaitingCallers<string>("files", { maxPerPeer: 2 });
  const gone = new AbortController();
  const first = waiting.wait({ peer: "a", signal: gone.signal });
  const second = waiting.wait({ peer: "a", signal: new AbortController().signal });
  const reason = new Error("gone");
  gone.abort(reason);
  await assert.rejects(first, reason);
  assert.equal(waiting.size, 1);
  await assert.rejects(waiting.wait({ peer: "a", signal: gone.signal }), reason);
  const third = waiting.wait({ peer: "a" });
  while (waiting.serve(() => "granted"));
  assert.deepEqual(await Promise.all([second, third]), ["granted", "granted"]);
});
