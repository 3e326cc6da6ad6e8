/** What a client does wrong, rule by rule of RFC 9113, and the exact error that a server answers with. */
import {
  ascii,
  concat,
  continuation,
  data,
  frame,
  goaway,
  headers,
  ping,
  PREFACE,
  priority,
  pushPromise,
  resetStream,
  settings,
  settingsAck,
  uint32,
  windowUpdate,
} from "../support/frame_builder.ts";
import { checkFaults, closed, connection, ended, type FaultCase, opened, stream } from "../support/fault_case.ts";
import { REQUEST } from "../support/test_peer.ts";

/** Octets of a block that need no table: a literal of a static name. */
const TEXT = ascii("x");

const PREFACES: readonly FaultCase[] = [
  {
    rule: "3.4 a preface that is none",
    fresh: true,
    fault: () => [ascii("INVALID CONNECTION PREFACE\r\n\r\n")],
    outcome: connection("PROTOCOL_ERROR"),
  },
  {
    rule: "3.4 HTTP/1",
    fresh: true,
    fault: () => [ascii("GET / HTTP/1.1\r\nhost: a\r\n\r\n")],
    outcome: connection("PROTOCOL_ERROR"),
  },
  {
    rule: "3.4 a preface without SETTINGS",
    fresh: true,
    fault: () => [PREFACE, ping("12345678")],
    outcome: connection("PROTOCOL_ERROR"),
  },
  {
    rule: "3.4 SETTINGS with ACK first",
    fresh: true,
    fault: () => [PREFACE, settingsAck()],
    outcome: connection("PROTOCOL_ERROR"),
  },
  {
    rule: "3.4 an unknown frame first",
    fresh: true,
    fault: () => [PREFACE, frame(0x16, 0, 0)],
    outcome: connection("PROTOCOL_ERROR"),
  },
];

const FRAMES: readonly FaultCase[] = [
  { rule: "4.1 an unknown type", fault: () => [frame(0x16, 0xff, 1, TEXT)], outcome: "accepted" },
  { rule: "4.1 unknown flags", fault: () => [ping("12345678", { flags: 0x16 })], outcome: "accepted" },
  { rule: "4.1 the reserved bit", fault: () => [frame(6, 0, 0x8000_0000, ascii("12345678"))], outcome: "accepted" },
  { rule: "4.2 2^14 octets", before: opened, fault: () => [data(1, new Uint8Array(16_384))], outcome: "accepted" },
  {
    rule: "4.2 DATA of 2^14 + 1 octets",
    before: opened,
    fault: () => [data(1, new Uint8Array(16_385))],
    outcome: connection("FRAME_SIZE_ERROR", 1),
  },
  {
    rule: "4.2 HEADERS of 2^14 + 1 octets",
    fault: () => [headers(1, new Uint8Array(16_385))],
    outcome: connection("FRAME_SIZE_ERROR"),
  },
  {
    rule: "4.2 an unknown frame of 2^14 + 1 octets",
    fault: () => [frame(0x16, 0, 0, new Uint8Array(16_385))],
    outcome: connection("FRAME_SIZE_ERROR"),
  },
  { rule: "4.3 a block that is none", fault: () => [headers(1, "\x80")], outcome: connection("COMPRESSION_ERROR") },
  {
    rule: "4.3 a table larger than announced",
    fault: () => [headers(1, "\x3f\xe2\x1f")],
    outcome: connection("COMPRESSION_ERROR"),
  },
  {
    rule: "4.3 a block that is none, on a stream that is refused anyway",
    before: closed,
    fault: () => [headers(1, "\x80")],
    outcome: connection("COMPRESSION_ERROR", 1),
  },
  {
    rule: "4.3 a frame inside of a field block",
    fault: (peer) => [peer.headers(1, REQUEST, { endHeaders: false }), ping("12345678")],
    outcome: connection("PROTOCOL_ERROR"),
  },
  {
    rule: "4.3 an unknown frame inside of a field block",
    fault: (peer) => [peer.headers(1, REQUEST, { endHeaders: false }), frame(0x16, 0, 1)],
    outcome: connection("PROTOCOL_ERROR"),
  },
  {
    rule: "4.3 HEADERS of another stream inside of a field block",
    fault: (peer) => [peer.headers(1, REQUEST, { endHeaders: false }), peer.headers(3, REQUEST)],
    outcome: connection("PROTOCOL_ERROR"),
  },
];

