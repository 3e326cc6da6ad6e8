/** All checks of a client with a server. */
import assert from "node:assert/strict";
import type { Verdict } from "../../conformance/verdict.ts";
import type { Certificate } from "../../support/certificate.ts";
import type { ProgramResult, RunningProgram } from "../../support/program.ts";
import { type Check, runChecks } from "../checks.ts";
import type { Caller } from "./call.ts";
import { echoChecks, type SpecialCheck } from "./echo_checks.ts";
import { ECHO_PROTO } from "./echo_descriptors.ts";
import type { ClientPeer, ServerPeer } from "./peers.ts";
import { type Wire, wireName } from "./wire.ts";

/** A code of gRPC. */
const CANCELLED = 1;

const PAIRS_AT_ONCE = 3;

/** After so many calls the first one has reached the server, even if it has a connection of HTTP/1.1 with TLS to itself. */
const TURNS_UNTIL_THERE = 20;

/** @param certificate For wires with TLS. */
export async function judgePair(
  client: ClientPeer,
  server: ServerPeer,
  wire: Wire,
  descriptorsPath: string,
  certificate?: Certificate,
): Promise<Verdict> {
  const judge = `${client.name} and ${server.name}, ${wireName(wire)}`;
  const { protocol, version, isTls } = wire;
  const { certPath, keyPath }: Partial<Certificate> = isTls ? certificate ?? {} : {};
  const task = { protocol, version, protoPath: ECHO_PROTO, descriptorsPath, certPath };
  await using program = await server.start({ ...task, role: "server", keyPath });
  const url = `${isTls ? "https" : "http"}://localhost:${program.ready[1]}`;
  await using running = await client.start({ ...task, role: "client", url });
  const without = [...impossibleBy(wire), ...[client, server].flatMap((peer) => peer.cannot?.(wire) ?? [])];
  const checks = echoChecks(running.call, without);
  if (!server.isOurs) {
    return await runChecks(judge, checks);
  }
  const lastCheck: Check = without.includes("our server goes away")
    ? ["our server ends well", async () => assertEndedWell(await program.stop())]
    : ["our server goes away", () => checkGoingAway(running.call, program)];
  return await runChecks(judge, [...checks, lastCheck]);
}

/** Judges some pairs at a time, as they wait more than they work. The verdicts come in the order of the pairs. */
export async function* judgeTogether(judges: readonly (() => Promise<Verdict>)[]): AsyncGenerator<Verdict> {
  const running: Promise<Verdict>[] = [];
  for (const judge of judges) {
    const verdict = judge();
    verdict.catch(() => {}); // It is awaited below.
    running.push(verdict);
    if (running.length === PAIRS_AT_ONCE) {
      yield await running.shift()!;
    }
  }
  for (const verdict of running) {
    yield await verdict;
  }
}

function assertEndedWell({ code, stderr }: ProgramResult): void {
  assert.deepEqual([code, stderr], [0, ""]);
}

/** A call that is under way when our server goes away comes to its end, those that come later fail, and the server ends well. */
async function checkGoingAway(call: Caller, program: RunningProgram): Promise<void> {
  const id = crypto.randomUUID();
  const abort = new AbortController();
  const underWay = call({ method: "Observe", requests: [{ id, state: "CALL_STATE_CANCELLED" }] });
  const waiting = call({ method: "Wait", requests: [{ id }] }, abort.signal);
  await call({ method: "Observe", requests: [{ id, state: "CALL_STATE_STARTED" }] });
  for (let turn = 0; turn < TURNS_UNTIL_THERE; turn++) {
    await call({ method: "Unary", requests: [{}] });
  }
  const ended = program.stop();
  while ((await call({ method: "Unary", requests: [{}] })).error === undefined) {
    // The server has not heard of it yet.
  }
  abort.abort();
  assert.equal((await waiting).error?.code, CANCELLED);
  assert.deepEqual((await underWay).error, undefined);
  assertEndedWell(await ended);
}

/** HTTP/1.1 answers when it has the request, and only Connect has calls by GET. */
function impossibleBy({ protocol, version }: Wire): SpecialCheck[] {
  return [
    ...version === "1.1" ? ["bidi stream in turns" as const] : [],
    ...protocol === "connect" ? [] : ["GET" as const],
  ];
}
