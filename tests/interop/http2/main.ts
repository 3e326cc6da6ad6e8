/** HTTP/2 with others: their clients and our server, our client and their servers, by h2c and by TLS. */
import type { Verdict } from "../../conformance/verdict.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { checkClients } from "./clients.ts";
import { checkServers } from "./servers.ts";

/** See the top of the file. */
export async function* judgeHttp2(): AsyncGenerator<Verdict> {
  await using certificate = await makeCertificate();
  yield* checkClients(certificate);
  yield* checkServers(certificate);
}
