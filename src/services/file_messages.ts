/** Between the messages of the File service and what stores know of files. Fields of requests are checked here. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { FileInfo, FileInfoSchema } from "../../gen/edgewire/v1/file_pb.ts";
import type { Digest } from "../../gen/edgewire/v1/hash_pb.ts";
import { assertFileName } from "./file_name.ts";
import type { AnnouncedFile, StoredFile } from "./file_store.ts";
import { concreteAlgorithm, DIGEST_BYTES } from "./hasher.ts";

/** The description of a file. */
export function toFileInfo(file: StoredFile): MessageInitShape<typeof FileInfoSchema> {
  return { name: file.name, size: BigInt(file.size), modified: timestampFromDate(file.modified) };
}

/** The inverse of {@linkcode toFileInfo}. */
export function fromFileInfo(info: FileInfo): StoredFile {
  return {
    name: info.name,
    size: Number(info.size),
    modified: info.modified === undefined ? new Date(0) : timestampDate(info.modified),
  };
}

/**
 * What a request announces of a file.
 *
 * @throws {ConnectError} `invalid_argument`, with the name of the field.
 */
export function announcedFile(
  header: { readonly name: string; readonly size?: bigint | undefined; readonly digest?: Digest | undefined },
): AnnouncedFile {
  assertFileName(header.name);
  return {
    name: header.name,
    size: header.size === undefined ? undefined : byteCount("size", header.size),
    digest: header.digest === undefined ? undefined : announcedDigest(header.digest),
  };
}

/**
 * A number of bytes as a safe integer.
 *
 * @throws {ConnectError} `invalid_argument`: it is negative, or 2^53 or more.
 */
export function byteCount(field: string, value: bigint): number {
  if (value < 0n) {
    throw new ConnectError(`${field}: must not be negative, is ${value}`, Code.InvalidArgument);
  }
  if (value > Number.MAX_SAFE_INTEGER) {
    throw new ConnectError(`${field}: is ${value}, the limit is ${Number.MAX_SAFE_INTEGER}`, Code.InvalidArgument);
  }
  return Number(value);
}

function announcedDigest(digest: Digest): AnnouncedFile["digest"] {
  const algorithm = concreteAlgorithm(digest.algorithm, "digest.algorithm");
  const digits = 2 * DIGEST_BYTES[algorithm];
  if (digest.hex.length !== digits || !/^[0-9a-f]*$/i.test(digest.hex)) {
    throw new ConnectError(`digest.hex: must be ${digits} hexadecimal digits`, Code.InvalidArgument);
  }
  return { algorithm, hex: digest.hex.toLowerCase() };
}
