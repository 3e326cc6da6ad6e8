import assert from "node:assert/strict";
import { Turn } from "../../src/http/mod.ts";
import type { FrameReader } from "../../src/http2/frame_reader.ts";
import * as build from "../support/frame_builder.ts";
import { ascii, concat, frame } from "../support/frame_builder.ts";
import { FrameLog, frameReader, readBothWays, type ReaderOptions } from "../support/frame_log.ts";
import { fuzzSeed, Random } from "../support/random.ts";

const HELLO = concat(build.PREFACE, build.settings());

/** Reads a client's frames after its preface, whole and octet by octet, and expects the same calls. */
function expectFrames(bytes: Uint8Array, expected: string[], options: Partial<ReaderOptions> = {}): void {
  const start = options.role === "client" ? build.settings() : HELLO;
  for (const [index, log] of readBothWays(concat(start, bytes), options).entries()) {
    assert.deepEqual(log.frames.slice(1), expected, index === 0 ? "whole" : "octet by octet");
  }
}

/** A reader behind its preface, and its log. */
function createReader(options: Partial<ReaderOptions> = {}, turn?: Turn): [FrameReader, FrameLog] {
  const log = new FrameLog();
  const reader = frameReader(log, options, turn);
  reader.push(options.role === "client" ? build.settings() : HELLO);
  log.lines.length = 0;
  return [reader, log];
}

Deno.test("every frame type arrives with its fields, reserved bits masked", () => {
  expectFrames(
    concat(
      build.settings([3, 100], [0xff00, 0xffff_ffff]),
      build.settingsAck(),
      build.headers(0x8000_0001, "block"),
      build.headers(3, "", { endStream: true }),
      build.data(1, "some data"),
      build.data(1, "", { endStream: true }),
      build.priority(5, 0x8000_0003),
      build.resetStream(1, 8),
      build.resetStream(3, 0xffff_fffe),
      build.ping("12345678"),
      build.ping("abcdefgh", { ack: true }),
      build.goaway(0x8000_0007, 0xb, "why"),
      build.goaway(0x7fff_ffff, 0),
      build.windowUpdate(0, 0x7fff_ffff),
      build.windowUpdate(7, 0x8000_0001),
    ),
    [
      "SETTINGS 000300000064ff00ffffffff",
      "SETTINGS ack",
      'HEADERS 1 "block"',
      'HEADERS 3 "" end',
      'DATA 1 "some data" flow 9',
      'DATA 1 "" flow 0 end',
      "PRIORITY 5",
      "RST_STREAM 1 CANCEL",
      "RST_STREAM 3 0xfffffffe",
      'PING "12345678"',
      'PING "abcdefgh" ack',
      'GOAWAY 7 ENHANCE_YOUR_CALM "why"',
      'GOAWAY 2147483647 NO_ERROR ""',
      "WINDOW_UPDATE 0 2147483647",
      "WINDOW_UPDATE 7 1",
    ],
  );
});

Deno.test("the preface fails at its first wrong octet", () => {
  for (let wrong = 0; wrong < build.PREFACE.length; wrong++) {
    const preface = build.PREFACE.slice();
    preface[wrong]! ^= 0x20;
    const log = new FrameLog();
    const reader = frameReader(log);
    reader.push(preface.subarray(0, wrong));
    assert.deepEqual(log.lines, []);
    assert.equal(reader.isMidFrame, true);
    reader.push(preface.subarray(wrong, wrong + 1));
    assert.deepEqual(log.lines, ["connection error PROTOCOL_ERROR: Invalid connection preface"]);
  }
});

Deno.test("the first frame is SETTINGS, and no ACK, in both directions", () => {
  const message = (name: string) => [`connection error PROTOCOL_ERROR: First frame is ${name}, not SETTINGS`];
  for (const role of ["server", "client"] as const) {
    const preface = role === "server" ? build.PREFACE : new Uint8Array(0);
    for (
      const [bytes, expected] of [
        [build.ping("12345678"), message("PING")],
        [build.settingsAck(), message("SETTINGS")],
        [frame(0x77, 0, 0), message("Frame of type 0x77")],
        [ascii("HTTP/1.1 400 Bad Request\r\n"), ["connection error PROTOCOL_ERROR: The peer speaks HTTP/1"]],
        [build.settings(), ["SETTINGS "]],
      ] as const
    ) {
      for (const log of readBothWays(concat(preface, bytes), { role })) {
        assert.deepEqual(log.lines, expected);
      }
    }
  }
});

