/** What the services need to know of digests: algorithms, their sizes, and who computes them. */
import { Code, ConnectError } from "@connectrpc/connect";
import { HashAlgorithm } from "../../gen/edgewire/v1/hash_pb.ts";

/** An algorithm that was asked for by name. */
export type ConcreteHashAlgorithm = Exclude<HashAlgorithm, HashAlgorithm.UNSPECIFIED>;

/** A digest under way. */
export interface Hasher {
  /** Adds bytes. They are not kept. */
  update(bytes: Uint8Array): void;
  /** Ends the digest: lower-case hexadecimal. Call it once. */
  digestHex(): string;
}

/** Begins a digest. It may have to load code for it. */
export type CreateHasher = (algorithm: ConcreteHashAlgorithm) => Hasher | Promise<Hasher>;

/** How long the digests are, in bytes. */
export const DIGEST_BYTES: Readonly<Record<ConcreteHashAlgorithm, number>> = {
  [HashAlgorithm.SHA256]: 32,
  [HashAlgorithm.SHA1]: 20,
  [HashAlgorithm.SHA512]: 64,
  [HashAlgorithm.SHA3_256]: 32,
  [HashAlgorithm.BLAKE3]: 32,
  [HashAlgorithm.MD5]: 16,
};

/**
 * The algorithm a request means: SHA-256 when it does not say.
 *
 * @throws {ConnectError} `invalid_argument`: this server does not know the algorithm.
 */
export function concreteAlgorithm(algorithm: HashAlgorithm, field = "algorithm"): ConcreteHashAlgorithm {
  if (algorithm === HashAlgorithm.UNSPECIFIED) {
    return HashAlgorithm.SHA256;
  }
  if (!(algorithm in DIGEST_BYTES)) {
    throw new ConnectError(`${field}: unknown value ${algorithm}`, Code.InvalidArgument);
  }
  return algorithm;
}
