/** What a call is given beside its messages: metadata, time, and who may cancel it. */
import type { ContextValues } from "@connectrpc/connect";
import { inheritedCallKey } from "../inherited_call.ts";

/** See the top of the file. */
export interface CallRequest {
  /** Metadata to send; undefined when there is none. */
  readonly header: Headers | undefined;
  /** How long the call may take, in milliseconds. @default Infinity */
  readonly timeoutMs: number;
  /** When that is over, by the clock of `performance.now()`. */
  readonly deadlineAtMs: number;
  /** Each cancels the call. */
  readonly signals: readonly AbortSignal[];
}

/** What a call hands on of the one for which it is made (https://www.w3.org/TR/trace-context/, https://www.w3.org/TR/baggage/). */
const INHERITED_FIELDS = ["traceparent", "tracestate", "baggage"];

const NO_SIGNALS: readonly AbortSignal[] = [];

/**
 * Puts together what the caller says and what the call inherits, see {@linkcode inheritedCallKey}.
 *
 * @param timeoutMs Undefined for the default, zero or less for none.
 * @throws {TypeError} A name or a value is none of HTTP.
 */
export function createCallRequest(
  signal: AbortSignal | undefined,
  timeoutMs: number | undefined,
  header: HeadersInit | undefined,
  contextValues: ContextValues | undefined,
  defaultTimeoutMs: number | undefined,
): CallRequest {
  const ownTimeoutMs = timeoutMs ?? defaultTimeoutMs ?? 0;
  const inherited = contextValues?.get(inheritedCallKey);
  const leftMs = Math.min(ownTimeoutMs > 0 ? ownTimeoutMs : Infinity, inherited?.timeoutMs() ?? Infinity);
  return {
    header: inherited === undefined
      ? header === undefined ? undefined : new Headers(header)
      : inheritFields(new Headers(header), inherited.requestHeader),
    timeoutMs: leftMs,
    deadlineAtMs: leftMs === Infinity ? Infinity : performance.now() + leftMs,
    signals: signal === undefined && inherited === undefined
      ? NO_SIGNALS
      : [signal, inherited?.signal].filter((each) => each !== undefined),
  };
}

/** Adds what the caller has not set. */
function inheritFields(header: Headers, inherited: Headers): Headers {
  for (const name of INHERITED_FIELDS) {
    const value = inherited.get(name);
    if (value !== null && !header.has(name)) {
      header.set(name, value);
    }
  }
  return header;
}
