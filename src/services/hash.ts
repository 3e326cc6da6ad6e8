/** The Hash service. */
import type { ServiceImpl } from "@connectrpc/connect";
import type { Hash } from "../../gen/edgewire/v1/hash_pb.ts";
import { concreteAlgorithm, type CreateHasher } from "./hasher.ts";
import { receiveHeader } from "./headed_stream.ts";
import type { Pace } from "./pace.ts";

/**
 * Makes `edgewire.v1.Hash` with the digests of `createHasher`.
 *
 * @param pace Of streams that come by sockets. Undefined for callers in this process: the files that they hash are read in turns.
 */
export function createHashService(createHasher: CreateHasher, pace?: Pace): ServiceImpl<typeof Hash> {
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
      using _working = pace?.join();
      for await (const chunk of chunks) {
        hasher.update(chunk);
        byteCount += chunk.length;
        const rest = pace?.next();
        if (rest !== undefined) {
          await rest;
        }
      }
      return { digest: { algorithm, hex: hasher.digestHex() }, byteCount: BigInt(byteCount) };
    },
  };
}
