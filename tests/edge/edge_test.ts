/** `edge.ts` on the runtimes it is for, each as a process of its own. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import workerd from "workerd";
import { probe } from "./probe.ts";

const ROOT = new URL("../..", import.meta.url);

/** Starts a runtime, waits for the line with its port, and ends it after the test. */
async function withRuntime(
  command: string,
  args: readonly string[],
  output: "stdout" | "stderr",
  port: RegExp,
  test: (baseUrl: string) => Promise<void>,
): Promise<void> {
  const child = new Deno.Command(command, {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: output === "stdout" ? "piped" : "null",
    stderr: output === "stderr" ? "piped" : "null",
  }).spawn();
  const reader = child[output].pipeThrough(new TextDecoderStream()).getReader();
  try {
    let text = "";
    while (!port.test(text)) {
      const { done, value } = await reader.read();
      assert(!done, `the runtime ended before it listened: ${text}`);
      text += value;
    }
    await test(`http://127.0.0.1:${port.exec(text)![1]}`);
  } finally {
    child.kill("SIGTERM");
    await child.status;
    await reader.cancel();
  }
}

/** `edge.ts` and all it loads in one file, as an edge wants it. */
async function bundle(path: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--minify", "--platform=browser", "--output", path, "edge.ts"],
    cwd: ROOT,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}

Deno.test("edge: all calls under deno serve", async () => {
  const args = ["serve", "--no-prompt", "--host", "127.0.0.1", "--port", "0", "edge.ts"];
  await withRuntime(Deno.execPath(), args, "stderr", /http:\/\/127\.0\.0\.1:(\d+)/, probe);
});

Deno.test("edge: all calls in workerd", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await bundle(`${directory}/edge.js`);
    await Deno.writeTextFile(
      `${directory}/config.capnp`,
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "edge", worker = (
    modules = [(name = "edge.js", esModule = embed "edge.js")],
    compatibilityDate = "${workerd.compatibilityDate}",
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "edge")],
);
`,
    );
    const args = ["serve", "--control-fd=1", `${directory}/config.capnp`];
    await withRuntime(workerd.default, args, "stdout", /"port":(\d+)/, probe);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("edge: the bundle needs neither Deno nor Node, and is small", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await bundle(`${directory}/edge.js`);
    const code = await Deno.readTextFile(`${directory}/edge.js`);
    assert.doesNotMatch(code, /\bDeno\.|["']node:/);
    const kibibytes = gzipSync(Buffer.from(code)).length / 1024;
    // 63 without compiled codecs, 7 for those made of descriptors, 4 for the generated ones of the types that are used.
    assert(kibibytes < 75, `the bundle has ${kibibytes.toFixed(1)} KiB when compressed`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
