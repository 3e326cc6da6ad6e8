/**
 * The seam between octets and messages. What is above it speaks of protobuf-es' messages only, what is below may be protobuf-es' general codec or
 * one that was compiled for a type.
 */
import {
  type BinaryReadOptions,
  type BinaryWriteOptions,
  type DescMessage,
  fromBinary,
  type JsonReadOptions,
  type JsonWriteOptions,
  type Message,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import {
  BYTE_ORDER_MARK,
  checkWireCost,
  compile,
  createTextCodec,
  decodeJson,
  DEFAULT_MAX_DECODED_BYTES,
  scanJson,
  setTextCodec,
  textCodec,
} from "../codec/mod.ts";

/** Options of the JSON format, as in protobuf-es. A `registry` is needed for `google.protobuf.Any`. */
export type JsonOptions = Partial<JsonReadOptions & JsonWriteOptions>;

/** Options of the binary format, as in protobuf-es. */
export type BinaryOptions = Partial<BinaryReadOptions & BinaryWriteOptions>;

/** Encodes and decodes the messages of one type, in one format. */
export interface MessageCodec {
  /**
   * Decodes a message from `start` to `end` of a buffer, which is the caller's again after the call: nothing in the message refers to it.
   *
   * @param isOwned Whether the message may refer to it all the same, as nobody else uses it any more. @default false
   * @param maxDecodedBytes What it may take in memory, at most. @default 16 MiB
   * @throws {Error} It is malformed.
   * @throws {MessageLimitError} It would take more memory.
   */
  decode(buffer: Uint8Array, start: number, end: number, isOwned?: boolean, maxDecodedBytes?: number): Message;
  /** @throws {Error} A field has a value that it cannot have. */
  encode(message: Message): Uint8Array;
  /** As `encode`, into a buffer that the next one may overwrite: it is to be copied before. */
  encodeShared?(message: Message): Uint8Array;
  /**
   * Encodes into a buffer from `start` on, and gives where it ends; -1 when that would be behind `limit`. All that is behind `start` may have been
   * overwritten then.
   *
   * @throws {Error} A field has a value that it cannot have.
   */
  encodeInto?(message: Message, buffer: Uint8Array, start: number, limit: number): number;
}

/** The binary format of a type: by a compiled codec; by protobuf-es where there is none, or there are options. */
export function binaryCodec(schema: DescMessage, options?: BinaryOptions): MessageCodec {
  const compiled = options === undefined ? compile(schema) : undefined;
  return compiled ?? {
    // protobuf-es hands out views of its input: for fields of type bytes, and for unknown fields.
    decode: (buffer, start, end, _isOwned, maxDecodedBytes = DEFAULT_MAX_DECODED_BYTES) => {
      checkWireCost(schema, buffer, start, end, maxDecodedBytes, options?.readUnknownFields);
      return fromBinary(schema, new Uint8Array(buffer.subarray(start, end)), options);
    },
    encode: (message) => toBinary(schema, message, options),
  };
}

/** JSON is UTF-8 (RFC 8259 §8.1): text that is not is refused. */
const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** A byte order mark is part of a text in the binary format. */
const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
setTextCodec(createTextCodec({ decoder: textDecoder, encoder }));

/** The JSON format of a type. By default unknown fields are ignored, so that a client may be newer than its server. */
export function jsonCodec(schema: DescMessage, options?: JsonOptions): MessageCodec {
  const readOptions = { ignoreUnknownFields: true, ...options };
  return {
    decode: (buffer, start, end, _isOwned, maxDecodedBytes = DEFAULT_MAX_DECODED_BYTES) => {
      const keyCount = scanJson(buffer, start, end, maxDecodedBytes);
      return decodeJson(schema, jsonText(buffer, start, end), keyCount, readOptions);
    },
    encode: (message) => encoder.encode(toJsonString(schema, message, options)),
  };
}

/** By the text codec, which on Deno and Node takes a fifth of what a decoder does. It keeps a byte order mark, and does not say what is wrong. */
function jsonText(buffer: Uint8Array, start: number, end: number): string {
  const text = buffer[start] === BYTE_ORDER_MARK ? undefined : textCodec.decode(buffer, start, end);
  return text ?? decoder.decode(buffer.subarray(start, end));
}
