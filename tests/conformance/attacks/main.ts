/**
 * Attacks of strangers on the real server, with clients beside them that must not notice.
 *
 * `deno run --allow-all tests/conformance/attacks/main.ts [--quick] [--only NAME,GROUP] [--list] [--fresh]`
 *
 * Each attack is one line: what victims waited at the 99th percentile before and beside it, on a connection that is kept and on new ones; how much
 * memory grew at its peak and afterwards; descriptors before and after. It is survived if the victims' p99 stays below twice the idle one and 50 ms (more
 * when the machine is slower than a quiet one: `machine_speed.ts`), none of
 * their calls fails, less than 64 MiB and no descriptor are left over, the server lives, and its log has no panic and no uncaught error.
 * `--quick` has all of them, shorter; `--fresh` starts a server for each.
 */
import { parseArgs } from "node:util";
import type { Attack, ServerName } from "./attack.ts";
import { GROUPS } from "./groups.ts";
import {
  type Finding,
  judgeAttack,
  type Partner,
  startAttacker,
  startVictim,
  tell,
  type Timing,
  whereabouts,
} from "./rig.ts";
import { AttackedServer, SERVERS } from "./servers.ts";
import type { Verdict } from "../verdict.ts";

const FULL: Timing = { idleMs: 500, attackMs: 1300, settleMs: 8000 };
const QUICK: Timing = { idleMs: 300, attackMs: 600, settleMs: 6000 };

/** How often an attack is judged at most. */
const MAX_TRIES = 5;

/**
 * How long it goes on when it is judged again, in milliseconds: victims call 125 times beside it. Of the 30 or 65 calls of the first time the slowest one is
 * the 99th percentile.
 */
const AGAIN_MS = 2500;

/** Calls until a server runs compiled code, in milliseconds. */
const WARM_UP_MS = 400;

interface Options {
  readonly timing: Timing;
  /** Names of attacks and groups; all if it is empty. */
  readonly only: readonly string[];
  /** Whether each attack has a server of its own. */
  readonly fresh: boolean;
}

/** The server that is attacked now: attacks share one as long as they survive. */
class Scene implements AsyncDisposable {
  readonly #victim: Partner = startVictim();
  readonly #options: Options;
  #server: AttackedServer | undefined;
  #name: ServerName | undefined;
  /** The attacker of the next attack, which loads its program meanwhile. */
  #next: { readonly attack: Attack; readonly attacker: Partner } | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Judges an attack. One by which victims waited too long, and no more, is judged again on a new server and for longer, four times at most: the machine may
   * have been busy.
   *
   * @param next The attack after it.
   */
  async judge(attack: Attack, next: Attack | undefined): Promise<Finding> {
    const { timing } = this.#options;
    let finding = await this.#judgeOnce(attack, next, timing);
    const slow: string[] = [];
    while (finding.isOnlySlow && slow.length < MAX_TRIES - 1) {
      slow.push(finding.faults[0]!);
      finding = await this.#judgeOnce(attack, next, { ...timing, attackMs: AGAIN_MS });
    }
    return { ...finding, notes: [...finding.notes, ...slow.map((fault, index) => `try ${index + 1}: ${fault}`)] };
  }

  async #judgeOnce(attack: Attack, next: Attack | undefined, timing: Timing): Promise<Finding> {
    const name = attack.server ?? "default";
    const isAlone = this.#options.fresh || attack.fresh === true;
    if (this.#name !== name || isAlone) {
      await this.end();
    }
    const server = this.#server ??= await this.#start(name);
    const attacker = this.#next?.attack === attack ? this.#next.attacker : startAttacker(attack);
    if (this.#next?.attacker !== attacker) {
      await this.#next?.attacker[Symbol.asyncDispose]();
    }
    this.#next = undefined;
    const prepareNext = () => {
      this.#next = next && { attack: next, attacker: startAttacker(next) };
    };
    const finding = await judgeAttack(attack, server, attacker, this.#victim, timing, prepareNext);
    if (finding.faults.length > 0 || isAlone) {
      await this.end();
    }
    return finding;
  }

