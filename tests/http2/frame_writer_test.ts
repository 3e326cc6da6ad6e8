import assert from "node:assert/strict";
import { BUFFER_SIZE } from "../../src/http/mod.ts";
import { FrameWriter, MAX_DEBUG_LENGTH } from "../../src/http2/frame_writer.ts";
import { sampleBytes } from "../support/bytes.ts";
import * as build from "../support/frame_builder.ts";
import { ascii, concat, parseFrames } from "../support/frame_builder.ts";
import { FrameLog, frameReader } from "../support/frame_log.ts";
import { fuzzSeed, Random } from "../support/random.ts";

/** What a writer wrote, as a copy; its buffer goes back. */
function written(writer: FrameWriter): Uint8Array {
  const bytes = writer.take();
  const copy = bytes?.slice() ?? new Uint8Array(0);
  if (bytes !== undefined) {
    writer.release(bytes);
  }
  return copy;
}

/** Writes a field block as an HPACK encoder does. */
function writeBlock(
  writer: FrameWriter,
  streamId: number,
  block: Uint8Array,
  endStream: boolean,
  bound = block.length,
): void {
  const start = writer.beginHeaders(streamId, bound);
  writer.buffer.set(block, start);
  writer.endHeaders(start + block.length, endStream);
}

Deno.test("every frame is written as RFC 9113 draws it", () => {
  const writer = new FrameWriter();
  writer.writePreface();
  writer.writeSettings([[1, 4096], [3, 128], [0xff01, 0xffff_ffff]]);
  writer.writeSettings([]);
  writer.writeSettingsAck();
  writer.writePing(false, ascii("12345678"));
  writer.writePing(true, ascii("__abcdefgh__"), 2);
  writer.writeGoaway(0x7fff_ffff, 0);
  writer.writeGoaway(5, 0xb, "Too many resets");
  writer.writeWindowUpdate(0, 0x7fff_ffff);
  writer.writeWindowUpdate(0x7fff_ffff, 1);
  writer.writeResetStream(3, 0xffff_fffe);
  writer.writeData(1, ascii("__some data__"), 2, 11, false);
  writer.writeData(1, ascii(""), 0, 0, true);
  writeBlock(writer, 3, ascii("block"), false, 100);
  writeBlock(writer, 3, ascii(""), true);
  const expected = concat(
    build.PREFACE,
    build.settings([1, 4096], [3, 128], [0xff01, 0xffff_ffff]),
    build.settings(),
    build.settingsAck(),
    build.ping("12345678"),
    build.ping("abcdefgh", { ack: true }),
    build.goaway(0x7fff_ffff, 0),
    build.goaway(5, 0xb, "Too many resets"),
    build.windowUpdate(0, 0x7fff_ffff),
    build.windowUpdate(0x7fff_ffff, 1),
    build.resetStream(3, 0xffff_fffe),
    build.data(1, "some data"),
    build.data(1, "", { endStream: true }),
    build.headers(3, "block"),
    build.headers(3, "", { endStream: true }),
  );
  assert.equal(writer.length, expected.length);
  assert.deepEqual(written(writer), new Uint8Array(expected));
  assert.equal(writer.length, 0);
});

Deno.test("debug data has an end", () => {
  for (const length of [MAX_DEBUG_LENGTH, MAX_DEBUG_LENGTH + 1]) {
    const writer = new FrameWriter();
    writer.writeGoaway(1, 2, "x".repeat(length));
    assert.equal(parseFrames(written(writer))[0]!.payload.length, 8 + MAX_DEBUG_LENGTH);
  }
});

Deno.test("DATA is split by the size of frames, and its last frame ends the stream", () => {
  const writer = new FrameWriter();
  const content = sampleBytes(40_000);
  writer.writeData(1, content, 0, 16_384, true);
  writer.writeData(1, content, 0, 16_385, true);
  writer.writeData(1, content, 100, 40_000, false);
  const frames = parseFrames(written(writer));
  assert.deepEqual(frames.map(({ payload }) => payload.length), [16_384, 16_384, 1, 16_384, 16_384, 7132]);
  assert.deepEqual(frames.map(({ flags }) => flags), [1, 0, 1, 0, 0, 0]);
  assert.deepEqual(concat(...frames.slice(3).map(({ payload }) => payload)), content.slice(100));
});

Deno.test("reserved DATA is as long as it gets", () => {
  const writer = new FrameWriter();
  const offset = writer.reserveData(1, 100);
  writer.buffer.set(ascii("abc"), offset);
  writer.commitData(3, false);
  writer.reserveData(1, 100);
  writer.commitData(0, false);
  writer.reserveData(3, 0);
  writer.commitData(0, true);
  writer.reserveData(5, 16_384);
  writer.commitData(16_384, false);
  assert.throws(() => writer.reserveData(1, 16_385), {
    name: "RangeError",
    message: "Cannot reserve 16385 octets: a frame has at most 16384",
  });
  const frames = parseFrames(written(writer));
  assert.deepEqual(frames.map(({ streamId, flags, payload }) => [streamId, flags, payload.length]), [
    [1, 0, 3],
    [3, 1, 0],
    [5, 0, 16_384],
  ]);
  assert.deepEqual(frames[0]!.payload, new Uint8Array(ascii("abc")));
});

