import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";

/** Asserts that a call fails with a code and a message, which is compared whole unless it is a pattern. */
export async function assertConnectError(
  call: Promise<unknown> | (() => Promise<unknown>),
  code: Code,
  message: string | RegExp,
): Promise<void> {
  let result: unknown;
  try {
    result = await (typeof call === "function" ? call() : call);
  } catch (error) {
    assert(error instanceof ConnectError, `not a ConnectError: ${error}`);
    assert.equal(Code[error.code], Code[code], error.rawMessage);
    if (typeof message === "string") {
      assert.equal(error.rawMessage, message);
    } else {
      assert.match(error.rawMessage, message);
    }
    return;
  }
  assert.fail(`the call did not fail, it gave ${Deno.inspect(result)}`);
}
