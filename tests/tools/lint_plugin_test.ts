/// <reference lib="deno.unstable" />
import assert from "node:assert/strict";
import plugin, { importProblem } from "../../tools/lint_plugin.ts";

const ROOT = `${import.meta.dirname}/../..`;

function lint(path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, `${ROOT}/${path}`, source).map((diagnostic) => diagnostic.message);
}

Deno.test("importProblem() lets imports go along the arrows and through doors", () => {
  const allowed = [
    ["src/net/driver.ts", "src/http2/mod.ts"],
    ["src/rpc/a.ts", "src/rpc/b.ts"],
    ["src/services/deno/disk_store.ts", "src/services/file_store.ts"],
    ["src/services/hash.ts", "gen/edgewire/v1/hash_pb.ts"],
    ["src/app.ts", "src/services/deno/mod.ts"],
    ["src/app.ts", "gen/hello_pb.ts"],
    ["src/app.ts", "src/site.ts"],
    ["server.ts", "src/app.ts"],
    ["edge.ts", "src/services/mod.ts"],
    ["fetch.ts", "src/rpc/mod.ts"],
    ["web/main.tsx", "web/views/app.tsx"],
    ["web/main.tsx", "gen/hello_pb.ts"],
    ["tests/http2/connection_test.ts", "src/http2/connection.ts"],
  ] as const;
  for (const [importer, imported] of allowed) {
    assert.equal(importProblem(importer, imported), undefined, `${importer} -> ${imported}`);
  }
});

Deno.test("importProblem() refuses every other import", () => {
  const refused = [
    ["src/http2/a.ts", "src/net/mod.ts", /"http2" may not import the room "net"/],
    ["src/rpc/a.ts", "src/services/mod.ts", /"rpc" may not import the room "services"/],
    ["src/net/a.ts", "src/http2/connection.ts", /through its mod\.ts/],
    ["src/app.ts", "src/rpc/fetch_handler.ts", /through its mod\.ts/],
    ["src/rpc/a.ts", "src/app.ts", /imports go downwards/],
    ["src/rpc/a.ts", "server.ts", /imports go downwards/],
    ["src/services/a.ts", "tests/support/bytes.ts", /imports go downwards/],
    ["src/rpc/a.ts", "gen/hello_pb.ts", /"rpc" may not import the stubs/],
    ["src/new/a.ts", "src/new/b.ts", /"new" is not in tools\/rooms\.ts/],
    ["src/new/a.ts", "server.ts", /"new" is not in tools\/rooms\.ts/],
    ["edge.ts", "src/services/deno/mod.ts", /edge\.ts may not import/],
    ["edge.ts", "src/net/mod.ts", /edge\.ts may not import/],
    ["fetch.ts", "src/rpc/node/mod.ts", /fetch\.ts may not import/],
    ["web/main.tsx", "src/rpc/mod.ts", /stubs only/],
  ] as const;
  for (const [importer, imported, problem] of refused) {
    assert.match(importProblem(importer, imported) ?? "", problem, `${importer} -> ${imported}`);
  }
});

Deno.test("room-imports sees every form of import, and packages not at all", () => {
  const problem = ['The room "http2" may not import the room "net"'];
  for (
    const source of [
      'import { a } from "../net/mod.ts";',
      'import type { A } from "../net/mod.ts";',
      'export { a } from "../net/mod.ts";',
      'export * from "../net/mod.ts";',
      'await import("../net/mod.ts");',
    ]
  ) {
    assert.deepEqual(lint("src/http2/a.ts", source), problem, source);
  }
  assert.deepEqual(
    lint("src/http2/a.ts", 'import assert from "node:assert"; import { b } from "./b.ts"; export {};'),
    [],
  );
});

Deno.test("error-message wants sentences without a period, and Connect's lower case", () => {
  const cases: [string, string[]][] = [
    ['new TypeError("Cannot send DATA");', []],
    ['new Error(`"${name}" is not there`);', []],
    ["new Error(name);", []],
    ['new RangeError("cannot send");', ["Error messages begin with a capital letter"]],
    ['new Error("It failed.");', ["Error messages have no period at the end"]],
    ["new Error(`It failed: ${why}.`);", ["Error messages have no period at the end"]],
    ['new ConnectError("no file", 5);', []],
    ["new ConnectError(`${field}: too long`, 3);", []],
    ['new ConnectError("HelloRequest is missing", 3);', []],
    ['new ConnectError("No file", 5);', ["Messages of ConnectError begin in lower case, as Connect's do"]],
    ['new ConnectError("no file.", 5);', ["Error messages have no period at the end"]],
  ];
  for (const [source, messages] of cases) {
    assert.deepEqual(lint("src/rpc/a.ts", source), messages, source);
  }
  assert.deepEqual(lint("tests/a_test.ts", 'new Error("anything.");'), []);
});