Deno.test("a frame of SETTINGS_MAX_FRAME_SIZE passes, of one octet more fails, whatever its type", () => {
  for (const type of [0, 1, 5, 6, 7, 8, 0x77]) {
    const name = ["DATA", "HEADERS", , , , "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE"][type] ??
      "Frame of type 0x77";
    expectFrames(frame(type, 4, 1, new Uint8Array(0), 16_385), [
      `connection error FRAME_SIZE_ERROR: ${name} of 16385 octets is above SETTINGS_MAX_FRAME_SIZE`,
    ]);
  }
  const largest = "x".repeat(16_384);
  expectFrames(concat(build.data(1, largest), build.headers(1, largest), frame(0x77, 0, 9, ascii(largest))), [
    `DATA 1 "${largest}" flow 16384`,
    `HEADERS 1 "${largest}"`,
  ]);
  expectFrames(build.data(1, largest + "x"), [`DATA 1 "${largest}x" flow 16385`], { maxFrameSize: 16_385 });
});

Deno.test("frames of a wrong size", () => {
  const cases: [Uint8Array, string][] = [
    [frame(0, 8, 1), "connection error FRAME_SIZE_ERROR: DATA of 0 octets"],
    [frame(1, 12, 1), "connection error FRAME_SIZE_ERROR: HEADERS of 0 octets"],
    [frame(1, 0x24, 1, new Uint8Array(4)), "connection error FRAME_SIZE_ERROR: HEADERS of 4 octets"],
    [frame(1, 0x2c, 1, new Uint8Array(5)), "connection error FRAME_SIZE_ERROR: HEADERS of 5 octets"],
    [frame(3, 0, 1, new Uint8Array(3)), "connection error FRAME_SIZE_ERROR: RST_STREAM of 3 octets"],
    [frame(3, 0, 1, new Uint8Array(5)), "connection error FRAME_SIZE_ERROR: RST_STREAM of 5 octets"],
    [frame(4, 0, 0, new Uint8Array(5)), "connection error FRAME_SIZE_ERROR: SETTINGS of 5 octets"],
    [frame(4, 0, 0, new Uint8Array(7)), "connection error FRAME_SIZE_ERROR: SETTINGS of 7 octets"],
    [frame(4, 1, 0, new Uint8Array(6)), "connection error FRAME_SIZE_ERROR: SETTINGS of 6 octets"],
    [frame(6, 0, 0, new Uint8Array(7)), "connection error FRAME_SIZE_ERROR: PING of 7 octets"],
    [frame(6, 1, 0, new Uint8Array(9)), "connection error FRAME_SIZE_ERROR: PING of 9 octets"],
    [frame(7, 0, 0, new Uint8Array(7)), "connection error FRAME_SIZE_ERROR: GOAWAY of 7 octets"],
    [frame(8, 0, 0, new Uint8Array(3)), "connection error FRAME_SIZE_ERROR: WINDOW_UPDATE of 3 octets"],
    [frame(8, 0, 1, new Uint8Array(5)), "connection error FRAME_SIZE_ERROR: WINDOW_UPDATE of 5 octets"],
  ];
  for (const [bytes, expected] of cases) {
    expectFrames(concat(bytes, build.ping("12345678")), [expected]);
  }
  for (const length of [0, 4, 6]) {
    const expected = `stream error 1 FRAME_SIZE_ERROR: PRIORITY of ${length} octets`;
    expectFrames(concat(frame(2, 0, 1, new Uint8Array(length)), build.ping("12345678")), [expected, 'PING "12345678"']);
  }
  const role = "client";
  const tooShort = "connection error FRAME_SIZE_ERROR: PUSH_PROMISE of";
  expectFrames(frame(5, 4, 1, new Uint8Array(3)), [`${tooShort} 3 octets`], { role });
  expectFrames(frame(5, 12, 1, new Uint8Array(4)), [`${tooShort} 4 octets`], { role });
});

