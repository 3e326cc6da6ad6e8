import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { BUFFER_SIZE } from "../../src/http/mod.ts";
import { Output } from "../../src/http1/output.ts";
import { octets, Peer } from "../support/http1_peer.ts";

Deno.test("output comes in the order it was written, from buffers of the pool", () => {
  const output = new Output();
  assert.equal(output.take(), undefined);
  output.ensure(3);
  output.appendText("abc");
  output.insertText(1, "--");
  output.appendOwned(octets("owned"));
  output.ensure(BUFFER_SIZE);
  output.appendCrlf();
  assert.equal(output.pendingLength, 12);
  const taken = [output.take()!, output.take()!, output.take()!];
  assert.deepEqual(taken.map((part) => Buffer.from(part).toString()), ["a--bc", "owned", "\r\n"]);
  assert.equal(output.take(), undefined);
  assert.equal(output.pendingLength, 0);
  output.release(taken[0]!);
  output.release(taken[1]!);
  assert.throws(() => output.release(taken[1]!), { message: "Cannot release output: it is not what was taken first" });
  const other = new Output();
  other.ensure(1);
  assert.equal(other.buffer.buffer, taken[0]!.buffer);
});

Deno.test("when the socket is closed nothing is kept of the output, taken or not, and a write may still give it back", () => {
  const output = new Output();
  output.appendOwned(octets("taken"));
  output.appendOwned(octets("waiting"));
  output.ensure(1);
  output.appendCrlf();
  const taken = output.take()!;
  output.drop();
  assert.equal(output.pendingLength, 0);
  assert.equal(output.take(), undefined);
  output.release(taken);
});

Deno.test("what was written is not changed by its owner afterwards", () => {
  for (const length of [10, 100, 20_000, 40_000]) {
    const chunk = Buffer.alloc(length, "a");
    const peer = new Peer();
    peer.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    peer.exchange.respond([{ name: ":status", value: "200" }]);
    peer.exchange.end(chunk);
    chunk.fill("b");
    assert(peer.flush().endsWith("\r\n\r\n" + "a".repeat(length)));
  }
});
