/**
 * A server that may have 256 MiB, attacked for five minutes by all that ends, starves or fills one, beside clients none of whose calls may fail.
 * By hand, on Linux.
 *
 * `deno task attack-soak [--seconds 300] [--limit 256] [--only NAME,...]`
 *
 * `--limit` is in MiB: of a cgroup if one can be made (as root), by which the system ends what takes more; else resident memory is looked at, and the
 * server is ended by us. It ends with 1 if a call failed or the server did.
 */
import { parseArgs } from "node:util";
import type { Attack, Outcome, ServerName } from "./attack.ts";
import { GROUPS } from "./groups.ts";
import { MemoryLimit } from "./memory_limit.ts";
import { FILE, MIB } from "./messages.ts";
import { startAttacker, startVictim, tell, whereabouts } from "./rig.ts";
import { AttackedServer, type ServerProfile, SERVERS } from "./servers.ts";
import type { VictimReport } from "./victim.ts";

const ATTACK_MS = 3000;
const SAMPLE_PERIOD_MS = 100;

/** When a call has failed, in milliseconds: how long they take is for the suite to judge. */
const CALL_TIMEOUT_MS = 20_000;

/** How often a file is stored, fetched and deleted, in milliseconds, and how long it is. */
const FILE_PERIOD_MS = 1000;
const FILE_BYTES = MIB;

/** How long a server may take to do it, in milliseconds. */
const FILE_TIMEOUT_MS = 20_000;

/** A server, and the attacks that fit it. */
interface Scene {
  readonly name: string;
  readonly profile: ServerProfile;
  readonly servers: readonly ServerName[];
  /** Its part of the time. */
  readonly share: number;
}

const SCENES: readonly Scene[] = [
  {
    name: "server.ts",
    profile: {
      args: ["--admin-port", "0", "--host", "127.0.0.1,::1"],
      files: [...SERVERS.default.files ?? [], ...SERVERS.files.files ?? []],
    },
    servers: ["default", "files"],
    share: 0.8,
  },
  { name: "a program of a user", profile: SERVERS.user, servers: ["user"], share: 0.2 },
];

/** Stores a file in pieces, hashes it, and deletes it, until it is told to stop. It calls from ::1, as attackers at 127.0.0.1 use up the uploads of their address. */
class FileClient {
  rounds = 0;
  slowestMs = 0;
  readonly errors: string[] = [];
  isDone = false;
  readonly #url: string;

  constructor({ port }: URL) {
    this.#url = `http://[::1]:${port}`;
  }

  async run(): Promise<void> {
    while (!this.isDone) {
      const startMs = performance.now();
      await this.#round().catch((error) => this.errors.push(String(error)));
      this.rounds++;
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs);
      await sleep(FILE_PERIOD_MS);
    }
  }

  async #round(): Promise<void> {
    const content = crypto.getRandomValues(new Uint8Array(48 * 1024));
    const name = `soak-${this.rounds}`;
    const { uploadId } = await this.#call("StartUpload", { name, size: FILE_BYTES });
    for (let offset = 0; offset < FILE_BYTES; offset += content.length) {
      const chunk = content.subarray(0, Math.min(content.length, FILE_BYTES - offset)).toBase64();
      await this.#call("WriteUpload", { uploadId, offset, chunk });
    }
    await this.#call("FinishUpload", { uploadId });
    const { byteCount } = await this.#call("HashFile", { name });
    if (Number(byteCount) !== FILE_BYTES) {
      throw new Error(`HashFile hashed ${byteCount} bytes of ${FILE_BYTES}`);
    }
    await this.#call("Delete", { name });
  }

  async #call(method: string, message: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.#url}${FILE}/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(message),
      signal: AbortSignal.timeout(FILE_TIMEOUT_MS),
    });
    const body = await response.json();
    if (!response.ok) {
      throw new Error(`${method}: ${body.code}: ${body.message}`);
    }
    return body;
  }
}

