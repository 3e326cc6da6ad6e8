/** Starts `server.ts` as a process of its own. */
import type { HttpServerOptions } from "../../../src/net/mod.ts";
import type { ProgramResult } from "../../support/program.ts";

const PROGRAM = new URL("server.ts", import.meta.url).pathname;

/** A server of ours that runs. Dispose of it. */
export interface LoadedServer extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  /** Sends SIGTERM, once. */
  terminate(): void;
  /** How it ended. What it wrote to stderr is a mistake. */
  readonly ended: Promise<ProgramResult>;
}

/** Starts it. */
export async function startLoadedServer(options: HttpServerOptions = {}): Promise<LoadedServer> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-net", PROGRAM, JSON.stringify(options)],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader.read();
  const port = Number(/^listening on (\d+)\n/.exec(value)?.[1]);
  const ended = child.status.then(async ({ code }) => {
    await reader.cancel();
    return { code, stdout: "", stderr: await stderr };
  });
  const kill = (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch {
      // It has ended.
    }
  };
  if (Number.isNaN(port)) {
    kill("SIGKILL");
    throw new Error(`The server did not begin to listen: ${value}${(await ended).stderr}`);
  }
  return {
    pid: child.pid,
    port,
    terminate: () => kill("SIGTERM"),
    ended,
    [Symbol.asyncDispose]: async () => {
      kill("SIGKILL");
      await ended;
    },
  };
}
