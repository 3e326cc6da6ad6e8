/** Edge runtimes, each as a process of its own, and bundles for them. */
import assert from "node:assert/strict";
import workerd from "workerd";

const ROOT = new URL("../..", import.meta.url);

/** Starts a runtime, waits for the line with its port, and ends it after the test. */
export async function withRuntime(
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

/** A file of the repository and all it loads in one file, as an edge wants it. */
export async function bundle(entry: string, path: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--minify", "--platform=browser", "--output", path, entry],
    cwd: ROOT,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}

/** Bundles a file of the repository that has a `fetch` handler for its default export, and starts it in workerd. */
export async function withWorkerd(entry: string, test: (baseUrl: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await bundle(entry, `${directory}/edge.js`);
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
    await withRuntime(workerd.default, args, "stdout", /"port":(\d+)/, test);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
