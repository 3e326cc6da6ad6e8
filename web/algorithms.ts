/** The digest algorithms, as a choice for people. */
import { HashAlgorithm } from "../gen/edgewire/v1/hash_pb.ts";

/** An algorithm that was chosen by name. */
export type ChosenAlgorithm = Exclude<HashAlgorithm, HashAlgorithm.UNSPECIFIED>;

/** The choice, the default first. */
export const ALGORITHMS: readonly { readonly algorithm: ChosenAlgorithm; readonly label: string }[] = [
  { algorithm: HashAlgorithm.SHA256, label: "SHA-256" },
  { algorithm: HashAlgorithm.SHA512, label: "SHA-512" },
  { algorithm: HashAlgorithm.SHA3_256, label: "SHA3-256" },
  { algorithm: HashAlgorithm.BLAKE3, label: "BLAKE3" },
  { algorithm: HashAlgorithm.SHA1, label: "SHA-1 (not secure)" },
  { algorithm: HashAlgorithm.MD5, label: "MD5 (not secure)" },
];

/** The algorithm with this number, which came from one of the choices. */
export function chosenAlgorithm(value: number): ChosenAlgorithm {
  return ALGORITHMS.find(({ algorithm }) => algorithm === value)?.algorithm ?? HashAlgorithm.SHA256;
}
