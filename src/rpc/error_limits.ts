/** How much an answer may say of its error, and beside its messages. */
import { changeLimits, type LimitChanges, type LimitRanges, MAX_COUNT } from "../http/mod.ts";

/** What bounds errors on their way to a client. */
export interface ErrorLimits {
  /**
   * Bytes of an error's text as its protocol encodes it: percent-encoded in gRPC and gRPC-Web, as JSON in Connect. Longer texts are cut, and marked
   * as cut. Stops requests that come back in the text of the error about them, which in gRPC is a trailer: 4 KB became 8.7 MB in 531 CONTINUATION
   * frames. Our own choice: no person reads more, and the 8 KiB of grpc-java's header list leave room for the rest.
   *
   * @default 1024
   */
  readonly maxTextBytes: number;
  /**
   * Details of an error. With more of them, none is sent, and the text says so. Stops errors of many small details, for each of which a client has
   * an object. Our own choice: google.rpc has ten kinds, of which an error has one each.
   *
   * @default 32
   */
  readonly maxDetails: number;
  /**
   * Bytes of the details of an error together, in the binary format. With more, none is sent, and the text says so. Stops requests that come back in
   * details, which in gRPC are a trailer, by a third larger in base64. Our own choice: what grpc-core takes of a header list at most.
   *
   * @default 16384
   */
  readonly maxDetailBytes: number;
  /**
   * Bytes of the response header, the response trailer and the metadata of an error, 32 added for each field as HTTP/2 counts them, each section by
   * itself. An error with more is sent without, and its text says so; an answer without an error fails with `resource_exhausted`. Stops handlers that
   * give back what they were given, also where it is content, as in gRPC-Web. What clients announce to take over HTTP/2 counts, too
   * (SETTINGS_MAX_HEADER_LIST_SIZE). As much as an HTTP/2 header list may have here.
   *
   * @default 65536
   */
  readonly maxMetadataBytes: number;
  /**
   * Fields of each of these sections, those of the protocol among them. Clients do not announce how many they take, and lose the whole answer above
   * that. A little less than the 128 that Node and our own client take.
   *
   * @default 120
   */
  readonly maxMetadataFields: number;
}

/** What holds where nothing else is said. */
export const DEFAULT_ERROR_LIMITS: ErrorLimits = {
  maxTextBytes: 1024,
  maxDetails: 32,
  maxDetailBytes: 16 * 1024,
  maxMetadataBytes: 64 * 1024,
  maxMetadataFields: 120,
};

/** The smallest and the largest value of each. A text needs room for its mark. */
const RANGES: LimitRanges<ErrorLimits> = {
  maxTextBytes: [128, MAX_COUNT],
  maxDetails: [0, MAX_COUNT],
  maxDetailBytes: [0, MAX_COUNT],
  maxMetadataBytes: [0, MAX_COUNT],
  maxMetadataFields: [0, MAX_COUNT],
};

/** Returns the default limits with some of them changed. @throws {RangeError} There is no such limit, or it cannot have that value. */
export function resolveErrorLimits(changes: LimitChanges<ErrorLimits> = {}): ErrorLimits {
  return changeLimits(DEFAULT_ERROR_LIMITS, RANGES, changes);
}
