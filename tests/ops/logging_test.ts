import { createHandlerContext } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { createFormatter } from "../../src/ops/logging.ts";
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
  const plain = createFormatter(true, false)(record!);
  assert(plain.includes(`${shown} failed: Error: a\\u{1b}[2J\\u{202e}b\n\\u{9b}1m\n    at `), plain);
  // deno-lint-ignore no-control-regex -- they are what must not be there
  assert.doesNotMatch(plain.replaceAll("\n", ""), /[\u0000-\u001f\u007f-\u009f\u202e]/);
  const coloured = createFormatter(true, true)(record!);
  // deno-lint-ignore no-control-regex -- colours
  assert.equal(coloured.replaceAll(/\x1b\[\d*m/g, "").replace(/^.*? ERR /, ""), plain.replace(/^.*? \[ERR\] /, ""));
});

Deno.test("JSON says the same by what it escapes", async () => {
  const [record] = await recordLog(() => logger.error("{path}", { path: PATH, more: "\u{e0041}\u200b" }));
  const line = createFormatter(false, false)(record!);
  assert.match(line, /^[\x20-\x7e]*$/);
  assert.deepEqual(JSON.parse(line).properties, { path: PATH, more: "\u{e0041}\u200b" });
});

/** What the log would write of a message, to a terminal and to a file. */
async function written(template: string, properties: Record<string, unknown>): Promise<[text: string, json: string]> {
  const [record] = await recordLog(() => logger.error(template, properties));
  return [createFormatter(true, false)(record!), createFormatter(false, false)(record!)];
}

Deno.test("long values are cut, and whatever was thrown can be logged", async () => {
  const long = "a".repeat(100_000);
  const hostile = new Proxy({}, {
    get() {
      throw new Error("get");
    },
    getPrototypeOf() {
      throw new Error("getPrototypeOf");
    },
  });
  const message = Object.defineProperty(new Error(), "message", {
    get() {
      throw new Error("getter");
    },
  });
  const deep = Array.from({ length: 100 }).reduce<Error>((cause) => new Error(long, { cause }), new Error("first"));
  for (
    const error of [long, new Error(long), deep, hostile, message, null, undefined, Symbol(long), () => {}, 10n, [long]]
  ) {
    const [text, json] = await written("{error}", { error });
    assert.ok(text.length < 200_000 && json.length < 200_000, `${text.length} ${json.length}`);
    JSON.parse(json);
  }
  const [text, json] = await written("{error}", { error: "a".repeat(8192) });
  assert.ok(text.endsWith("a") && json.includes("a".repeat(8192)));
  const [, longer] = await written("{error}", { error: "a".repeat(8193) });
  assert.equal(JSON.parse(longer).properties.error, `${"a".repeat(8192)}... (cut, 8193 characters)`);
  const [, fault] = await written("{error}", { error: new TypeError("b", { cause: new Error("c") }) });
  const { name, message: said, stack, cause } = JSON.parse(fault).properties.error;
  assert.deepEqual([name, said, cause.message], ["TypeError", "b", "c"]);
  assert.match(stack, /^TypeError: b\n\s+at /);
});

Deno.test("stray errors are logged, and the program goes on", async () => {
  const program = new URL("../support/stray_errors.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", program],
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.deepEqual([code, new TextDecoder().decode(stdout)], [0, "goes on\n"]);
  const log = new TextDecoder().decode(stderr).trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(log.map(({ message, properties }) => `${message} ${properties.error.message}`).sort(), [
    "A promise was rejected that nothing awaits: {error} stray rejection",
    "An error was thrown where no call can be told of it: {error} stray error",
  ]);
});
