/** gRPC-Web as a client speaks it: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md */
import type { HeaderField } from "../../http/mod.ts";
import { TRAILERS_FLAG } from "../envelope.ts";
import { errorOfStatus } from "../grpc_status.ts";
import { type EnvelopedProtocol, EnvelopedReader } from "./enveloped_reader.ts";
import { endOfStatus, grpcTimeoutField } from "./grpc_format.ts";
import { type CallEnd, failedEnd, protocolError, type WireFormat } from "./wire_format.ts";

const PROTOCOL: EnvelopedProtocol = {
  contentTypePrefix: "application/grpc-web",
  contentTypes: (codecName) =>
    codecName === "proto" ? ["application/grpc-web+proto", "application/grpc-web"] : ["application/grpc-web+json"],
  encodingField: "grpc-encoding",
  endFlag: TRAILERS_FLAG,
  readEnd: readTrailers,
  endWithout: (header, _trailer, hasContent) => endOfStatus(header, undefined, hasContent),
};

/** gRPC-Web, which needs no trailers of HTTP. */
export const grpcWebFormat: WireFormat = {
  isEnveloped: true,
  encodingField: "grpc-encoding",
  acceptEncodingField: "grpc-accept-encoding",
  headFields: (codecName) => [
    { name: "content-type", value: `application/grpc-web+${codecName}` },
    { name: "x-grpc-web", value: "1" },
  ],
  timeoutField: grpcTimeoutField,
  createReader: (sink, options) => new EnvelopedReader(PROTOCOL, sink, options),
};

/** A name and a value, as in HTTP/1.1 (RFC 9112 §5). Names are to be in lower case, and are not from every peer. */
const FIELD_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*$/;

function readTrailers(octets: Uint8Array, header: readonly HeaderField[]): CallEnd {
  const trailer: HeaderField[] = [];
  for (const line of latin1(octets).split("\r\n")) {
    const match = FIELD_LINE.exec(line);
    if (match !== null) {
      trailer.push({ name: match[1]!.toLowerCase(), value: match[2]! });
    } else if (line !== "") {
      return failedEnd(protocolError("the trailers have a line that is no field"), header, trailer);
    }
  }
  const error = errorOfStatus(trailer);
  if (error === undefined) {
    return { error, trailer };
  }
  return failedEnd(error === "missing" ? protocolError("the trailers have no grpc-status") : error, header, trailer);
}

/** Octets as characters, as fields of HTTP have them. */
function latin1(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) {
    text += String.fromCharCode(octet);
  }
  return text;
}
