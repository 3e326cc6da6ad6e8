import assert from "node:assert/strict";
import { ErrorCode, errorName } from "../../src/http2/constants.ts";
import {
  faultCode,
  faultScope,
  IGNORED,
  isFault,
  isLocallyClosed,
  isRemotelyClosed,
  nextState,
  stateName,
  StreamInput,
  StreamState,
} from "../../src/http2/stream_state.ts";

type State = keyof typeof StreamState;
type Input = keyof typeof StreamInput;

const STATES = Object.keys(StreamState) as State[];
const INPUTS = Object.keys(StreamInput) as Input[];

/** What an input leads to, in words. */
function outcome(state: State, input: Input): string {
  const next = nextState(StreamState[state], StreamInput[input]);
  if (next === IGNORED) {
    return "ignored";
  }
  if (!isFault(next)) {
    return STATES.find((name) => StreamState[name] === next)!;
  }
  return faultScope(next) === "local" ? "misuse" : `${faultScope(next)} ${errorName(faultCode(next))}`;
}

/** RFC 9113 §5.1 read out, paragraph by paragraph: what is allowed in a state, and what everything else is. */
const RULES: Record<State, { to: Partial<Record<Input, string>>; otherwiseReceived: string }> = {
  IDLE: {
    to: {
      SEND_HEADERS: "OPEN",
      SEND_HEADERS_END_STREAM: "HALF_CLOSED_LOCAL",
      SEND_PROMISE: "RESERVED_LOCAL",
      RECEIVE_HEADERS: "OPEN",
      RECEIVE_HEADERS_END_STREAM: "HALF_CLOSED_REMOTE",
      RECEIVE_PROMISE: "RESERVED_REMOTE",
    },
    otherwiseReceived: "connection PROTOCOL_ERROR",
  },
  RESERVED_LOCAL: {
    to: {
      SEND_HEADERS: "HALF_CLOSED_REMOTE",
      SEND_HEADERS_END_STREAM: "CLOSED",
      SEND_RESET: "CLOSED",
      RECEIVE_RESET: "CLOSED",
      RECEIVE_WINDOW_UPDATE: "RESERVED_LOCAL",
    },
    otherwiseReceived: "connection PROTOCOL_ERROR",
  },
  RESERVED_REMOTE: {
    to: {
      SEND_RESET: "RESET",
      SEND_WINDOW_UPDATE: "RESERVED_REMOTE",
      RECEIVE_HEADERS: "HALF_CLOSED_LOCAL",
      RECEIVE_HEADERS_END_STREAM: "CLOSED",
      RECEIVE_RESET: "CLOSED",
    },
    otherwiseReceived: "connection PROTOCOL_ERROR",
  },
  OPEN: {
    to: {
      SEND_HEADERS: "OPEN",
      SEND_HEADERS_END_STREAM: "HALF_CLOSED_LOCAL",
      SEND_DATA: "OPEN",
      SEND_DATA_END_STREAM: "HALF_CLOSED_LOCAL",
      SEND_RESET: "RESET",
      SEND_WINDOW_UPDATE: "OPEN",
      RECEIVE_HEADERS: "OPEN",
      RECEIVE_HEADERS_END_STREAM: "HALF_CLOSED_REMOTE",
      RECEIVE_DATA: "OPEN",
      RECEIVE_DATA_END_STREAM: "HALF_CLOSED_REMOTE",
      RECEIVE_RESET: "CLOSED",
      RECEIVE_WINDOW_UPDATE: "OPEN",
    },
    otherwiseReceived: "connection PROTOCOL_ERROR",
  },
  HALF_CLOSED_LOCAL: {
    to: {
      SEND_RESET: "RESET",
      SEND_WINDOW_UPDATE: "HALF_CLOSED_LOCAL",
      RECEIVE_HEADERS: "HALF_CLOSED_LOCAL",
      RECEIVE_HEADERS_END_STREAM: "CLOSED",
      RECEIVE_DATA: "HALF_CLOSED_LOCAL",
      RECEIVE_DATA_END_STREAM: "CLOSED",
      RECEIVE_RESET: "CLOSED",
      RECEIVE_WINDOW_UPDATE: "HALF_CLOSED_LOCAL",
    },
    otherwiseReceived: "connection PROTOCOL_ERROR",
  },
  HALF_CLOSED_REMOTE: {
    to: {
      SEND_HEADERS: "HALF_CLOSED_REMOTE",
      SEND_HEADERS_END_STREAM: "CLOSED",
      SEND_DATA: "HALF_CLOSED_REMOTE",
      SEND_DATA_END_STREAM: "CLOSED",
      SEND_RESET: "CLOSED",
      SEND_WINDOW_UPDATE: "HALF_CLOSED_REMOTE",
      RECEIVE_RESET: "CLOSED",
      RECEIVE_WINDOW_UPDATE: "HALF_CLOSED_REMOTE",
      RECEIVE_PROMISE: "connection PROTOCOL_ERROR",
    },
    otherwiseReceived: "stream STREAM_CLOSED",
  },
  CLOSED: {
    to: {
      SEND_RESET: "ignored",
      SEND_WINDOW_UPDATE: "ignored",
      RECEIVE_RESET: "ignored",
      RECEIVE_WINDOW_UPDATE: "ignored",
      RECEIVE_PROMISE: "connection PROTOCOL_ERROR",
    },
    otherwiseReceived: "connection STREAM_CLOSED",
  },
  RESET: {
    to: {
      SEND_RESET: "ignored",
      SEND_WINDOW_UPDATE: "ignored",
      RECEIVE_RESET: "CLOSED",
      RECEIVE_PROMISE: "connection PROTOCOL_ERROR",
    },
    otherwiseReceived: "ignored",
  },
};

for (const state of STATES) {
  Deno.test(`every input to a stream that is ${stateName(StreamState[state])}`, () => {
    const { to, otherwiseReceived } = RULES[state];
    for (const input of INPUTS) {
      const expected = to[input] ?? (input.startsWith("SEND_") ? "misuse" : otherwiseReceived);
      assert.equal(outcome(state, input), expected, `${state}, ${input}`);
    }
  });
}

Deno.test("no input leads back to idle, and none out of closed", () => {
  for (const input of INPUTS) {
    for (const state of STATES) {
      assert.notEqual(nextState(StreamState[state], StreamInput[input]), StreamState.IDLE);
    }
    const next = nextState(StreamState.CLOSED, StreamInput[input]);
    assert(next === IGNORED || isFault(next));
  }
});

Deno.test("a half is closed when nothing can come of it any more", () => {
  const named = (test: (state: StreamState) => boolean) => STATES.filter((name) => test(StreamState[name]));
  assert.deepEqual(named(isLocallyClosed), ["HALF_CLOSED_LOCAL", "CLOSED", "RESET"]);
  assert.deepEqual(named(isRemotelyClosed), ["HALF_CLOSED_REMOTE", "CLOSED", "RESET"]);
});

Deno.test("faults carry scope and code", () => {
  const fault = nextState(StreamState.HALF_CLOSED_REMOTE, StreamInput.RECEIVE_DATA);
  assert.equal(faultScope(fault), "stream");
  assert.equal(faultCode(fault), ErrorCode.STREAM_CLOSED);
  assert.equal(isFault(IGNORED), false);
});
