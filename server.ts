/** `deno task serve`: reads the flags, starts the app, and ends it when it is told to. */
import { Command, InvalidArgumentError, Option } from "commander";
import { createApp } from "./src/app.ts";
import { DEFAULT_HOST, DEFAULT_PORT, serve } from "./src/net/mod.ts";
import { configureLogging, LOG_LEVELS, logger, type LogLevel } from "./src/ops/mod.ts";
import config from "./deno.json" with { type: "json" };

interface Flags {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly hashUrl?: string;
  readonly log: LogLevel;
}

await new Command("deno task serve")
  .description("Serves Greeter, Hash, File and their page: Connect and gRPC-Web on one port.")
  .version(config.version)
  .addOption(flag("--host <address>", "address to listen on", "EDGEWIRE_HOST", "HOST").default(DEFAULT_HOST))
  .addOption(
    flag("--port <number>", "port to listen on, 0 for any free one", "EDGEWIRE_PORT", "PORT")
      .argParser(parsePort).default(DEFAULT_PORT),
  )
  .addOption(flag("--data-dir <directory>", "where files are kept", "EDGEWIRE_DATA_DIR").default("data"))
  .addOption(
    flag("--hash-url <url>", "server whose Hash service hashes the files (default: this one)", "EDGEWIRE_HASH_URL")
      .argParser(parseUrl),
  )
  .addOption(
    flag("--log <level>", "how much to log to stderr", "EDGEWIRE_LOG").choices(LOG_LEVELS).default("info" as LogLevel),
  )
  .helpOption("--help", "show this help")
  .addHelpText(
    "after",
    "\nA flag wins over its environment variable. PORT and HOST count where EDGEWIRE_* are not set.",
  )
  .allowExcessArguments(false)
  .exitOverride(({ exitCode }) => Deno.exit(exitCode === 0 ? 0 : 2))
  .action(main)
  .parseAsync(Deno.args, { from: "user" });

async function main(flags: Flags): Promise<void> {
  await configureLogging(flags.log);
  try {
    const app = await createApp({ dataDirectory: flags.dataDir, hashUrl: flags.hashUrl });
    const server = serve(app.fetch, flags);
    console.log(`Edgewire listening on ${server.url}`);
    const signal = await firstSignal();
    logger.info("{signal}: finishing the calls under way; once more ends at once", { signal });
    await server.shutdown();
    await app.close();
    Deno.exit(0);
  } catch (error) {
    console.error(`edgewire: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}

/** A flag that can also be set by an environment variable, and that by another. */
function flag(flags: string, description: string, variable: string, alias?: string): Option {
  const set = [variable, alias].find((name) => name !== undefined && Deno.env.get(name));
  return new Option(flags, description).env(set ?? variable);
}

function parsePort(value: string): number {
  const port = Number(value);
  if (!/^\d+$/.test(value) || port > 65535) {
    throw new InvalidArgumentError("Must be a whole number from 0 to 65535.");
  }
  return port;
}

function parseUrl(value: string): string {
  const url = URL.parse(value);
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new InvalidArgumentError("Must be a URL that begins with http:// or https://.");
  }
  return value;
}

/** Resolves at the first SIGINT or SIGTERM; the second ends the process. */
function firstSignal(): Promise<Deno.Signal> {
  const { promise, resolve } = Promise.withResolvers<Deno.Signal>();
  let signalled = false;
  const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      if (signalled) {
        Deno.exit(exitCodes[signal]);
      }
      signalled = true;
      resolve(signal);
    });
  }
  return promise;
}
