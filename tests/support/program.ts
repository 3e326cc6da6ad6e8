/** Other programs, as tests run them: with a timeout, and ended by their own process id whatever happens. */

/** What a program that has ended left behind. */
export interface ProgramResult {
  /** Its exit code; of one that was ended by a signal 128 and the signal's number. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@linkcode runProgram} and {@linkcode startProgram}. */
export interface ProgramOptions {
  readonly cwd?: string | URL;
  /** Variables beside those of this process. */
  readonly env?: Record<string, string>;
  /** After how many milliseconds it is killed. @default 60000 */
  readonly timeoutMs?: number;
  /** What it is given to read. By default it has no stdin. */
  readonly stdin?: string;
  /** When it aborts, the program is sent SIGTERM. */
  readonly signal?: AbortSignal | undefined;
}

/** A program that could not do what it was run for: the command, its exit code and what it wrote. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
  readonly result: ProgramResult;

  constructor(command: string, args: readonly string[], what: string, result: ProgramResult) {
    const output = `${result.stderr}${result.stdout}`.trim();
    super(`${[command, ...args].join(" ")} ${what}${output === "" ? "" : `:\n${output.slice(-4000)}`}`);
    this.result = result;
  }
}

/** A program that goes on until it is stopped. */
export interface RunningProgram extends AsyncDisposable {
  readonly pid: number;
  /** The line by which it was known to be ready, taken apart. */
  readonly ready: RegExpExecArray;
  /** Ends it by SIGTERM and, two seconds later, by SIGKILL, and waits. It may have ended already. */
  stop(): Promise<ProgramResult>;
}

function spawn(command: string, args: readonly string[], options: ProgramOptions): Deno.ChildProcess {
  const child = new Deno.Command(command, {
    args: [...args],
    ...options.cwd === undefined ? {} : { cwd: options.cwd },
    env: options.env ?? {},
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (options.stdin !== undefined) {
    // A program may end before it has read all.
    new Blob([options.stdin]).stream().pipeTo(child.stdin).catch(() => {});
  }
  return child;
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended.
  }
}

/** Runs a program to its end, whatever its exit code. @throws {ProgramError} It took too long. */
export async function tryProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const { timeoutMs = 60_000, signal } = options;
  const child = spawn(command, args, options);
  const end = () => kill(child, "SIGTERM");
  signal?.addEventListener("abort", end);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    kill(child, "SIGKILL");
  }, timeoutMs);
  try {
    const { code, stdout, stderr } = await child.output();
    const text = new TextDecoder();
    const result = { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
    if (isLate) {
      throw new ProgramError(command, args, `took more than ${timeoutMs} ms`, result);
    }
    return result;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  }
}

/** Runs a program and gives what it wrote to stdout. @throws {ProgramError} It took too long, or failed. */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  const result = await tryProgram(command, args, options);
  if (result.code !== 0) {
    throw new ProgramError(command, args, `ended with ${result.code}`, result);
  }
  return result.stdout;
}

/**
 * Starts a program and waits until `ready` matches what it has written to stdout and stderr. Its timeout is for this only.
 *
 * @throws {ProgramError} It ended before, or was not ready in time.
 */
export async function startProgram(
  command: string,
  args: readonly string[],
  ready: RegExp,
  options: ProgramOptions = {},
): Promise<RunningProgram> {
  const { timeoutMs = 60_000 } = options;
  const child = spawn(command, args, options);
  const written = { stdout: "", stderr: "" };
  const isReady = Promise.withResolvers<RegExpExecArray | undefined>();
  const gather = async (name: "stdout" | "stderr") => {
    for await (const text of child[name].pipeThrough(new TextDecoderStream())) {
      written[name] += text;
      const match = ready.exec(written[name]);
      if (match !== null) {
        isReady.resolve(match);
      }
    }
  };
  const ended = Promise.all([child.status, gather("stdout"), gather("stderr")]).then(([{ code }]) => {
    isReady.resolve(undefined);
    return { code, ...written };
  });
  const stop = async () => {
    kill(child, "SIGTERM");
    const timer = setTimeout(() => kill(child, "SIGKILL"), 2000);
    try {
      return await ended;
    } finally {
      clearTimeout(timer);
    }
  };
  const timer = setTimeout(() => isReady.resolve(undefined), timeoutMs);
  const match = await isReady.promise;
  clearTimeout(timer);
  if (match === undefined) {
    throw new ProgramError(command, args, `was not ready within ${timeoutMs} ms`, await stop());
  }
  return { pid: child.pid, ready: match, stop, [Symbol.asyncDispose]: async () => void await stop() };
}
