/** Timeouts of requests, both ways, and what is refused. */
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import {
  formatConnectTimeout,
  formatGrpcTimeout,
  parseConnectTimeout,
  parseGrpcTimeout,
} from "../../src/rpc/timeout.ts";

function assertRefused(parse: (value: string) => number, value: string, message: string): void {
  assert.throws(() => parse(value), (error) => {
    assert.ok(error instanceof ConnectError);
    assert.equal(error.code, Code.InvalidArgument);
    assert.equal(error.rawMessage, message);
    return true;
  }, JSON.stringify(value));
}

Deno.test("grpc-timeout in each unit", () => {
  const cases: readonly (readonly [string, number])[] = [
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3000],
    ["4m", 4],
    ["5u", 0.005],
    ["6n", 0.000006],
    ["0n", 0],
    ["0H", 0],
    ["00000200m", 200],
    ["99999999n", 99.999999],
    ["99999999m", 99_999_999],
    ["99999999H", 359_999_996_400_000],
  ];
  for (const [value, milliseconds] of cases) {
    assert.equal(parseGrpcTimeout(value), milliseconds, value);
  }
});

Deno.test("attack 25: no other grpc-timeout is taken", () => {
  const values = [
    "",
    "m",
    "1",
    "100000000m",
    "-1m",
    "+1m",
    "1.5S",
    "1e3m",
    "0x1m",
    " 1m",
    "1m ",
    "1m\n",
    "1 m",
    "1s",
    "1h",
    "1ms",
  ];
  for (const value of [...values, "١m", "１m", "1µ", "Infinitym", "NaNm", "1m, 1m", "9".repeat(100_000)]) {
    assertRefused(parseGrpcTimeout, value, "grpc-timeout must be 1 to 8 digits and one of HMSmun");
  }
});

Deno.test("connect-timeout-ms", () => {
  for (
    const [value, milliseconds] of [["0", 0], ["1", 1], ["0000000200", 200], ["9999999999", 9_999_999_999]] as const
  ) {
    assert.equal(parseConnectTimeout(value), milliseconds, value);
  }
});

Deno.test("attack 25: no other connect-timeout-ms is taken", () => {
  const values = [
    "",
    "10000000000",
    "-1",
    "+1",
    "1.5",
    "1e3",
    "0x1",
    " 1",
    "1 ",
    "1\n",
    "1m",
    "١",
    "１",
    "Infinity",
    "NaN",
    "1, 1",
  ];
  for (const value of [...values, "9".repeat(100_000)]) {
    assertRefused(parseConnectTimeout, value, "connect-timeout-ms must be 1 to 10 digits");
  }
});

Deno.test("grpc-timeout is sent in the shortest unit that can say it", () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "0n"],
    [-1, "0n"],
    [-Infinity, "0n"],
    [1e-9, "1n"],
    [0.5, "500000n"],
    [99.999999, "99999999n"],
    [100, "100000u"],
    [200, "200000u"],
    [99_999.999, "99999999u"],
    [100_000, "100000m"],
    [99_999_999, "99999999m"],
    [99_999_999.5, "100000S"],
    [100_000_000, "100000S"],
    [99_999_999_000, "99999999S"],
    [100_000_000_000, "1666667M"],
    [5_999_999_940_000, "99999999M"],
    [6_000_000_000_000, "1666667H"],
    [359_999_996_400_000, "99999999H"],
    [1e300, "99999999H"],
    [Infinity, "99999999H"],
  ];
  for (const [milliseconds, value] of cases) {
    assert.equal(formatGrpcTimeout(milliseconds), value, String(milliseconds));
  }
});

Deno.test("grpc-timeout comes back as it was, rounded up by less than a unit", () => {
  for (let milliseconds = 1; milliseconds < 1e14; milliseconds = Math.ceil(milliseconds * 1.37)) {
    const parsed = parseGrpcTimeout(formatGrpcTimeout(milliseconds));
    assert.ok(parsed >= milliseconds && parsed <= milliseconds * (1 + 1e-4), `${milliseconds} came back as ${parsed}`);
    if (milliseconds < 1e8) {
      assert.equal(parsed, milliseconds);
    }
  }
});

Deno.test("connect-timeout-ms is sent in whole milliseconds, rounded up", () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "0"],
    [-5, "0"],
    [0.001, "1"],
    [200, "200"],
    [200.2, "201"],
    [9_999_999_999, "9999999999"],
    [10_000_000_000, "9999999999"],
    [Infinity, "9999999999"],
  ];
  for (const [milliseconds, value] of cases) {
    assert.equal(formatConnectTimeout(milliseconds), value, String(milliseconds));
  }
});
