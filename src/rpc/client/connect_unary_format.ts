/** Unary calls of Connect as a client speaks it: https://connectrpc.com/docs/protocol#unary-rpcs */
import type { ConnectError } from "@connectrpc/connect";
import { fieldValue, type HeaderField, PieceBuffer, type ResponseHead } from "../../http/mod.ts";
import type { Compression } from "../compression.ts";
import { errorFromJson, parseErrorJson } from "../error_json.ts";
import { splitTrailers } from "../metadata.ts";
import { connectErrorOf } from "../thrown_error.ts";
import { connectTimeoutField } from "./connect_stream_format.ts";
import {
  type CallEnd,
  contentTypeError,
  failedEnd,
  httpStatusError,
  type ReaderOptions,
  responseCompression,
  type ResponseReader,
  type ResponseSink,
  tooLongError,
  type WireFormat,
} from "./wire_format.ts";

/** Unary calls of Connect: the message is the content, and an error has a status of HTTP. */
export const connectUnaryFormat: WireFormat = {
  isEnveloped: false,
  encodingField: "content-encoding",
  acceptEncodingField: "accept-encoding",
  headFields: (codecName) => [
    { name: "content-type", value: `application/${codecName}` },
    { name: "connect-protocol-version", value: "1" },
  ],
  timeoutField: connectTimeoutField,
  createReader: (sink, options) => new UnaryReader(sink, options),
};

const EMPTY = new Uint8Array(0);

class UnaryReader implements ResponseReader {
  readonly #sink: ResponseSink;
  readonly #options: ReaderOptions;
  #fields: readonly HeaderField[] = [];
  #compression: Compression | undefined = undefined;
  /** What the status says; undefined when it is 200. */
  #statusError: ConnectError | undefined = undefined;
  /** What came in earlier pieces. */
  readonly #content = new PieceBuffer();
  #isOver = false;

  constructor(sink: ResponseSink, options: ReaderOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  onResponse({ status, fields }: ResponseHead, endStream: boolean): void {
    this.#fields = fields;
    const { codecName, acceptCompressions } = this.#options;
    if (status !== 200) {
      this.#statusError = httpStatusError(status);
    }
    const problem = this.#statusError === undefined
      ? contentTypeError(fields, "application/", [`application/${codecName}`])
      : hasErrorJson(fields)
      ? undefined
      : this.#statusError;
    if (problem !== undefined) {
      this.#fail(problem);
      return;
    }
    try {
      this.#compression = responseCompression(fields, "content-encoding", acceptCompressions);
    } catch (error) {
      this.#fail(connectErrorOf(error));
      return;
    }
    if (endStream) {
      this.#finish(EMPTY, 0, 0, false);
    }
  }

  onData(buffer: Uint8Array, start: number, end: number, endStream: boolean): void {
    const { maxMessageBytes } = this.#options;
    if (this.#isOver) {
      return;
    }
    const length = this.#content.length + end - start;
    if (length > maxMessageBytes) {
      this.#fail(tooLongError(length, maxMessageBytes));
    } else if (this.#content.length === 0 && endStream) {
      this.#finish(buffer, start, end, false);
    } else {
      this.#content.append(buffer, start, end, maxMessageBytes);
      if (endStream) {
        this.#finish(this.#content.take(), 0, length, true);
      }
    }
  }

  /** Connect has none. */
  onTrailers(): void {
    this.onData(EMPTY, 0, 0, true);
  }

  #finish(buffer: Uint8Array, start: number, end: number, isOwned: boolean): void {
    this.#isOver = true;
    const sink = this.#sink;
    const compression = this.#compression;
    if (this.#statusError === undefined) {
      const { header, trailer } = hasTrailers(this.#fields)
        ? splitTrailers(this.#fields)
        : { header: this.#fields, trailer: [] };
      sink.receiveHeader(header);
      sink.receiveMessage(buffer, start, end, isOwned, compression);
      sink.receiveEnd({ error: undefined, trailer });
    } else if (compression === undefined) {
      sink.receiveEnd(this.#readError(buffer.subarray(start, end)));
    } else {
      const octets = new Uint8Array(buffer.subarray(start, end));
      sink.receiveCompressedEnd(octets, compression, (octets) => this.#readError(octets));
    }
  }

  #readError(octets: Uint8Array): CallEnd {
    return this.#failedEnd(errorFromJson(parseErrorJson(octets), this.#statusError!));
  }

  #fail(error: ConnectError): void {
    this.#isOver = true;
    this.#sink.receiveEnd(this.#failedEnd(error));
  }

  #failedEnd(error: ConnectError): CallEnd {
    const { header, trailer } = splitTrailers(this.#fields);
    return failedEnd(error, header, trailer);
  }
}

function hasTrailers(fields: readonly HeaderField[]): boolean {
  return fields.some(({ name }) => name.startsWith("trailer-"));
}

function hasErrorJson(fields: readonly HeaderField[]): boolean {
  return /^application\/json\s*(;|$)/i.test(fieldValue(fields, "content-type") ?? "");
}
