/** File as `deno task serve` has it, with the Hash service of another server, but called without a network. */
import { type Client, createClient } from "@connectrpc/connect";
import { File } from "../../gen/edgewire/v1/file_pb.ts";
import { createApp } from "../../src/app.ts";
import { createInProcessTransport, type Protocol } from "../../src/rpc/mod.ts";
import { DiskStore } from "../../src/services/deno/mod.ts";

/** See the top of the file. */
export interface FileScene extends AsyncDisposable {
  readonly file: Client<typeof File>;
}

/** Makes it, with a file `a` of `content`. */
export async function createFileScene(
  hashUrl: string,
  hashProtocol: Protocol,
  content: Uint8Array,
): Promise<FileScene> {
  const dataDirectory = await Deno.makeTempDir();
  const store = await DiskStore.open(dataDirectory);
  const app = await createApp({ store, hashUrl, hashProtocol });
  const file = createClient(File, createInProcessTransport(app.service.routes));
  await file.upload((async function* () {
    yield { part: { case: "header" as const, value: { name: "a" } } };
    yield { part: { case: "chunk" as const, value: content } };
  })());
  return {
    file,
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await store.close();
      await Deno.remove(dataDirectory, { recursive: true });
    },
  };
}