const STREAMS: readonly FaultCase[] = [
  { rule: "5.1 idle: DATA", fault: () => [data(1, "abc")], outcome: connection("PROTOCOL_ERROR") },
  { rule: "5.1 idle: RST_STREAM", fault: () => [resetStream(1, 8)], outcome: connection("PROTOCOL_ERROR") },
  { rule: "5.1 idle: WINDOW_UPDATE", fault: () => [windowUpdate(1, 1)], outcome: connection("PROTOCOL_ERROR") },
  { rule: "5.1 idle: CONTINUATION", fault: () => [continuation(1, "")], outcome: connection("PROTOCOL_ERROR") },
  { rule: "5.1 idle: PRIORITY", fault: () => [priority(1, 0)], outcome: "accepted" },
  { rule: "5.1 half-closed: DATA", before: ended, fault: () => [data(1, "abc")], outcome: stream("STREAM_CLOSED") },
  {
    rule: "5.1 half-closed: HEADERS",
    before: ended,
    fault: (peer) => [peer.headers(1, { a: "b" }, { endStream: true })],
    outcome: stream("STREAM_CLOSED"),
  },
  {
    rule: "5.1 half-closed: CONTINUATION",
    before: ended,
    fault: () => [continuation(1, "")],
    outcome: connection("PROTOCOL_ERROR", 1),
  },
  { rule: "5.1 half-closed: WINDOW_UPDATE", before: ended, fault: () => [windowUpdate(1, 1)], outcome: "accepted" },
  { rule: "5.1 half-closed: PRIORITY", before: ended, fault: () => [priority(1, 0)], outcome: "accepted" },
  {
    rule: "5.1 reset by the peer: DATA",
    before: (peer) => [...opened(peer), resetStream(1, 8)],
    fault: () => [data(1, "abc")],
    outcome: connection("STREAM_CLOSED", 1),
  },
  {
    rule: "5.1 reset by the peer: HEADERS",
    before: (peer) => [...opened(peer), resetStream(1, 8)],
    fault: (peer) => [peer.headers(1, REQUEST, { endStream: true })],
    outcome: connection("STREAM_CLOSED", 1),
  },
  {
    rule: "5.1 reset by the peer: RST_STREAM",
    before: (peer) => [...opened(peer), resetStream(1, 8)],
    fault: () => [resetStream(1, 8), windowUpdate(1, 1), priority(1, 0)],
    outcome: "accepted",
  },
  { rule: "5.1 closed: DATA", before: closed, fault: () => [data(1, "abc")], outcome: connection("STREAM_CLOSED", 1) },
  {
    rule: "5.1 closed: HEADERS",
    before: closed,
    fault: (peer) => [peer.headers(1, REQUEST, { endStream: true })],
    outcome: connection("STREAM_CLOSED", 1),
  },
  {
    rule: "5.1 closed: CONTINUATION",
    before: closed,
    fault: () => [continuation(1, "")],
    outcome: connection("PROTOCOL_ERROR", 1),
  },
  {
    rule: "5.1 closed: RST_STREAM, WINDOW_UPDATE, PRIORITY",
    before: closed,
    fault: () => [windowUpdate(1, 1), resetStream(1, 8), priority(1, 3)],
    outcome: "accepted",
  },
  {
    rule: "5.1.1 an even number",
    fault: (peer) => [peer.headers(2, REQUEST)],
    outcome: connection("PROTOCOL_ERROR"),
  },
  {
    // RFC 9113 §5.1.1: the first use of a number closes the idle ones below it; nobody remembers which were never used.
    rule: "5.1.1 a number below the highest",
    before: (peer) => [peer.headers(5, REQUEST)],
    fault: (peer) => [peer.headers(3, REQUEST)],
    outcome: connection("STREAM_CLOSED", 5),
  },
  {
    rule: "5.1.1 numbers that are left out",
    fault: (peer) => [peer.headers(2 ** 31 - 1, REQUEST)],
    outcome: "accepted",
  },
  {
    rule: "5.3.1 (RFC 7540) HEADERS that depend on themselves",
    fault: (peer) => [peer.headers(1, REQUEST, { priority: { dependency: 1 } })],
    outcome: stream("PROTOCOL_ERROR"),
  },
  {
    rule: "5.3.1 (RFC 7540) PRIORITY that depends on itself",
    before: opened,
    fault: () => [priority(1, 1)],
    outcome: stream("PROTOCOL_ERROR"),
  },
];

