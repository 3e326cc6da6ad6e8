/** What a connection begins with, in all the pieces it may come in. The socket is in memory. */
import assert from "node:assert/strict";
import { sniff } from "../../src/net/sniff.ts";
import { FakeSocket } from "../support/fake_socket.ts";
import { ascii, PREFACE } from "../support/frame_builder.ts";

/** What is told apart from HTTP/1.1: the preface up to here. */
const TOLD = 16;

async function sniffed(octets: Uint8Array, maxRead: number): Promise<string> {
  const socket = new FakeSocket();
  socket.maxRead = maxRead;
  socket.give(octets);
  socket.end();
  const result = await sniff(socket);
  if (result === undefined) {
    return "nothing";
  }
  const { isHttp2, chunk } = result;
  assert.deepEqual(chunk, octets.subarray(0, chunk.length), "What was read is given on");
  assert.equal(chunk.length + socket.unread, octets.length, "All else is still to be read");
  return isHttp2 ? "HTTP/2" : "HTTP/1.1";
}

Deno.test("The preface is HTTP/2, in pieces of any length", async () => {
  const octets = new Uint8Array([...PREFACE, ...new Uint8Array(100)]);
  for (let maxRead = 1; maxRead <= octets.length; maxRead++) {
    assert.equal(await sniffed(octets, maxRead), "HTTP/2", `by ${maxRead} octets`);
  }
});

Deno.test("A preface that ends early is nothing, and from its sixteenth octet on HTTP/2", async () => {
  for (let length = 0; length <= PREFACE.length; length++) {
    for (const maxRead of [1, Infinity]) {
      assert.equal(
        await sniffed(PREFACE.subarray(0, length), maxRead),
        length < TOLD ? "nothing" : "HTTP/2",
        `${length}`,
      );
    }
  }
});

Deno.test("A preface with one other octet is HTTP/1.1, which says what is wrong with it", async () => {
  for (let position = 0; position < TOLD; position++) {
    const octets = PREFACE.slice();
    octets[position]! ^= 0x20;
    for (const maxRead of [1, Infinity]) {
      assert.equal(await sniffed(octets, maxRead), "HTTP/1.1", `octet ${position}`);
    }
  }
});

Deno.test("Methods that begin like the preface are HTTP/1.1", async () => {
  for (
    const text of [
      "P",
      "PO",
      "PUT / HTTP/1.1\r\n",
      "PRI",
      "PRI * HTTP/1.1\r\n\r\n",
      "PRI / HTTP/2.0\r\n\r\n",
      "\r\nPRI ",
    ]
  ) {
    for (const maxRead of [1, Infinity]) {
      const isPrefix = "PRI * HTTP/2.0\r\n".startsWith(text);
      assert.equal(await sniffed(ascii(text), maxRead), isPrefix ? "nothing" : "HTTP/1.1", text);
    }
  }
});
