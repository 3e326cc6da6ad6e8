/** Makes of `echo.proto` what programs read at run time. */
import { runProgram } from "../../support/program.ts";

/** Where `echo.proto` is. */
export const ECHO_PROTO = new URL("echo.proto", import.meta.url).pathname;

const BUF = "npm:@bufbuild/buf@1.74.0";

/** A file with a `FileDescriptorSet`. It is removed when it is disposed of. */
export interface EchoDescriptors extends AsyncDisposable {
  readonly path: string;
}

/** See the top of the file. */
export async function buildEchoDescriptors(): Promise<EchoDescriptors> {
  const path = await Deno.makeTempFile({ prefix: "edgewire-echo-", suffix: ".binpb" });
  await runProgram(Deno.execPath(), ["run", "--allow-all", "--quiet", BUF, "build", ECHO_PROTO, "--output", path]);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}
