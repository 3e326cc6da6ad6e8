/** What a connection does without being told, and not a millisecond too early. */
import assert from "node:assert/strict";
import {
  continuation,
  data,
  frame,
  headers,
  ping,
  PREFACE,
  settings,
  settingsAck,
  windowUpdate,
} from "../support/frame_builder.ts";
import { fieldList, REQUEST, TestPeer, type TestPeerOptions } from "../support/test_peer.ts";

const OK = fieldList({ ":status": "200" });
const KEEPALIVE_PING = "PING 0100000000000000";

/** Nothing happens until a time has come, and then this. */
function wantAfter(peer: TestPeer, milliseconds: number, ...frames: readonly string[]): void {
  peer.take();
  peer.advance(milliseconds - 1);
  peer.wantIdle();
  peer.advance(1);
  peer.wantOnly(...frames);
}

function serverOf(options: TestPeerOptions = {}, limits: TestPeerOptions["limits"] = {}): TestPeer {
  return new TestPeer("server", { ...options, limits: { idleTimeoutMs: 2 ** 31 - 1, ...limits } });
}

Deno.test("The preface and SETTINGS must be there in time", () => {
  for (const start of [[], [PREFACE], [PREFACE, settings([4, 1]).subarray(0, 14)]]) {
    const peer = serverOf({ handshake: false }, { handshakeTimeoutMs: 5000 });
    peer.send(...start);
    wantAfter(peer, 5000, "GOAWAY 0 PROTOCOL_ERROR");
    peer.wantEvents("close PROTOCOL_ERROR local");
  }
  const client = new TestPeer("client", { handshake: false });
  wantAfter(client, 10_000, "GOAWAY 0 PROTOCOL_ERROR");
});

Deno.test("SETTINGS must be acknowledged within ten seconds", () => {
  const peer = serverOf({ handshake: false });
  peer.send(PREFACE, settings());
  wantAfter(peer, 10_000, "GOAWAY 0 SETTINGS_TIMEOUT");
  peer.wantEvents("close SETTINGS_TIMEOUT local");
  const prompt = serverOf({ handshake: false });
  prompt.send(PREFACE, settings());
  prompt.take();
  prompt.advance(9999);
  prompt.send(settingsAck());
  prompt.advance(1e6);
  prompt.wantIdle();
});

for (const role of ["server", "client"] as const) {
  Deno.test(`A ${role} asks a silent peer for a sign of life, and any will do`, () => {
    const peer = new TestPeer(role, { keepaliveIntervalMs: 3000, keepaliveTimeoutMs: 500 });
    wantAfter(peer, 3000, KEEPALIVE_PING);
    peer.advance(499);
    peer.send(ping("\x01\0\0\0\0\0\0\0", { ack: true }));
    wantAfter(peer, 3000, KEEPALIVE_PING);
    peer.advance(499);
    peer.send(frame(0xbe, 0, 0));
    peer.advance(2999);
    peer.send(ping("12345678"));
    wantAfter(peer, 3000, KEEPALIVE_PING);
    wantAfter(peer, 500, "GOAWAY 0 NO_ERROR");
    peer.wantEvents("close NO_ERROR local");
  });
}

Deno.test("Without an interval nobody is asked", () => {
  const peer = serverOf();
  peer.advance(2 ** 30);
  peer.wantIdle();
});

Deno.test("A connection without streams is shut down after a time, in two steps", () => {
  const peer = new TestPeer("server", { limits: { idleTimeoutMs: 60_000 } });
  peer.advance(59_999);
  peer.open(1);
  peer.stream(1).awaitsRequest = false;
  peer.advance(1e6);
  peer.wantIdle();
  peer.send(data(1, "", { endStream: true }));
  peer.stream(1).respond(OK, true);
  peer.advance(59_999);
  peer.send(ping("12345678")); // That is no need of it.
  wantAfter(peer, 1, "GOAWAY 2147483647 NO_ERROR", "PING 0200000000000000");
  wantAfter(peer, 10_000, "GOAWAY 1 NO_ERROR");
  assert.equal(peer.events.at(-1), "close");
});

Deno.test("A client's connection without streams ends after a time", () => {
  const peer = new TestPeer("client", { limits: { idleTimeoutMs: 60_000 } });
  wantAfter(peer, 60_000, "GOAWAY 0 NO_ERROR");
  peer.wantEvents("close");
});

Deno.test("A connection of an age is shut down, and its streams end in peace", () => {
  const peer = serverOf({ maxAgeMs: 30_000 });
  peer.open(1);
  peer.stream(1).awaitsRequest = false;
  wantAfter(peer, 30_000, "GOAWAY 2147483647 NO_ERROR", "PING 0200000000000000");
  wantAfter(peer, 10_000, "GOAWAY 1 NO_ERROR");
  peer.advance(1e6);
  peer.stream(1).respond(OK, true);
  assert.equal(peer.events.at(-1), "close");
  const client = new TestPeer("client", { maxAgeMs: 30_000 });
  client.request();
  wantAfter(client, 30_000, "GOAWAY 0 NO_ERROR");
  assert.equal(client.connection.isClosed, false);
});

