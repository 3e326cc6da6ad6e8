/** What has to work between any client and any server of `echo.proto`. */
import assert from "node:assert/strict";
import type { JsonObject } from "@bufbuild/protobuf";
import type { Check } from "../checks.ts";
import type { Call, Caller, CallError, MethodName, Outcome } from "./call.ts";

/** Every octet there is. */
const BINARY = btoa(String.fromCharCode(...Array(256).keys()));

const MEGABYTE = btoa("0123456789abcdef".repeat(62_500));

/** Has what HTTP header fields cannot have. */
const MESSAGE = "100 % ünmöglich: 无法 🙂\n";

/** The longest message that peers take. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

const ABORTED = 10;
const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;

/** Long enough for the slowest client to have reached the server. */
const SHORT_TIMEOUT_MS = 500;

const METADATA = [
  ["x-header", "one"],
  ["x-header", "two"],
  ["x-header-bin", BINARY],
  ["x-trailer", "three"],
  ["x-trailer-bin", BINARY],
] as const;

/** Checks that some clients, servers or ways between them cannot pass. */
export type SpecialCheck =
  | "GET"
  | "client stream"
  | "bidi stream"
  | "bidi stream in turns"
  | "50 at once"
  | "request of 4 MiB"
  | "answer of 4 MiB"
  | "our server goes away";

/** All checks but those that are left out. */
export function echoChecks(caller: Caller, without: readonly SpecialCheck[]): Check[] {
  const call: Caller = async (description, signal) => withoutDefaults(await caller(description, signal));
  const checks = {
    ...unaryChecks(call),
    ...streamChecks(call),
    ...limitChecks(call),
    ...errorChecks(call),
    ...endChecks(call),
  };
  return Object.entries(checks).filter(([name]) => !without.some((special) => special === name));
}

/** Some libraries say fields that have their default, and some do not. */
function withoutDefaults({ error, ...outcome }: Outcome): Outcome {
  const strip = (message: JsonObject) => Object.fromEntries(Object.entries(message).filter(([_name, value]) => value));
  return {
    ...outcome,
    answers: outcome.answers.map(strip),
    ...error === undefined ? {} : { error: { ...error, details: error.details.map(strip) } },
  };
}

type Checks = Readonly<Record<string, () => Promise<void>>>;

function unaryChecks(call: Caller): Checks {
  const unary = async (method: MethodName, text: string) => {
    const outcome = await call({ method, requests: [{ text, data: BINARY }] });
    assert.equal(outcome.error, undefined);
    assert.deepEqual(outcome.answers, [{ text, data: BINARY, number: 1 }]);
    return outcome;
  };
  return {
    "unary": async () => void await unary("Unary", "zwölf 🙂"),
    "GET": async () => assert.equal((await unary("Get", "zwölf 🙂")).headers["x-http-method"], "GET"),
    "metadata": () => checkMetadata(call, "Unary", { text: "a" }),
    "message of 1 MB": async () => {
      const [answer] = await succeed(call, { method: "Unary", requests: [{ data: MEGABYTE }] });
      assert.ok(answer?.["data"] === MEGABYTE, "other octets");
    },
    "50 at once": async () => {
      await Promise.all(Array.from({ length: 50 }, (_, index) => unary("Unary", `${index}`)));
    },
  };
}

/** Each with messages, without any, and with metadata. */
function streamChecks(call: Caller): Checks {
  const texts = ["a", "b", "c"].map((text) => ({ text }));
  const echoed = texts.map((answer, index) => ({ ...answer, number: index + 1 }));
  return {
    "server stream": async () => {
      const answers = await succeed(call, { method: "ServerStream", requests: [{ text: "a", answers: 3 }] });
      assert.deepEqual(answers, [{ text: "a" }, { text: "a", number: 1 }, { text: "a", number: 2 }]);
      assert.deepEqual(await succeed(call, { method: "ServerStream", requests: [{ text: "a" }] }), []);
      await checkMetadata(call, "ServerStream", { text: "a", answers: 2 });
    },
    "client stream": async () => {
      const requests = [{ text: "a", data: MEGABYTE }, { text: "b" }, { text: "c", data: MEGABYTE }];
      const [{ data, ...answer } = {}, ...others] = await succeed(call, { method: "ClientStream", requests });
      assert.deepEqual([answer, ...others], [{ text: "abc", number: 3 }]);
      assert.ok(data === btoa(atob(MEGABYTE).repeat(2)), "other octets");
      assert.deepEqual(await succeed(call, { method: "ClientStream", requests: [] }), [{}]);
      await checkMetadata(call, "ClientStream", { text: "a" });
    },
    "bidi stream": async () => {
      assert.deepEqual(await succeed(call, { method: "BidiStream", requests: texts }), echoed);
      assert.deepEqual(await succeed(call, { method: "BidiStream", requests: [] }), []);
      await checkMetadata(call, "BidiStream", { text: "a" });
    },
    "bidi stream in turns": async () => {
      assert.deepEqual(await succeed(call, { method: "BidiStream", requests: texts, inTurns: true }), echoed);
    },
  };
}

