/** How long a call may take, as its request says: grpc-timeout and connect-timeout-ms. Here always in milliseconds. */
import { Code, ConnectError } from "@connectrpc/connect";

/** Nanoseconds of each unit of grpc-timeout, shortest first. */
const UNITS: readonly (readonly [unit: string, nanoseconds: number])[] = [
  ["n", 1],
  ["u", 1e3],
  ["m", 1e6],
  ["S", 1e9],
  ["M", 60e9],
  ["H", 3600e9],
];
const NANOSECONDS: ReadonlyMap<string, number> = new Map(UNITS);
const NS_PER_MS = 1e6;

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
  return Number(value.slice(0, -1)) * NANOSECONDS.get(value.slice(-1))! / NS_PER_MS;
}

/** The value of grpc-timeout for milliseconds, in the shortest unit that can say it, rounded up. */
export function formatGrpcTimeout(milliseconds: number): string {
  const nanoseconds = Math.max(0, milliseconds) * NS_PER_MS;
  for (const [unit, unitNs] of UNITS) {
    const value = Math.ceil(nanoseconds / unitNs);
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
