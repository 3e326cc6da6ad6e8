/** `client.ts` as its users start it: a process of its own, with the permissions of `deno task client`. */
import config from "../../deno.json" with { type: "json" };
import { fileURLToPath } from "node:url";

const ROOT = new URL("../..", import.meta.url);

/** The arguments to Deno that `deno task client` has, with absolute paths: a test runs the client elsewhere. */
const CLIENT_ARGUMENTS: readonly string[] = [
  "run",
  "--quiet", // On a new machine Deno would tell what it downloads.
  "--no-prompt",
  "--config",
  fileURLToPath(new URL("deno.json", ROOT)),
  ...config.tasks.client.command.split(" ").slice(2, -1),
  fileURLToPath(new URL("client.ts", ROOT)),
];

/** The command line that runs the client with `args`, beginning with the path of Deno. */
export function clientCommand(args: readonly string[]): string[] {
  return [Deno.execPath(), ...CLIENT_ARGUMENTS, ...args];
}

/** What a run of the client did. */
export interface ClientResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@linkcode startClient}. */
export interface ClientOptions {
  /** The working directory. */
  readonly cwd: string;
  /** The server, as `EDGEWIRE_URL`. */
  readonly url?: string | undefined;
  /** Variables beside those of this process. */
  readonly env?: Record<string, string> | undefined;
  /** @default "null" */
  readonly stdin?: "null" | "piped";
}

/** Starts the client. Whoever does ends it. */
export function startClient(args: readonly string[], options: ClientOptions): Deno.ChildProcess {
  const [command, ...rest] = clientCommand(args);
  return new Deno.Command(command!, {
    args: rest,
    cwd: options.cwd,
    env: { ...options.env, NO_COLOR: "1", ...(options.url === undefined ? {} : { EDGEWIRE_URL: options.url }) },
    stdin: options.stdin ?? "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs the client to its end, with `input` as its standard input. */
export async function runClient(
  args: readonly string[],
  options: ClientOptions,
  input?: Uint8Array,
): Promise<ClientResult> {
  const child = startClient(args, { ...options, stdin: input === undefined ? "null" : "piped" });
  if (input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(input);
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}