const FRAME_RULES: readonly FaultCase[] = [
  { rule: "6.1 DATA on stream 0", fault: () => [data(0, "abc")], outcome: connection("PROTOCOL_ERROR") },
  {
    rule: "6.1 padding as long as the payload",
    before: opened,
    fault: () => [frame(0, 8, 1, concat(new Uint8Array([4]), ascii("abc")))],
    outcome: connection("PROTOCOL_ERROR", 1),
  },
  {
    rule: "6.1 nothing but padding",
    before: opened,
    fault: () => [frame(0, 8, 1, concat(new Uint8Array([3]), new Uint8Array(3)))],
    outcome: "accepted",
  },
  {
    rule: "6.1 no room for the pad length",
    before: opened,
    fault: () => [frame(0, 8, 1)],
    outcome: connection("FRAME_SIZE_ERROR", 1),
  },
  {
    rule: "6.2 HEADERS on stream 0",
    fault: (peer) => [peer.headers(0, REQUEST)],
    outcome: connection("PROTOCOL_ERROR"),
  },
  {
    rule: "6.2 padding longer than the block",
    fault: () => [frame(1, 0xc, 1, concat(new Uint8Array([4]), ascii("abc")))],
    outcome: connection("PROTOCOL_ERROR"),
  },
  { rule: "6.3 PRIORITY on stream 0", fault: () => [priority(0, 1)], outcome: connection("PROTOCOL_ERROR") },
  {
    rule: "6.3 PRIORITY of 4 octets",
    before: opened,
    fault: () => [frame(2, 0, 1, uint32(0))],
    outcome: stream("FRAME_SIZE_ERROR"),
  },
  {
    rule: "6.3 PRIORITY of 4 octets on an idle stream, which cannot be reset",
    fault: () => [frame(2, 0, 1, uint32(0))],
    outcome: connection("FRAME_SIZE_ERROR"),
  },
  { rule: "6.4 RST_STREAM on stream 0", fault: () => [resetStream(0, 8)], outcome: connection("PROTOCOL_ERROR") },
  {
    rule: "6.4 RST_STREAM of 3 octets",
    before: opened,
    fault: () => [frame(3, 0, 1, ascii("abc"))],
    outcome: connection("FRAME_SIZE_ERROR", 1),
  },
  {
    rule: "6.4 RST_STREAM with a code nobody knows",
    before: opened,
    fault: () => [resetStream(1, 0xff)],
    outcome: "accepted",
  },
  { rule: "6.5 SETTINGS on stream 1", fault: () => [frame(4, 0, 1)], outcome: connection("PROTOCOL_ERROR") },
  {
    rule: "6.5 SETTINGS of 3 octets",
    fault: () => [frame(4, 0, 0, ascii("abc"))],
    outcome: connection("FRAME_SIZE_ERROR"),
  },
  {
    rule: "6.5 SETTINGS with ACK and a payload",
    fault: () => [frame(4, 1, 0, new Uint8Array(6))],
    outcome: connection("FRAME_SIZE_ERROR"),
  },
  { rule: "6.5 SETTINGS with ACK for nothing", fault: () => [settingsAck()], outcome: connection("PROTOCOL_ERROR") },
  { rule: "6.5.2 ENABLE_PUSH 1", fault: () => [settings([2, 1])], outcome: "accepted" },
  { rule: "6.5.2 ENABLE_PUSH 2", fault: () => [settings([2, 2])], outcome: connection("PROTOCOL_ERROR") },
  { rule: "6.5.2 INITIAL_WINDOW_SIZE 2^31 - 1", fault: () => [settings([4, 2 ** 31 - 1])], outcome: "accepted" },
  {
    rule: "6.5.2 INITIAL_WINDOW_SIZE 2^31",
    fault: () => [settings([4, 2 ** 31])],
    outcome: connection("FLOW_CONTROL_ERROR"),
  },
  {
    rule: "6.5.2 MAX_FRAME_SIZE 2^14 - 1",
    fault: () => [settings([5, 16_383])],
    outcome: connection("PROTOCOL_ERROR"),
  },
  { rule: "6.5.2 MAX_FRAME_SIZE 2^14", fault: () => [settings([5, 16_384])], outcome: "accepted" },
  { rule: "6.5.2 MAX_FRAME_SIZE 2^24 - 1", fault: () => [settings([5, 2 ** 24 - 1])], outcome: "accepted" },
  { rule: "6.5.2 MAX_FRAME_SIZE 2^24", fault: () => [settings([5, 2 ** 24])], outcome: connection("PROTOCOL_ERROR") },
  {
    rule: "RFC 8441 ENABLE_CONNECT_PROTOCOL 2",
    fault: () => [settings([8, 2])],
    outcome: connection("PROTOCOL_ERROR"),
  },
  { rule: "6.5.2 a setting nobody knows", fault: () => [settings([0xff, 2 ** 32 - 1])], outcome: "accepted" },
  { rule: "6.6 PUSH_PROMISE", fault: () => [pushPromise(1, 2, "")], outcome: connection("PROTOCOL_ERROR") },
  {
    rule: "6.7 PING on stream 1",
    fault: () => [frame(6, 0, 1, ascii("12345678"))],
    outcome: connection("PROTOCOL_ERROR"),
  },
  { rule: "6.7 PING of 6 octets", fault: () => [ping("123456")], outcome: connection("FRAME_SIZE_ERROR") },
  { rule: "6.7 PING with ACK for nothing", fault: () => [ping("invalid\0", { ack: true })], outcome: "accepted" },
  {
    rule: "6.8 GOAWAY on stream 1",
    fault: () => [frame(7, 0, 1, new Uint8Array(8))],
    outcome: connection("PROTOCOL_ERROR"),
  },
  {
    rule: "6.8 GOAWAY of 7 octets",
    fault: () => [frame(7, 0, 0, new Uint8Array(7))],
    outcome: connection("FRAME_SIZE_ERROR"),
  },
  { rule: "6.8 GOAWAY of a client", fault: () => [goaway(0, 0, "bye")], outcome: "accepted" },
  {
    rule: "6.9 WINDOW_UPDATE of 3 octets",
    fault: () => [frame(8, 0, 0, ascii("abc"))],
    outcome: connection("FRAME_SIZE_ERROR"),
  },
  {
    rule: "6.9 the connection's increment is 0",
    fault: () => [windowUpdate(0, 0)],
    outcome: connection("PROTOCOL_ERROR"),
  },
  {
    rule: "6.9 a stream's increment is 0",
    before: opened,
    fault: () => [windowUpdate(1, 0)],
    outcome: stream("PROTOCOL_ERROR"),
  },
  {
    rule: "6.9 the increment is 0, on an idle stream",
    fault: () => [windowUpdate(1, 0)],
    outcome: connection("PROTOCOL_ERROR"),
  },
  {
    rule: "6.9.1 the connection's window at 2^31 - 1",
    fault: () => [windowUpdate(0, 2 ** 31 - 1 - 65_535)],
    outcome: "accepted",
  },
  {
    rule: "6.9.1 the connection's window at 2^31",
    fault: () => [windowUpdate(0, 2 ** 31 - 65_535)],
    outcome: connection("FLOW_CONTROL_ERROR"),
  },
  {
    rule: "6.9.1 a stream's window at 2^31 - 1",
    before: opened,
    fault: () => [windowUpdate(1, 2 ** 31 - 1 - 65_535)],
    outcome: "accepted",
  },
  {
    rule: "6.9.1 a stream's window at 2^31",
    before: opened,
    fault: () => [windowUpdate(1, 2 ** 31 - 65_535)],
    outcome: stream("FLOW_CONTROL_ERROR"),
  },
  {
    rule: "6.9.2 a stream's window at 2^31 by SETTINGS",
    before: (peer) => [...opened(peer), windowUpdate(1, 1)],
    fault: () => [settings([4, 2 ** 31 - 1])],
    outcome: connection("FLOW_CONTROL_ERROR", 1),
  },
  { rule: "6.10 CONTINUATION on stream 0", fault: () => [continuation(0, "")], outcome: connection("PROTOCOL_ERROR") },
  {
    rule: "6.10 CONTINUATION behind END_HEADERS",
    fault: (peer) => [...opened(peer), continuation(1, "")],
    outcome: connection("PROTOCOL_ERROR", 1),
  },
  {
    rule: "6.10 CONTINUATION of another stream",
    fault: (peer) => [peer.headers(1, REQUEST, { endHeaders: false }), continuation(3, "")],
    outcome: connection("PROTOCOL_ERROR"),
  },
  {
    rule: "6.10 CONTINUATION frames",
    fault: (
      peer,
    ) => [
      peer.headers(1, REQUEST, { endHeaders: false }),
      continuation(1, "", { endHeaders: false }),
      continuation(1, ""),
    ],
    outcome: "accepted",
  },
];

for (const [title, cases] of Object.entries({ PREFACES, FRAMES, STREAMS, FRAME_RULES })) {
  Deno.test(`Faults of a client get the exact error: ${title.toLowerCase().replace("_", " ")}`, () =>
    checkFaults(cases));
}
