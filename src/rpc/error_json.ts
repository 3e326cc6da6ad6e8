/** Errors of Connect as JSON, alone and in the message that ends a stream (https://connectrpc.com/docs/protocol#error-end-stream). */
import {
  fromBinary,
  type JsonObject,
  type JsonValue,
  type JsonWriteOptions,
  type Registry,
  toJson,
} from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";
import { scanJson } from "../codec/mod.ts";
import type { HeaderField } from "../http/mod.ts";
import { codeFromName, codeName } from "./code.ts";
import { MAX_RECEIVED_DETAILS, packDetails, type PackedDetail } from "./error_detail.ts";
import { DEFAULT_ERROR_LIMITS, type ErrorLimits } from "./error_limits.ts";
import { capText, jsonBytes, utf8Bytes } from "./error_text.ts";
import { checkMetadata, MAX_TRAILER_FIELDS, userMetadata } from "./metadata.ts";

/** How details are shown in `debug`. Those of types that neither the error nor the registry knows are not. */
export type ErrorJsonOptions = Partial<JsonWriteOptions> & { readonly registry?: Registry | undefined };

/** How a stream ended. */
export interface EndOfStream {
  readonly error: ConnectError | undefined;
  readonly trailer: Headers;
}

const TEXT_DECODER = new TextDecoder();

/** What the JSON of an error may take in memory, whoever sent it: more than 10,000 details. */
const MAX_DECODED_BYTES = 2 ** 23;

/** Parses the JSON of an error, or of the end of a stream. Undefined when it is none, is nested deeper than 200, or has more values than any error has. */
export function parseErrorJson(octets: Uint8Array): unknown {
  try {
    scanJson(octets, 0, octets.length, MAX_DECODED_BYTES);
    return JSON.parse(TEXT_DECODER.decode(octets));
  } catch {
    return undefined;
  }
}

/** An error as the content of a response. Its metadata is not in it. */
export function errorToJson(
  error: ConnectError,
  options?: ErrorJsonOptions,
  limits: ErrorLimits = DEFAULT_ERROR_LIMITS,
): JsonObject {
  const json: JsonObject = { code: codeName(error.code) };
  const { packed, note } = packDetails(error, limits);
  const message = capText(error.rawMessage, limits.maxTextBytes, jsonBytes, note);
  if (message !== "") {
    json["message"] = message;
  }
  if (packed.length > 0) {
    json["details"] = packed.map((detail) => detailToJson(detail, options, limits));
  }
  return json;
}

function detailToJson(
  detail: PackedDetail,
  options: ErrorJsonOptions | undefined,
  { maxDetailBytes }: ErrorLimits,
): JsonObject {
  const json: JsonObject = { type: detail.type, value: base64Encode(detail.value, "std_raw") };
  const debug = debugOf(detail, options);
  // A byte of a detail may be the name of an enumeration's value.
  if (debug !== undefined && JSON.stringify(debug).length <= maxDetailBytes) {
    json["debug"] = debug;
  }
  return json;
}

/** For people to read; undefined when it cannot be had. */
function debugOf({ type, value, source }: PackedDetail, options: ErrorJsonOptions | undefined): JsonValue | undefined {
  try {
    if (source !== undefined) {
      return toJson(source.desc, source.message, options);
    }
    const desc = options?.registry?.getMessage(type);
    return desc === undefined ? undefined : toJson(desc, fromBinary(desc, value), options);
  } catch {
    return undefined;
  }
}

/**
 * The error that parsed JSON tells of. Never fails: what is wrong in it is passed over, `debug` of details always.
 *
 * @param fallback Has the code when the JSON has none, and the metadata; it is the error when the JSON is none at all.
 */
export function errorFromJson(json: unknown, fallback: ConnectError): ConnectError {
  if (!isObject(json)) {
    return fallback;
  }
  const code = typeof json["code"] === "string" ? codeFromName(json["code"]) : undefined;
  const message = typeof json["message"] === "string" ? json["message"] : undefined;
  if (code === undefined && message === undefined) {
    return fallback;
  }
  const text = capText(message ?? "", DEFAULT_ERROR_LIMITS.maxTextBytes, utf8Bytes);
  const error = new ConnectError(text, code ?? fallback.code, fallback.metadata);
  error.isWireError = true;
  if (Array.isArray(json["details"])) {
    error.details = json["details"].slice(0, MAX_RECEIVED_DETAILS).map(detailFromJson).filter((detail) =>
      detail !== undefined
    );
  }
  return error;
}

/** Undefined when it is damaged: that must not hide the error. */
function detailFromJson(json: unknown): { type: string; value: Uint8Array } | undefined {
  if (!isObject(json) || typeof json["type"] !== "string" || typeof json["value"] !== "string") {
    return undefined;
  }
  try {
    return { type: json["type"], value: base64Decode(json["value"]) };
  } catch {
    return undefined;
  }
}

/**
 * The JSON text of the message that ends a stream.
 *
 * @param trailer Metadata to go with it, beside the error's own.
 * @throws {FieldSectionTooLargeError} There is more metadata than may be sent.
 */
export function endStreamJson(
  error: ConnectError | undefined,
  trailer: Headers | undefined,
  options?: ErrorJsonOptions,
  limits: ErrorLimits = DEFAULT_ERROR_LIMITS,
): string {
  // A map, as names of metadata are the user's, and one may be `__proto__`.
  const metadata = new Map<string, string[]>();
  const sent: HeaderField[] = [];
  for (const headers of [trailer, error?.isWireError ? undefined : error?.metadata]) {
    for (const field of headers === undefined ? [] : userMetadata(headers)) {
      const { name, value } = field;
      sent.push(field);
      const values = metadata.get(name);
      if (values === undefined) {
        metadata.set(name, [value]);
      } else {
        values.push(value);
      }
    }
  }
  const json: JsonObject = {};
  if (error !== undefined) {
    json["error"] = errorToJson(error, options, limits);
  }
  if (metadata.size > 0) {
    checkMetadata(sent, limits);
    json["metadata"] = Object.fromEntries(metadata);
  }
  return JSON.stringify(json);
}

/** Reads the message that ends a stream. Never fails: an error of code `internal` says that it cannot be read. */
export function parseEndStream(octets: Uint8Array): EndOfStream {
  const trailer = new Headers();
  const json = parseErrorJson(octets);
  const isValid = isObject(json) && readMetadata(json["metadata"], trailer);
  if (isObject(json) && json["error"] !== undefined && json["error"] !== null) {
    const fallback = new ConnectError("", Code.Unknown, trailer);
    fallback.isWireError = true;
    return { error: errorFromJson(json["error"], fallback), trailer };
  }
  return {
    error: isValid ? undefined : new ConnectError("end-stream message is not valid", Code.Internal),
    trailer,
  };
}

/** @returns Whether it has the right shape, `{"name": ["value", ...], ...}`, and not too many values. */
function readMetadata(json: unknown, headers: Headers): boolean {
  if (json === undefined || json === null) {
    return true;
  }
  if (!isObject(json)) {
    return false;
  }
  let count = 0;
  try {
    for (const [name, values] of Object.entries(json)) {
      if (!Array.isArray(values) || !values.every((value) => typeof value === "string")) {
        return false;
      }
      count += values.length;
      if (count > MAX_TRAILER_FIELDS) {
        return false;
      }
      values.forEach((value) => headers.append(name, value));
    }
    return true;
  } catch {
    return false; // No name or value of HTTP.
  }
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
