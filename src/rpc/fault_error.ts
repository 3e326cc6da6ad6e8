/** What callers learn of errors that are no `ConnectError`. */
import { Code, ConnectError } from "@connectrpc/connect";
import { isOutOfResources } from "../http/mod.ts";

/**
 * Returns the error that a caller gets for whatever else was thrown: no more than that it was, since its text may say anything. A caller that may try again
 * later learns that.
 */
export function faultError(error: unknown): ConnectError {
  return isOutOfResources(error)
    ? new ConnectError("the server is out of file descriptors or memory", Code.ResourceExhausted)
    : new ConnectError("internal error", Code.Internal);
}
