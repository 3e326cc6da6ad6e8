/** Calls with others: their clients and our server, our clients and their servers, every protocol, with and without TLS. */
import assert from "node:assert/strict";
import type { Verdict } from "../../conformance/verdict.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { runChecks } from "../checks.ts";
import { echoChecks, type SpecialCheck } from "./echo_checks.ts";
import { buildEchoDescriptors, ECHO_PROTO } from "./echo_descriptors.ts";
import { type ClientPeer, CLIENTS, type ServerPeer, SERVERS } from "./peers.ts";
import type { Task } from "./task.ts";
import { type Wire, wireName, WIRES } from "./wire.ts";

/** Each of ours with each of the others. */
export function judgeRpc(): AsyncGenerator<Verdict> {
  return judgePairs((client, server) => client.isOurs !== server.isOurs);
}

/** The others among themselves: what fails here is not our fault. */
export function judgePeers(): AsyncGenerator<Verdict> {
  return judgePairs((client, server) => !client.isOurs && !server.isOurs);
}

async function* judgePairs(isWanted: (client: ClientPeer, server: ServerPeer) => boolean): AsyncGenerator<Verdict> {
  await using certificate = await makeCertificate();
  await using descriptors = await buildEchoDescriptors();
  const { certPath, keyPath } = certificate;
  for (const server of SERVERS) {
    for (const client of CLIENTS.filter((client) => isWanted(client, server))) {
      for (const wire of WIRES.filter((wire) => client.speaks(wire) && server.speaks(wire))) {
        const { protocol, version, isTls } = wire;
        const files = {
          protoPath: ECHO_PROTO,
          descriptorsPath: descriptors.path,
          ...isTls ? { certPath, keyPath } : {},
        };
        yield await judgePair(client, server, wire, { protocol, version, ...files });
      }
    }
  }
}

async function judgePair(
  client: ClientPeer,
  server: ServerPeer,
  wire: Wire,
  task: Omit<Task, "role" | "url">,
): Promise<Verdict> {
  const judge = `${client.name} and ${server.name}, ${wireName(wire)}`;
  await using program = await server.start({ ...task, role: "server", url: "" });
  const url = `${wire.isTls ? "https" : "http"}://localhost:${program.ready[1]}`;
  await using running = await client.start({ ...task, role: "client", url });
  const checks = echoChecks(running.call, [
    ...impossibleBy(wire),
    ...[client, server].flatMap((peer) => peer.cannot?.(wire) ?? []),
  ]);
  if (!server.isOurs) {
    return await runChecks(judge, checks);
  }
  return await runChecks(judge, [...checks, ["our server ended well", async () => {
    const { code, stderr } = await program.stop();
    assert.deepEqual([code, stderr], [0, ""]);
  }]]);
}

/** HTTP/1.1 answers when it has the request, and only Connect has calls by GET. */
function impossibleBy({ protocol, version }: Wire): SpecialCheck[] {
  return [
    ...version === "1.1" ? ["bidi stream in turns" as const] : [],
    ...protocol === "connect" ? [] : ["GET" as const],
  ];
}
