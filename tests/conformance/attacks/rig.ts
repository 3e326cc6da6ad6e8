/** Attacks one server while victims call it, and says what became of both. */
import { slowness } from "./machine_speed.ts";
import type { Attack, Outcome } from "./attack.ts";
import { TextLineStream } from "./line_stream.ts";
import { MIB } from "./messages.ts";
import { type AttackedServer, sampleProcess } from "./servers.ts";
import type { Sample, VictimCommand, VictimReport } from "./victim.ts";

/** A victim may wait so much longer than beside nothing, at the 99th percentile: twice as long and this, in milliseconds. */
const EXTRA_P99_MS = 50;
/** A machine that is slower by this is said to be. */
const SLOW = 1.2;

/** Resident memory that may be left over, in MiB. */
const MAX_GROWTH_MIB = 64;

/** Descriptors that may be left over: of connections of the victims that end just now. */
const MAX_NEW_DESCRIPTORS = 3;

const SAMPLE_PERIOD_MS = 50;

/** When a process of the suite is taken for dead, in milliseconds: more than a call of a victim may take. */
const REPLY_TIMEOUT_MS = 40_000;

/** What the log of a healthy server never has. */
const UNHEALTHY_LOG = /panicked|uncaught|unhandled|fatal|out of memory|mistake in the server|stack overflow/i;

/** Times in milliseconds. */
export interface Timing {
  /** How long the victims are measured beside nothing. */
  readonly idleMs: number;
  /** How long an attack takes that says nothing about it. */
  readonly attackMs: number;
  /** How long memory and descriptors may take to come back. */
  readonly settleMs: number;
}

/** What became of a server and its victims. */
export interface Finding {
  readonly idle: VictimReport;
  readonly beside: VictimReport;
  readonly peakMib: number;
  readonly leftMib: number;
  readonly descriptorsBefore: number;
  readonly descriptorsAfter: number;
  readonly sentMib: number;
  readonly notes: readonly string[];
  /** Whether victims waited too long, and nothing else is wrong: on a busy machine it may not have been the server. */
  readonly isOnlySlow: boolean;
  /** Why the attack was not survived: none if it was. */
  readonly faults: readonly string[];
}

