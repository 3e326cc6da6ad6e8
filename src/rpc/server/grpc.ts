/**
 * How gRPC ends an answer: with trailers. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import type { HeaderField } from "../../http/mod.ts";
import { statusFields } from "../grpc_status.ts";
import { appendFields, checkMetadata } from "../metadata.ts";
import { parseGrpcTimeout } from "../timeout.ts";
import { sendHead } from "./answer.ts";
import type { Answering, ServerProtocol } from "./call_plan.ts";

/** gRPC over HTTP/2. */
export const grpcProtocol: ServerProtocol = {
  name: "grpc",
  isEnveloped: true,
  encodingField: "grpc-encoding",
  acceptEncodingField: "grpc-accept-encoding",
  timeoutField: "grpc-timeout",
  parseTimeout: parseGrpcTimeout,
  end: (call, error) => {
    const { exchange, plan, context } = call;
    if (error !== undefined && !exchange.headSent && context.givenHeader === undefined) {
      exchange.respond([...plan.headFields, ...trailersOf(call, error)], true); // "Trailers-Only"
      return;
    }
    sendHead(call);
    exchange.endWithTrailers(trailersOf(call, error));
  },
};

/** The trailers of gRPC, and of gRPC-Web where they are content. @throws {FieldSectionTooLargeError} They are larger than may be. */
export function trailersOf(
  { context, options }: Pick<Answering, "context" | "options">,
  error: Parameters<ServerProtocol["end"]>[1],
): readonly HeaderField[] {
  const status = statusFields(error, options.errorLimits);
  const { givenTrailer } = context;
  if (givenTrailer === undefined && error === undefined) {
    return status; // One frozen list for all.
  }
  const fields: HeaderField[] = [...status];
  if (givenTrailer !== undefined) {
    appendFields(fields, givenTrailer);
  }
  if (error !== undefined && !error.isWireError) { // Of another server's answer only the error is passed on.
    appendFields(fields, error.metadata);
  }
  if (fields.length > status.length) {
    checkMetadata(fields, options.errorLimits);
  }
  return fields;
}