  async #start(name: ServerName): Promise<AttackedServer> {
    const server = await AttackedServer.start(SERVERS[name]);
    this.#name = name;
    await tell(this.#victim, { do: "connect", ...whereabouts(server) });
    await tell(this.#victim, { do: "measure", dial: true });
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
    await tell(this.#victim, { do: "report", wait: true });
    return server;
  }

  async end(): Promise<void> {
    if (this.#server !== undefined) {
      await tell(this.#victim, { do: "disconnect" });
      await this.#server[Symbol.asyncDispose]();
      this.#server = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await this.#next?.attacker[Symbol.asyncDispose]();
    await this.#victim[Symbol.asyncDispose]();
  }
}

const HEADING = `${"".padEnd(43)}  idle p99 ms  beside p99 ms  memory MiB       descriptors  sent\n` +
  `${"attack".padEnd(43)}  kept   dial   kept   dial   peak   after    before after    MiB`;

function line(attack: Attack, finding: Finding): string {
  const { idle, beside, peakMib, leftMib, descriptorsBefore, descriptorsAfter, sentMib } = finding;
  const figures = [
    ...[idle.kept, idle.dial, beside.kept, beside.dial].map(({ p99Ms }) =>
      p99Ms.toFixed(p99Ms < 100 ? 1 : 0).padStart(5)
    ),
    ...[peakMib, leftMib].map((mib) => `${mib < 0 ? "" : "+"}${mib.toFixed(0)}`.padStart(6)),
    `${descriptorsBefore} ${descriptorsAfter}`.padStart(12),
    sentMib.toFixed(1).padStart(7),
  ];
  const verdict = finding.faults.length === 0 ? "ok  " : "FAIL";
  return [
    `${verdict} ${attack.name.padEnd(38)}  ${figures.join("  ")}`,
    ...finding.faults.map((fault) => `       ${fault.replaceAll("\n", " ")}`),
    ...finding.notes.map((note) => `       (${note})`),
  ].join("\n");
}

function chosen(only: readonly string[]): { readonly group: string; readonly attack: Attack }[] {
  const all = GROUPS.flatMap(({ name, attacks }) => attacks.map((attack) => ({ group: name, attack })));
  return all.filter(({ group, attack }) => only.length === 0 || only.includes(group) || only.includes(attack.name));
}

/** Carries the attacks out, one after the other, and prints a line for each. */
async function* attackAll(options: Options): AsyncGenerator<Verdict> {
  await using scene = new Scene(options);
  console.log(HEADING);
  const attacks = chosen(options.only);
  for (const { name: group } of GROUPS) {
    const members = attacks.filter((each) => each.group === group);
    const notes: string[] = [];
    for (const { attack } of members) {
      const next = attacks[attacks.findIndex((each) => each.attack === attack) + 1]?.attack;
      const finding = await scene.judge(attack, next).catch((error) => error as Error);
      if (finding instanceof Error) {
        await scene.end().catch(() => {});
        console.log(`FAIL ${attack.name}: ${finding.message}`);
        notes.push(`${attack.name}: ${finding.message}`);
      } else {
        console.log(line(attack, finding));
        finding.faults.length > 0 && notes.push(`${attack.name}: ${finding.faults[0]}`);
      }
    }
    if (members.length > 0) {
      yield { judge: `attacks: ${group}`, passed: members.length - notes.length, total: members.length, notes };
    }
  }
}

/** Judges what strangers do to the server and to those beside them: a verdict a group. */
export async function* judgeAttacks(
  options: Options = { timing: QUICK, only: [], fresh: false },
): AsyncGenerator<Verdict> {
  let [survived, total] = [0, 0];
  for await (const verdict of attackAll(options)) {
    survived += verdict.passed;
    total += verdict.total;
    yield verdict;
  }
  console.log(`${survived}/${total} survived`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      fresh: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      only: { type: "string", default: "" },
    },
  });
  const only = values.only.split(",").filter((name) => name !== "");
  if (values.list) {
    for (const { name, attacks } of GROUPS) {
      console.log(
        [`${name} (${attacks.length})`, ...attacks.map(({ name, title }) => `  ${name.padEnd(34)} ${title}`)].join(
          "\n",
        ),
      );
    }
    console.log(`${GROUPS.flatMap(({ attacks }) => attacks).length} attacks`);
    Deno.exit(0);
  }
  let isGood = chosen(only).length > 0;
  for await (
    const { passed, total } of judgeAttacks({ timing: values.quick ? QUICK : FULL, only, fresh: values.fresh })
  ) {
    isGood &&= passed === total;
  }
  Deno.exit(isGood ? 0 : 1);
}