/** A process of the suite that answers a line with a line. */
export class Partner implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #reader: ReadableStreamDefaultReader<string>;

  constructor(program: string, args: readonly string[] = [], priority = 0) {
    const command = [Deno.execPath(), "run", "--quiet", "--allow-all", program, ...args];
    this.#child = new Deno.Command("nice", {
      args: ["-n", `${priority}`, ...command],
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
      .getReader();
  }

  async ask<T>(question: unknown): Promise<T> {
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify(question)}\n`));
    return await this.listen();
  }

  /** Takes the next line. @throws {Error} It says that it failed, or nothing. */
  async listen<T>(): Promise<T> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), REPLY_TIMEOUT_MS);
    const { value } = await this.#reader.read();
    clearTimeout(timer);
    if (value === undefined) {
      throw new Error("A process of the suite ended early");
    }
    const reply = JSON.parse(value);
    if (reply.error !== undefined) {
      throw new Error(reply.error);
    }
    return reply;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#reader.cancel();
    await this.#child.status;
  }
}

/** The victims, for all attacks of a run. */
export function startVictim(): Partner {
  return new Partner(new URL("victim.ts", import.meta.url).pathname);
}

export function tell<T>(victim: Partner, command: VictimCommand): Promise<T> {
  return victim.ask(command);
}

/** Returns what a client has to know of a server. */
export function whereabouts({ url, caCert, greeting }: AttackedServer) {
  return { hostname: url.hostname, port: Number(url.port), caCert, greeting };
}

/** Starts the process that carries out an attack, when it is told to. Victims come before it, as an attacker would have a machine of its own. */
export function startAttacker({ name }: Attack): Partner {
  return new Partner(new URL("attacker.ts", import.meta.url).pathname, [name], 5);
}

/**
 * Carries out an attack on a server, beside victims that call it.
 *
 * @param onEnd Called when the attack is over, and what it left behind is looked at.
 */
export async function judgeAttack(
  attack: Attack,
  server: AttackedServer,
  attacker: Partner,
  victim: Partner,
  timing: Timing,
  onEnd: () => void,
): Promise<Finding> {
  await attacker.listen(); // It has loaded its program.
  const dialsBeside = attack.dials !== "after";
  const before = sampleProcess(server.pid) ?? { rssMib: 0, descriptors: 0 };
  const logBefore = server.log.length;
  const slownessBefore = slowness();
  await tell(victim, { do: "measure", dial: true });
  await sleep(timing.idleMs);
  const idle = await tell<VictimReport>(victim, { do: "report", wait: true });

  let peakMib = 0;
  const sampling = setInterval(() => {
    peakMib = Math.max(peakMib, (sampleProcess(server.pid)?.rssMib ?? 0) - before.rssMib);
  }, SAMPLE_PERIOD_MS);
  await attacker.ask({
    ...whereabouts(server),
    adminPort: server.adminUrl === undefined ? undefined : Number(server.adminUrl.port),
    dataDir: server.dataDir,
    pid: server.pid,
    maxBytes: attack.maxBytes ?? 32 * MIB,
    durationMs: attack.durationMs ?? timing.attackMs,
  });
  await tell(victim, { do: "measure", dial: dialsBeside });
  const outcome = await attacker.listen<Outcome & { readonly bytesSent: number }>();
  await attacker[Symbol.asyncDispose]();
  onEnd();
  await sleep(3 * SAMPLE_PERIOD_MS); // What the attack left behind may hurt, too.
  const during = await tell<VictimReport>(victim, { do: "report", wait: true });
  await tell(victim, { do: "measure", dial: dialsBeside });
  const after = await settle(server, before, timing.settleMs);
  const settled = await tell<VictimReport>(victim, { do: "report", wait: true });
  clearInterval(sampling);
  let beside = during;
  if (!dialsBeside) {
    await tell(victim, { do: "measure", dial: true });
    await sleep(timing.idleMs);
    beside = { kept: during.kept, dial: (await tell<VictimReport>(victim, { do: "report", wait: true })).dial };
  }
  const log = server.log.slice(logBefore);
  const slow = Math.max(slownessBefore, slowness());
  const delays = [
    ...delayOf("kept", beside.kept, idle.kept, slow),
    ...delayOf("dialling", beside.dial, idle.dial, slow),
  ];
  const faults = [
    ...outcome.faults ?? [],
    ...failuresOf("kept", beside.kept),
    ...failuresOf("dialling", beside.dial),
    ...failuresOf("kept, afterwards", settled.kept),
    ...failuresOf("dialling, afterwards", settled.dial),
  ];
  if (server.status !== undefined) {
    faults.unshift(`the server ended with ${server.status.signal ?? server.status.code}: ${lastLines(log)}`);
  } else if (after !== undefined) {
    if (after.rssMib - before.rssMib >= MAX_GROWTH_MIB) {
      faults.push(`${Math.round(after.rssMib - before.rssMib)} MiB more are in use, ${MAX_GROWTH_MIB} are the limit`);
    }
    if (after.descriptors > before.descriptors + MAX_NEW_DESCRIPTORS) {
      faults.push(`${after.descriptors} descriptors are open, ${before.descriptors} were`);
    }
  }
  const bad = UNHEALTHY_LOG.exec(attack.expectedLog === undefined ? log : log.replace(attack.expectedLog, ""));
  if (bad !== null) {
    faults.push(`the log says: ${log.slice(Math.max(0, bad.index - 80), bad.index + 160)}`);
  }
  return {
    idle,
    beside,
    peakMib,
    leftMib: (after?.rssMib ?? 0) - before.rssMib,
    descriptorsBefore: before.descriptors,
    descriptorsAfter: after?.descriptors ?? 0,
    sentMib: outcome.bytesSent / MIB,
    notes: outcome.notes ?? [],
    isOnlySlow: faults.length === 0 && delays.length > 0,
    faults: [...faults, ...delays],
  };
}

function failuresOf(kind: string, { calls, failures, errors }: Sample): string[] {
  return failures === 0 ? [] : [`${failures} of ${calls} calls failed (${kind}): ${errors[0]}`];
}

function delayOf(kind: string, beside: Sample, idle: Sample, slow: number): string[] {
  const limitMs = 2 * idle.p99Ms + EXTRA_P99_MS * slow;
  return beside.p99Ms < limitMs ? [] : [
    `a victim (${kind}) waited ${Math.round(beside.p99Ms)} ms at p99, ${Math.round(limitMs)} are the limit` +
    (slow < SLOW ? "" : ` on a machine that is ${slow.toFixed(1)} times slower than a quiet one`),
  ];
}

/** Waits until memory and descriptors are back, or the time is up. Returns how they are then; undefined if the server has ended. */
async function settle(server: AttackedServer, before: { rssMib: number; descriptors: number }, timeoutMs: number) {
  const endMs = performance.now() + timeoutMs;
  while (true) {
    await sleep(2 * SAMPLE_PERIOD_MS);
    const now = sampleProcess(server.pid);
    const isBack = now !== undefined && now.rssMib < before.rssMib + MAX_GROWTH_MIB &&
      now.descriptors <= before.descriptors + MAX_NEW_DESCRIPTORS;
    if (now === undefined || isBack || performance.now() >= endMs) {
      return now;
    }
  }
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-3).join(" ").slice(-300);
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
