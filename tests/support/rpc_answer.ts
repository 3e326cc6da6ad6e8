/** What an answer says: read from what an exchange was told, in each protocol's way. */
import assert from "node:assert/strict";
import type { Codec, Method, Protocol } from "./rpc_scene.ts";
import { isEnveloped, readEnvelopes } from "./rpc_scene.ts";
import type { ScriptedExchange } from "./scripted_exchange.ts";

/** An answer, with its end as every protocol can say it. */
export interface Answer {
  /** The content of each message, as text; `(compressed) ` before those that are. */
  readonly messages: readonly string[];
  /** `ok`, or the name of the code. */
  readonly code: string;
  /** Of the error. */
  readonly message: string;
}

/** By number, as in gRPC. */
const CODE_NAMES = [
  "ok",
  "canceled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
];

/** Reads an answer that has ended, and checks that it is whole. */
export function readAnswer(
  exchange: ScriptedExchange,
  { protocol = "grpc", method = "Unary" }: { protocol?: Protocol; codec?: Codec; method?: Method } = {},
): Answer {
  const [head = "", end, ...rest] = exchange.log;
  assert.deepEqual(rest, [], "Nothing comes after the end");
  if (protocol === "grpc") {
    const trailers = end ?? head;
    assert.ok(end === undefined ? head.endsWith(" end") : end.startsWith("trailers "), `${exchange.log}`);
    return { messages: textsOf(readEnvelopes(exchange.content)), ...statusOf(trailers) };
  }
  assert.equal(end, "end", `${exchange.log}`);
  if (!isEnveloped(protocol, method)) {
    const text = new TextDecoder().decode(exchange.content);
    if (head.startsWith("respond :status=200 ")) {
      return { messages: [head.includes(" content-encoding=") ? `(compressed) ${text}` : text], ...OK };
    }
    const { code, message = "" } = JSON.parse(text);
    return { messages: [], code, message };
  }
  const envelopes = readEnvelopes(exchange.content);
  const [flags, text] = envelopes.pop() ?? [0, ""];
  if (protocol === "grpc-web") {
    assert.equal(flags, 0x80, "The last envelope has the trailers");
    return { messages: textsOf(envelopes), ...statusOf(text.replaceAll(/^([a-z0-9-]+): (.*)\r\n/gm, "$1=$2 ")) };
  }
  assert.equal(flags, 0x02, "The last envelope is the end of the stream");
  const { error } = JSON.parse(text);
  return { messages: textsOf(envelopes), code: error?.code ?? "ok", message: error?.message ?? "" };
}

const OK = { code: "ok", message: "" };

function textsOf(envelopes: readonly (readonly [flags: number, text: string])[]): string[] {
  return envelopes.map(([flags, text]) => {
    assert.ok(flags <= 1, "Messages have no flag but that they are compressed");
    return flags === 1 ? `(compressed) ${text}` : text;
  });
}

function statusOf(trailers: string): { code: string; message: string } {
  const status = /(?:^|[ ])grpc-status=(\d+)/.exec(trailers)?.[1];
  // A message has spaces: the next field is whatever has no space before its "=".
  const message = /(?:^|[ ])grpc-message=(.*?)(?=( [a-z0-9-]+=.*)?( end)?$)/.exec(trailers.trimEnd())?.[1] ?? "";
  return { code: CODE_NAMES[Number(status)] ?? "none", message: decodeURIComponent(message) };
}
