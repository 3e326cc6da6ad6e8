/** The servers that are attacked: the real one, as `deno task serve` starts it, and a user's program. */
import { makeCertificate } from "../../support/certificate.ts";
import { SERVE_ARGUMENTS, SERVE_ENVIRONMENT } from "../../support/server_process.ts";
import type { ServerName } from "./attack.ts";
import { MIB } from "./messages.ts";

const ROOT = new URL("../../..", import.meta.url);
const USER_PROGRAM = new URL("user_program.ts", import.meta.url).pathname;

/** How long a server may take to listen, and to end, in milliseconds: the machine may be busy. */
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5000;

/** What connections begin with if the server has them begin with a PROXY header. */
export const PROXY_GREETING = "PROXY TCP4 192.0.2.1 192.0.2.2 40000 443\r\n";

/** How a server differs from the default one. */
export interface ServerProfile {
  readonly args?: readonly string[];
  /** `ulimit -n`. */
  readonly maxDescriptors?: number;
  readonly tls?: boolean;
  readonly greeting?: string;
  /** Files that are there before the server starts: name and bytes. */
  readonly files?: readonly (readonly [string, number])[];
  /** Instead of `server.ts`. */
  readonly program?: string;
}

export const SERVERS: Readonly<Record<ServerName, ServerProfile>> = {
  "default": { args: ["--admin-port", "0"], files: [["small.bin", 100], ["medium.bin", 4 * MIB]] },
  "tls": { tls: true },
  "workers": { args: ["--workers", "2"], files: [["medium.bin", 4 * MIB], ["large.bin", 32 * MIB]] },
  "few-descriptors": { maxDescriptors: 256, files: [["medium.bin", 4 * MIB]] },
  "few-descriptors-tls": { maxDescriptors: 256, tls: true },
  "few-connections": { args: ["--max-connections", "200"] },
  "proxy": { args: ["--proxy-protocol"], greeting: PROXY_GREETING },
  "forwarded": { args: ["--trust-forwarded"] },
  "files": {
    files: [
      ["large.bin", 32 * MIB],
      ...Array.from({ length: 20_000 }, (_, index) => [`file-${String(index).padStart(5, "0")}`, 0] as const),
    ],
  },
  "user": { program: USER_PROGRAM },
};

/** A server under attack. */
export class AttackedServer implements AsyncDisposable {
  readonly url: URL;
  readonly adminUrl: URL | undefined;
  readonly pid: number;
  readonly dataDir: string;
  readonly caCert: string | undefined;
  readonly greeting: string;
  /** All that it has written to stderr. */
  log = "";
  /** How it ended; undefined while it lives. */
  status: Deno.CommandStatus | undefined;
  readonly #child: Deno.ChildProcess;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    child: Deno.ChildProcess,
    stack: AsyncDisposableStack,
    known: { url: URL; adminUrl: URL | undefined; dataDir: string; caCert: string | undefined; greeting: string },
  ) {
    this.#child = child;
    this.#stack = stack;
    this.url = known.url;
    this.adminUrl = known.adminUrl;
    this.pid = child.pid;
    this.dataDir = known.dataDir;
    this.caCert = known.caCert;
    this.greeting = known.greeting;
    child.status.then((status) => this.status = status);
  }

  /**
   * Starts a server and waits until it listens.
   *
   * @param wrap Programs, with their arguments, that start the server in turn: they must not fork.
   */
  static async start(profile: ServerProfile, wrap: readonly string[] = []): Promise<AttackedServer> {
    await using stack = new AsyncDisposableStack();
    const dataDir = await Deno.makeTempDir({ prefix: "edgewire-attacked-" });
    stack.defer(() => Deno.remove(dataDir, { recursive: true }));
    await makeFiles(`${dataDir}/files`, profile.files ?? []);
    const certificate = profile.tls === true ? stack.use(await makeCertificate()) : undefined;
    const args = profile.program === undefined
      ? [
        ...SERVE_ARGUMENTS,
        ...["--port", "0", "--host", "127.0.0.1", "--data-dir", dataDir],
        ...certificate === undefined ? [] : ["--tls-cert", certificate.certPath, "--tls-key", certificate.keyPath],
        ...profile.args ?? [],
      ]
      : [
        "run",
        "--quiet",
        "--v8-flags=--max-semi-space-size=1,--max-inlined-bytecode-size-cumulative=3000",
        "--allow-net",
        profile.program,
      ];
    const command = [...wrap, Deno.execPath(), ...args];
    const limited = profile.maxDescriptors === undefined
      ? command
      : ["bash", "-c", `ulimit -n ${profile.maxDescriptors} && exec "$0" "$@"`, ...command];
    const child = new Deno.Command(limited[0]!, {
      args: limited.slice(1),
      cwd: ROOT,
      env: { ...SERVE_ENVIRONMENT, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const startTimer = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
    const log: string[] = [];
    const reading = (async () => {
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
        log.push(text);
      }
    })();
    const hasAdmin = profile.args?.includes("--admin-port") === true;
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let output = "";
    child.status.then(() => clearTimeout(startTimer));
    while (!(hasAdmin ? /\n.*\n/ : /\n/).test(output)) {
      const { done, value } = await reader.read();
      if (done) {
        await reading;
        throw new Error(`The server ended before it listened: ${log.join("")}`);
      }
      output += value;
    }
    clearTimeout(startTimer);
    const url = new URL(/listening on (\S+)/.exec(output)![1]!);
    const admin = /probes on (\S+)/.exec(output)?.[1];
    const server = new AttackedServer(child, stack.move(), {
      url,
      adminUrl: admin === undefined ? undefined : new URL(admin),
      dataDir,
      caCert: certificate?.cert,
      greeting: profile.greeting ?? "",
    });
    server.#stack.defer(async () => {
      await reader.cancel();
      await reading;
    });
    // Each piece of the log from now on, and what came before.
    Object.defineProperty(server, "log", { get: () => log.join("") });
    return server;
  }

  /** Ends it: by SIGTERM, then by SIGKILL. */
  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    await this.#child.status;
    clearTimeout(timer);
    await this.#stack.disposeAsync();
  }
}

async function makeFiles(folder: string, files: readonly (readonly [string, number])[]): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, bytes] of files) {
    const content = new Uint8Array(bytes);
    for (let offset = 0; offset < bytes; offset += 65_536) {
      crypto.getRandomValues(content.subarray(offset, offset + 65_536));
    }
    Deno.writeFileSync(`${folder}/${name}`, content);
  }
}

/** What the system knows of a process. */
export interface ProcessSample {
  readonly rssMib: number;
  readonly descriptors: number;
}

/** Reads resident memory and open descriptors from /proc; undefined if the process has ended. */
export function sampleProcess(pid: number): ProcessSample | undefined {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    const rssMib = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) / 1024;
    return { rssMib, descriptors: [...Deno.readDirSync(`/proc/${pid}/fd`)].length };
  } catch {
    return undefined;
  }
}
