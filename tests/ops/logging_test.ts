import { createHandlerContext } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { jsonFormat, textFormat } from "../../src/ops/logging.ts";
import { logFault, logger } from "../../src/ops/mod.ts";
import { recordLog } from "../support/log_records.ts";

Deno.test("logFault logs what the caller is not told, and names the call if there was one", async () => {
  const records = await recordLog(() => {
    const { service, method } = { service: Greeter, method: Greeter.method.sayHello };
    logFault(
      new Error("secret"),
      createHandlerContext({ service, method, protocolName: "grpc", requestMethod: "POST", url: "" }),
    );
    logFault(new Error("secret"), undefined);
  });
  assert.deepEqual(records.map(({ level }) => level), ["error", "error"]);
  assert.deepEqual(records.map(({ properties }) => properties["procedure"]), [
    "edgewire.v1.Greeter/SayHello",
    undefined,
  ]);
  assert.deepEqual(records.map(({ properties }) => String(properties["error"])), ["Error: secret", "Error: secret"]);
});

const PATH = "a\x1b[2J\u202eb\n\x9b1m";

Deno.test("a terminal shows control characters of paths, names and errors, and obeys none", async () => {
  const [record] = await recordLog(() => {
    logger.error("{path} failed: {error}, {object}", {
      path: PATH,
      error: new Error(PATH),
      object: { [PATH]: PATH },
    });
  });
  const shown = "a\\u{1b}[2J\\u{202e}b\\n\\u{9b}1m";
  const plain = textFormat(false)(record!);
  assert(plain.includes(`${shown} failed: Error: a\\u{1b}[2J\\u{202e}b\n\\u{9b}1m\n    at `), plain);
  // deno-lint-ignore no-control-regex -- they are what must not be there
  assert.doesNotMatch(plain.replaceAll("\n", ""), /[\u0000-\u001f\u007f-\u009f\u202e]/);
  const coloured = textFormat(true)(record!);
  // deno-lint-ignore no-control-regex -- colours
  assert.equal(coloured.replaceAll(/\x1b\[\d*m/g, "").replace(/^.*? ERR /, ""), plain.replace(/^.*? \[ERR\] /, ""));
});

Deno.test("JSON says the same by what it escapes", async () => {
  const [record] = await recordLog(() => logger.error("{path}", { path: PATH, more: "\u{e0041}\u200b" }));
  const line = jsonFormat()(record!);
  assert.match(line, /^[\x20-\x7e]*$/);
  assert.deepEqual(JSON.parse(line).properties, { path: PATH, more: "\u{e0041}\u200b" });
});
