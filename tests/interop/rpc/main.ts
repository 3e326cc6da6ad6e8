/** Calls with others: their clients and our server, our clients and their servers, every protocol, with and without TLS. */
import type { Verdict } from "../../conformance/verdict.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { buildEchoDescriptors } from "./echo_descriptors.ts";
import { judgePair, judgeTogether } from "./pair.ts";
import { type ClientPeer, CLIENTS, type ServerPeer, SERVERS } from "./peers.ts";
import { WIRES } from "./wire.ts";

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

async function* judgePairs(
  isWanted: (client: ClientPeer, server: ServerPeer) => boolean,
): AsyncGenerator<Verdict> {
  await using certificate = await makeCertificate();
  await using descriptors = await buildEchoDescriptors();
  const judges = SERVERS.flatMap((server) =>
    CLIENTS.filter((client) => isWanted(client, server)).flatMap((client) =>
      WIRES.filter((wire) => client.speaks(wire) && server.speaks(wire)).map((wire) => () =>
        judgePair(client, server, wire, descriptors.path, certificate)
      )
    )
  );
  yield* judgeTogether(judges);
}
