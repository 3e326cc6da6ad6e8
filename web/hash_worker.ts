/** The hash worker: hashes files of this device and of the server beside the page, so that the page never stands still. */
import { ConnectError, createClient } from "@connectrpc/connect";
import { createBLAKE3, createMD5, createSHA1, createSHA256, createSHA3, createSHA512, type IHasher } from "hash-wasm";
import { File } from "../gen/edgewire/v1/file_pb.ts";
import { HashAlgorithm } from "../gen/edgewire/v1/hash_pb.ts";
import type { ChosenAlgorithm } from "./algorithms.ts";
import type { HashFailure, HashReply, HashRequest, HashSource } from "./hash_messages.ts";
import { createPageTransport } from "./transport.ts";

const HASHERS: Readonly<Record<ChosenAlgorithm, () => Promise<IHasher>>> = {
  [HashAlgorithm.SHA256]: createSHA256,
  [HashAlgorithm.SHA1]: createSHA1,
  [HashAlgorithm.SHA512]: createSHA512,
  [HashAlgorithm.SHA3_256]: () => createSHA3(256),
  [HashAlgorithm.BLAKE3]: () => createBLAKE3(256),
  [HashAlgorithm.MD5]: createMD5,
};

/** How much of a local file is read at a time, in bytes. */
const READ_BYTES = 4 * 1024 * 1024;

/** How often progress is told, in milliseconds. */
const PROGRESS_INTERVAL_MS = 50;

/** The jobs under way, by id. */
const jobs = new Map<number, AbortController>();

addEventListener("message", ({ data }: MessageEvent<HashRequest>) => {
  if (data.kind === "cancel") {
    jobs.get(data.id)?.abort();
    return;
  }
  const { id, algorithm, source } = data;
  const job = new AbortController();
  jobs.set(id, job);
  hash(id, algorithm, source, job.signal)
    .catch((error): HashReply => ({ kind: "failed", id, error: toFailure(error) }))
    .then(reply)
    .finally(() => jobs.delete(id));
});

async function hash(
  id: number,
  algorithm: ChosenAlgorithm,
  source: HashSource,
  signal: AbortSignal,
): Promise<HashReply> {
  const hasher = await HASHERS[algorithm]();
  let hashedBytes = 0;
  let toldAt = 0;
  for await (const chunk of source.kind === "local" ? readBlob(source.blob) : download(source, signal)) {
    signal.throwIfAborted();
    hasher.update(chunk);
    hashedBytes += chunk.length;
    const now = performance.now();
    if (now - toldAt >= PROGRESS_INTERVAL_MS) {
      toldAt = now;
      reply({ kind: "progress", id, hashedBytes });
    }
  }
  return { kind: "done", id, hex: hasher.digest(), hashedBytes };
}

async function* readBlob(blob: Blob): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < blob.size; offset += READ_BYTES) {
    yield new Uint8Array(await blob.slice(offset, offset + READ_BYTES).arrayBuffer());
  }
}

async function* download(
  { name, baseUrl, protocol }: HashSource & { kind: "stored" },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const files = createClient(File, createPageTransport({ baseUrl, protocol }));
  for await (const { part } of files.download({ name }, { signal })) {
    if (part.case === "chunk") {
      yield part.value;
    }
  }
}

function toFailure(error: unknown): HashFailure {
  if (error instanceof ConnectError) {
    return { code: error.code, name: error.name, message: error.rawMessage };
  }
  return error instanceof Error || error instanceof DOMException
    ? { name: error.name, message: error.message }
    : { name: "Error", message: String(error) };
}

function reply(message: HashReply): void {
  postMessage(message);
}
