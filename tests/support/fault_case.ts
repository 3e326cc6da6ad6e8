/** Faults of a client, as cases of a table, and what a server has to answer: the exact code, at the exact scope. */
import assert from "node:assert/strict";
import { ping } from "./frame_builder.ts";
import { REQUEST, TestPeer } from "./test_peer.ts";

/** What is to come of it: an error of the connection, of a stream, or nothing at all. */
export type Outcome =
  | { readonly connection: string; readonly last?: number }
  | { readonly stream: string; readonly id?: number }
  | "accepted";

/** A fault, and what a server makes of it. */
export interface FaultCase {
  readonly rule: string;
  /** What comes before, without a fault: its answers are not looked at. */
  readonly before?: (peer: TestPeer) => readonly Uint8Array[];
  readonly fault: (peer: TestPeer) => readonly Uint8Array[];
  readonly outcome: Outcome;
  /** Whether the fault comes instead of a handshake. */
  readonly fresh?: boolean;
}

/** An error of the connection, with the last stream that GOAWAY names. */
export const connection = (code: string, last = 0) => ({ connection: code, last });
/** An error of a stream. */
export const stream = (code: string, id = 1) => ({ stream: code, id });
/** Stream 1 is open. */
export const opened = (peer: TestPeer) => [peer.headers(1, REQUEST)];
/** Stream 1 is open, and the client has ended its half. */
export const ended = (peer: TestPeer) => [peer.headers(1, REQUEST, { endStream: true })];
/** Stream 1 has come to its end on both sides. */
export const closed = (peer: TestPeer) => {
  peer.send(...ended(peer));
  peer.stream(1).respond([{ name: ":status", value: "200" }], true);
  return [];
};

/** Runs cases, each of them with octets all at once, one by one, and seven at a time. */
export function checkFaults(cases: readonly FaultCase[]): void {
  for (const one of cases) {
    for (const chunkLength of [Infinity, 1, 7]) {
      check(one, chunkLength);
    }
  }
}

function check({ rule, before, fault, outcome, fresh = false }: FaultCase, chunkLength: number): void {
  const peer = new TestPeer("server", { handshake: !fresh, chunkLength });
  peer.send(...before?.(peer) ?? []);
  peer.take();
  peer.events.splice(0);
  peer.send(...fault(peer));
  const where = `${rule}, ${chunkLength} octets at a time`;
  const frames = peer.take();
  const errors = frames.filter((text) => /^(GOAWAY|RST_STREAM)/.test(text));
  const isConnectionError = typeof outcome === "object" && "connection" in outcome;
  assert.equal(peer.connection.isClosed, isConnectionError, where);
  if (typeof outcome === "string") {
    assert.deepEqual(errors, [], where);
  } else if ("connection" in outcome) {
    assert.deepEqual(errors, [`GOAWAY ${outcome.last} ${outcome.connection}`], where);
    assert.equal(frames.at(-1), errors[0], `${where}: GOAWAY is last`);
    assert.equal(
      peer.events.filter((event) => event.startsWith("close")).join(),
      `close ${outcome.connection} local`,
      where,
    );
    peer.send(ping("12345678"));
    peer.wantIdle();
    assert.equal(peer.connection.pollTimeout(), undefined, where);
    return;
  } else {
    assert.deepEqual(errors, [`RST_STREAM ${outcome.id} ${outcome.stream}`], where);
  }
  // The connection goes on, and HPACK's tables are what they were.
  if (!rule.includes("left out")) {
    const id = 101;
    peer.send(peer.headers(id, { ...REQUEST, after: "all" }, { endStream: true }));
    assert.equal(peer.events.at(-1), `request ${id} POST / end`, where);
    peer.stream(id).respond([{ name: ":status", value: "204" }], true);
    peer.wantOnly(`HEADERS ${id} :status=204 end`);
  }
}
