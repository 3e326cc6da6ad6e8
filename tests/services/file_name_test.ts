import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { assertFileName } from "../../src/services/file_name.ts";
import { assertConnectError } from "../support/connect_error.ts";

Deno.test("assertFileName() takes plain names", () => {
  for (const name of ["a", "report.pdf", ".hidden", "...", "with space", "Ünï-cødé 🌍", "a".repeat(255), "-rf", "~"]) {
    assert.doesNotThrow(() => assertFileName(name), name);
  }
});

Deno.test("assertFileName() refuses what is no plain name, and says why", async () => {
  const cases: [string, string][] = [
    ["", "name: must not be empty"],
    [".", 'name: must not be "."'],
    ["..", 'name: must not be ".."'],
    ["../etc/passwd", 'name: must not contain "/"'],
    ["/", 'name: must not contain "/"'],
    ["a\\b", 'name: must not contain "\\\\"'],
    ["a\0b", 'name: must not contain "\\u0000"'],
    ["a\nb", 'name: must not contain "\\n"'],
    ["a\u007fb", 'name: must not contain "\u007f"'],
    ["a\ud800", "name: must not contain half of a surrogate pair"],
    ["\udc00\ud800", "name: must not contain half of a surrogate pair"],
    ["a".repeat(256), "name: has 256 bytes, the limit is 255"],
    ["ä".repeat(128), "name: has 256 bytes, the limit is 255"],
  ];
  for (const [name, message] of cases) {
    // deno-lint-ignore require-await
    await assertConnectError(async () => assertFileName(name), Code.InvalidArgument, message);
  }
});