Deno.test("frames on a stream where they do not belong", () => {
  const cases: [Uint8Array, string][] = [
    [build.data(0, "x"), "DATA on stream 0"],
    [build.headers(0, "x"), "HEADERS on stream 0"],
    [build.priority(0, 3), "PRIORITY on stream 0"],
    [build.resetStream(0, 8), "RST_STREAM on stream 0"],
    [frame(4, 0, 3), "SETTINGS on stream 3"],
    [frame(4, 1, 3), "SETTINGS on stream 3"],
    [frame(6, 0, 3, new Uint8Array(8)), "PING on stream 3"],
    [frame(7, 0, 3, new Uint8Array(8)), "GOAWAY on stream 3"],
    [build.continuation(3, "x"), "CONTINUATION without HEADERS"],
    [build.pushPromise(1, 2, "x"), "PUSH_PROMISE from a client"],
  ];
  for (const [bytes, message] of cases) {
    expectFrames(concat(bytes, build.ping("12345678")), [`connection error PROTOCOL_ERROR: ${message}`]);
  }
  expectFrames(build.pushPromise(0, 2, "x"), ["connection error PROTOCOL_ERROR: PUSH_PROMISE on stream 0"], {
    role: "client",
  });
});

Deno.test("a WINDOW_UPDATE of 0 is the stream's error, or the connection's", () => {
  expectFrames(concat(build.windowUpdate(3, 0x8000_0000), build.windowUpdate(0, 0), build.ping("12345678")), [
    "stream error 3 PROTOCOL_ERROR: WINDOW_UPDATE with an increment of 0",
    "connection error PROTOCOL_ERROR: WINDOW_UPDATE of the connection with an increment of 0",
  ]);
});

Deno.test("padding counts for flow control and is cut off", () => {
  expectFrames(
    concat(
      build.data(1, "data", { padding: 0 }),
      build.data(1, "data", { padding: 255, endStream: true }),
      build.data(1, "", { padding: 7 }),
      build.headers(3, "block", { padding: 9 }),
      build.headers(3, "", { padding: 255, priority: { dependency: 1 }, endStream: true }),
    ),
    [
      'DATA 1 "data" flow 5 padding 1',
      'DATA 1 "data" flow 260 padding 256 end',
      'DATA 1 "" flow 8 padding 8',
      'HEADERS 3 "block"',
      'HEADERS 3 "" end',
    ],
  );
});

Deno.test("padding that is longer than its frame", () => {
  const filled = (first: number, length: number) => new Uint8Array(length).fill(first, 0, 1);
  expectFrames(frame(0, 8, 1, filled(9, 10)), ['DATA 1 "" flow 10 padding 10']);
  expectFrames(frame(0, 8, 1, filled(10, 10)), [
    "connection error PROTOCOL_ERROR: Padding of 10 octets in DATA of 10",
  ]);
  const tooLong = (name: string) => [
    `connection error PROTOCOL_ERROR: Padding is longer than what ${name} has room for`,
  ];
  expectFrames(frame(1, 12, 1, filled(9, 10)), ['HEADERS 1 ""']);
  expectFrames(frame(1, 12, 1, filled(10, 10)), tooLong("HEADERS"));
  expectFrames(frame(1, 0x2c, 1, filled(4, 10)), ['HEADERS 1 ""']);
  expectFrames(frame(1, 0x2c, 1, filled(5, 10)), tooLong("HEADERS"));
  const role = "client";
  expectFrames(frame(5, 12, 1, concat(new Uint8Array([2]), build.uint32(2), new Uint8Array(2))), [
    'PUSH_PROMISE 1 2 ""',
  ], { role });
  expectFrames(
    frame(5, 12, 1, concat(new Uint8Array([3]), build.uint32(2), new Uint8Array(2))),
    tooLong("PUSH_PROMISE"),
    {
      role,
    },
  );
});

