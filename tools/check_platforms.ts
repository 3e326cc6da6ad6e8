/**
 * Type-checks code against platforms that have less than Deno, so that it cannot name what they lack:
 * the pure rooms against the language alone, `edge.ts`, `fetch.ts` and all they load against web workers, without the Deno namespace.
 */
import { EDGE_ENTRIES, ROOMS } from "./rooms.ts";
import { filesOf, ROOT, typeCheck } from "./type_check.ts";

/** What a platform has, as the names of TypeScript's libraries. */
export const PLATFORMS = {
  pure: ["esnext"],
  edge: ["esnext", "webworker", "webworker.iterable", "webworker.asynciterable"],
} as const;

/** Type-checks files, by their paths from the root, against a platform. Gives the errors of the compiler, or undefined. */
export function checkPlatform(
  platform: keyof typeof PLATFORMS,
  files: readonly string[],
): Promise<string | undefined> {
  return typeCheck(files, { compilerOptions: { lib: PLATFORMS[platform] } });
}

async function pureFiles(): Promise<string[]> {
  const present = (await Array.fromAsync(Deno.readDir(new URL("src/", ROOT)))).map(({ name }) => name);
  const pure = present.filter((name) => ROOMS[name]?.pure);
  return (await Promise.all(pure.map((room) => filesOf(`src/${room}`)))).flat();
}

if (import.meta.main) {
  const pure = await pureFiles();
  const errors = [
    await checkPlatform("edge", EDGE_ENTRIES),
    pure.length === 0 ? undefined : await checkPlatform("pure", pure),
  ].filter((error) => error !== undefined);
  console.log(
    `Checked ${
      EDGE_ENTRIES.join(" and ")
    } against web workers, ${pure.length} files of pure rooms against the language alone`,
  );
  if (errors.length > 0) {
    console.error(errors.join("\n"));
    Deno.exit(1);
  }
}
