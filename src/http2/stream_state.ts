/**
 * The states of a stream (RFC 9113 §5.1) as a table. It knows neither client nor server, neither stream numbers nor messages:
 * whether HEADERS may come twice in a message is a rule of HTTP, not of streams.
 *
 * ```
 *                            idle
 *      send/receive promise /  |  \ send/receive HEADERS
 *                          /   |
 *     reserved (local/remote)  |                       END_STREAM in the HEADERS that opens it
 *            |                open                     is the next step taken at once
 *            | HEADERS        /  \
 *            |     END_STREAM/    \END_STREAM
 *            |        sent  /      \ received
 *            |             /        \
 *            +-> half-closed        half-closed <-+ reserved (local), HEADERS sent
 *      received     (local)          (remote)
 *                        \            /
 *              END_STREAM \          / END_STREAM
 *               received   \        /   sent
 *                            closed
 * ```
 * RST_STREAM leads from everywhere but idle to the end, of which there are two: "closed" is known to the peer, so frames that
 * belong to a stream are its fault; at "reset" we gave up a stream on which the peer may still be sending, so they are dropped.
 *
 * This module performs no I/O.
 */
import { ErrorCode } from "./constants.ts";

/** Where a stream is. Small integers: a stream keeps one in a field. */
export const StreamState = {
  IDLE: 0,
  RESERVED_LOCAL: 1,
  RESERVED_REMOTE: 2,
  OPEN: 3,
  HALF_CLOSED_LOCAL: 4,
  HALF_CLOSED_REMOTE: 5,
  /** Both sides ended it, or the peer reset it, or we did after the peer had ended its half. */
  CLOSED: 6,
  /** We reset it while the peer could still send. */
  RESET: 7,
} as const;
export type StreamState = (typeof StreamState)[keyof typeof StreamState];

/** What happens to a stream. "Promise" is PUSH_PROMISE, at the stream it promises. PRIORITY is allowed always and changes nothing. */
export const StreamInput = {
  SEND_HEADERS: 0,
  SEND_HEADERS_END_STREAM: 1,
  SEND_DATA: 2,
  SEND_DATA_END_STREAM: 3,
  SEND_RESET: 4,
  SEND_WINDOW_UPDATE: 5,
  SEND_PROMISE: 6,
  RECEIVE_HEADERS: 7,
  RECEIVE_HEADERS_END_STREAM: 8,
  RECEIVE_DATA: 9,
  RECEIVE_DATA_END_STREAM: 10,
  RECEIVE_RESET: 11,
  RECEIVE_WINDOW_UPDATE: 12,
  RECEIVE_PROMISE: 13,
} as const;
export type StreamInput = (typeof StreamInput)[keyof typeof StreamInput];

const INPUTS = Object.keys(StreamInput).length;

/** Instead of a next state: the state stays, and the frame is to be dropped or not to be sent. It is nobody's fault. */
export const IGNORED = 0x20;

const STREAM_FAULT = 0x40;
const CONNECTION_FAULT = 0x80;
const MISUSE = 0xc0;

function buildTable(): Uint8Array {
  const rl = StreamState.RESERVED_LOCAL;
  const rr = StreamState.RESERVED_REMOTE;
  const o = StreamState.OPEN;
  const hl = StreamState.HALF_CLOSED_LOCAL;
  const hr = StreamState.HALF_CLOSED_REMOTE;
  const c = StreamState.CLOSED;
  const r = StreamState.RESET;
  const __ = IGNORED;
  // Our own mistake: to be thrown.
  const X = MISUSE;
  // "Receiving any frame other than HEADERS or PRIORITY on a stream in this state MUST be treated as a connection error of
  // type PROTOCOL_ERROR" (idle, and the reserved states alike).
  const P = CONNECTION_FAULT | ErrorCode.PROTOCOL_ERROR;
  // "it MUST respond with a stream error of type STREAM_CLOSED" (half-closed (remote)).
  const s = STREAM_FAULT | ErrorCode.STREAM_CLOSED;
  // "An endpoint MAY treat receipt of any other type of frame on a closed stream as a connection error of type STREAM_CLOSED".
  const S = CONNECTION_FAULT | ErrorCode.STREAM_CLOSED;
  // A column per input, in the order of StreamInput: HEADERS, the same with END_STREAM, DATA, the same with END_STREAM,
  // RST_STREAM, WINDOW_UPDATE, PUSH_PROMISE; first sent, then received.
  // deno-fmt-ignore
  const rows: Record<keyof typeof StreamState, readonly number[]> = {
    //                   H   HE  D   DE  R   W   P     H   HE  D   DE  R   W   P
    IDLE:               [o,  hl, X,  X,  X,  X,  rl,   o,  hr, P,  P,  P,  P,  rr],
    RESERVED_LOCAL:     [hr, c,  X,  X,  c,  X,  X,    P,  P,  P,  P,  c,  rl, P ],
    RESERVED_REMOTE:    [X,  X,  X,  X,  r,  rr, X,    hl, c,  P,  P,  c,  P,  P ],
    OPEN:               [o,  hl, o,  hl, r,  o,  X,    o,  hr, o,  hr, c,  o,  P ],
    HALF_CLOSED_LOCAL:  [X,  X,  X,  X,  r,  hl, X,    hl, c,  hl, c,  c,  hl, P ],
    HALF_CLOSED_REMOTE: [hr, c,  hr, c,  c,  hr, X,    s,  s,  s,  s,  c,  hr, P ],
    CLOSED:             [X,  X,  X,  X,  __, __, X,    S,  S,  S,  S,  __, __, P ],
    RESET:              [X,  X,  X,  X,  __, __, X,    __, __, __, __, c,  __, P ],
  };
  const table = new Uint8Array(8 * INPUTS);
  for (const [name, state] of Object.entries(StreamState)) {
    table.set(rows[name as keyof typeof StreamState], state * INPUTS);
  }
  return table;
}

const TABLE = buildTable();

/** What an input leads to: a {@linkcode StreamState}, {@linkcode IGNORED}, or a fault as {@linkcode isFault} tells. */
export function nextState(state: StreamState, input: StreamInput): number {
  return TABLE[state * INPUTS + input]!;
}

/** Whether what {@linkcode nextState} gave is a fault. The stream is then where it was. */
export function isFault(next: number): boolean {
  return next >= STREAM_FAULT;
}

/** Whose fault it is and how far it goes: an error of the stream or of the connection, by the peer, or our own, to be thrown. */
export function faultScope(fault: number): "stream" | "connection" | "local" {
  return fault === MISUSE ? "local" : fault >= CONNECTION_FAULT ? "connection" : "stream";
}

/** The error code to answer a peer's fault with. */
export function faultCode(fault: number): ErrorCode {
  return (fault & 0xf) as ErrorCode;
}

/** Whether nothing can be sent on a stream any more but WINDOW_UPDATE and RST_STREAM. */
export function isLocallyClosed(state: StreamState): boolean {
  return state >= StreamState.CLOSED || state === StreamState.HALF_CLOSED_LOCAL;
}

/** Whether the peer has nothing more to send on a stream that anybody would read. */
export function isRemotelyClosed(state: StreamState): boolean {
  return state >= StreamState.HALF_CLOSED_REMOTE;
}

const STATE_NAMES: readonly string[] = [
  "idle",
  "reserved (local)",
  "reserved (remote)",
  "open",
  "half-closed (local)",
  "half-closed (remote)",
  "closed",
  "reset",
];

/** A state in the words of the RFC, for messages. */
export function stateName(state: StreamState): string {
  return STATE_NAMES[state]!;
}
