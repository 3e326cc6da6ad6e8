/**
 * Calls and outcomes as lines of JSON, for callers that are programs of their own. The program may have several calls under way:
 *
 *   to its stdin     {"id": 1, "call": {"method": "Unary", "requests": [{"text": "a"}]}}    and, if it is cancelled,    {"id": 1, "cancel": true}
 *   to its stdout    {"id": 1, "outcome": {"answers": [{"text": "a"}], "headers": {}, "trailers": {}}}
 *
 * It ends when its stdin does.
 */
import type { Call, Outcome } from "./call.ts";

/** A line to the program. */
export type CallLine = { readonly id: number; readonly call: Call } | { readonly id: number; readonly cancel: true };

/** A line from the program; with `failure` something is wrong with the program itself. */
export interface OutcomeLine {
  readonly id: number;
  readonly outcome?: Outcome;
  readonly failure?: string;
}
