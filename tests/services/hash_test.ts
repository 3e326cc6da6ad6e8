import { type Client, Code, createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { Hash, HashAlgorithm } from "../../gen/edgewire/v1/hash_pb.ts";
import { createNativeHasher } from "../../src/services/deno/mod.ts";
import { createInProcessTransport } from "../../src/rpc/mod.ts";
import { type CreateHasher, createPortableHasher, registerHash } from "../../src/services/mod.ts";
import { each, sampleBytes, split } from "../support/bytes.ts";
import { assertConnectError } from "../support/connect_error.ts";

/** The digests of "abc": FIPS 180-4, FIPS 202 and RFC 1321 examples, and BLAKE3's official test implementation. */
const ABC: ReadonlyArray<readonly [HashAlgorithm, string]> = [
  [HashAlgorithm.SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [HashAlgorithm.SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d"],
  [
    HashAlgorithm.SHA512,
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  ],
  [HashAlgorithm.SHA3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"],
  [HashAlgorithm.BLAKE3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"],
  [HashAlgorithm.MD5, "900150983cd24fb0d6963f7d28e17f72"],
];

function hashClient(createHasher: CreateHasher): Client<typeof Hash> {
  return createClient(Hash, createInProcessTransport((router) => registerHash(router, createHasher)));
}

async function* stream(algorithm: HashAlgorithm, chunks: Iterable<Uint8Array>) {
  yield { part: { case: "options" as const, value: { algorithm } } };
  for (const value of chunks) {
    yield { part: { case: "chunk" as const, value } };
  }
}

for (const createHasher of [createNativeHasher, createPortableHasher]) {
  Deno.test(`${createHasher.name}: Sha and ShaStream give the published digests`, async () => {
    const hash = hashClient(createHasher);
    for (const [algorithm, hex] of ABC) {
      assert.equal((await hash.sha({ input: "abc", algorithm })).digest, hex);
      const streamed = await hash.shaStream(stream(algorithm, split(new TextEncoder().encode("abc"), 1)));
      assert.equal(streamed.digest?.hex, hex);
      assert.equal(streamed.digest?.algorithm, algorithm);
      assert.equal(streamed.byteCount, 3n);
    }
  });
}

Deno.test("Sha uses SHA-256 when no algorithm is asked for, and says so", async () => {
  const response = await hashClient(createPortableHasher).sha({ input: "abc" });
  assert.equal(response.digest, ABC[0]![1]);
  assert.equal(response.algorithm, HashAlgorithm.SHA256);
});

Deno.test("Sha hashes the UTF-8 form of the text", async () => {
  // printf 'Wörld' | sha256sum
  const { digest } = await hashClient(createNativeHasher).sha({ input: "Wörld" });
  assert.equal(digest, "a4be8508e53d005647d985129dcb03a04e165cf52d19629a4b155461f4895c76");
});

Deno.test("native and portable digests of longer content agree, however it is cut", async () => {
  const content = sampleBytes(300_000);
  for (const [algorithm] of ABC) {
    const whole = await hashClient(createNativeHasher).shaStream(stream(algorithm, [content]));
    const cut = await hashClient(createPortableHasher).shaStream(stream(algorithm, split(content, 7919)));
    assert.equal(cut.digest?.hex, whole.digest?.hex);
    assert.equal(cut.byteCount, 300_000n);
  }
});

Deno.test("ShaStream of no chunks and of empty chunks is the digest of nothing", async () => {
  const hash = hashClient(createPortableHasher);
  const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  for (const chunks of [[], [new Uint8Array(), new Uint8Array()]]) {
    const { digest, byteCount } = await hash.shaStream(stream(HashAlgorithm.SHA256, chunks));
    assert.equal(digest?.hex, nothing);
    assert.equal(byteCount, 0n);
  }
});

Deno.test("an algorithm that is not known is refused", async () => {
  const hash = hashClient(createPortableHasher);
  const algorithm = 7 as HashAlgorithm;
  await assertConnectError(hash.sha({ input: "abc", algorithm }), Code.InvalidArgument, "algorithm: unknown value 7");
  await assertConnectError(
    hash.shaStream(stream(algorithm, [])),
    Code.InvalidArgument,
    "algorithm: unknown value 7",
  );
});

Deno.test("ShaStream refuses a stream that is not options, then chunks", async () => {
  const hash = hashClient(createPortableHasher);
  const options = { part: { case: "options" as const, value: {} } };
  const chunk = { part: { case: "chunk" as const, value: new Uint8Array(1) } };
  const cases = [
    { messages: [], message: "options: must come first in the stream" },
    { messages: [chunk], message: "options: must come first in the stream" },
    { messages: [{}], message: "options: must come first in the stream" },
    { messages: [options, chunk, options], message: "chunk: expected, but the message has options" },
    { messages: [options, {}], message: "chunk: expected, but the message has nothing" },
  ];
  for (const { messages, message } of cases) {
    await assertConnectError(hash.shaStream(each(messages)), Code.InvalidArgument, message);
  }
});

Deno.test("BLAKE3 digests that are computed at once share a few instances, and come out right", async () => {
  const contents = Array.from({ length: 40 }, (_, index) => sampleBytes(10_000 + index, index + 1));
  const hashers = await Promise.all(contents.map(() => createNativeHasher(HashAlgorithm.BLAKE3)));
  const abandoned = await createNativeHasher(HashAlgorithm.BLAKE3);
  for (let start = 0; start < 10_100; start += 3000) {
    hashers.forEach((hasher, index) => hasher.update(contents[index]!.subarray(start, start + 3000)));
    abandoned.update(contents[0]!);
  }
  for (const [index, hasher] of hashers.entries()) {
    const whole = createPortableHasher(HashAlgorithm.BLAKE3);
    whole.update(contents[index]!);
    assert.equal(hasher.digestHex(), whole.digestHex(), `digest ${index}`);
  }
});