/** Attacks one server for so long. Returns what went wrong. */
async function soak(scene: Scene, attacks: readonly Attack[], seconds: number, limitMib: number): Promise<string[]> {
  await using limit = await MemoryLimit.create(limitMib);
  await using server = await AttackedServer.start(scene.profile, limit.wrap);
  await using victim = startVictim();
  console.log(`${scene.name}: ${seconds.toFixed(0)} s, ${limit.text}; ${attacks.length} attacks`);
  let peakMib = 0;
  const sampling = setInterval(() => peakMib = Math.max(peakMib, limit.sample(server.pid)), SAMPLE_PERIOD_MS);
  await tell(victim, { do: "connect", ...whereabouts(server), timeoutMs: CALL_TIMEOUT_MS });
  await tell(victim, { do: "measure", dial: true });
  const files = scene.profile.program === undefined ? new FileClient(server.url) : undefined;
  const filing = files?.run();
  const endMs = performance.now() + seconds * 1000;
  for (let round = 0; performance.now() < endMs && server.status === undefined; round++) {
    const attack = attacks[round % attacks.length]!;
    await using attacker = startAttacker(attack);
    await attacker.listen();
    await attacker.ask({
      ...whereabouts(server),
      adminPort: server.adminUrl === undefined ? undefined : Number(server.adminUrl.port),
      dataDir: server.dataDir,
      pid: server.pid,
      maxBytes: attack.maxBytes ?? 32 * MIB,
      durationMs: attack.durationMs ?? ATTACK_MS,
    });
    await attacker.listen<Outcome>();
    const { kept, dial } = await tell<VictimReport>(victim, { do: "report", wait: false });
    console.log(
      `${attack.name.padEnd(36)} ${limit.sample(server.pid).toFixed(0).padStart(4)} MiB, at most ${
        peakMib.toFixed(0)
      }; ` +
        `${kept.calls} + ${dial.calls} calls, ${kept.failures} + ${dial.failures} failed` +
        (files === undefined ? "" : `; ${files.rounds} files, ${files.errors.length} failed`),
    );
  }
  if (files !== undefined) {
    files.isDone = true;
    await filing;
  }
  const { kept, dial } = await tell<VictimReport>(victim, { do: "report", wait: true });
  clearInterval(sampling);
  console.log(
    `${scene.name}: ${kept.calls} calls on a connection that was kept (slowest ${kept.slowestMs.toFixed(0)} ms), ` +
      `${dial.calls} on new ones (${dial.slowestMs.toFixed(0)} ms); at most ${peakMib.toFixed(0)} MiB`,
  );
  return [
    ...server.status === undefined
      ? []
      : [`it ended with ${server.status.signal ?? server.status.code}: ${server.log.slice(-300)}`],
    ...kept.failures === 0 ? [] : [`${kept.failures} calls failed on the kept connection: ${kept.errors.join("; ")}`],
    ...dial.failures === 0 ? [] : [`${dial.failures} calls failed on new connections: ${dial.errors.join("; ")}`],
    ...(files?.errors ?? []).slice(0, 3).map((error) => `a file was not stored and fetched: ${error}`),
    ...limit.isExceeded ? [`it took more than ${limitMib} MiB`] : [],
  ].map((fault) => `${scene.name}: ${fault}`);
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Parts A and B of issue 14: what ends a server, and what starves or fills it. */
function endsOrStarves({ title }: Attack): boolean {
  return /\b[AB]\.\d/.test(title);
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "300" },
    limit: { type: "string", default: "256" },
    only: { type: "string", default: "" },
  },
});
const only = values.only.split(",").filter((name) => name !== "");
const all = GROUPS.flatMap(({ attacks }) => attacks).filter(endsOrStarves)
  .filter(({ name }) => only.length === 0 || only.includes(name));
const faults: string[] = [];
for (const scene of SCENES) {
  const attacks = all.filter(({ server = "default" }) => scene.servers.includes(server));
  if (attacks.length > 0) {
    faults.push(...await soak(scene, attacks, Number(values.seconds) * scene.share, Number(values.limit)));
  }
}
console.log(faults.length === 0 ? "No call failed" : faults.join("\n"));
Deno.exit(faults.length === 0 ? 0 : 1);
