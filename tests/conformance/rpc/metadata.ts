/** Metadata and errors as connectconformance's messages have them, and as connect-es has them. */
import { create } from "@bufbuild/protobuf";
import { anyPack, AnySchema } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { type Header, HeaderSchema, type RpcError, RpcErrorSchema } from "./messages.ts";

const TYPE_URL_PREFIX = "type.googleapis.com/";

/** Adds fields to headers or trailers. */
export function addFields(headers: Headers, fields: readonly Header[]): void {
  for (const { name, value: values } of fields) {
    for (const value of values) {
      headers.append(name, value);
    }
  }
}

/** Headers, trailers or parameters as messages. */
export function fieldsOf(entries: Iterable<[string, string]>): Header[] {
  return Array.from(entries, ([name, value]) => create(HeaderSchema, { name, value: [value] }));
}

/** The error that a definition asks for. Its details go as they are: what they are is the client's business. */
export function connectErrorOf(error: RpcError): ConnectError {
  const connectError = new ConnectError(error.message ?? "", error.code);
  connectError.details = error.details.map(({ typeUrl, value }) => ({
    type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
    value,
  }));
  return connectError;
}

/** What a client has to say of an error. */
export function rpcErrorOf({ code, rawMessage, details }: ConnectError): RpcError {
  return create(RpcErrorSchema, {
    code,
    message: rawMessage,
    details: details.map((detail) =>
      "desc" in detail
        ? anyPack(detail.desc, create(detail.desc, detail.value))
        : create(AnySchema, { typeUrl: TYPE_URL_PREFIX + detail.type, value: detail.value })
    ),
  });
}
