/** Type-checks under other conditions than those of deno.json. */
import config from "../deno.json" with { type: "json" };

/** The root of the repository. */
export const ROOT = new URL("..", import.meta.url);

/** What is to be as if deno.json said so. */
export interface Conditions {
  readonly compilerOptions?: Readonly<Record<string, unknown>>;
  /** Beside those of deno.json. */
  readonly imports?: Readonly<Record<string, string>>;
}

/**
 * `deno check` with the compiler options and imports of deno.json, but for some.
 *
 * @param args Files and directories, by their paths from the root, and flags.
 * @returns The errors of the compiler, or undefined.
 */
export async function typeCheck(args: readonly string[], conditions: Conditions): Promise<string | undefined> {
  const configPath = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(
      configPath,
      JSON.stringify({
        imports: { ...config.imports, ...conditions.imports },
        compilerOptions: { ...config.compilerOptions, ...conditions.compilerOptions },
      }),
    );
    return await runDeno(["check", "--quiet", "--no-lock", "--config", configPath, ...args]);
  } finally {
    await Deno.remove(configPath);
  }
}

/** Runs a command of Deno's at the root. @returns What it complains of; undefined when that is nothing. */
export async function runDeno(args: readonly string[]): Promise<string | undefined> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args: [...args], cwd: ROOT }).output();
  return success ? undefined : new TextDecoder().decode(stderr);
}

/** The files below a directory with a suffix, by their paths from the root. @param suffix By default TypeScript's. */
export async function filesOf(directory: string, suffix = ".ts"): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(`${directory}/`, ROOT))) {
    const path = `${directory}/${name}`;
    files.push(...isDirectory ? await filesOf(path, suffix) : path.endsWith(suffix) ? [path] : []);
  }
  return files;
}
