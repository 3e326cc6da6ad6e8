/** `deno task client`: the command line client. */
import { runCli } from "./src/cli/mod.ts";

Deno.exit(await runCli(Deno.args));
