/** gRPC as a client speaks it: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
import type { HeaderField } from "../../http/mod.ts";
import { errorOfStatus } from "../grpc_status.ts";
import { formatGrpcTimeout } from "../timeout.ts";
import { type EnvelopedProtocol, EnvelopedReader } from "./enveloped_reader.ts";
import { type CallEnd, failedEnd, protocolError, type WireFormat } from "./wire_format.ts";

const PROTOCOL: EnvelopedProtocol = {
  contentTypePrefix: "application/grpc",
  contentTypes: (codecName) =>
    codecName === "proto" ? ["application/grpc+proto", "application/grpc"] : ["application/grpc+json"],
  encodingField: "grpc-encoding",
  endFlag: 0,
  readEnd: (_octets, header) => failedEnd(protocolError("there is no such envelope"), header),
  endWithout: endOfStatus,
};

/** gRPC over HTTP/2. */
export const grpcFormat: WireFormat = {
  isEnveloped: true,
  encodingField: "grpc-encoding",
  acceptEncodingField: "grpc-accept-encoding",
  headFields: (codecName) => [
    { name: "content-type", value: `application/grpc+${codecName}` },
    { name: "te", value: "trailers" },
  ],
  timeoutField: grpcTimeoutField,
  createReader: (sink, options) => new EnvelopedReader(PROTOCOL, sink, options),
};

/** The deadline of a call of gRPC or gRPC-Web. */
export function grpcTimeoutField(timeoutMs: number): HeaderField {
  return { name: "grpc-timeout", value: formatGrpcTimeout(timeoutMs) };
}

/**
 * The end that status fields tell of. They are trailers; when there are neither trailers nor content, the head may have them ("Trailers-Only"), and
 * its fields are then both header and trailer, since nobody can tell which they were meant to be.
 */
export function endOfStatus(
  header: readonly HeaderField[],
  trailer: readonly HeaderField[] | undefined,
  hasContent: boolean,
): CallEnd {
  const fields = trailer ?? (hasContent ? [] : header);
  const error = errorOfStatus(fields);
  if (error === undefined) {
    return { error, trailer: fields };
  }
  return failedEnd(error === "missing" ? protocolError("the response has no grpc-status") : error, header, fields);
}
