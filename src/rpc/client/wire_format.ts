/**
 * What the protocols have in common to a client: which fields a request has, and what of a response is metadata, a message, or the end.
 * `grpc_format.ts`, `grpc_web_format.ts`, `connect_stream_format.ts` and `connect_unary_format.ts` are the ones that there are.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { fieldValue, type HeaderField, type ResponseHead } from "../../http/mod.ts";
import { codeOfHttpStatus } from "../code.ts";
import type { Compression } from "../compression.ts";
import { quoted } from "../error_text.ts";
import { toHeaders } from "../metadata.ts";

/** Metadata as it came: most of it is never looked at. */
export type Metadata = readonly HeaderField[] | Headers;

/** How a call ended, as its protocol says it. */
export interface CallEnd {
  readonly error: ConnectError | undefined;
  readonly trailer: Metadata;
}

/** Gets what a {@linkcode ResponseReader} finds, in this order, and nothing after the end. */
export interface ResponseSink {
  /** The metadata before the messages. It does not come when the response is none of the protocol. */
  receiveHeader(header: Metadata): void;
  /** A message, from `start` to `end` of a buffer: the sink's if `isOwned`, else valid during the call only. */
  receiveMessage(
    buffer: Uint8Array,
    start: number,
    end: number,
    isOwned: boolean,
    compression: Compression | undefined,
  ): void;
  receiveEnd(end: CallEnd): void;
  /** The end, which has to be decompressed before it can be read. The octets are the sink's. */
  receiveCompressedEnd(octets: Uint8Array, compression: Compression, read: (octets: Uint8Array) => CallEnd): void;
}

/** Reads one response. What comes after an end that it has told is dropped. */
export interface ResponseReader {
  onResponse(head: ResponseHead, endStream: boolean): void;
  onData(buffer: Uint8Array, start: number, end: number, endStream: boolean): void;
  onTrailers(fields: readonly HeaderField[]): void;
}

/** How responses are read. */
export interface ReaderOptions {
  /** The format of the messages. */
  readonly codecName: "proto" | "json";
  readonly maxMessageBytes: number;
  /** What a message may take in memory. */
  readonly maxDecodedBytes: number;
  readonly acceptCompressions: readonly Compression[];
}

/** See the top of the file. */
export interface WireFormat {
  /** Whether messages are in envelopes. Else there is one each way, and it is the content. */
  readonly isEnveloped: boolean;
  /** The name of the field that says how a request is compressed. */
  readonly encodingField: string;
  /** The name of the field that says how a response may be compressed. */
  readonly acceptEncodingField: string;
  /** What every request of a format of messages says of itself. */
  headFields(codecName: "proto" | "json"): readonly HeaderField[];
  /** @param timeoutMs What is left until the deadline. */
  timeoutField(timeoutMs: number): HeaderField;
  createReader(sink: ResponseSink, options: ReaderOptions): ResponseReader;
}

/** The end of a call that failed. The error gets all metadata that came. */
export function failedEnd(error: ConnectError, header: Metadata, trailer: Metadata = []): CallEnd {
  addMetadata(error, header);
  if (trailer !== header) {
    addMetadata(error, trailer);
  }
  return { error, trailer };
}

function addMetadata(error: ConnectError, metadata: Metadata): void {
  asHeaders(metadata).forEach((value, name) => error.metadata.append(name, value));
}

/** Metadata as callers see it. */
export function asHeaders(metadata: Metadata): Headers {
  return metadata instanceof Headers ? metadata : toHeaders(metadata);
}

/** What a response means that is none of RPC, by its status alone. */
export function httpStatusError(status: number): ConnectError {
  return new ConnectError(`HTTP ${status}`, codeOfHttpStatus(status));
}

/** What is to be said of a response that breaks the rules of its protocol. */
export function protocolError(what: string): ConnectError {
  return new ConnectError(`protocol error: ${what}`, Code.Internal);
}

/** What is to be said of a message that is longer than may be. */
export function tooLongError(length: number, maxMessageBytes: number): ConnectError {
  return new ConnectError(`message has ${length} bytes, the limit is ${maxMessageBytes}`, Code.ResourceExhausted);
}

/**
 * The compression that a field of a response names; undefined when it names none.
 *
 * @throws {ConnectError} `internal`: it is none that was asked for.
 */
export function responseCompression(
  fields: readonly HeaderField[],
  encodingField: string,
  acceptCompressions: readonly Compression[],
): Compression | undefined {
  const name = fieldValue(fields, encodingField);
  if (name === undefined || name === "" || name === "identity") {
    return undefined;
  }
  const compression = acceptCompressions.find((candidate) => candidate.name === name);
  if (compression === undefined) {
    throw protocolError(`${encodingField} is "${quoted(name)}", which was not asked for`);
  }
  return compression;
}

/**
 * What is wrong with the content-type of a response; undefined when nothing is. It is `internal` when it is the protocol's, `unknown` when it is
 * another one.
 *
 * @param prefix What all types of the protocol begin with.
 * @param wanted The types that are right.
 */
export function contentTypeError(
  fields: readonly HeaderField[],
  prefix: string,
  wanted: readonly string[],
): ConnectError | undefined {
  const value = fieldValue(fields, "content-type") ?? "";
  const type = value.split(";", 1)[0]!.trim().toLowerCase();
  if (wanted.includes(type)) {
    return undefined;
  }
  const isOurs = type.startsWith(prefix);
  return new ConnectError(
    `content-type is "${quoted(value)}", not ${wanted[0]}`,
    isOurs ? Code.Internal : Code.Unknown,
  );
}
