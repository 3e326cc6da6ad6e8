/** Metadata of calls: between fields of HTTP and the `Headers` that handlers and callers see. */
import { fieldSectionSize, FieldSectionTooLargeError, type HeaderField } from "../http/mod.ts";
import type { ErrorLimits } from "./error_limits.ts";

/** How trailers of unary calls are marked in Connect, which sends them as headers (https://connectrpc.com/docs/protocol#unary-response). */
export const TRAILER_PREFIX = "trailer-";

/**
 * How many values of metadata a message may have that ends a response, as HTTP's fields by default. `Headers` compares each name with all others: a thousand
 * of them take half a second.
 */
export const MAX_TRAILER_FIELDS = 128;
/** How many bytes they may have in gRPC-Web, as HTTP's fields by default. */
export const MAX_TRAILER_BYTES = 65_536;

/** Names that belong to HTTP or to the protocols: what metadata says under them is not sent. */
const PROTOCOL_FIELDS: ReadonlySet<string> = new Set([
  "accept-encoding",
  "connect-accept-encoding",
  "connect-content-encoding",
  "connect-protocol-version",
  "connect-timeout-ms",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-message",
  "grpc-message-type",
  "grpc-status",
  "grpc-status-details-bin",
  "grpc-timeout",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Fields as `Headers`, without pseudo-header fields. Values keep their order; those of cookies are put together (RFC 9113 §8.2.3). */
export function toHeaders(fields: readonly HeaderField[]): Headers {
  const headers = new Headers();
  for (const { name, value } of fields) {
    if (!name.startsWith(":")) {
      append(headers, name, value);
    }
  }
  return headers;
}

/** As {@linkcode toHeaders}, with the trailers of a unary call of Connect apart. */
export function splitTrailers(fields: readonly HeaderField[]): { readonly header: Headers; readonly trailer: Headers } {
  const isTrailer = ({ name }: HeaderField) => name.startsWith(TRAILER_PREFIX) && name !== TRAILER_PREFIX;
  const trailer = new Headers();
  for (const { name, value } of fields.filter(isTrailer)) {
    append(trailer, name.slice(TRAILER_PREFIX.length), value);
  }
  return { header: toHeaders(fields.filter((field) => !isTrailer(field))), trailer };
}

function append(headers: Headers, name: string, value: string): void {
  if (name === "cookie" && headers.has("cookie")) {
    headers.set("cookie", `${headers.get("cookie")}; ${value}`);
  } else {
    headers.append(name, value);
  }
}

/**
 * The names and values of metadata that may be sent. Several values of a name are one, with commas between them.
 *
 * By `forEach`, as everywhere: Deno makes the whole list anew for each step of an iterator, which is 19 ms for 120 fields instead of 0.1.
 */
export function userMetadata(headers: Headers): HeaderField[] {
  const fields: HeaderField[] = [];
  headers.forEach((value, name) => {
    if (!PROTOCOL_FIELDS.has(name)) {
      fields.push({ name, value });
    }
  });
  return fields;
}

/**
 * Appends metadata to fields that are to be sent, without what belongs to HTTP or the protocols.
 *
 * @param prefix Before each name. @default ""
 */
export function appendFields(fields: HeaderField[], headers: Headers, prefix = ""): void {
  for (const { name, value } of userMetadata(headers)) {
    fields.push({ name: prefix + name, value });
  }
}

/** @throws {FieldSectionTooLargeError} A section with metadata is larger than it may be, or has more fields. */
export function checkMetadata(
  fields: readonly HeaderField[],
  { maxMetadataBytes, maxMetadataFields }: ErrorLimits,
): void {
  if (fields.length > maxMetadataFields) {
    throw new FieldSectionTooLargeError(fields.length, maxMetadataFields, "maxMetadataFields", "fields");
  }
  const size = fieldSectionSize(fields);
  if (size > maxMetadataBytes) {
    throw new FieldSectionTooLargeError(size, maxMetadataBytes, "maxMetadataBytes");
  }
}
