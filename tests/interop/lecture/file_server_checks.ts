/** A File service in Python, which calls our Hash service through its stub, as the lecture's `hash_file` does. */
import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import { File } from "../../../gen/edgewire/v1/file_pb.ts";
import { HashAlgorithm } from "../../../gen/edgewire/v1/hash_pb.ts";
import type { Verdict } from "../../conformance/verdict.ts";
import { each, sampleBytes } from "../../support/bytes.ts";
import type { Certificate } from "../../support/certificate.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { runProgram } from "../../support/program.ts";
import { runChecks } from "../checks.ts";
import { endsWell, startOurServer, withClients } from "./ours.ts";
import { type Programs, startLecture } from "./programs.ts";

const ALGORITHMS = [["sha256sum", HashAlgorithm.SHA256], ["sha512sum", HashAlgorithm.SHA512]] as const;

/** See the top of the file. */
export async function judgeFileServer(
  { fileServer }: Programs,
  certificate: Certificate | undefined,
  channel: string,
): Promise<Verdict> {
  const folder = await Deno.makeTempDir({ prefix: "edgewire-lecture-" });
  try {
    await Deno.writeFile(`${folder}/large`, sampleBytes(10_000_000));
    await Deno.writeFile(`${folder}/empty`, new Uint8Array());
    await using ours = await startOurServer(certificate);
    const hashAddress = `localhost:${new URL(ours.url).port}`;
    await using server = await startLecture(fileServer, [folder, hashAddress], certificate);
    const { url } = server;
    return await runChecks(`a File service in Python and our Hash service, ${channel}`, [
      ["hash_file as sha256sum and sha512sum", () =>
        withClients(certificate, url, async (clientOf) => {
          for (const [command, algorithm] of ALGORITHMS) {
            for (const name of ["large", "empty"]) {
              const { digest, byteCount } = await clientOf(File).hashFile({ name, algorithm });
              const { size } = await Deno.stat(`${folder}/${name}`);
              assert.equal(`${digest?.hex}  ${name}\n`, await runProgram(command, [name], { cwd: folder }));
              assert.deepEqual([digest?.algorithm, byteCount], [algorithm, BigInt(size)]);
            }
          }
        })],
      ["with time enough, and without", () =>
        withClients(certificate, url, async (clientOf) => {
          await clientOf(File).hashFile({ name: "large" }, { timeoutMs: 20_000 });
          const call = clientOf(File).hashFile({ name: "large" }, { timeoutMs: 1 });
          await assertConnectError(call, Code.DeadlineExceeded, /./);
        })],
      ["errors of both services", () =>
        withClients(certificate, url, async (clientOf) => {
          const file = clientOf(File);
          await assertConnectError(file.hashFile({ name: "none" }), Code.NotFound, 'name: no file "none"');
          const unknown = file.hashFile({ name: "empty", algorithm: 42 as HashAlgorithm });
          await assertConnectError(unknown, Code.InvalidArgument, /^hash service: algorithm: /);
        })],
      ["UNIMPLEMENTED for methods that are left out", () =>
        withClients(certificate, url, async (clientOf) => {
          const file = clientOf(File);
          const text = "Method not implemented!";
          await assertConnectError(file.stat({ name: "large" }), Code.Unimplemented, text);
          await assertConnectError(Array.fromAsync(file.download({ name: "large" })), Code.Unimplemented, text);
          await assertConnectError(file.upload(each([])), Code.Unimplemented, text);
        })],
      endsWell(ours),
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
