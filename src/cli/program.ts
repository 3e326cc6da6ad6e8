/** The commands and options of the client, and how its runs end. */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { ALGORITHMS } from "./algorithms.ts";
import * as commands from "./commands.ts";
import { Environment, flag, parseUrl } from "../flags/mod.ts";
import { parseDuration, visibleText } from "../ops/mod.ts";
import { STANDARD } from "./local_file.ts";
import { describeError, type GlobalFlags, Session } from "./session.ts";

/** Exit statuses, as shells have them. */
const Exit = { OK: 0, FAILURE: 1, USAGE: 2, SIGINT: 130, SIGPIPE: 141 } as const;

/** Runs a command line of the client of this `version`. Gives the exit status. */
export async function runCli(args: readonly string[], version: string): Promise<number> {
  const interrupt = new AbortController();
  Deno.addSignalListener("SIGINT", () => {
    if (interrupt.signal.aborted) {
      Deno.exit(Exit.SIGINT);
    }
    interrupt.abort();
  });
  const run: Run = { failed: false, signal: interrupt.signal };
  try {
    await createProgram(run, version).parseAsync([...args], { from: "user" });
    return run.failed ? Exit.FAILURE : Exit.OK;
  } catch (error) {
    if (error instanceof CommanderError) { // It has printed what it had to say.
      return error.exitCode === 0 ? Exit.OK : Exit.USAGE;
    }
    if (interrupt.signal.aborted) {
      return Exit.SIGINT;
    }
    if (error instanceof Deno.errors.BrokenPipe) { // Whoever read our output has seen enough.
      return Exit.SIGPIPE;
    }
    console.error(visibleText(`edgewire: ${describeError(error)}`));
    return Exit.FAILURE;
  }
}

/** What a run is given, and what becomes of it. */
interface Run {
  readonly signal: AbortSignal;
  failed: boolean;
}

function createProgram(run: Run, version: string): Command {
  /** An action that gets a session, the command's arguments and its own options. */
  const action = <Arguments extends unknown[]>(task: (session: Session, ...args: Arguments) => Promise<void>) =>
    async function (this: Command): Promise<void> {
      const flags = this.optsWithGlobals<GlobalFlags>();
      if (flags.http1 && flags.protocol === "grpc") {
        program.error("error: --protocol grpc needs HTTP/2, and goes without --http1", { exitCode: Exit.USAGE });
      }
      const session = new Session(flags, run.signal);
      await task(session, ...[...this.processedArgs, this.opts()] as unknown as Arguments);
      run.failed = session.failed;
    };

  const program = new Command("edgewire")
    .description("Calls the Greeter, Hash and File services of an Edgewire server.")
    .version(version)
    .addOption(
      flag("--url <url>", "the server", "EDGEWIRE_URL").default("http://localhost:50051").argParser(parseUrl),
    )
    .addOption(
      new Option("--protocol <name>", "how to call it").choices(["connect", "grpc", "grpc-web"]).default("connect"),
    )
    .addOption(
      new Option("--algorithm <name>", "for digests").choices(Object.keys(ALGORITHMS)).default("sha256"),
    )
    .addOption(
      new Option("--timeout <duration>", "for each call: 500ms, 30s, 5m; a number alone is seconds")
        .argParser(parseTimeout),
    )
    .option("--json", "print a JSON object a line", false)
    .option("--http1", "use HTTP/1.1, for servers without HTTP/2", false)
    .helpOption("--help", "show this help")
    .showHelpAfterError("(--help shows what there is)")
    .exitOverride();
  new Environment(program);

  program.command("hello").argument("[name]", "whom to greet", "World").description("greet")
    .action(action(commands.hello));
  program.command("sha").argument("<text>").description("print the digest of a text")
    .action(action(commands.sha));
  program.command("hash").argument("<file...>", "local files, - for stdin")
    .description("print digests of local files, in the format of sha256sum")
    .action(action(commands.hash));
  program.command("put").argument("<file...>", "local files, - for stdin").description("store files")
    .option("--name <name>", "store a single file under another name")
    .action(action((session, paths: string[], { name }: { name?: string }) => {
      if (name !== undefined && paths.length > 1) {
        program.error("error: --name takes a single file", { exitCode: Exit.USAGE });
      }
      if (name === undefined && paths.includes(STANDARD)) {
        program.error("error: stdin needs a --name", { exitCode: Exit.USAGE });
      }
      return commands.put(session, paths, name);
    }));
  program.command("get").argument("<name>").description("fetch a file")
    .option(
      "-o, --output <file>",
      "where to write it: a file, a directory, a device, - for stdout (default: a file of the same name)",
    )
    .option("--force", "overwrite a file that is there", false)
    .action(
      action((session, name: string, { output, force }: { output?: string; force: boolean }) =>
        commands.get(session, name, output, force)
      ),
    );
  program.command("ls").description("list files").action(action(commands.ls));
  program.command("stat").argument("<name...>").description("describe files").action(action(commands.stat));
  program.command("hash-file").argument("<name...>").description(
    "print digests of stored files, in the format of sha256sum",
  )
    .action(action(commands.hashFile));
  program.command("rm").argument("<name...>").description("delete files").action(action(commands.rm));
  return program;
}

function parseTimeout(value: string): number {
  const milliseconds = parseDuration(value);
  if (milliseconds === undefined) {
    throw new InvalidArgumentError("Must be a duration like 500ms, 30s or 5m.");
  }
  return milliseconds;
}
