/** HPACK's tables are as large as both sides have agreed on, whether that was before the first fields or after. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type Connection, createConnection } from "../../src/http2/mod.ts";
import { headers, PREFACE, settings, settingsAck } from "../support/frame_builder.ts";
import { fieldList, TestPeer } from "../support/test_peer.ts";

const OK = fieldList({ ":status": "200" });

/** SETTINGS_HEADER_TABLE_SIZE. */
const TABLE_SIZE = 1;

// As HPACK has them, in hexadecimal.
const SIZE_0 = "20";
const SIZE_4096 = "3fe11f";
const REQUEST = "838684";
const STATUS_200 = "88";

/** A request without content. */
function request(streamId: number, block: string): Uint8Array {
  return headers(streamId, Uint8Array.from(Buffer.from(block, "hex")), { endStream: true });
}

/** A server that answers all requests. */
function createServer(): Connection {
  return createConnection({
    role: "server",
    nowMs: 0,
    handler: { onRequest: (stream) => stream.respond(OK, true), onOutput() {}, onClose() {} },
  });
}

/** The field block of the one answer to some frames. */
function answer(connection: Connection, ...frames: readonly Uint8Array[]): string {
  for (const octets of frames) {
    connection.handleInput(octets, 0);
  }
  const output = Buffer.from(connection.pollOutput()!);
  const isHeaders = 1;
  let block = "";
  for (let position = 0; position < output.length;) {
    const end = position + 9 + output.readUIntBE(position, 3);
    if (output[position + 3] === isHeaders) {
      block += output.toString("hex", position + 9, end);
    }
    position = end;
  }
  return block;
}

Deno.test("The first block sent begins with what the peer's settings changed before it, and the next with what they change then", () => {
  const begin = (...sizes: readonly number[]) => {
    const server = createServer();
    const entries = sizes.map((size) => [TABLE_SIZE, size] as const);
    return [server, answer(server, PREFACE, settings(...entries), settingsAck(), request(1, REQUEST))] as const;
  };
  assert.equal(begin()[1], STATUS_200);
  assert.equal(begin(4096)[1], STATUS_200);
  assert.equal(begin(65_536)[1], STATUS_200, "We need no more than 4096");
  assert.equal(begin(0)[1], SIZE_0 + STATUS_200);
  assert.equal(begin(0, 4096)[1], SIZE_0 + SIZE_4096 + STATUS_200);
  const [server] = begin();
  assert.equal(answer(server, settings([TABLE_SIZE, 0]), request(3, REQUEST)), SIZE_0 + STATUS_200);
  assert.equal(answer(server, settings([TABLE_SIZE, 4096]), request(5, REQUEST)), SIZE_4096 + STATUS_200);
});

Deno.test("The first block received begins with the size that our settings took the table to, once they are acknowledged", () => {
  const limits = { maxHeaderTableSize: 0 };
  const early = new TestPeer("server", { limits, handshake: false });
  early.send(PREFACE, settings(), request(1, REQUEST));
  early.wantEvents("request 1 POST / end");
  early.send(settingsAck(), request(3, SIZE_0 + REQUEST));
  early.wantEvents("request 3 POST / end");
  const right = new TestPeer("server", { limits });
  right.send(request(1, SIZE_0 + REQUEST));
  right.wantEvents("request 1 POST / end");
  const wrong = new TestPeer("server", { limits });
  wrong.send(request(1, REQUEST));
  wrong.wantEvents("close COMPRESSION_ERROR local");
});
