/** What calls of a soak may end with. */
import { Code, ConnectError } from "@connectrpc/connect";
import { deepStrictEqual, strictEqual } from "node:assert/strict";

/** How long a call may take that has no shorter deadline, in milliseconds: one that hangs ends with an error then. */
export const PATIENCE_MS = 60_000;

/** @throws {Error} The call ends with something else than this code. */
export async function endsWith(code: Code, call: Promise<unknown>): Promise<void> {
  const outcome = await call.then(() => undefined, (error) => error);
  strictEqual(nameOf(outcome), Code[code], `ended with ${outcome ?? "an answer"}`);
}

/** @throws {Error} The call ends with neither an answer nor this code. */
export async function endsOrEndsWith(code: Code, call: Promise<unknown>): Promise<void> {
  const outcome = await call.then(() => undefined, (error) => error);
  if (outcome !== undefined && nameOf(outcome) !== Code[code]) {
    throw outcome;
  }
}

/** @throws {Error} They differ. */
export function same(actual: unknown, expected: unknown): void {
  deepStrictEqual(actual, expected);
}

function nameOf(outcome: unknown): string {
  return outcome instanceof ConnectError ? Code[outcome.code] : outcome === undefined ? "no error" : "no ConnectError";
}
