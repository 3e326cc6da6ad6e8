/** The algorithms by the names that people type. */
import { HashAlgorithm } from "../../gen/edgewire/v1/hash_pb.ts";

/** In the order in which the help shows them. */
export const ALGORITHMS = {
  "sha256": HashAlgorithm.SHA256,
  "sha1": HashAlgorithm.SHA1,
  "sha512": HashAlgorithm.SHA512,
  "sha3-256": HashAlgorithm.SHA3_256,
  "blake3": HashAlgorithm.BLAKE3,
  "md5": HashAlgorithm.MD5,
} as const satisfies Record<string, HashAlgorithm>;

/** One of the names. */
export type AlgorithmName = keyof typeof ALGORITHMS;