/** Frames and field blocks of which the rest is missing, by what is there. */
const UNFINISHED: Readonly<Record<string, (peer: TestPeer) => Uint8Array>> = {
  "an octet of a frame header": () => Uint8Array.of(0),
  "a frame header": () => ping("12345678").subarray(0, 9),
  "a part of a frame": () => ping("12345678").subarray(0, 12),
  "a part of an unknown frame": () => frame(0xbe, 0, 0, new Uint8Array(9)).subarray(0, 12),
  "HEADERS without END_HEADERS": (peer) => peer.headers(1, REQUEST, { endHeaders: false }),
  "empty HEADERS without END_HEADERS": () => headers(1, "", { endHeaders: false }),
  "a part of CONTINUATION": (peer) =>
    new Uint8Array([...headers(1, "", { endHeaders: false }), ...continuation(1, peer.block(REQUEST)).subarray(0, 9)]),
};

for (const [what, octets] of Object.entries(UNFINISHED)) {
  Deno.test(`A connection that stops after ${what} is closed`, () => {
    const peer = serverOf({}, { headerBlockTimeoutMs: 4000 });
    peer.send(octets(peer));
    wantAfter(peer, 4000, "GOAWAY 0 ENHANCE_YOUR_CALM");
    peer.wantEvents("close ENHANCE_YOUR_CALM local");
  });
}

Deno.test("A field block that comes slowly gains no time by coming at all", () => {
  const peer = serverOf();
  const block = peer.block(REQUEST);
  peer.send(headers(1, block.subarray(0, 1), { endHeaders: false }));
  peer.advance(6000);
  peer.send(continuation(1, block.subarray(1, 2), { endHeaders: false }));
  peer.advance(3999);
  peer.send(continuation(1, block.subarray(2, 3), { endHeaders: false }));
  wantAfter(peer, 1, "GOAWAY 0 ENHANCE_YOUR_CALM");
});

Deno.test("DATA may take its time where it is not expected", () => {
  const peer = serverOf();
  peer.open(1);
  peer.stream(1).awaitsRequest = false;
  peer.send(data(1, "abc", { padding: 4 }).subarray(0, 11));
  peer.advance(1e6);
  peer.wantIdle();
});

Deno.test("A busy connection of which each read ends inside of another frame is in time", () => {
  const peer = serverOf();
  const octets = ping("12345678");
  peer.send(octets.subarray(0, 12));
  for (let read = 0; read < 100; read++) {
    peer.advance(1000);
    peer.send(octets.subarray(12), octets.subarray(0, 12));
  }
  assert.equal(peer.connection.isClosed, false);
  wantAfter(peer, 10_000, "GOAWAY 0 ENHANCE_YOUR_CALM");
});

const BLOCKED: TestPeerOptions = { settings: [[4, 10]] };

/** A stream of which 10 octets are sent, and the rest waits. */
function stalled(limits: TestPeerOptions["limits"] = {}): TestPeer {
  const peer = serverOf(BLOCKED, limits);
  peer.open(1);
  peer.send(data(1, "", { endStream: true }));
  peer.stream(1).respond(OK);
  peer.stream(1).end(new Uint8Array(30));
  peer.events.splice(1);
  peer.wantOnly("HEADERS 1 :status=200", `DATA 1 ${JSON.stringify("\0".repeat(10))}`);
  return peer;
}

Deno.test("A stream that may not send for a time is reset, the connection goes on", () => {
  const peer = stalled({ stalledStreamTimeoutMs: 7000 });
  peer.advance(6999);
  peer.wantIdle();
  peer.advance(7001); // It is looked after each 7000 ms, and reset when nothing has changed.
  peer.wantOnly("RST_STREAM 1 CANCEL");
  peer.wantEvents("request 1 POST /", "reset 1 CANCEL local");
  assert.equal(peer.connection.bufferedLength, 0);
  assert.equal(peer.connection.isClosed, false);
  peer.advance(1e6);
  peer.wantIdle();
});

Deno.test("A stream that may send now and then is not stalled, where there is no rate", () => {
  const peer = stalled({ minResponseRate: 0 });
  for (let round = 0; round < 19; round++) {
    peer.advance(29_000);
    peer.send(windowUpdate(1, 1));
    peer.wantOnly(`DATA 1 ${JSON.stringify("\0")}`);
  }
  peer.advance(29_999);
  peer.wantIdle();
  peer.advance(30_001);
  peer.wantOnly("RST_STREAM 1 CANCEL");
});

Deno.test("A stream that begins to wait long after the last input has its time from then on", () => {
  const peer = serverOf(BLOCKED);
  peer.open(1);
  peer.stream(1).respond(OK);
  // The handler has thought about it, and time has gone by of which the connection was not told.
  peer.nowMs += 100_000;
  peer.stream(1).end(new Uint8Array(30));
  peer.collect();
  peer.advance(29_999);
  peer.wantEvents("request 1 POST /");
  peer.advance(30_001);
  peer.wantEvents("reset 1 CANCEL local");
});

Deno.test("A stream of which the peer reads slowly is not stalled", () => {
  const peer = serverOf({ settings: [[4, 2 ** 20]] });
  peer.open(1);
  peer.send(windowUpdate(0, 2 ** 20));
  peer.stream(1).respond(OK);
  peer.stream(1).end(new Uint8Array(200_000));
  for (let sent = 0; sent < 200_000;) {
    const output = peer.connection.pollOutput();
    assert.ok(output);
    sent += output.length;
    // Writing takes its time, in which the connection hears nothing but of that.
    peer.nowMs += 29_000;
    peer.connection.handleTimeout(peer.nowMs);
    peer.connection.releaseOutput(output);
  }
  peer.wantEvents("request 1 POST /");
});
