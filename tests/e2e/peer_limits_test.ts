/** `server.ts` as a process, and clients that want more of its files than their share: by their address, which a proxy says here. */
import { type Client, Code, createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { File } from "../../gen/edgewire/v1/file_pb.ts";
import { createHttp2Client } from "../../src/net/mod.ts";
import { createTransport } from "../../src/rpc/mod.ts";
import { MAX_UPLOADS_PER_PEER } from "../../src/services/uploads.ts";
import { assertConnectError } from "../support/connect_error.ts";
import { type ServerProcess, startServer } from "../support/server_process.ts";

const REFUSAL = `uploads: the limit is ${MAX_UPLOADS_PER_PEER} unfinished ones for each peer`;

const from = (address: string) => ({ headers: { forwarded: `for="${address}"` } });

async function withFile(server: ServerProcess, use: (file: Client<typeof File>) => Promise<void>): Promise<void> {
  const httpClient = createHttp2Client({ baseUrl: server.url });
  try {
    await use(createClient(File, createTransport({ httpClient, protocol: "grpc" })));
  } finally {
    await httpClient.close();
  }
}

async function startUpload(file: Client<typeof File>, address: string, length: number): Promise<string> {
  const { uploadId } = await file.startUpload({ name: "a", size: 10n }, from(address));
  await file.writeUpload({ uploadId, offset: 0n, chunk: new Uint8Array(length) }, from(address));
  return uploadId;
}

for (const args of [[], ["--workers", "2"]]) {
  const name = args.length === 0 ? "a server" : "a server with workers";
  Deno.test(`${name} has room for the uploads of others, whatever one client begins, also after a restart`, async () => {
    const dataDir = await Deno.makeTempDir();
    const start = () => startServer({ dataDir, args: ["--trust-forwarded", ...args] });
    let server = await start();
    try {
      await withFile(server, async (file) => {
        await Promise.all(Array.from({ length: MAX_UPLOADS_PER_PEER }, () => startUpload(file, "192.0.2.1", 1)));
        await assertConnectError(startUpload(file, "192.0.2.1", 1), Code.ResourceExhausted, REFUSAL);
        // Of another address, nothing of which is ever written: only as many as it may have are kept.
        await Promise.all(
          Array.from({ length: 2 * MAX_UPLOADS_PER_PEER }, () => startUpload(file, "[2001:db8::1]", 0).catch(() => {})),
        );
        await startUpload(file, "192.0.2.2", 10);
      });
      await server.kill();
      server = await start();
      const kept = [...Deno.readDirSync(`${dataDir}/uploads`)].filter(({ name }) => name.endsWith(".part"));
      assert.equal(kept.length, 2 * MAX_UPLOADS_PER_PEER + 1);
      await withFile(server, async (file) => {
        await assertConnectError(startUpload(file, "192.0.2.1", 1), Code.ResourceExhausted, REFUSAL);
        const uploadId = await startUpload(file, "192.0.2.2", 10);
        assert.equal((await file.finishUpload({ uploadId })).file?.size, 10n);
        await startUpload(file, "[2001:db8::2]", 10); // An empty one of its network makes room.
      });
    } finally {
      await server.stop();
      await Deno.remove(dataDir, { recursive: true });
    }
  });
}