/** The longest message that may be, and one octet more. */
function limitChecks(call: Caller): Checks {
  return {
    "request of 4 MiB": async () => {
      // Before the text there are its tag, and four octets of length.
      const text = "a".repeat(MAX_MESSAGE_BYTES - 5);
      assert.deepEqual(await succeed(call, { method: "ServerStream", requests: [{ text }] }), []);
      await fail(call, { method: "ServerStream", requests: [{ text: `${text}a` }] }, RESOURCE_EXHAUSTED);
    },
    "answer of 4 MiB": async () => {
      // It has a number of two octets and data of four as well: some libraries would say that they are empty.
      const data = btoa("a");
      const half = "a".repeat(MAX_MESSAGE_BYTES / 2 - 6);
      const call4MiB = {
        method: "ClientStream",
        requests: [{ text: half, data }, { text: `${half}a`, data }],
      } as const;
      const [answer] = await succeed(call, call4MiB);
      assert.equal(String(answer?.["text"]).length, 2 * half.length + 1);
      const { requests: [, longer] } = call4MiB;
      await fail(call, { ...call4MiB, requests: [longer, longer] }, RESOURCE_EXHAUSTED);
    },
  };
}

function errorChecks(call: Caller): Checks {
  const request = { code: ABORTED, message: MESSAGE };
  const check = async (method: MethodName, answers: number) => {
    const fail = { ...request, ...answers > 0 ? { answers } : {} };
    const outcome = await call({ method, requests: [fail] });
    assert.deepEqual(outcome.error, { code: ABORTED, message: MESSAGE, details: [fail] });
    assert.equal(outcome.answers.length, answers);
  };
  return {
    "error with details": () => check("Fail", 0),
    "error of a stream": () => check("FailStream", 0),
    "error after answers": () => check("FailStream", 2),
    "metadata of errors": async () => {
      for (const method of ["Fail", "FailStream"] as const) {
        const { trailers, error } = await call({ method, requests: [{ code: ABORTED }], metadata: METADATA });
        assert.equal(error?.code, ABORTED);
        assertTrailers(trailers);
      }
    },
    "unimplemented method": async () => {
      await fail(call, { method: "Unimplemented", requests: [{}] }, UNIMPLEMENTED);
    },
  };
}

function endChecks(call: Caller): Checks {
  const observe = async (id: string, state: "CALL_STATE_STARTED" | "CALL_STATE_CANCELLED") => {
    await succeed(call, { method: "Observe", requests: [{ id, state }] });
  };
  return {
    "deadline reaches the server": async () => {
      const [answer] = await succeed(call, { method: "Unary", requests: [{}], timeoutMs: 60_000 });
      const timeoutMs = Number(answer?.["timeoutMs"]);
      // gRPC's C core rounds up.
      assert.ok(timeoutMs > 0 && timeoutMs <= 60_500, `${timeoutMs}`);
    },
    "deadline": async () => {
      const id = crypto.randomUUID();
      await fail(call, { method: "Wait", requests: [{ id }], timeoutMs: SHORT_TIMEOUT_MS }, DEADLINE_EXCEEDED);
      await observe(id, "CALL_STATE_CANCELLED");
    },
    "deadline of a stream": async () => {
      const id = crypto.randomUUID();
      const wait: Call = { method: "WaitStream", requests: [{ id }], timeoutMs: SHORT_TIMEOUT_MS };
      const { answers } = await fail(call, wait, DEADLINE_EXCEEDED);
      assert.equal(answers.length, 1);
      await observe(id, "CALL_STATE_CANCELLED");
    },
    "cancellation": async () => {
      const id = crypto.randomUUID();
      const abort = new AbortController();
      const waiting = call({ method: "Wait", requests: [{ id }] }, abort.signal);
      await observe(id, "CALL_STATE_STARTED");
      abort.abort();
      assert.equal((await waiting).error?.code, CANCELLED);
      await observe(id, "CALL_STATE_CANCELLED");
    },
    "cancellation of a stream": async () => {
      const id = crypto.randomUUID();
      const wait: Call = { method: "WaitStream", requests: [{ id }], cancelAfter: 1 };
      const { answers } = await fail(call, wait, CANCELLED);
      assert.equal(answers.length, 1);
      await observe(id, "CALL_STATE_CANCELLED");
    },
  };
}

async function checkMetadata(call: Caller, method: MethodName, request: JsonObject): Promise<void> {
  const { headers, trailers, error } = await call({ method, requests: [request], metadata: METADATA });
  assert.equal(error, undefined);
  assert.match(headers["x-header"] ?? "", /^one, ?two$/);
  assert.equal(unpadded(headers["x-header-bin"]), unpadded(BINARY));
  assertTrailers(trailers);
}

async function succeed(call: Caller, description: Call): Promise<Outcome["answers"]> {
  const { answers, error } = await call(description);
  assert.equal(error, undefined);
  return answers;
}

async function fail(call: Caller, description: Call, code: CallError["code"]): Promise<Outcome> {
  const outcome = await call(description);
  assert.equal(outcome.error?.code, code, JSON.stringify(outcome.error));
  return outcome;
}

function assertTrailers(trailers: Outcome["trailers"]): void {
  assert.equal(trailers["x-trailer"], "three");
  assert.equal(unpadded(trailers["x-trailer-bin"]), unpadded(BINARY));
}

function unpadded(base64 = ""): string {
  return base64.replace(/=+$/, "");
}
