/** Which names files may have. */
import { Code, ConnectError } from "@connectrpc/connect";

/** The longest name, in bytes of UTF-8: what common file systems allow. */
export const MAX_FILE_NAME_BYTES = 255;

/**
 * Checks that a name is a plain file name on any system: it cannot lead out of a directory or hide what it is.
 *
 * @throws {ConnectError} `invalid_argument`.
 */
export function assertFileName(name: string): void {
  const problem = fileNameProblem(name);
  if (problem !== undefined) {
    throw new ConnectError(`name: ${problem}`, Code.InvalidArgument);
  }
}

function fileNameProblem(name: string): string | undefined {
  if (name === "") {
    return "must not be empty";
  }
  if (!name.isWellFormed()) { // As JSON can have it. In UTF-8 it would be another name.
    return "must not contain half of a surrogate pair";
  }
  const byteLength = new TextEncoder().encode(name).length;
  if (byteLength > MAX_FILE_NAME_BYTES) {
    return `has ${byteLength} bytes, the limit is ${MAX_FILE_NAME_BYTES}`;
  }
  if (name === "." || name === "..") {
    return `must not be "${name}"`;
  }
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  const forbidden = /[/\\\u0000-\u001f\u007f]/.exec(name);
  if (forbidden !== null) {
    return `must not contain ${JSON.stringify(forbidden[0])}`;
  }
  return undefined;
}
