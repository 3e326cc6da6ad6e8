/**
 * Type-checks code against platforms that have less than Deno, so that it cannot name what they lack:
 * the pure rooms against the language alone, `edge.ts` and all it loads against web workers, without the Deno namespace.
 *
 * It is `deno check` with the compiler options and imports of deno.json, but for `lib`.
 */
import config from "../deno.json" with { type: "json" };
import { ROOMS } from "./rooms.ts";

const ROOT = new URL("..", import.meta.url);

/** What a platform has, as the names of TypeScript's libraries. */
export const PLATFORMS = {
  pure: ["esnext"],
  edge: ["esnext", "webworker", "webworker.iterable", "webworker.asynciterable"],
} as const;

/** Type-checks files, by their paths from the root, against a platform. Gives the errors of the compiler, or undefined. */
export async function checkPlatform(
  platform: keyof typeof PLATFORMS,
  files: readonly string[],
): Promise<string | undefined> {
  const { imports, compilerOptions } = config;
  const configPath = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(
      configPath,
      JSON.stringify({ imports, compilerOptions: { ...compilerOptions, lib: PLATFORMS[platform] } }),
    );
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--no-lock", "--config", configPath, ...files],
      cwd: ROOT,
    }).output();
    return success ? undefined : new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(configPath);
  }
}

async function filesOf(directory: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(`${directory}/`, ROOT))) {
    const path = `${directory}/${name}`;
    files.push(...isDirectory ? await filesOf(path) : path.endsWith(".ts") ? [path] : []);
  }
  return files;
}

async function pureFiles(): Promise<string[]> {
  const present = (await Array.fromAsync(Deno.readDir(new URL("src/", ROOT)))).map(({ name }) => name);
  const pure = present.filter((name) => ROOMS[name]?.pure);
  return (await Promise.all(pure.map((room) => filesOf(`src/${room}`)))).flat();
}

if (import.meta.main) {
  const pure = await pureFiles();
  const errors = [
    await checkPlatform("edge", ["edge.ts"]),
    pure.length === 0 ? undefined : await checkPlatform("pure", pure),
  ].filter((error) => error !== undefined);
  console.log(`Checked edge.ts against web workers, ${pure.length} files of pure rooms against the language alone`);
  if (errors.length > 0) {
    console.error(errors.join("\n"));
    Deno.exit(1);
  }
}
