/** A probe of calls that every runtime has to answer alike: all kinds of calls that a `fetch` handler can carry. */
import { Code, createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { File } from "../../gen/edgewire/v1/file_pb.ts";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { Hash, HashAlgorithm } from "../../gen/edgewire/v1/hash_pb.ts";
import { Greeter as LectureGreeter } from "../../gen/hello_pb.ts";
import { createTransport, type TransportOptions } from "../../src/rpc/mod.ts";
import { each, sampleBytes, sha256, split } from "../support/bytes.ts";
import { assertConnectError } from "../support/connect_error.ts";

/** Makes all calls of the probe, by both protocols in both formats. */
export async function probe(baseUrl: string): Promise<void> {
  for (const protocol of ["connect", "grpc-web"] as const) {
    for (const useBinaryFormat of [true, false]) {
      await probeCalls({ baseUrl, protocol, useBinaryFormat });
    }
  }
  await probeCalls({ baseUrl, useHttpGet: true });
}

async function probeCalls(options: TransportOptions): Promise<void> {
  const transport = createTransport(options);
  const greeter = createClient(Greeter, transport);
  const hash = createClient(Hash, transport);
  const file = createClient(File, transport);
  assert.equal((await greeter.sayHello({ name: "World" })).message, "Hello, World!");
  assert.equal((await createClient(LectureGreeter, transport).sayHello({ name: "World" })).message, "Hello, World!");

  for (const [algorithm, hex] of EMPTY_DIGESTS) {
    assert.equal((await hash.sha({ algorithm })).digest, hex);
  }

  const content = sampleBytes(300_000);
  const chunks = [...split(content, 70_000)].map((value) => ({ part: { case: "chunk" as const, value } }));
  const digest = { hex: sha256(content) };
  const hashed = await hash.shaStream(each([{ part: { case: "options" as const, value: {} } }, ...chunks]));
  assert.equal(hashed.digest?.hex, digest.hex);
  const header = { name: "probe", size: BigInt(content.length), digest };
  const stored = await file.upload(each([{ part: { case: "header" as const, value: header } }, ...chunks]));
  assert.equal(stored.file?.size, header.size);
  assert.equal((await file.hashFile({ name: "probe" })).digest?.hex, digest.hex);

  const received: number[] = [];
  for await (const { part } of file.download({ name: "probe", offset: 100_000n })) {
    if (part.case === "chunk") {
      received.push(...part.value);
    }
  }
  assert.deepEqual(new Uint8Array(received), content.subarray(100_000));

  const events = await Array.fromAsync(file.hashFileWithProgress({ name: "probe" }), ({ event }) => event);
  assert.equal(events.at(-1)?.case, "result");

  const greetings = greeter.converse(each([{ name: "Ada" }, { name: "Grace" }]));
  assert.deepEqual(await Array.fromAsync(greetings, ({ message }) => message), ["Hello, Ada!", "Hello, Grace!"]);

  await assertConnectError(file.stat({ name: "a/b" }), Code.InvalidArgument, 'name: must not contain "/"');
  await assertConnectError(Array.fromAsync(file.download({ name: "b" })), Code.NotFound, 'name: no file "b"');
}

/** Digests of nothing, by `openssl dgst` and `b3sum`. */
const EMPTY_DIGESTS: ReadonlyArray<readonly [HashAlgorithm, string]> = [
  [HashAlgorithm.SHA256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  [HashAlgorithm.SHA1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"],
  [HashAlgorithm.SHA3_256, "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"],
  [HashAlgorithm.BLAKE3, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"],
  [HashAlgorithm.MD5, "d41d8cd98f00b204e9800998ecf8427e"],
];
