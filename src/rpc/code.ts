/** The status codes of RPC: their names in Connect, and how they relate to HTTP's (https://connectrpc.com/docs/protocol#error-codes). */
import { Code } from "@connectrpc/connect";

/** Name and HTTP status of each code. */
const CODES: readonly (readonly [code: Code, name: string, httpStatus: number])[] = [
  [Code.Canceled, "canceled", 499],
  [Code.Unknown, "unknown", 500],
  [Code.InvalidArgument, "invalid_argument", 400],
  [Code.DeadlineExceeded, "deadline_exceeded", 504],
  [Code.NotFound, "not_found", 404],
  [Code.AlreadyExists, "already_exists", 409],
  [Code.PermissionDenied, "permission_denied", 403],
  [Code.ResourceExhausted, "resource_exhausted", 429],
  [Code.FailedPrecondition, "failed_precondition", 400],
  [Code.Aborted, "aborted", 409],
  [Code.OutOfRange, "out_of_range", 400],
  [Code.Unimplemented, "unimplemented", 501],
  [Code.Internal, "internal", 500],
  [Code.Unavailable, "unavailable", 503],
  [Code.DataLoss, "data_loss", 500],
  [Code.Unauthenticated, "unauthenticated", 401],
];

const NAMES: ReadonlyMap<number, string> = new Map(CODES.map(([code, name]) => [code, name]));
const CODES_BY_NAME: ReadonlyMap<string, Code> = new Map(CODES.map(([code, name]) => [name, code]));
const HTTP_STATUSES: ReadonlyMap<number, number> = new Map(CODES.map(([code, , httpStatus]) => [code, httpStatus]));

/** What an answer that is no RPC's stands for. */
const CODES_BY_HTTP_STATUS: ReadonlyMap<number, Code> = new Map([
  [400, Code.Internal],
  [401, Code.Unauthenticated],
  [403, Code.PermissionDenied],
  [404, Code.Unimplemented],
  [429, Code.Unavailable],
  [502, Code.Unavailable],
  [503, Code.Unavailable],
  [504, Code.Unavailable],
]);

/** A code as Connect's JSON has it, such as `invalid_argument`. `unknown` for what is no code. */
export function codeName(code: Code): string {
  return NAMES.get(code) ?? "unknown";
}

/** The code of a name as Connect's JSON has it; undefined when there is none of this name. */
export function codeFromName(name: string): Code | undefined {
  return CODES_BY_NAME.get(name);
}

/** Whether a number is that of a code. gRPC's 0 is not: it means that there is no error. */
export function isCode(code: number): code is Code {
  return NAMES.has(code);
}

/** The status of HTTP by which unary calls of Connect fail with a code. */
export function httpStatusOfCode(code: Code): number {
  return HTTP_STATUSES.get(code) ?? 500;
}

/** The code for an answer whose status of HTTP is not 200 and that says nothing better itself. */
export function codeOfHttpStatus(status: number): Code {
  return CODES_BY_HTTP_STATUS.get(status) ?? Code.Unknown;
}
