/** How long a call may take, as its request says: grpc-timeout and connect-timeout-ms. Here always in milliseconds. */
import { Code, ConnectError } from "@connectrpc/connect";

/** Milliseconds of each unit of grpc-timeout, shortest first. */
const UNITS: readonly (readonly [unit: string, milliseconds: number])[] = [
  ["n", 1e-6],
  ["u", 1e-3],
  ["m", 1],
  ["S", 1000],
  ["M", 60_000],
  ["H", 3_600_000],
];
const MILLISECONDS: ReadonlyMap<string, number> = new Map(UNITS);

/** The most that eight digits can say, and ten. */
const MAX_GRPC_VALUE = 99_999_999;
const MAX_CONNECT_MS = 9_999_999_999;

const GRPC_TIMEOUT = /^[0-9]{1,8}[HMSmun]$/;
const CONNECT_TIMEOUT = /^[0-9]{1,10}$/;

/**
 * Milliseconds of a value of grpc-timeout, with fractions (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests). Up to
 * 11,000 years: more than a timer can wait.
 *
 * @throws {ConnectError} `invalid_argument`: not 1 to 8 digits and a unit.
 */
export function parseGrpcTimeout(value: string): number {
  if (!GRPC_TIMEOUT.test(value)) {
    throw new ConnectError("grpc-timeout must be 1 to 8 digits and one of HMSmun", Code.InvalidArgument);
  }
  return Number(value.slice(0, -1)) * MILLISECONDS.get(value.slice(-1))!;
}

/** The value of grpc-timeout for milliseconds, in the shortest unit that can say it, rounded up. */
export function formatGrpcTimeout(milliseconds: number): string {
  for (const [unit, unitMs] of UNITS) {
    const value = Math.ceil(Math.max(0, milliseconds) / unitMs);
    if (value <= MAX_GRPC_VALUE) {
      return `${value}${unit}`;
    }
  }
  return `${MAX_GRPC_VALUE}H`;
}

/**
 * Milliseconds of a value of connect-timeout-ms (https://connectrpc.com/docs/protocol#unary-request). Up to 115 days: more than a timer can
 * wait.
 *
 * @throws {ConnectError} `invalid_argument`: not 1 to 10 digits.
 */
export function parseConnectTimeout(value: string): number {
  if (!CONNECT_TIMEOUT.test(value)) {
    throw new ConnectError("connect-timeout-ms must be 1 to 10 digits", Code.InvalidArgument);
  }
  return Number(value);
}

/** The value of connect-timeout-ms for milliseconds, rounded up. */
export function formatConnectTimeout(milliseconds: number): string {
  return String(Math.min(Math.ceil(Math.max(0, milliseconds)), MAX_CONNECT_MS));
}