Deno.test("a field block of one frame, of two and of many", () => {
  const writer = new FrameWriter();
  writer.maxFrameSize = 20;
  for (const [length, sizes] of [[20, [20]], [21, [20, 1]], [40, [20, 20]], [41, [20, 20, 1]]] as const) {
    const block = sampleBytes(length);
    writer.writePing(false, new Uint8Array(8));
    writeBlock(writer, 7, block, true, length + 50);
    writer.writeResetStream(7, 0);
    const [ping, ...frames] = parseFrames(written(writer));
    const reset = frames.pop()!;
    assert.deepEqual([ping!.type, reset.type], [6, 3]);
    assert.deepEqual(frames.map(({ type }) => type), sizes.map((_, index) => index === 0 ? 1 : 9));
    assert.deepEqual(frames.map(({ payload }) => payload.length), sizes);
    const flags = sizes.map((_, index) => (index === 0 ? 1 : 0) | (index === sizes.length - 1 ? 4 : 0));
    assert.deepEqual(frames.map((each) => each.flags), flags);
    assert.deepEqual(concat(...frames.map(({ payload }) => payload)), block);
    assert(frames.every(({ streamId }) => streamId === 7));
  }
});

Deno.test("a field block that fills the buffer still finds room for the headers of CONTINUATION", () => {
  const writer = new FrameWriter();
  writer.maxFrameSize = 1000;
  const block = sampleBytes(BUFFER_SIZE - 9);
  writeBlock(writer, 1, block, false);
  const frames = parseFrames(written(writer));
  assert.equal(frames.length, 33);
  assert.deepEqual(concat(...frames.map(({ payload }) => payload)), block);
});

Deno.test("nothing is written into an open frame", () => {
  const writer = new FrameWriter();
  const message = "Cannot write a frame: one of stream 5 is open";
  writer.reserveData(5, 10);
  for (
    const write of [
      () => writer.writePing(false, new Uint8Array(8)),
      () => writer.writePreface(),
      () => writer.reserveData(1, 1),
      () => writer.beginHeaders(1, 1),
      () => writer.take(),
    ]
  ) {
    assert.throws(write, { name: "Error", message });
  }
  assert.throws(() => writer.endHeaders(9, false), { message: "Cannot end a frame: none of its type is open" });
  assert.throws(() => writer.commitData(11, false), {
    name: "RangeError",
    message: "Cannot end a frame with 11 octets: 10 are reserved",
  });
  writer.discardOpen();
  assert.equal(writer.take(), undefined);
  assert.throws(() => writer.commitData(1, false), { message: "Cannot end a frame: none of its type is open" });
  writer.beginHeaders(5, 10);
  assert.throws(() => writer.endHeaders(20, false), RangeError);
  assert.throws(() => writer.endHeaders(8, false), RangeError);
  writer.discardOpen();
  assert.equal(writer.length, 0);
});

Deno.test("a writer owns a buffer only while it has output, and takes the one used last", () => {
  const first = new FrameWriter();
  const second = new FrameWriter();
  assert.equal(first.buffer.length, 0);
  first.writeSettingsAck();
  const taken = first.take()!;
  const { buffer } = taken;
  assert.equal(first.buffer.length, 0);
  first.release(taken);
  second.writeSettingsAck();
  assert.equal(second.buffer.buffer, buffer);
  second.take();
  second.reserveData(1, 10);
  second.discardOpen();
  const unused = second.buffer.buffer;
  assert.equal(second.take(), undefined);
  first.writeSettingsAck();
  assert.equal(first.buffer.buffer, unused, "a buffer without output goes back by itself");
});

Deno.test("a buffer that has grown is not for the pool", () => {
  const writer = new FrameWriter();
  const content = sampleBytes(2 * BUFFER_SIZE);
  writer.writeData(1, content, 0, content.length, false);
  const large = writer.take()!;
  assert(large.length > BUFFER_SIZE);
  writer.release(large);
  writer.writeSettingsAck();
  assert.equal(writer.buffer.length, BUFFER_SIZE);
});

Deno.test("what is written can be read", () => {
  const seed = fuzzSeed();
  const random = new Random(seed);
  for (let round = 0; round < 200; round++) {
    const writer = new FrameWriter();
    writer.maxFrameSize = random.pick([16_384, 20, 1000]);
    writer.writeSettings([]);
    const expected = ["SETTINGS "];
    for (let count = random.below(10); count > 0; count--) {
      const id = 1 + random.below(9);
      const length = random.below(Math.min(random.pick([30, 300, 40_000]), 8 * writer.maxFrameSize));
      const content = new Uint8Array(length).fill(97 + random.below(26));
      const text = String.fromCharCode(content[0] ?? 0).repeat(length);
      const endStream = random.below(2) === 0;
      writeBlock(writer, id, content, endStream, length + random.below(100));
      expected.push(`HEADERS ${id} "${text}"${endStream ? " end" : ""}`);
      const part = Math.min(length, writer.maxFrameSize);
      const offset = writer.reserveData(id, part);
      writer.buffer.set(content.subarray(0, part), offset);
      writer.commitData(part, true);
      expected.push(`DATA ${id} "${text.slice(0, part)}" flow ${part} end`);
    }
    const log = new FrameLog();
    frameReader(log, { role: "client" }).push(written(writer));
    assert.deepEqual(log.frames, expected, `seed ${seed}, round ${round}`);
  }
});
