/**
 * HTTP/2 with others: their clients and our server, our client and their servers, by h2c and by TLS. Prints a table of checks.
 *
 * `deno task interop`
 */
import { runJudge } from "../../conformance/verdict.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { checkClients } from "./clients.ts";
import { checkServers } from "./servers.ts";

await runJudge(async function* () {
  await using certificate = await makeCertificate();
  yield* checkClients(certificate);
  yield* checkServers(certificate);
});
