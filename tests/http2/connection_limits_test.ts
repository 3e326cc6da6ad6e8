/** Each limit on both sides, through the connection, and beside each defence somebody who uses much and means no harm. */
import assert from "node:assert/strict";
import { WORK_PER_TURN } from "../../src/http/mod.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../src/http2/mod.ts";
import {
  concat,
  continuation,
  data,
  frame,
  goaway,
  headers,
  ping,
  priority,
  resetStream,
  settings,
  windowUpdate,
} from "../support/frame_builder.ts";
import { fieldList, REQUEST, TestPeer, type TestPeerOptions } from "../support/test_peer.ts";

const OK = fieldList({ ":status": "200" });
const CALM = (last: number) => `GOAWAY ${last} ENHANCE_YOUR_CALM`;
const many = (count: number, octets: (index: number) => Uint8Array) =>
  Array.from({ length: count }, (_, index) => octets(index));

function serverOf(limits: TestPeerOptions["limits"] = {}, options: TestPeerOptions = {}): TestPeer {
  return new TestPeer("server", { ...options, limits });
}

/** Lines of GOAWAY and RST_STREAM. */
function errors(peer: TestPeer): string[] {
  return peer.take().filter((text) => /^(GOAWAY|RST)/.test(text));
}

Deno.test("maxHeaderFields: a list may have so many fields", () => {
  const fields = (count: number) => ({
    ...REQUEST,
    ...Object.fromEntries(many(count - 4, () => new Uint8Array()).map((_, index) => [`f${index}`, ""])),
  });
  const peer = serverOf({ maxHeaderFields: 10 });
  peer.send(peer.headers(1, fields(10), { endStream: true }), peer.headers(3, fields(11), { endStream: true }));
  peer.wantOnly("HEADERS 3 :status=431 end");
  peer.wantEvents("request 1 POST / end");
});

Deno.test("maxHeaderBlockSize and maxContinuations: a field block may be so large, in so many frames", () => {
  const value = "\x00\x01a\x7f" + "\x49" + "x".repeat(200);
  for (const above of [0, 1]) {
    const peer = serverOf({ maxHeaderBlockSize: value.length - 1 + above, maxHeaderFields: 1000 });
    peer.send(headers(1, value));
    assert.deepEqual(errors(peer), above === 1 ? ["RST_STREAM 1 PROTOCOL_ERROR"] : [CALM(0)]);
    const flood = serverOf({ maxContinuations: 3 });
    flood.send(flood.headers(1, REQUEST, { endHeaders: false }));
    flood.send(...many(2 + above, () => continuation(1, "", { endHeaders: false })), continuation(1, ""));
    assert.deepEqual(errors(flood), above === 0 ? [] : [CALM(0)]);
  }
});

Deno.test("maxHeaderListSize: trailers that are too large are an error of their stream", () => {
  const peer = serverOf({ maxHeaderListSize: 1000 });
  peer.open(1);
  peer.send(peer.headers(1, { a: "x".repeat(968) }, { endStream: true }));
  peer.wantOnly("RST_STREAM 1 ENHANCE_YOUR_CALM");
  peer.open(3);
  peer.send(peer.headers(3, { a: "x".repeat(967) }, { endStream: true }));
  assert.match(peer.events.at(-1)!, /^trailers 3/);
});

Deno.test("maxSettingsEntries: SETTINGS may have so many entries", () => {
  const entries = (count: number) => settings(...many(count, () => new Uint8Array()).map(() => [4, 65_535] as const));
  const peer = serverOf();
  peer.send(entries(32));
  peer.wantOnly("SETTINGS ack");
  peer.send(entries(33));
  peer.wantOnly(CALM(0));
});

Deno.test("maxEmptyFrames: so many frames without anything in a row, and then one with something", () => {
  const peer = serverOf();
  peer.open(1);
  peer.send(...many(100, () => data(1, "")), data(1, "x"));
  peer.send(...many(100, () => data(1, "", { padding: 5 })));
  assert.deepEqual(errors(peer), []);
  peer.send(data(1, ""));
  assert.deepEqual(errors(peer), [CALM(1)]);
});

