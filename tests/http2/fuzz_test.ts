import assert from "node:assert/strict";
import {
  ascii,
  concat,
  data,
  goaway,
  headers,
  type ParsedFrame,
  parseFrames,
  ping,
  PREFACE,
  priority,
  resetStream,
  settings,
  settingsAck,
  windowUpdate,
} from "../support/frame_builder.ts";
import { feedConnection } from "../support/fuzzed_connection.ts";
import { fuzzSeed, Random } from "../support/random.ts";
import { StreamMutator, toRecording } from "../support/stream_mutator.ts";

const STREAMS = 20_000;

/** Fields as literals that are not indexed, and not compressed: RFC 7541 §6.2.2. */
function literals(...fields: readonly (readonly [name: string, value: string])[]): Uint8Array {
  return concat(...fields.flatMap(([name, value]) => [
    new Uint8Array([0, name.length]),
    ascii(name),
    new Uint8Array([value.length]),
    ascii(value),
  ]));
}

function request(method: string, path: string, ...more: readonly (readonly [string, string])[]): Uint8Array {
  return literals([":method", method], [":scheme", "http"], [":authority", "localhost"], [":path", path], ...more);
}

/** `:method: GET`, `:scheme: http`, `:path: /` from the static table, and a field that goes into the dynamic one. */
const INDEXED = concat(new Uint8Array([0x82, 0x86, 0x84, 0x41, 9]), ascii("localhost"));

const CLIENTS = [
  concat(PREFACE, settings(), headers(1, INDEXED, { endStream: true }), settingsAck()),
  concat(
    PREFACE,
    settings([3, 100], [4, 65_535], [1, 4096]),
    windowUpdate(0, 1_000_000),
    headers(1, INDEXED),
    data(1, "hello"),
    data(1, " world", { endStream: true, padding: 7 }),
    headers(3, new Uint8Array([0x82, 0x86, 0x84, 0xbe]), { endStream: true, priority: { dependency: 1 } }),
    ping("12345678"),
    settingsAck(),
  ),
  concat(
    PREFACE,
    settings([4, 10]),
    settingsAck(),
    headers(1, request("POST", "/echo", ["content-length", "11"])),
    data(1, "hello"),
    headers(3, request("GET", "/bytes/70000"), { endStream: true }),
    windowUpdate(3, 40_000),
    data(1, " world"),
    headers(1, literals(["x-request-trailer", "sent"]), { endStream: true }),
    settings([4, 100_000]),
    windowUpdate(0, 100_000),
  ),
  concat(
    PREFACE,
    settings(),
    headers(1, request("POST", "/wait")),
    headers(3, request("POST", "/early")),
    headers(5, request("POST", "/echo")),
    headers(7, request("POST", "/wait")),
    data(5, "x".repeat(300)),
    headers(9, request("GET", "/trailers"), { endStream: true }),
    headers(11, request("HEAD", "/bytes/5"), { endStream: true }),
    headers(13, request("GET", "/reset"), { endStream: true }),
    priority(15, 1),
    resetStream(1, 8),
    data(3, "late", { endStream: true }),
    settingsAck(),
    goaway(0, 0, "bye"),
  ),
];

Deno.test("a connection survives whatever a client sends", () => {
  const seed = fuzzSeed();
  const mutator = new StreamMutator(CLIENTS.map((bytes) => toRecording(bytes, 100)));
  let requests = 0;
  for (let index = 0; index < STREAMS; index++) {
    const random = new Random(seed + index);
    const bytes = mutator.next(random);
    const hex = `${bytes.length} octets, ${bytes.subarray(0, 200).toHex()}...`; // The seed gives the rest.
    try {
      requests += feedConnection(bytes, random, false).requests;
    } catch (error) {
      throw new Error(`EDGEWIRE_FUZZ_SEED=${seed}, stream ${index}: ${hex}`, { cause: error });
    }
  }
  assert.ok(requests > STREAMS / 2, `only ${requests} requests got through: the streams are too bad to find anything`);
});

Deno.test("a connection answers what clients send without mistakes", () => {
  CLIENTS.forEach((bytes, index) => {
    for (let seed = 0; seed < 50; seed++) {
      const { error } = feedConnection(bytes, new Random(seed), false);
      // It may be too much for tight limits, and what comes too late for the clock.
      assert.doesNotMatch(
        error ?? "",
        /COMPRESSION_ERROR|FRAME_SIZE_ERROR|INTERNAL_ERROR/,
        `client ${index}, seed ${seed}`,
      );
    }
  });
});

const wasReset = (frames: readonly ParsedFrame[]) => frames.some(({ type }) => type === 3);

Deno.test("a connection echoes what it got, however it comes and however little the client takes", () => {
  const content = Uint8Array.from({ length: 3000 }, (_, position) => position * 7);
  const bytes = concat(
    PREFACE,
    settings([4, 50]),
    settingsAck(),
    headers(1, request("POST", "/echo")),
    data(1, content.subarray(0, 150)),
    ...Array.from({ length: 20 }, (_, index) => windowUpdate(1, 40 + index)),
    data(1, content.subarray(150, 190), { padding: 10 }),
    windowUpdate(1, 4000),
    data(1, content.subarray(190, 300), { endStream: true }),
    windowUpdate(0, 4000),
  );
  let complete = 0;
  for (let seed = 0; seed < 300; seed++) {
    const { output, error } = feedConnection(bytes, new Random(seed), true);
    const frames = parseFrames(concat(...output));
    const echoed = concat(
      ...frames.filter(({ type, streamId }) => type === 0 && streamId === 1).map((each) => each.payload),
    );
    assert.deepEqual(echoed, content.slice(0, echoed.length), `seed ${seed}`);
    // Tight limits, or a clock that is ahead, may end it before.
    assert.ok(echoed.length === 300 || error !== undefined || wasReset(frames), `seed ${seed}`);
    complete += echoed.length === 300 ? 1 : 0;
  }
  assert.ok(complete > 150, `only ${complete} of 300 were complete`);
});
