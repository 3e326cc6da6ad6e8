/**
 * The lecture in its own languages: its programs in Python and C++ with ours, both ways, on plain and on TLS channels. They are our own words;
 * `hello_client.py` and `hello_server.py` are to the lecture's letter, port 50051 included, which has to be free.
 */
import { type Certificate, makeCertificate } from "../../support/certificate.ts";
import type { Verdict } from "../../conformance/verdict.ts";
import { judgeFileServer } from "./file_server_checks.ts";
import { judgeHashServer } from "./hash_server_checks.ts";
import { judgeClients, judgeHelloClient, judgeHelloServer } from "./hello_checks.ts";
import { makePrograms } from "./programs.ts";

/** See the top of the file. */
export async function* judgeLecture(): AsyncGenerator<Verdict> {
  await using certificate = await makeCertificate();
  await using programs = await makePrograms();
  yield await judgeHelloClient(programs);
  const channels: [string, Certificate | undefined][] = [["plain", undefined], ["TLS", certificate]];
  for (const [channel, certificate] of channels) {
    yield await judgeClients(programs, certificate, channel);
    yield await judgeHelloServer(programs, certificate, channel);
    yield await judgeHashServer(programs, certificate, channel);
    yield await judgeFileServer(programs, certificate, channel);
  }
}