Deno.test("resetBurst and streamErrorBurst with their rates: so many at once, and so many later", () => {
  for (const kind of ["peer", "closed", "fault", "refused"]) {
    const isReset = kind === "peer" || kind === "closed";
    const peer = serverOf({
      ...(isReset ? { resetBurst: 20, resetsPerSecond: 10 } : { streamErrorBurst: 20, streamErrorsPerSecond: 10 }),
      maxConcurrentStreams: kind === "refused" ? 1 : 128,
    });
    if (kind === "refused" || kind === "closed") {
      peer.open(1);
    }
    if (kind === "closed") {
      peer.send(data(1, "", { endStream: true }));
      peer.stream(1).respond(OK, true);
    }
    let id = 1;
    const spend = () => {
      id += kind === "closed" ? 0 : 2;
      if (kind === "peer") {
        peer.send(peer.headers(id, REQUEST), resetStream(id, 8));
      } else if (kind === "closed") {
        peer.send(resetStream(id, 8)); // The response came first.
      } else if (kind === "fault") {
        peer.send(peer.headers(id, REQUEST), windowUpdate(id, 0));
      } else {
        peer.send(peer.headers(id, REQUEST));
      }
    };
    many(20, () => (spend(), new Uint8Array()));
    peer.nowMs += 500;
    many(5, () => (spend(), new Uint8Array()));
    assert.equal(peer.connection.isClosed, false, kind);
    spend();
    assert.equal(errors(peer).at(-1), CALM(id), kind);
  }
});

Deno.test("pauseAtUnsentControlFrames and maxUnsentControlFrames: answers that nobody reads", () => {
  const peer = serverOf();
  const { connection } = peer;
  const feed = (count: number) => many(count, () => (connection.handleInput(ping("12345678"), 0), new Uint8Array()));
  feed(99);
  assert.equal(connection.wantsInput, true);
  feed(1);
  assert.equal(connection.wantsInput, false);
  const output = connection.pollOutput()!;
  assert.equal(connection.wantsInput, false, "polled is not sent");
  connection.releaseOutput(output);
  assert.equal(connection.wantsInput, true);
  feed(1000);
  assert.equal(connection.isClosed, false);
  feed(1);
  assert.equal(connection.isClosed, true);
  assert.deepEqual(errors(peer), [CALM(0)]);
});

for (
  const [name, octets] of [
    ["PING", ping("12345678")],
    ["PING with ACK", ping("12345678", { ack: true })],
    ["SETTINGS", settings()],
    ["GOAWAY", goaway(0, 0)],
    ["a frame of type 66", frame(66, 0, 7, new Uint8Array(5))],
  ] as const
) {
  Deno.test(`overheadBurst and overheadPerSecond: ${name}, though the peer reads the acknowledgements`, () => {
    const peer = serverOf({ overheadBurst: 20, overheadPerSecond: 10 });
    const isOpenAfter = (count: number) => {
      for (let index = 0; index < count; index++) {
        peer.send(octets);
        peer.take();
      }
      return !peer.connection.isClosed;
    };
    const left = 20 - 1; // SETTINGS, with which it began.
    assert(isOpenAfter(left));
    peer.nowMs += 500;
    assert(isOpenAfter(5), "five came back");
    peer.open(1);
    peer.take();
    assert(isOpenAfter(10), "ten for a stream");
    peer.send(octets);
    assert(peer.connection.isClosed);
    const [goaway] = peer.take().filter((line) => line.startsWith("GOAWAY"));
    assert.equal(goaway, CALM(1));
  });
}

Deno.test("Field blocks of streams that were reset are overhead", () => {
  const peer = serverOf({ overheadBurst: 10, overheadPerSecond: 0 });
  peer.open(1);
  peer.stream(1).reset(8); // 19 of 20 are left.
  peer.send(...many(9, () => peer.headers(1, { a: "b" }, { endStream: true })));
  assert.deepEqual(errors(peer).slice(1), []);
  peer.send(...many(11, () => peer.headers(1, { a: "b" }, { endStream: true })));
  assert.deepEqual(errors(peer).slice(-1), [CALM(1)]);
});

Deno.test("maxPriorityFramesPerStream: so many for each stream, and for none", () => {
  const peer = serverOf({ maxPriorityFramesPerStream: 3 });
  peer.send(...many(3, () => priority(7, 0)));
  peer.open(1);
  peer.send(...many(3, () => priority(7, 0)));
  assert.deepEqual(errors(peer), []);
  peer.send(priority(7, 0));
  assert.deepEqual(errors(peer), [CALM(1)]);
});

Deno.test("maxWindowUpdatesPerData: windows that nobody uses", () => {
  const peer = serverOf({ maxWindowUpdatesPerData: 2 });
  const update = () => windowUpdate(0, 1);
  peer.send(...many(5, update));
  peer.open(1);
  peer.send(...many(2, update));
  peer.stream(1).respond(OK);
  peer.stream(1).write(new Uint8Array(10));
  peer.send(...many(4, update));
  assert.deepEqual(errors(peer), []);
  peer.send(update());
  assert.deepEqual(errors(peer), [CALM(1)]);
});

