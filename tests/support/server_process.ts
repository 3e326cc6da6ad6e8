/** `server.ts` as its users start it: a process of its own, with the permissions of `deno task serve`. */
import config from "../../deno.json" with { type: "json" };

/** A server that runs. */
export interface ServerProcess {
  /** `http://127.0.0.1:41234` */
  readonly url: string;
  /** Where operators ask; undefined without `--admin-port`. */
  readonly adminUrl: string | undefined;
  readonly pid: number;
  /** Sends SIGTERM, unless that was done, and waits for the end. */
  stop(): Promise<Deno.CommandStatus>;
  /** Sends SIGKILL and waits for the end: what a crash leaves is on disk. */
  kill(): Promise<void>;
  /** All that it has written to stderr, once it has ended. */
  stderr(): Promise<string>;
  /** Resolves when it has written something to stderr that matches, since this was called last, to what it was. */
  logged(pattern: RegExp): Promise<RegExpExecArray>;
}

/** The command of `deno task serve`: environment variables, then `deno run` and its arguments. */
const SERVE_WORDS = config.tasks.serve.command.split(" ");
const DENO_AT = SERVE_WORDS.indexOf("deno");

/** The environment that `deno task serve` gives to Deno. */
export const SERVE_ENVIRONMENT: Readonly<Record<string, string>> = Object.fromEntries(
  SERVE_WORDS.slice(0, DENO_AT).map((word) => word.split("=", 2) as [string, string]),
);

/** The arguments to Deno that `deno task serve` has, up to `server.ts`. On a new machine Deno would tell what it downloads. */
export const SERVE_ARGUMENTS: readonly string[] = ["run", "--quiet", ...SERVE_WORDS.slice(DENO_AT + 2)];

const ROOT = new URL("../..", import.meta.url);

/** Starts a server on a free port, and waits until it listens. */
export async function startServer(
  options: {
    readonly dataDir: string;
    readonly args?: readonly string[];
    /** For the runtime, beside those of `deno task serve`. */
    readonly runtimeArgs?: readonly string[];
    readonly env?: Record<string, string>;
  },
): Promise<ServerProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...SERVE_ARGUMENTS.slice(0, -1),
      ...options.runtimeArgs ?? [],
      ...SERVE_ARGUMENTS.slice(-1),
      ...["--port", "0", "--data-dir", options.dataDir, ...options.args ?? []],
    ],
    cwd: ROOT,
    env: { ...SERVE_ENVIRONMENT, ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let log = "";
  let seen = 0;
  let onLog = () => {};
  const stderr = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      log += text;
      onLog();
    }
    return log;
  })();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let output = "";
  const lines = options.args?.includes("--admin-port") ? /\n.*\n/ : /\n/;
  while (!lines.test(output)) {
    const { done, value } = await reader.read();
    if (done) {
      throw new Error(`The server ended before it listened: ${await stderr}`);
    }
    output += value;
  }
  const url = /^Edgewire listening on (\S+)\n/.exec(output)?.[1];
  if (url === undefined) {
    child.kill("SIGKILL");
    throw new Error(`Unexpected first line of the server: ${output}`);
  }
  const adminUrl = /^Metrics and probes on (\S+)\n/m.exec(output)?.[1];
  const endOnce = async (signal: Deno.Signal) => {
    child.kill(signal);
    const status = await child.status;
    await reader.cancel();
    await stderr;
    return status;
  };
  let ended: Promise<Deno.CommandStatus> | undefined;
  const end = (signal: Deno.Signal) => ended ??= endOnce(signal);
  return {
    url,
    adminUrl,
    pid: child.pid,
    stop: () => end("SIGTERM"),
    kill: async () => void await end("SIGKILL"),
    stderr: () => stderr,
    logged: async (pattern) => {
      let match: RegExpExecArray | null;
      while ((match = pattern.exec(log.slice(seen))) === null) {
        await new Promise<void>((resolve) => onLog = resolve);
      }
      seen = log.length;
      return match;
    },
  };
}

/** Runs a server that is to end by itself, to see how. */
export async function runServer(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...SERVE_ARGUMENTS, ...args],
    cwd: ROOT,
    env: { ...SERVE_ENVIRONMENT, ...env },
    stdin: "null",
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}
