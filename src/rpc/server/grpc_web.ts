/**
 * How gRPC-Web ends an answer: with its trailers in a last envelope. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
 */
import type { HeaderField } from "../../http/mod.ts";
import { TRAILERS_FLAG } from "../envelope.ts";
import { statusFields } from "../grpc_status.ts";
import { parseGrpcTimeout } from "../timeout.ts";
import { endWithEnvelope, sendHead } from "./answer.ts";
import type { ServerProtocol } from "./call_plan.ts";
import { trailersOf } from "./grpc.ts";

/** Those of a call that went well, and has no others: made once, they are 10 % of a call less. */
const SUCCESS = statusFields(undefined);
const SUCCESS_OCTETS = trailerOctets(SUCCESS);

/** gRPC-Web, on whatever carries it. */
export const grpcWebProtocol: ServerProtocol = {
  name: "grpc-web",
  isEnveloped: true,
  encodingField: "grpc-encoding",
  acceptEncodingField: "grpc-accept-encoding",
  timeoutField: "grpc-timeout",
  parseTimeout: parseGrpcTimeout,
  end: (call, error) => {
    sendHead(call);
    const trailers = trailersOf(call, error);
    endWithEnvelope(call, TRAILERS_FLAG, trailers === SUCCESS ? SUCCESS_OCTETS : trailerOctets(trailers));
  },
};

/** Field lines as in HTTP/1.1. Values are isomorphic. */
function trailerOctets(fields: readonly HeaderField[]): Uint8Array {
  const text = fields.map(({ name, value }) => `${name}: ${value}\r\n`).join("");
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