Deno.test("a priority that names its own stream is told, in HEADERS and PRIORITY", () => {
  expectFrames(
    concat(
      build.headers(3, "block", { priority: { dependency: 3, exclusive: true } }),
      build.headers(5, "block", { priority: { dependency: 3 } }),
      build.headers(7, "one ", { priority: { dependency: 7 }, endHeaders: false }),
      build.continuation(7, "two"),
      build.priority(9, 9),
      build.priority(9, 0),
    ),
    [
      'HEADERS 3 "block" self-dependent',
      'HEADERS 5 "block"',
      'HEADERS 7 "one two" self-dependent',
      "PRIORITY 9 self-dependent",
      "PRIORITY 9",
    ],
  );
});

Deno.test("HEADERS and CONTINUATION are one field block", () => {
  expectFrames(
    concat(
      build.headers(1, "one ", { endHeaders: false, endStream: true, padding: 3 }),
      build.continuation(1, "", { endHeaders: false }),
      build.continuation(1, "two ", { endHeaders: false }),
      build.continuation(1, "three"),
      build.headers(3, "next"),
      build.headers(5, "", { endHeaders: false }),
      build.continuation(5, ""),
    ),
    ['HEADERS 1 "one two three" end', 'HEADERS 3 "next"', 'HEADERS 5 ""'],
  );
});

Deno.test("PUSH_PROMISE and CONTINUATION are one field block, for a client", () => {
  expectFrames(
    concat(
      build.pushPromise(1, 0x8000_0002, "one ", { endHeaders: false, padding: 3 }),
      build.continuation(1, "two"),
      build.pushPromise(1, 4, "three", { padding: 0 }),
      build.headers(1, "four", { endHeaders: false }),
      build.continuation(1, ""),
      build.pushPromise(1, 0, "five"),
    ),
    [
      'PUSH_PROMISE 1 2 "one two"',
      'PUSH_PROMISE 1 4 "three"',
      'HEADERS 1 "four"',
      "connection error PROTOCOL_ERROR: PUSH_PROMISE of stream 0",
    ],
    { role: "client" },
  );
});

Deno.test("nothing comes between HEADERS and CONTINUATION", () => {
  const cases: [Uint8Array, string][] = [
    [build.continuation(3, "x"), "CONTINUATION on stream 3"],
    [build.headers(1, "x"), "HEADERS on stream 1"],
    [build.data(1, "x"), "DATA on stream 1"],
    [build.ping("12345678"), "PING on stream 0"],
    [build.windowUpdate(1, 0), "WINDOW_UPDATE on stream 1"],
    [frame(0x77, 0, 1), "Frame of type 0x77 on stream 1"],
  ];
  for (const [bytes, what] of cases) {
    expectFrames(concat(build.headers(1, "block", { endHeaders: false }), bytes), [
      `connection error PROTOCOL_ERROR: ${what} inside the field block of stream 1`,
    ]);
  }
});

Deno.test("as many CONTINUATION frames as allowed, and one more", () => {
  const part = build.continuation(1, "", { endHeaders: false });
  const block = (count: number) =>
    concat(
      build.headers(1, "x", { endHeaders: false }),
      ...new Array(count - 1).fill(part),
      build.continuation(1, "y"),
    );
  expectFrames(concat(block(8), block(8)), ['HEADERS 1 "xy"', 'HEADERS 1 "xy"']);
  expectFrames(block(9), [
    "connection error ENHANCE_YOUR_CALM: More than 8 CONTINUATION frames in a field block",
  ]);
});

Deno.test("a field block as large as allowed, and larger by an octet, in one frame and in several", () => {
  const options = { maxHeaderBlockSize: 300 };
  const tooLarge = ["connection error ENHANCE_YOUR_CALM: Field block is above 300 octets"];
  const block = "x".repeat(300);
  const split = (text: string, at: number) =>
    concat(
      build.headers(1, text.slice(0, at), { endHeaders: false, padding: 50 }),
      build.continuation(1, text.slice(at)),
    );
  expectFrames(build.headers(1, block, { padding: 50 }), [`HEADERS 1 "${block}"`], options);
  expectFrames(build.headers(1, block + "x"), tooLarge, options);
  for (const at of [0, 1, 150, 300]) {
    expectFrames(split(block, at), [`HEADERS 1 "${block}"`], options);
    expectFrames(split(block + "x", at), tooLarge, options);
  }
  expectFrames(build.headers(1, block + "x", { endHeaders: false }), tooLarge, options);
});

