/** gRPC-Web as a client speaks it: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md */
import { Code, ConnectError } from "@connectrpc/connect";
import type { HeaderField } from "../../http/mod.ts";
import { TRAILERS_FLAG } from "../envelope.ts";
import { errorOfStatus } from "../grpc_status.ts";
import { MAX_TRAILER_BYTES, MAX_TRAILER_FIELDS } from "../metadata.ts";
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

/** A name as in HTTP/1.1 (RFC 9112 §5). Names are to be in lower case, and are not from every peer. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const NOT_OF_VALUES = /[\0\r\n]/;

function readTrailers(octets: Uint8Array, header: readonly HeaderField[]): CallEnd {
  const trailer: HeaderField[] = [];
  if (octets.length > MAX_TRAILER_BYTES) {
    return failedEnd(
      new ConnectError(`trailers have more than ${MAX_TRAILER_BYTES} bytes`, Code.ResourceExhausted),
      header,
    );
  }
  for (const line of latin1(octets).split("\r\n")) {
    if (line === "") {
      continue;
    }
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    if (colon < 0 || !NAME.test(name) || NOT_OF_VALUES.test(line)) {
      return failedEnd(protocolError("the trailers have a line that is no field"), header, trailer);
    }
    if (trailer.length === MAX_TRAILER_FIELDS) {
      const error = new ConnectError(`trailers have more than ${MAX_TRAILER_FIELDS} fields`, Code.ResourceExhausted);
      return failedEnd(error, header);
    }
    trailer.push({ name: name.toLowerCase(), value: trimmed(line, colon + 1) });
  }
  const error = errorOfStatus(trailer);
  if (error === undefined) {
    return { error, trailer };
  }
  return failedEnd(error === "missing" ? protocolError("the trailers have no grpc-status") : error, header, trailer);
}

/** What is from `start` on, without spaces and tabs around it. By a regular expression it would take the square of its length. */
function trimmed(line: string, start: number): string {
  let end = line.length;
  while (start < end && isPadding(line.charCodeAt(start))) {
    start++;
  }
  while (start < end && isPadding(line.charCodeAt(end - 1))) {
    end--;
  }
  return line.slice(start, end);
}

function isPadding(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Octets as characters, as fields of HTTP have them. */
function latin1(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) {
    text += String.fromCharCode(octet);
  }
  return text;
}
