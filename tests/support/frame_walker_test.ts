import assert from "node:assert/strict";
import {
  concat,
  data,
  frame,
  goaway,
  headers,
  priority,
  resetStream,
  settings,
  windowUpdate,
} from "./frame_builder.ts";
import { FrameWalker } from "./frame_walker.ts";

const HEAD = "\x88";

function walk(...frames: readonly Uint8Array[]): void {
  const bytes = concat(settings(), ...frames);
  for (const length of [1, 7, bytes.length]) {
    const walker = new FrameWalker();
    for (let start = 0; start < bytes.length; start += length) {
      walker.push(bytes.subarray(start, start + length));
    }
    walker.end();
  }
}

Deno.test("FrameWalker takes what a server may send", () => {
  walk(headers(1, HEAD), data(1, "hello"), headers(1, HEAD, { endStream: true }), resetStream(1, 0), goaway(1, 0));
  walk(headers(1, HEAD, { endHeaders: false }), frame(9, 4, 1), data(1, "", { endStream: true }), windowUpdate(1, 5));
});

Deno.test("FrameWalker finds what a server may not send", () => {
  const faults: readonly [RegExp, ...Uint8Array[]][] = [
    [/a second RST_STREAM on stream 1/, resetStream(1, 8), resetStream(1, 8)],
    [/DATA on stream 1/, data(1, "too early")],
    [/DATA on stream 1/, headers(1, HEAD, { endStream: true }), data(1, "too late")],
    [/DATA on stream 1/, headers(1, HEAD), resetStream(1, 8), data(1, "too late")],
    [/HEADERS on stream 1/, headers(1, HEAD), headers(1, HEAD)],
    [/while the field block of 1 is open/, headers(1, HEAD, { endHeaders: false }), settings()],
    [/the last field block is not complete/, headers(1, HEAD, { endHeaders: false })],
    [/the last frame is not complete/, headers(1, HEAD).subarray(0, 9)],
    [/WINDOW_UPDATE after RST_STREAM/, resetStream(1, 8), windowUpdate(1, 5)],
    [/an increment of 0/, windowUpdate(0, 0)],
    [/after GOAWAY with an error/, goaway(0, 1), settings()],
    [/GOAWAY with 3 after one with 1/, goaway(1, 0), goaway(3, 0)],
    [/type 2$/, priority(1, 0)],
    [/type 1 on stream 2/, headers(2, HEAD)],
    [/flags 8 of type 0/, headers(1, HEAD), data(1, "", { padding: 0 })],
    [/a frame of 16385 octets/, frame(0, 0, 1, new Uint8Array(16_385))],
  ];
  for (const [message, ...frames] of faults) {
    assert.throws(() => walk(...frames), message);
  }
  assert.throws(() => new FrameWalker().push(headers(1, HEAD)), /the first frame is not SETTINGS/);
});
