/** Streams of Connect as a client speaks it: https://connectrpc.com/docs/protocol#streaming-rpcs */
import type { HeaderField } from "../../http/mod.ts";
import { END_STREAM_FLAG } from "../envelope.ts";
import { parseEndStream } from "../error_json.ts";
import { formatConnectTimeout } from "../timeout.ts";
import { type EnvelopedProtocol, EnvelopedReader } from "./enveloped_reader.ts";
import { failedEnd, protocolError, type WireFormat } from "./wire_format.ts";

const PROTOCOL: EnvelopedProtocol = {
  contentTypePrefix: "application/connect+",
  contentTypes: (codecName) => [`application/connect+${codecName}`],
  encodingField: "connect-content-encoding",
  endFlag: END_STREAM_FLAG,
  readEnd: (octets, header) => {
    const end = parseEndStream(octets);
    // The error has the trailer among its metadata already.
    return end.error === undefined ? end : { ...failedEnd(end.error, header), trailer: end.trailer };
  },
  endWithout: (header) => failedEnd(protocolError("the response has no end-stream message"), header),
};

/** Streams of Connect. */
export const connectStreamFormat: WireFormat = {
  isEnveloped: true,
  encodingField: "connect-content-encoding",
  acceptEncodingField: "connect-accept-encoding",
  headFields: (codecName) => [
    { name: "content-type", value: `application/connect+${codecName}` },
    { name: "connect-protocol-version", value: "1" },
  ],
  timeoutField: connectTimeoutField,
  createReader: (sink, options) => new EnvelopedReader(PROTOCOL, sink, options),
};

/** The deadline of a call of Connect, unary or not. */
export function connectTimeoutField(timeoutMs: number): HeaderField {
  return { name: "connect-timeout-ms", value: formatConnectTimeout(timeoutMs) };
}