Deno.test("maxFrameSize: a frame may be as large as announced", () => {
  for (const above of [0, 1]) {
    const peer = serverOf({ maxFrameSize: 20_000 });
    peer.open(1);
    peer.send(data(1, new Uint8Array(20_000 + above)));
    assert.deepEqual(errors(peer), above === 0 ? [] : ["GOAWAY 1 FRAME_SIZE_ERROR"]);
  }
});

Deno.test("A turn has so many requests, frames, or bytes of new heads", () => {
  const newHead = (peer: TestPeer, index: number) =>
    peer.headers(2 * index + 1, { ...REQUEST, a: `${index}`.repeat(200) });
  for (
    const [name, frameAt, min, max] of [
      ["requests", (peer: TestPeer, index: number) => peer.headers(2 * index + 1, REQUEST), 700, 1024],
      ["PING with ACK", () => ping("12345678", { ack: true }), 3500, 4096],
      ["unknown", () => frame(66, 0, 0, new Uint8Array(0)), 3500, 4096],
      ["new heads", newHead, 20, 200],
    ] as const
  ) {
    const peer = serverOf({ maxConcurrentStreams: 10_000 });
    const frames = many(5000, (index) => frameAt(peer, index));
    const chunk = concat(...frames);
    const end = peer.connection.handleInput(chunk, 0);
    let [count, length] = [0, 0];
    while (length < end) {
      length += frames[count++]!.length;
    }
    assert.equal(length, end, `${name}: between two frames`);
    assert(count >= min && count <= max, `${name}: ${count}`);
    assert(peer.connection.isTurnOver && peer.connection.wantsInput, name);
    assert(peer.connection.handleInput(chunk, 0, end) > end, `${name}: a new turn`);
  }
});

Deno.test("A request that costs more than a call ends a turn sooner", () => {
  const peer = serverOf({}, { handler: { onRequest: (stream) => stream.spendWork(WORK_PER_TURN / 4) } });
  const chunk = concat(...many(10, (index) => peer.headers(2 * index + 1, REQUEST)));
  peer.connection.handleInput(chunk, 0);
  assert.equal(peer.connection.streamCount, 4);
  assert(peer.connection.isTurnOver);
});

Deno.test("Small reads end a turn, too", () => {
  const peer = serverOf();
  let reads = 0;
  do {
    peer.connection.handleInput(settings(), 0);
    reads++;
  } while (!peer.connection.isTurnOver);
  assert(reads > 70 && reads <= 128, `${reads}`);
});

Deno.test("A million tiny messages on one stream are no flood", () => {
  let received = 0;
  const peer = serverOf({}, { streamHandler: { onData: () => void (peer.events.length = 0) }, handler: {} });
  peer.open(1);
  peer.stream(1).handler = {
    onData: (stream, _buffer, start, end) => {
      received += end - start;
      stream.release(end - start);
    },
    onTrailers: () => {},
    onWritable: () => {},
    onReset: () => {},
  };
  const frame = data(1, "abcdef");
  const chunk = new Uint8Array(1000 * frame.length);
  many(1000, (index) => (chunk.set(frame, index * frame.length), frame));
  for (let round = 0; round < 1000; round++) {
    for (let position = 0; position < chunk.length;) {
      position = peer.connection.handleInput(chunk, 0, position);
    }
    const output = peer.connection.pollOutput();
    if (output !== undefined) {
      peer.connection.releaseOutput(output);
    }
  }
  assert.equal(received, 6_000_000);
  assert.equal(peer.connection.isClosed, false);
});

Deno.test("A hundred thousand calls, each with its window updates, pings and trailers, are no flood", () => {
  const peer = serverOf({}, {
    handler: {
      onRequest: (stream) => {
        stream.respond(OK);
        stream.write(Uint8Array.of(1));
        stream.endWithTrailers(TRAILERS);
      },
    },
  });
  const block = peer.block(REQUEST);
  const again = peer.block(REQUEST);
  for (let call = 0; call < 100_000; call++) {
    const id = 2 * call + 1;
    const chunk = headers(id, call === 0 ? block : again, { endStream: true });
    peer.connection.handleInput(chunk, call);
    peer.connection.handleInput(windowUpdate(0, 1), call);
    if (call % 10 === 0) {
      peer.connection.handleInput(ping("12345678"), call);
    }
    const output = peer.connection.pollOutput()!;
    peer.connection.releaseOutput(output);
    peer.events.length = 0;
    peer.streams.clear();
  }
  assert.equal(peer.connection.isClosed, false);
  assert.equal(peer.connection.streamCount, 0);
});

const TRAILERS = Object.freeze(fieldList({ "grpc-status": "0" }));

