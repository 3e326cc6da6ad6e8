/** The command line client. `client.ts` runs it. */
export { runCli } from "./program.ts";