Deno.test("a field block that gets too large fails before its octets arrive", () => {
  const [reader, log] = createReader({ maxHeaderBlockSize: 300 });
  reader.push(build.headers(1, "x", { endHeaders: false }));
  reader.push(frame(9, 4, 1, new Uint8Array(0), 300));
  assert.deepEqual(log.lines, ["connection error ENHANCE_YOUR_CALM: Field block is above 300 octets"]);
  assert.equal(reader.bufferedSize, 0);
});

Deno.test("unknown frames and unknown flags are ignored", () => {
  expectFrames(
    concat(
      frame(0xa, 0xff, 0, ascii("ALTSVC")),
      frame(0xff, 0xff, 0x7fff_ffff, new Uint8Array(16_384)),
      build.data(1, "x", { flags: 0xf6 & ~8 }),
      build.ping("12345678", { flags: 0xfe }),
    ),
    ['DATA 1 "x" flow 1', 'PING "12345678"'],
  );
});

Deno.test("DATA is handed on as it arrives, without a copy", () => {
  const [reader, log] = createReader();
  const bytes = build.data(1, "abcdef", { padding: 2, endStream: true }); // header 0-8, pad length 9, data 10-15, padding 16-17
  for (const [start, end] of [[0, 9], [9, 10], [10, 13], [13, 16], [16, 17], [17, 18]] as const) {
    assert.equal(reader.push(bytes, start, end), end);
    assert.equal(reader.bufferedSize, 0);
    assert.equal(reader.isMidFrame, end < 18);
  }
  assert.deepEqual(log.lines, ['DATA 1 "abc" flow 9 padding 3', 'DATA 1 "def" flow 0 end']);

  const seen: boolean[] = [];
  log.onData = (_id, buffer) => seen.push(buffer === bytes);
  reader.push(bytes);
  assert.deepEqual(seen, [true]);
});

Deno.test("a whole field block is handed on without a copy, a split one from a buffer of its own that is then given up", () => {
  const [reader, log] = createReader();
  const bytes = build.headers(1, "x".repeat(1000));
  const seen: boolean[] = [];
  log.onHeaders = (_id, buffer, start) => seen.push(buffer === bytes && start === 9);
  reader.push(bytes);
  reader.push(bytes, 0, 500);
  assert(reader.bufferedSize >= 491 && reader.bufferedSize <= 1000);
  reader.push(bytes, 500);
  assert.deepEqual(seen, [true, false]);
  assert.equal(reader.bufferedSize, 0);
  assert.equal(reader.isMidFrame, false);
});

Deno.test("memory grows with what arrived, not with what was announced", () => {
  const [reader] = createReader();
  reader.push(frame(1, 4, 1, new Uint8Array(1), 16_384));
  assert(reader.bufferedSize <= 256);
  reader.push(new Uint8Array(1000));
  assert(reader.bufferedSize <= 2048);
  const [joining] = createReader();
  joining.push(build.headers(1, "x", { endHeaders: false }));
  assert(joining.bufferedSize <= 256);
  assert.equal(joining.isMidFrame, true);
  joining.push(build.continuation(1, ""));
  assert.equal(joining.bufferedSize, 0);
});

Deno.test("A reader whose turn is over ends at a frame boundary and goes on from there", () => {
  const turn = new Turn(100_000);
  const [reader, log] = createReader({}, turn);
  const bytes = concat(build.headers(1, "a"), build.headers(3, "b"), build.data(3, "data"), build.headers(5, "c"));
  log.onLine = (line) => line.startsWith("HEADERS") && turn.spend(200_000);
  const first = reader.push(bytes);
  assert.equal(first, 10);
  assert.equal(reader.push(bytes, first), first, "still over");
  turn.enter();
  const second = reader.push(bytes, first);
  assert.equal(second, 20);
  turn.enter();
  assert.equal(reader.push(bytes, second), bytes.length);
  assert.deepEqual(log.lines, ['HEADERS 1 "a"', 'HEADERS 3 "b"', 'DATA 3 "data" flow 4', 'HEADERS 5 "c"']);
});

