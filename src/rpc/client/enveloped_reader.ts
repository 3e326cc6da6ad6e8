/** Reads responses whose messages are in envelopes. What the head, the special envelopes and the end mean is for each protocol to say. */
import type { ConnectError } from "@connectrpc/connect";
import type { HeaderField, ResponseHead } from "../../http/mod.ts";
import type { Compression } from "../compression.ts";
import { COMPRESSED_FLAG, EnvelopeReader } from "../envelope.ts";
import { connectErrorOf } from "../thrown_error.ts";
import {
  type CallEnd,
  contentTypeError,
  failedEnd,
  httpStatusError,
  protocolError,
  type ReaderOptions,
  responseCompression,
  type ResponseReader,
  type ResponseSink,
  tooLongError,
} from "./wire_format.ts";

/** What the protocols differ in. */
export interface EnvelopedProtocol {
  /** What all content-types of the protocol begin with, and those that are right for a format of messages. */
  readonly contentTypePrefix: string;
  contentTypes(codecName: "proto" | "json"): readonly string[];
  /** The name of the field that says how messages are compressed. */
  readonly encodingField: string;
  /** The flag of the envelope that ends the response; 0 when there is none. */
  readonly endFlag: number;
  /** Reads the content of that envelope. */
  readEnd(octets: Uint8Array, header: readonly HeaderField[]): CallEnd;
  /**
   * What a response means that ended without such an envelope.
   *
   * @param trailer Undefined when there were none.
   * @param hasContent Whether there was any.
   */
  endWithout(
    header: readonly HeaderField[],
    trailer: readonly HeaderField[] | undefined,
    hasContent: boolean,
  ): CallEnd;
}

/** See the top of the file. */
export class EnvelopedReader implements ResponseReader {
  readonly #protocol: EnvelopedProtocol;
  readonly #sink: ResponseSink;
  readonly #options: ReaderOptions;
  readonly #envelopes: EnvelopeReader;
  #header: readonly HeaderField[] = [];
  #compression: Compression | undefined = undefined;
  #hasContent = false;
  /** Tells the sink of the end, as the response said it; nothing may follow but the end of the content. */
  #tellEnd: (() => void) | undefined = undefined;
  #isOver = false;

  constructor(protocol: EnvelopedProtocol, sink: ResponseSink, options: ReaderOptions) {
    this.#protocol = protocol;
    this.#sink = sink;
    this.#options = options;
    this.#envelopes = new EnvelopeReader(options.maxMessageBytes, tooLongError);
  }

  onResponse({ status, fields }: ResponseHead, endStream: boolean): void {
    const protocol = this.#protocol;
    this.#header = fields;
    const error = status !== 200
      ? httpStatusError(status)
      : contentTypeError(fields, protocol.contentTypePrefix, protocol.contentTypes(this.#options.codecName));
    if (error !== undefined) {
      this.#fail(error);
      return;
    }
    try {
      this.#compression = responseCompression(fields, protocol.encodingField, this.#options.acceptCompressions);
    } catch (error) {
      this.#fail(connectErrorOf(error));
      return;
    }
    this.#sink.receiveHeader(fields);
    if (endStream) {
      this.#end(undefined);
    }
  }

  onData(buffer: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (start < end && !this.#isOver) {
      this.#hasContent = true;
      this.#readEnvelopes(buffer, start, end);
    }
    if (endStream) {
      this.#end(undefined);
    }
  }

  onTrailers(fields: readonly HeaderField[]): void {
    this.#end(fields);
  }

  #readEnvelopes(buffer: Uint8Array, start: number, end: number): void {
    const envelopes = this.#envelopes;
    try {
      envelopes.push(buffer, start, end);
      while (envelopes.next()) {
        this.#receiveEnvelope(envelopes);
      }
      envelopes.keep();
    } catch (error) {
      this.#fail(connectErrorOf(error));
    }
  }

  #receiveEnvelope({ flags, buffer, start, end, isOwned }: EnvelopeReader): void {
    const isCompressed = (flags & COMPRESSED_FLAG) !== 0;
    const kind = flags & ~COMPRESSED_FLAG;
    if (this.#tellEnd !== undefined) {
      throw protocolError("an envelope follows the end of the stream");
    }
    if (isCompressed && this.#compression === undefined) {
      throw protocolError(`an envelope is compressed, and there is no ${this.#protocol.encodingField}`);
    }
    if (kind === 0) {
      this.#sink.receiveMessage(buffer, start, end, isOwned, isCompressed ? this.#compression : undefined);
    } else if (kind === this.#protocol.endFlag) {
      this.#receiveEnd(new Uint8Array(buffer.subarray(start, end)), isCompressed ? this.#compression : undefined);
    } else {
      throw protocolError(`an envelope has the flags ${flags}`);
    }
  }

  #receiveEnd(octets: Uint8Array, compression: Compression | undefined): void {
    const read = (octets: Uint8Array) => this.#protocol.readEnd(octets, this.#header);
    this.#tellEnd = compression === undefined
      ? () => this.#sink.receiveEnd(read(octets))
      : () => this.#sink.receiveCompressedEnd(octets, compression, read);
  }

  /** The response is over. */
  #end(trailer: readonly HeaderField[] | undefined): void {
    if (this.#isOver) {
      return;
    }
    if (this.#envelopes.waitingLength > 0) {
      this.#fail(protocolError("the response ends within an envelope"));
      return;
    }
    this.#isOver = true;
    if (this.#tellEnd !== undefined) {
      this.#tellEnd();
    } else {
      this.#sink.receiveEnd(this.#protocol.endWithout(this.#header, trailer, this.#hasContent));
    }
  }

  #fail(error: ConnectError): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#envelopes.stop();
      this.#sink.receiveEnd(failedEnd(error, this.#header));
    }
  }
}
