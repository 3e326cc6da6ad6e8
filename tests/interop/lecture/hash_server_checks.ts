/** A Hash server in C++: called by our clients, and by our File service through `--hash-url`. */
import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import { File } from "../../../gen/edgewire/v1/file_pb.ts";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { HashAlgorithm } from "../../../gen/edgewire/v1/hash_pb.ts";
import type { Verdict } from "../../conformance/verdict.ts";
import { sampleBytes, sha256 } from "../../support/bytes.ts";
import type { Certificate } from "../../support/certificate.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { runProgram } from "../../support/program.ts";
import { runChecks } from "../checks.ts";
import { endsWell, runOurClient, startOurServer, withClients } from "./ours.ts";
import { type Programs, startLecture } from "./programs.ts";

const CONTENT = sampleBytes(10_000_000);

/** See the top of the file. */
export async function judgeHashServer(
  { hashServer }: Programs,
  certificate: Certificate | undefined,
  channel: string,
): Promise<Verdict> {
  const folder = await Deno.makeTempDir({ prefix: "edgewire-lecture-" });
  const [large, empty] = [`${folder}/large`, `${folder}/empty`];
  try {
    await Deno.writeFile(large, CONTENT);
    await Deno.writeFile(empty, new Uint8Array());
    const sums = await runProgram("sha256sum", ["large", "empty"], { cwd: folder });
    await using hash = await startLecture(hashServer, [], certificate);
    await using server = await startOurServer(certificate, ["--hash-url", hash.url, "--hash-protocol", "grpc"]);
    return await runChecks(`our File service and a Hash server in C++, ${channel}`, [
      ["Sha", async () => {
        const text = "größer";
        const digest = sha256(new TextEncoder().encode(text));
        assert.equal(await runOurClient(certificate, hash.url, "sha", text), `${digest}\n`);
      }],
      ["ShaStream", async () => {
        assert.equal(await runOurClient(certificate, hash.url, "hash", large), sums.replace(/large[^]*/, `${large}\n`));
      }],
      ["HashFile as sha256sum", async () => {
        await runOurClient(certificate, server.url, "put", large, empty);
        assert.equal(await runOurClient(certificate, server.url, "hash-file", "large", "empty"), sums);
      }],
      ["HashFileWithProgress", () =>
        withClients(certificate, server.url, async (clientOf) => {
          const events = await Array.fromAsync(clientOf(File).hashFileWithProgress({ name: "large" }));
          const last = events.at(-1)?.event;
          assert(last?.case === "result");
          assert.equal(last.value.digest?.hex, sha256(CONTENT));
          assert.equal(last.value.byteCount, BigInt(CONTENT.length));
        })],
      ["an error of Hash names its server", () =>
        withClients(certificate, server.url, async (clientOf) => {
          const call = clientOf(File).hashFile({ name: "large", algorithm: HashAlgorithm.MD5 });
          const message = `hash service at ${hash.url}: algorithm: this server has SHA-256 only`;
          await assertConnectError(call, Code.Internal, message);
        })],
      ["UNIMPLEMENTED for methods that are left out", () =>
        withClients(certificate, hash.url, async (clientOf) => {
          await assertConnectError(clientOf(Greeter).sayHello({}), Code.Unimplemented, "");
          const conversation = clientOf(Greeter).converse((async function* () {})());
          await assertConnectError(Array.fromAsync(conversation), Code.Unimplemented, "");
        })],
      endsWell(server),
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
