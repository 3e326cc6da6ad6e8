/** Checks that committed stubs are what their tasks make of the protos: it generates into a temporary directory and compares. */

const ROOT = new URL("..", import.meta.url).pathname;

/** Folders of stubs, and the tasks that make them. */
const STUBS = [
  { folder: "gen", task: "gen" },
  { folder: "bench/gen", task: "gen:bench" },
];

async function filesOf(directory: string, prefix = ""): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) {
      for (const [file, content] of await filesOf(path, `${prefix}${name}/`)) {
        files.set(file, content);
      }
    } else {
      files.set(prefix + name, await Deno.readTextFile(path));
    }
  }
  return files;
}

const fresh = await Deno.makeTempDir();
try {
  for (const { folder, task } of STUBS) {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", task, "--output", fresh],
      cwd: ROOT,
    }).output();
    if (!success) {
      console.error(new TextDecoder().decode(stderr));
      Deno.exit(1);
    }
    const [expected, actual] = [await filesOf(`${fresh}/${folder}`), await filesOf(`${ROOT}/${folder}`)];
    const different = [...new Set([...expected.keys(), ...actual.keys()])]
      .filter((file) => expected.get(file) !== actual.get(file))
      .map((file) => `${folder}/${file}`);
    if (different.length > 0) {
      console.error(`Not what "deno task ${task}" makes of the protos: ${different.join(", ")}`);
      Deno.exit(1);
    }
    console.log(`Checked ${expected.size} generated files in ${folder}/`);
  }
} finally {
  await Deno.remove(fresh, { recursive: true });
}