Deno.test("Calls that are cancelled one in a while are no Rapid Reset", () => {
  const peer = serverOf();
  for (let id = 1; id < 40_000; id += 2) {
    peer.nowMs += 1000 / DEFAULT_HTTP2_LIMITS.resetsPerSecond;
    peer.send(peer.headers(id, REQUEST), data(id, "x"), resetStream(id, 8));
    peer.events.length = 0;
    peer.streams.clear();
  }
  assert.equal(peer.connection.isClosed, false);
});

Deno.test("A peer that reads a large answer in small steps is no flood", () => {
  const peer = serverOf({}, { settings: [[4, 100]] });
  peer.open(1);
  peer.stream(1).respond(OK);
  peer.stream(1).end(new Uint8Array(100_000));
  for (let round = 0; round < 1000; round++) {
    peer.send(windowUpdate(1, 50), windowUpdate(0, 50), windowUpdate(1, 50), windowUpdate(0, 50));
    peer.take();
  }
  assert.equal(peer.connection.isClosed, false);
  assert.equal(peer.connection.bufferedLength, 0);
});

/** A list whose size is what HTTP/2 counts. */
const sized = (fields: Readonly<Record<string, string>>, size: number) => {
  const given = Object.entries(fields).reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  return fieldList({ ...fields, a: "x".repeat(size - given - 33) });
};

Deno.test("maxSentHeaderListSize: a head and trailers that we send may be so large", () => {
  const peer = serverOf({ maxSentHeaderListSize: 1000 });
  for (const [id, above] of [[1, 0], [3, 1]] as const) {
    peer.open(id);
    const stream = peer.stream(id);
    const error = above === 0 ? undefined : {
      name: "FieldSectionTooLargeError",
      message: "Cannot send a field section of 1001 bytes: maxSentHeaderListSize is 1000",
      size: 1001,
      maxSize: 1000,
    };
    const attempt = (send: () => void) => error === undefined ? send() : assert.throws(send, error);
    attempt(() => stream.sendInformation(sized({ ":status": "103" }, 1000 + above)));
    attempt(() => stream.respond(sized({ ":status": "200" }, 1000 + above)));
    if (above > 0) {
      stream.respond(OK); // Nothing was sent before.
    }
    attempt(() => stream.endWithTrailers(sized({}, 1000 + above)));
    if (above > 0) {
      stream.endWithTrailers([]);
    }
  }
  assert.deepEqual(errors(peer).filter((text) => !text.includes("NO_ERROR")), []);
  assert.equal(serverOf().connection.limits.maxSentHeaderListSize, 65_536);
});

/** SETTINGS_MAX_HEADER_LIST_SIZE */
const MAX_HEADER_LIST_SIZE = 6;

Deno.test("what the peer announces to take of a head holds, also for a list that was sent before", () => {
  const peer = serverOf({}, { settings: [[MAX_HEADER_LIST_SIZE, 2000]] });
  const frozen = Object.freeze(sized({ ":status": "200" }, 2000));
  const message = "Cannot send a field section of 2000 bytes: the peer's SETTINGS_MAX_HEADER_LIST_SIZE is 1999";
  peer.open(1);
  peer.stream(1).respond(frozen);
  assert.throws(() => peer.stream(1).endWithTrailers(sized({}, 2001)), RangeError);
  peer.stream(1).endWithTrailers(sized({}, 2000));
  peer.send(settings([MAX_HEADER_LIST_SIZE, 1999]));
  peer.open(3);
  assert.throws(() => peer.stream(3).respond(frozen), { message });
  peer.send(settings([MAX_HEADER_LIST_SIZE, 2000]));
  peer.stream(3).respond(frozen);
});

Deno.test("a peer that announces to take nothing gets the heads that every answer needs", () => {
  const peer = serverOf({}, { settings: [[MAX_HEADER_LIST_SIZE, 0]] });
  peer.open(1, 3);
  peer.stream(1).respond(sized({ ":status": "200" }, 256), true);
  assert.throws(() => peer.stream(3).respond(sized({ ":status": "200" }, 257), true), RangeError);
  const refusing = serverOf({ maxHeaderListSize: 200 }, { settings: [[MAX_HEADER_LIST_SIZE, 0]] });
  refusing.send(refusing.headers(1, sized(REQUEST, 201), { endStream: true }));
  refusing.wantOnly("HEADERS 1 :status=431 end");
});

Deno.test("a client's request that the server does not take is not sent, and the connection goes on", () => {
  const peer = new TestPeer("client", { settings: [[MAX_HEADER_LIST_SIZE, 1000]] });
  const message = "Cannot send a field section of 1001 bytes: the peer's SETTINGS_MAX_HEADER_LIST_SIZE is 1000";
  assert.throws(() => peer.request(sized(REQUEST, 1001)), { message });
  peer.wantIdle();
  peer.request(sized(REQUEST, 1000));
  assert.match(peer.take().join(), /^HEADERS 3 /);
});
