/** Makes of protos what programs read at run time: no stubs are generated for peers. */
import { runProgram } from "../support/program.ts";

const BUF = "npm:@bufbuild/buf@1.74.0";

/** A file with a `FileDescriptorSet`. It is removed when it is disposed of. */
export interface Descriptors extends AsyncDisposable {
  readonly path: string;
}

/** @param source A proto, or a folder of protos that import each other. */
export async function buildDescriptors(source: string): Promise<Descriptors> {
  const path = await Deno.makeTempFile({ prefix: "edgewire-descriptors-", suffix: ".binpb" });
  await runProgram(Deno.execPath(), ["run", "--allow-all", "--quiet", BUF, "build", source, "--output", path]);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}