Deno.test("A reader whose turn is over in a piece of DATA goes on with the next piece", () => {
  const turn = new Turn(100_000);
  const [reader, log] = createReader({}, turn);
  const bytes = concat(build.data(1, "abcdef"), build.ping("12345678"));
  log.onLine = () => turn.spend(200_000);
  assert.equal(reader.push(bytes, 0, 12), 12);
  assert.equal(reader.push(bytes, 12), 12);
  turn.enter();
  assert.equal(reader.push(bytes, 12), 15);
  turn.enter();
  reader.push(bytes, 15);
  assert.deepEqual(log.lines, ['DATA 1 "abc" flow 6', 'DATA 1 "def" flow 0', 'PING "12345678"']);
});

Deno.test("a stopped reader drops what follows, also within the chunk", () => {
  const [reader, log] = createReader();
  log.onLine = () => reader.stop();
  const bytes = concat(build.ping("12345678"), build.data(0, "x"));
  assert.equal(reader.push(bytes), bytes.length);
  assert.equal(reader.push(bytes), bytes.length);
  assert.deepEqual(log.lines, ['PING "12345678"']);
});

Deno.test("after an error of the connection nothing more is read", () => {
  const [reader, log] = createReader();
  const bytes = concat(build.data(0, "x"), build.ping("12345678"));
  assert.equal(reader.push(bytes), bytes.length);
  reader.push(bytes);
  assert.deepEqual(log.lines, ["connection error PROTOCOL_ERROR: DATA on stream 0"]);
});

/** A valid conversation with some frames of every kind. */
function randomFrames(random: Random): Uint8Array<ArrayBuffer> {
  const frames: Uint8Array[] = [];
  for (let count = random.below(12); count > 0; count--) {
    const id = 1 + random.below(9);
    const padding = random.below(3) === 0 ? { padding: random.below(256) } : {};
    const content = random.bytes(random.below(random.pick([2, 50, 3000])));
    frames.push(
      random.pick([
        () => build.data(id, content, { ...padding, endStream: random.below(2) === 0 }),
        () => build.headers(id, content, padding),
        () =>
          concat(
            build.headers(id, content, { ...padding, endHeaders: false }),
            build.continuation(id, random.bytes(5)),
          ),
        () => build.priority(id, random.below(5)),
        () => frame(0xb0, random.below(256), id, content),
        () => build.settings([random.below(9), random.uint32()]),
        () => build.ping(random.bytes(8)),
        () => build.windowUpdate(id, random.below(3)),
        () => build.goaway(id, random.below(20), "debug"),
      ])(),
    );
  }
  return concat(HELLO, ...frames);
}

Deno.test("the same octets give the same frames in any chunks, also when some octets are wrong", () => {
  const seed = fuzzSeed();
  const random = new Random(seed);
  let faults = 0;
  for (let round = 0; round < 1000; round++) {
    const bytes = randomFrames(random);
    for (let wrong = random.below(3); wrong > 0 && round % 2 === 0; wrong--) {
      bytes[random.below(bytes.length)] = random.uint32();
    }
    const whole = new FrameLog();
    const chunked = new FrameLog();
    frameReader(whole).push(bytes);
    const reader = frameReader(chunked);
    const largest = random.pick([1, 10, 1000]);
    for (let start = 0; start < bytes.length;) {
      const chunk = bytes.slice(start, start + 1 + random.below(largest));
      assert.equal(reader.push(chunk), chunk.length);
      chunk.fill(0xee);
      start += chunk.length;
    }
    assert.deepEqual(chunked.frames, whole.frames, `seed ${seed}, round ${round}`);
    faults += whole.lines.at(-1)?.startsWith("connection error") ? 1 : 0;
  }
  assert(faults > 50, "the rounds with wrong octets meet errors");
});
