/** Details of errors as they travel: the name of a message's type and the octets of the message. */
import { create, type DescMessage, type Message, toBinary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";

/** How many details of an error that came are kept: each is an object of 300 bytes, and takes two on the wire. */
export const MAX_DETAILS = 1024;

/** A detail, packed. */
export interface PackedDetail {
  /** Full name of the type of message, such as `google.rpc.RetryInfo`. */
  readonly type: string;
  /** The message in Protobuf's binary format. */
  readonly value: Uint8Array;
  /** What was packed, when this is known. */
  readonly source: { readonly desc: DescMessage; readonly message: Message } | undefined;
}

/** Packs the details of an error. One that cannot be encoded is left out: better less of an error than another one instead of it. */
export function packDetails(error: ConnectError): PackedDetail[] {
  const packed: PackedDetail[] = [];
  for (const detail of error.details) {
    if ("type" in detail) {
      packed.push({ type: detail.type, value: detail.value, source: undefined });
      continue;
    }
    const { desc, value } = detail;
    try {
      const message = create(desc, value);
      packed.push({ type: desc.typeName, value: toBinary(desc, message), source: { desc, message } });
    } catch {
      continue;
    }
  }
  return packed;
}
