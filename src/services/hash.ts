/** The Hash service. */
import type { ServiceImpl } from "@connectrpc/connect";
import type { Hash } from "../../gen/edgewire/v1/hash_pb.ts";
import { concreteAlgorithm, type CreateHasher } from "./hasher.ts";
import { receiveHeader } from "./headed_stream.ts";

/** Makes `edgewire.v1.Hash` with the digests of `createHasher`. */
export function createHashService(createHasher: CreateHasher): ServiceImpl<typeof Hash> {
  const encoder = new TextEncoder();
  return {
    async sha(request) {
      const algorithm = concreteAlgorithm(request.algorithm);
      const hasher = await createHasher(algorithm);
      hasher.update(encoder.encode(request.input));
      return { digest: hasher.digestHex(), algorithm };
    },

    async shaStream(requests) {
      const { header: options, chunks } = await receiveHeader(requests, "options");
      const algorithm = concreteAlgorithm(options.algorithm);
      const hasher = await createHasher(algorithm);
      let byteCount = 0;
      for await (const chunk of chunks) {
        hasher.update(chunk);
        byteCount += chunk.length;
      }
      return { digest: { algorithm, hex: hasher.digestHex() }, byteCount: BigInt(byteCount) };
    },
  };
}
