/** Messages of a client that are malformed (RFC 9113 §8), and the exact error that a server answers with. */
import { data } from "../support/frame_builder.ts";
import { checkFaults, type FaultCase, opened, type Outcome, stream } from "../support/fault_case.ts";
import { type Fields, REQUEST } from "../support/test_peer.ts";

function request(rule: string, fields: Fields, outcome: Outcome = stream("PROTOCOL_ERROR")): FaultCase {
  return { rule: `8 request: ${rule}`, fault: (peer) => [peer.headers(1, fields, { endStream: true })], outcome };
}

/** A request without some of its fields, or with others. */
function without(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(REQUEST).filter(([name]) => !names.includes(name)));
}

const twice = (name: string) => [
  ...Object.entries(REQUEST).map(([name, value]) => ({ name, value })),
  { name, value: "x" },
];

const MESSAGES: readonly FaultCase[] = [
  request("complete", REQUEST, "accepted"),
  request("a name in capitals", { ...REQUEST, "X-Test": "1" }),
  request("an unknown pseudo-header field", { ":test": "1", ...REQUEST }),
  request(":status", { ":status": "200", ...REQUEST }),
  request("a pseudo-header field after another field", { a: "1", ...REQUEST }),
  request("connection", { ...REQUEST, connection: "keep-alive" }),
  request("transfer-encoding", { ...REQUEST, "transfer-encoding": "chunked" }),
  request("te that is not trailers", { ...REQUEST, te: "trailers, deflate" }),
  request("te: trailers", { ...REQUEST, te: "trailers" }, "accepted"),
  request("an empty :path", { ...REQUEST, ":path": "" }),
  ...[":method", ":scheme", ":path"].flatMap((name) => [
    request(`no ${name}`, without(name)),
    request(`two ${name}`, twice(name)),
  ]),
  request("a value with a line feed", { ...REQUEST, a: "b\nc" }),
  request("a value with a blank before it", { ...REQUEST, a: " b" }),
  request("host that is not :authority", { ...REQUEST, host: "b" }),
  request("content-length without content", { ...REQUEST, "content-length": "1" }),
  request("content-length 0 without content", { ...REQUEST, "content-length": "0" }, "accepted"),
  request("content-length that is no number", { ...REQUEST, "content-length": "-1" }),
  {
    rule: "8.1 trailers that do not end the stream",
    before: opened,
    fault: (peer) => [peer.headers(1, { a: "b" })],
    outcome: stream("PROTOCOL_ERROR"),
  },
  {
    rule: "8.1 trailers with a pseudo-header field",
    before: opened,
    fault: (peer) => [peer.headers(1, { ":method": "GET" }, { endStream: true })],
    outcome: stream("PROTOCOL_ERROR"),
  },
  {
    rule: "8.1 trailers",
    before: opened,
    fault: (peer) => [data(1, "abc"), peer.headers(1, { a: "b" }, { endStream: true })],
    outcome: "accepted",
  },
  ...["less", "more"].map((how): FaultCase => ({
    rule: `8.1.1 ${how} content than content-length`,
    before: (peer) => [peer.headers(1, { ...REQUEST, "content-length": how === "less" ? "4" : "2" })],
    fault: () => [data(1, "abc", { endStream: true })],
    outcome: stream("PROTOCOL_ERROR"),
  })),
  {
    rule: "8.1.1 more content than content-length, before the end",
    before: (peer) => [peer.headers(1, { ...REQUEST, "content-length": "2" })],
    fault: () => [data(1, "abc")],
    outcome: stream("PROTOCOL_ERROR"),
  },
  {
    rule: "8.1.1 trailers before as much content as content-length",
    before: (peer) => [peer.headers(1, { ...REQUEST, "content-length": "4" }), data(1, "abc")],
    fault: (peer) => [peer.headers(1, { a: "b" }, { endStream: true })],
    outcome: stream("PROTOCOL_ERROR"),
  },
  {
    rule: "8.1.1 content-length in several frames, padding not counted",
    before: (peer) => [peer.headers(1, { ...REQUEST, "content-length": "6" })],
    fault: () => [data(1, "abc", { padding: 9 }), data(1, "def"), data(1, "", { endStream: true })],
    outcome: "accepted",
  },
];

Deno.test("Malformed requests are errors of their stream", () => checkFaults(MESSAGES));
