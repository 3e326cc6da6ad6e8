/** Messages of responses: what is wrong with one that cannot be read is the server's fault. */
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { MessageLimitError } from "../../codec/mod.ts";
import type { Compression } from "../compression.ts";
import { connectErrorOf, isConnectError, quotedReason } from "../thrown_error.ts";
import type { CallPlan } from "./call_plan.ts";

/**
 * @param isOwned Whether nobody else uses the buffer any more.
 * @throws {ConnectError} `internal`: it is malformed. `resource_exhausted`: it takes too much memory.
 */
export function decodeMessage(
  { output, method, readerOptions }: CallPlan,
  buffer: Uint8Array,
  start: number,
  end: number,
  isOwned: boolean,
): Message {
  try {
    return output.decode(buffer, start, end, isOwned, readerOptions.maxDecodedBytes);
  } catch (error) {
    if (error instanceof MessageLimitError) {
      throw new ConnectError(error.message, Code.ResourceExhausted);
    }
    const reason = quotedReason(error);
    throw new ConnectError(
      `the response is no ${method.output.typeName}: ${reason}`,
      Code.Internal,
      undefined,
      undefined,
      error,
    );
  }
}

/** @throws {ConnectError} `internal`: it is damaged. `resource_exhausted`: it is too long. */
export async function decompressMessage(
  { readerOptions }: CallPlan,
  octets: Uint8Array,
  compression: Compression,
): Promise<Uint8Array> {
  try {
    return await compression.decompress(octets, readerOptions.maxMessageBytes);
  } catch (error) {
    if (isConnectError(error) && error.code === Code.InvalidArgument) {
      throw new ConnectError(error.rawMessage, Code.Internal, undefined, undefined, error);
    }
    throw connectErrorOf(error, Code.Internal);
  }
}
