/** `deno task client`: the command line client. */
import { runCli } from "./src/cli/mod.ts";
import config from "./deno.json" with { type: "json" };

Deno.exit(await runCli(Deno.args, config.version));
