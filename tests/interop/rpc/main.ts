/** Calls with others: their clients and our server, our clients and their servers, every protocol, with and without TLS. */
import assert from "node:assert/strict";
import type { Verdict } from "../../conformance/verdict.ts";
import { type Certificate, makeCertificate } from "../../support/certificate.ts";
import { runChecks } from "../checks.ts";
import { echoChecks, type SpecialCheck } from "./echo_checks.ts";
import { buildEchoDescriptors, ECHO_PROTO } from "./echo_descriptors.ts";
import { type ClientPeer, CLIENTS, type ServerPeer, SERVERS } from "./peers.ts";
import { type Wire, wireName, WIRES } from "./wire.ts";

/** Each of ours with each of the others. */
export function judgeRpc(): AsyncGenerator<Verdict> {
  return judgePairs((client, server) => client.isOurs !== server.isOurs);
}

/**
 * The others among themselves: what fails here is not our fault. connect-node's server fails at two checks: it answers gRPC for a method that it does not
 * have without a status, which grpcurl does not take, and codes more characters of `grpc-message` than grpc-js decodes.
 */
export function judgePeers(): AsyncGenerator<Verdict> {
  return judgePairs((client, server) => !client.isOurs && !server.isOurs);
}

export async function* judgePairs(
  isWanted: (client: ClientPeer, server: ServerPeer) => boolean,
): AsyncGenerator<Verdict> {
  await using certificate = await makeCertificate();
  await using descriptors = await buildEchoDescriptors();
  for (const server of SERVERS) {
    for (const client of CLIENTS.filter((client) => isWanted(client, server))) {
      for (const wire of WIRES.filter((wire) => client.speaks(wire) && server.speaks(wire))) {
        yield await judgePair(client, server, wire, descriptors.path, certificate);
      }
    }
  }
}

async function judgePair(
  client: ClientPeer,
  server: ServerPeer,
  wire: Wire,
  descriptorsPath: string,
  certificate: Certificate,
): Promise<Verdict> {
  const judge = `${client.name} and ${server.name}, ${wireName(wire)}`;
  const { protocol, version, isTls } = wire;
  const { certPath, keyPath } = isTls ? certificate : {};
  const task = { protocol, version, protoPath: ECHO_PROTO, descriptorsPath, certPath };
  await using program = await server.start({ ...task, role: "server", keyPath });
  const url = `${isTls ? "https" : "http"}://localhost:${program.ready[1]}`;
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
