/**
 * File calls of one kind, so many at a time, until the time is over: `load.ts URL KIND CALLS MILLISECONDS`. Prints how many bytes went by and how many
 * calls failed. KIND is one of {@linkcode KINDS}.
 */
import { createClient } from "@connectrpc/connect";
import { File } from "../../gen/edgewire/v1/file_codec.ts";
import { Hash } from "../../gen/edgewire/v1/hash_codec.ts";
import { createHttp2Client, createTransport } from "../../mod.ts";

/** The file that is read, and its length in bytes. */
export const FILE_NAME = "starvation.bin";
export const FILE_BYTES = 32 * 1024 * 1024;

const CHUNK = new Uint8Array(64 * 1024).fill(7);
const TINY = new Uint8Array(1).fill(7);

/** What a call of each kind does. It gives the bytes that went by. */
function makeKinds(url: string): Readonly<Record<string, (number: number) => Promise<number>>> {
  const httpClient = createHttp2Client({ baseUrl: url });
  const transport = createTransport({ protocol: "grpc", httpClient });
  const [file, hash] = [createClient(File, transport), createClient(Hash, transport)];
  const hashStream = async (chunk: Uint8Array, count: number) => {
    const { byteCount } = await hash.shaStream((async function* () {
      yield { part: { case: "options" as const, value: {} } };
      for (let sent = 0; sent < count && performance.now() < endMs; sent++) {
        yield { part: { case: "chunk" as const, value: chunk } };
      }
    })());
    return Number(byteCount);
  };
  const upload = async (name: string, count: number) => {
    const { file: stored } = await file.upload((async function* () {
      yield { part: { case: "header" as const, value: { name } } };
      for (let sent = 0; sent < count; sent++) {
        yield { part: { case: "chunk" as const, value: CHUNK } };
      }
    })());
    return Number(stored!.size);
  };
  return {
    hash_file: async () => Number((await file.hashFile({ name: FILE_NAME })).byteCount),
    hash_file_with_progress: async () => {
      let hashed = 0;
      for await (const { event } of file.hashFileWithProgress({ name: FILE_NAME })) {
        hashed = event.case === "result" ? Number(event.value.byteCount) : hashed;
      }
      return hashed;
    },
    download: async () => {
      let received = 0;
      for await (const { part } of file.download({ name: FILE_NAME })) {
        received += part.case === "chunk" ? part.value.length : 0;
      }
      return received;
    },
    hash_stream: () => hashStream(CHUNK, FILE_BYTES / CHUNK.length),
    hash_tiny_chunks: () => hashStream(TINY, FILE_BYTES),
    upload: (number) => upload(`upload-${number}`, 128),
    small_uploads: (number) => upload(`small-${number}`, 1),
    stat: async () => Number((await file.stat({ name: FILE_NAME })).file!.size) && 0,
    list: async () => (await file.list({ pageSize: 1000 })).files.length,
  };
}

const [url, kind, calls, durationMs] = Deno.args;
const endMs = performance.now() + Number(durationMs);
const call = makeKinds(url!)[kind!]!;
let [bytes, failed, done] = [0, 0, 0];
let firstError = "";
console.log("ready");
const startMs = performance.now();
await Promise.all(
  Array.from({ length: Number(calls) }, async (_, number) => {
    while (performance.now() < endMs) {
      try {
        const got = await call(number);
        bytes += got;
        done++;
      } catch (error) {
        failed++;
        firstError ||= String(error);
      }
    }
  }),
);
console.log(JSON.stringify({ bytes, done, failed, firstError, ms: performance.now() - startMs }));
Deno.exit(0);
