import assert from "node:assert/strict";
import { ReceiveWindow, SendWindow } from "../../src/http2/flow_window.ts";
import { Http2Stream, type StreamHost } from "../../src/http2/stream.ts";
import { StreamTable } from "../../src/http2/stream_table.ts";

function streamOf(id: number): Http2Stream {
  const host: StreamHost = {
    sender: undefined!,
    resetStream: () => {},
    releaseData: () => {},
    spendWork: () => {},
    schedule: (_bytes, work) => work(),
    keepBytes: () => {},
  };
  return new Http2Stream(host, id, new SendWindow(65_535), new ReceiveWindow(65_535));
}

Deno.test("streams are found by their numbers, in whatever order they go", () => {
  const table = new StreamTable();
  // Multiples of 128 share a bucket.
  const streams = [1, 3, 129, 257, 385, 0x7fff_ffff].map(streamOf);
  streams.forEach((stream) => table.add(stream));
  assert.deepEqual(table.values().map(({ id }) => id), [1, 3, 129, 257, 385, 0x7fff_ffff]);
  for (const stream of [streams[2]!, streams[0]!, streams[4]!, streams[5]!, streams[3]!, streams[1]!]) {
    assert.equal(table.get(stream.id), stream);
    assert.equal(table.delete(stream), true);
    assert.equal(table.get(stream.id), undefined);
    assert.equal(table.delete(stream), false);
    assert.equal(stream.nextInBucket, undefined);
    assert.ok(streams.every((other) => (table.get(other.id) === other) === table.values().includes(other)));
  }
  assert.equal(table.size, 0);
});

Deno.test("a stream of another number in the same bucket is not the one", () => {
  const table = new StreamTable();
  table.add(streamOf(1));
  assert.equal(table.get(129), undefined);
  assert.equal(table.delete(streamOf(129)), false);
  assert.equal(table.delete(streamOf(1)), false);
  assert.equal(table.size, 1);
});
