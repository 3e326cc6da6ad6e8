/**
 * How a call of gRPC or gRPC-Web ended, as trailer fields: grpc-status, grpc-message and grpc-status-details-bin
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses).
 */
import { base64Decode, base64Encode, BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";
import { fieldValue, type HeaderField } from "../http/mod.ts";
import { isCode } from "./code.ts";
import { MAX_RECEIVED_DETAILS, packDetails, type PackedDetail } from "./error_detail.ts";
import { DEFAULT_ERROR_LIMITS, type ErrorLimits } from "./error_limits.ts";
import { capText, percentEncodedBytes, utf8Bytes } from "./error_text.ts";
import { decodeGrpcMessage, encodeGrpcMessage } from "./grpc_message.ts";

/** Frozen and the same each time: such lists are encoded fastest. */
const OK_FIELDS: readonly HeaderField[] = Object.freeze([{ name: "grpc-status", value: "0" }]);

/** Before the type's name in google.protobuf.Any. */
const TYPE_URL_PREFIX = "type.googleapis.com/";

/** google.rpc.Status, of which the code and each detail is checked by whoever uses it. */
interface RpcStatus {
  code: number;
  message: string;
  readonly details: { readonly type: string; readonly value: Uint8Array }[];
}

/** The fields for an error, or for success. Its metadata is not among them. */
export function statusFields(
  error: ConnectError | undefined,
  limits: ErrorLimits = DEFAULT_ERROR_LIMITS,
): readonly HeaderField[] {
  if (error === undefined) {
    return OK_FIELDS;
  }
  const code = codeOf(error);
  const fields = [{ name: "grpc-status", value: String(code) }];
  const { packed, note } = packDetails(error, limits);
  const message = capText(error.rawMessage, limits.maxTextBytes, percentEncodedBytes, note);
  if (message !== "") {
    fields.push({ name: "grpc-message", value: encodeGrpcMessage(message) });
  }
  if (packed.length > 0) {
    const status = encodeStatus(code, message, packed);
    fields.push({ name: "grpc-status-details-bin", value: base64Encode(status, "std_raw") });
  }
  return fields;
}

/**
 * The error that fields tell of; undefined when they tell of success, `missing` when they have no grpc-status.
 *
 * What grpc-status-details-bin says goes before grpc-status and grpc-message when they say that there is an error and it can be read.
 *
 * @param metadata Of the error.
 */
export function errorOfStatus(
  fields: readonly HeaderField[],
  metadata?: HeadersInit,
): ConnectError | undefined | "missing" {
  const status = fieldValue(fields, "grpc-status");
  if (status === undefined) {
    return "missing";
  }
  if (status === "0") {
    return undefined;
  }
  const error = readError(status, fields, metadata);
  error.isWireError = true;
  return error;
}

function readError(status: string, fields: readonly HeaderField[], metadata: HeadersInit | undefined): ConnectError {
  const message = capReceived(decodeGrpcMessage(fieldValue(fields, "grpc-message") ?? ""));
  const code = /^[0-9]+$/.test(status) ? Number(status) : -1;
  if (!isCode(code)) {
    return new ConnectError(message || "grpc-status is not the number of a status", Code.Unknown, metadata);
  }
  const details = readDetails(fieldValue(fields, "grpc-status-details-bin"));
  if (details === undefined) {
    return new ConnectError(message, code, metadata);
  }
  const error = isCode(details.code)
    ? new ConnectError(capReceived(details.message), details.code, metadata)
    : new ConnectError(message, code, metadata);
  error.details = details.details;
  return error;
}

/** A server may have other limits, or none. */
function capReceived(text: string): string {
  return capText(text, DEFAULT_ERROR_LIMITS.maxTextBytes, utf8Bytes);
}

/** What is no code must not become 0, which means success. */
function codeOf(error: ConnectError): Code {
  return isCode(error.code) ? error.code : Code.Unknown;
}

/** Undefined when there are none or they are damaged: that must not hide the error. */
function readDetails(value: string | undefined): RpcStatus | undefined {
  if (value === undefined) {
    return undefined;
  }
  try {
    return decodeStatus(base64Decode(value));
  } catch {
    return undefined;
  }
}

/** google.rpc.Status: `int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3`. */
function encodeStatus(code: Code, message: string, details: readonly PackedDetail[]): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int32(code);
  writer.tag(2, WireType.LengthDelimited).string(message);
  for (const { type, value } of details) {
    writer.tag(3, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(TYPE_URL_PREFIX + type);
    writer.tag(2, WireType.LengthDelimited).bytes(value);
    writer.join();
  }
  return writer.finish();
}

/** @throws {Error} The octets are not Protobuf. */
function decodeStatus(octets: Uint8Array): RpcStatus {
  const reader = new BinaryReader(octets);
  const status: RpcStatus = { code: 0, message: "", details: [] };
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === 1 && wireType === WireType.Varint) {
      status.code = reader.int32();
    } else if (number === 2 && wireType === WireType.LengthDelimited) {
      status.message = reader.string();
    } else if (number === 3 && wireType === WireType.LengthDelimited && status.details.length < MAX_RECEIVED_DETAILS) {
      status.details.push(decodeAny(reader.bytes()));
    } else {
      reader.skip(wireType, number);
    }
  }
  return status;
}

/** google.protobuf.Any: `string type_url = 1; bytes value = 2`. */
function decodeAny(octets: Uint8Array): { type: string; value: Uint8Array } {
  const reader = new BinaryReader(octets);
  let typeUrl = "";
  let value: Uint8Array = new Uint8Array(0);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === 1 && wireType === WireType.LengthDelimited) {
      typeUrl = reader.string();
    } else if (number === 2 && wireType === WireType.LengthDelimited) {
      value = reader.bytes();
    } else {
      reader.skip(wireType, number);
    }
  }
  return { type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value };
}
