/** How the Connect protocol ends an answer: https://connectrpc.com/docs/protocol/ */
import type { ConnectError } from "@connectrpc/connect";
import type { Message } from "@bufbuild/protobuf";
import type { HeaderField } from "../../http/mod.ts";
import { isThenable } from "../../user_code/mod.ts";
import { httpStatusOfCode } from "../code.ts";
import { isCompressible } from "../compression.ts";
import { END_STREAM_FLAG } from "../envelope.ts";
import { endStreamJson, errorToJson } from "../error_json.ts";
import { appendFields, checkMetadata, TRAILER_PREFIX } from "../metadata.ts";
import { parseConnectTimeout } from "../timeout.ts";
import { compressInTurn, encodeSharedWithin, encodeWithin, endWithEnvelope, sendHead } from "./answer.ts";
import type { Answering, ServerProtocol } from "./call_plan.ts";
import { NOSNIFF } from "./refusal.ts";

const encoder = new TextEncoder();

/** Connect's streams: the end is a last envelope. */
export const connectStreamProtocol: ServerProtocol = {
  name: "connect",
  isEnveloped: true,
  encodingField: "connect-content-encoding",
  acceptEncodingField: "connect-accept-encoding",
  timeoutField: "connect-timeout-ms",
  parseTimeout: parseConnectTimeout,
  end: (call, error) => {
    sendHead(call);
    const { context, options } = call;
    const end = endStreamJson(error, context.givenTrailer, options.jsonOptions, options.errorLimits);
    endWithEnvelope(call, END_STREAM_FLAG, encoder.encode(end));
  },
};

/** Connect's unary calls: an error is the content of an answer with a status of its own. */
export const connectUnaryProtocol: ServerProtocol = {
  name: "connect",
  isEnveloped: false,
  encodingField: "content-encoding",
  acceptEncodingField: "accept-encoding",
  timeoutField: "connect-timeout-ms",
  parseTimeout: parseConnectTimeout,
  end: (call, error) => {
    if (error !== undefined) {
      sendError(call, error);
    }
  },
};

function sendError({ exchange, plan, context, options }: Answering, error: ConnectError): void {
  const fields: HeaderField[] = [
    { name: ":status", value: String(httpStatusOfCode(error.code)) },
    { name: "content-type", value: "application/json" },
    ...plan.headFields.filter((field) => field.name === plan.protocol.acceptEncodingField || field === NOSNIFF),
  ];
  if (context.givenHeader !== undefined) {
    appendFields(fields, context.givenHeader);
  }
  if (!error.isWireError) { // Of another server's answer only the error is passed on.
    appendFields(fields, error.metadata);
  }
  if (context.givenTrailer !== undefined) {
    appendFields(fields, context.givenTrailer, TRAILER_PREFIX);
  }
  checkMetadata(fields, options.errorLimits);
  const content = encoder.encode(JSON.stringify(errorToJson(error, options.jsonOptions, options.errorLimits)));
  exchange.respond(fields);
  exchange.end(content);
}

/**
 * Sends the message of a unary answer, which is all of it; a promise where compression takes its time.
 *
 * @throws {ConnectError} resource_exhausted: it is larger than `maxResponseBytes`.
 */
export function sendContent(call: Answering, message: Message): void | Promise<void> {
  const compression = call.plan.responseCompression;
  if (compression === undefined) {
    return sendOctets(call, encodeSharedWithin(call, message), undefined);
  }
  const octets = encodeWithin(call, message);
  if (!isCompressible(compression, octets.length, call.options.compressMinBytes)) {
    return sendOctets(call, octets, undefined);
  }
  const choose = (compressed: Uint8Array) =>
    compressed.length < octets.length
      ? sendOctets(call, compressed, compression.name)
      : sendOctets(call, octets, undefined);
  const compressed = compressInTurn(call, compression, octets);
  return isThenable(compressed)
    ? Promise.resolve(compressed).then((compressed) => call.isOpen ? choose(compressed) : undefined)
    : choose(compressed);
}

function sendOctets(call: Answering, octets: Uint8Array, encoding: string | undefined): void {
  sendHead(call, encoding);
  call.record?.addResponse(octets.length);
  call.exchange.end(octets);
}
