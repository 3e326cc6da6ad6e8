/** Details of errors as they travel: the name of a message's type and the octets of the message. */
import { create, type DescMessage, type Message, toBinary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { ErrorLimits } from "./error_limits.ts";
import { noteOf } from "./short_error.ts";

/** How many details of an error that came are kept: each is an object of 300 bytes, and takes two on the wire. */
export const MAX_RECEIVED_DETAILS = 1024;

/** A detail, packed. */
export interface PackedDetail {
  /** Full name of the type of message, such as `google.rpc.RetryInfo`. */
  readonly type: string;
  /** The message in Protobuf's binary format. */
  readonly value: Uint8Array;
  /** What was packed, when this is known. */
  readonly source: { readonly desc: DescMessage; readonly message: Message } | undefined;
}

/** The details of an error, packed, if they may be sent. */
export interface PackedDetails {
  readonly packed: readonly PackedDetail[];
  /** What is to be said in the text of the error; empty when nothing was left out. */
  readonly note: string;
}

/**
 * Packs the details of an error, or none of them when they are beyond the limits. One that cannot be encoded is left out: better less of an error than
 * another one instead of it.
 */
export function packDetails(error: ConnectError, { maxDetails, maxDetailBytes }: ErrorLimits): PackedDetails {
  const { details } = error;
  if (details.length === 0) {
    return { packed: [], note: noteOf(error) };
  }
  if (details.length > maxDetails) {
    return leftOut(`${details.length} details left out, the limit is ${maxDetails}`);
  }
  const packed: PackedDetail[] = [];
  let bytes = 0;
  for (const detail of details) {
    const one = pack(detail);
    if (one === undefined) {
      continue;
    }
    bytes += one.type.length + one.value.length;
    if (bytes > maxDetailBytes) {
      return leftOut(`details left out, they are larger than ${maxDetailBytes} bytes`);
    }
    packed.push(one);
  }
  return { packed, note: "" };
}

function leftOut(what: string): PackedDetails {
  return { packed: [], note: ` (${what})` };
}

/** Undefined when it cannot be encoded. */
function pack(detail: ConnectError["details"][number]): PackedDetail | undefined {
  try {
    if ("type" in detail) {
      const { type, value } = detail;
      return typeof type === "string" && value instanceof Uint8Array ? { type, value, source: undefined } : undefined;
    }
    const { desc, value } = detail;
    const message = create(desc, value);
    return { type: desc.typeName, value: toBinary(desc, message), source: { desc, message } };
  } catch {
    return undefined;
  }
}
