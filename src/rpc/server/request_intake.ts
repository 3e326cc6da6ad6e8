/** How the content of a request becomes messages, when it is not one envelope in one piece. */
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  COMPRESSED_FLAG,
  ENVELOPE_HEAD_LENGTH,
  type EnvelopeHandler,
  EnvelopeReader,
  readEnvelopeLength,
} from "../envelope.ts";
import type { CallPlan } from "./call_plan.ts";
import type { CallRecord } from "./call_record.ts";
import { ContentBuffer } from "./content_buffer.ts";
import type { RequestStream } from "./request_stream.ts";

/** What an intake tells its call. */
export interface IntakeHost {
  readonly plan: CallPlan;
  readonly maxMessageBytes: number;
  /** Undefined when nobody observes calls. */
  readonly record: CallRecord | undefined;
  /** The message of a request that has one. */
  receiveMessage(message: Message | Promise<Message>): void;
  /** What is wrong with the request. */
  fail(error: ConnectError): void;
  /** Octets were dealt with. */
  release(octets: number): void;
}

/** Takes the content of one request. */
export interface RequestIntake {
  /** Octets that are the caller's again after the call. */
  push(buffer: Uint8Array, start: number, end: number): void;
  /** There are no more. */
  end(): void;
}

/**
 * Where the message begins that octets consist of, if they are one to the end, not compressed and not too large; -1 if not.
 *
 * @param endStream Whether they are the end of the content.
 */
export function startOfWhole(
  { plan, maxMessageBytes }: Pick<IntakeHost, "plan" | "maxMessageBytes">,
  buffer: Uint8Array,
  start: number,
  end: number,
  endStream: boolean,
): number {
  const { isEnveloped } = plan.protocol;
  const content = isEnveloped ? start + ENVELOPE_HEAD_LENGTH : start;
  const isWhole = isEnveloped
    ? end >= content && buffer[start] === 0 && readEnvelopeLength(buffer, start) === end - content
    : endStream && plan.requestCompression === undefined;
  return isWhole && end - content <= maxMessageBytes ? content : -1;
}

/**
 * Decodes what an envelope, or a content, has; a promise where decompression takes its time.
 *
 * @throws {ConnectError} It is no message of its type, or too large.
 */
export function decodeMessage(
  host: Pick<IntakeHost, "plan" | "maxMessageBytes" | "record">,
  isCompressed: boolean,
  buffer: Uint8Array,
  start: number,
  end: number,
): Message | Promise<Message> {
  host.record?.addRequest(end - start);
  return isCompressed ? decompressor(host, buffer, start, end)() : decode(host.plan, buffer, start, end);
}

/**
 * Copies a message that is compressed, to decompress and decode it when it is called, which may throw as {@linkcode decodeMessage}.
 *
 * @throws {ConnectError} The request does not say how it is compressed.
 */
function decompressor(
  { plan, maxMessageBytes }: Pick<IntakeHost, "plan" | "maxMessageBytes">,
  buffer: Uint8Array,
  start: number,
  end: number,
): () => Message | Promise<Message> {
  const { requestCompression } = plan;
  if (requestCompression === undefined) {
    throw new ConnectError("message is compressed, and the request does not say how", Code.Internal);
  }
  const compressed = new Uint8Array(buffer.subarray(start, end));
  return () => {
    const octets = requestCompression.decompress(compressed, maxMessageBytes);
    return octets instanceof Promise
      ? octets.then((octets) => decode(plan, octets, 0, octets.length))
      : decode(plan, octets, 0, octets.length);
  };
}

/** Takes the message of a request that has it in its query. */
export function receiveQuery(host: IntakeHost, octets: Uint8Array): void {
  const { plan, maxMessageBytes } = host;
  try {
    if (octets.length > maxMessageBytes) {
      throw tooLargeMessage(octets.length, maxMessageBytes);
    }
    host.receiveMessage(decodeMessage(host, plan.requestCompression !== undefined, octets, 0, octets.length));
  } catch (error) {
    host.fail(ConnectError.from(error, Code.Internal));
  }
}

function decode({ codecs, registered }: CallPlan, buffer: Uint8Array, start: number, end: number): Message {
  try {
    return codecs.input.decode(buffer, start, end);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const { typeName } = registered.method.input;
    throw new ConnectError(
      `${typeName} cannot be decoded: ${reason}`,
      Code.InvalidArgument,
      undefined,
      undefined,
      error,
    );
  }
}

/** What is wrong with a message that is larger than it may be. */
export function tooLargeMessage(length: number, maxMessageBytes: number): ConnectError {
  return new ConnectError(
    `message of ${length} bytes is larger than the limit, ${maxMessageBytes}`,
    Code.ResourceExhausted,
  );
}

/** Envelopes, of which there has to be one. */
export class SingleEnvelopeIntake implements RequestIntake, EnvelopeHandler {
  readonly #host: IntakeHost;
  readonly #reader: EnvelopeReader;
  #count: number;
  /**
   * What makes the message of its octets. That is done when the request has ended, and the method is called: who never ends it would have objects
   * held that take a hundred times as much as their octets, and what is decompressed a thousand times as much.
   */
  #decode: (() => Message | Promise<Message>) | undefined = undefined;

  /** @param count How many there were before. */
  constructor(host: IntakeHost, count: number) {
    this.#host = host;
    this.#reader = new EnvelopeReader(this, host.maxMessageBytes);
    this.#count = count;
  }

  push(buffer: Uint8Array, start: number, end: number): void {
    this.#reader.push(buffer, start, end);
    this.#host.release(end - start);
  }

  end(): void {
    if (this.#reader.isMidEnvelope) {
      this.#fail(new ConnectError("message is cut short: the request ended within it", Code.InvalidArgument));
    } else if (this.#count === 0) {
      this.#fail(new ConnectError("no message where there has to be one", Code.Unimplemented));
    } else if (this.#decode !== undefined) {
      const decode = this.#decode;
      this.#attempt(() => this.#host.receiveMessage(decode()));
    }
  }

  onEnvelope(flags: number, buffer: Uint8Array, start: number, end: number): void {
    if (this.#count++ > 0) {
      this.#fail(new ConnectError("more than one message where there has to be one", Code.Unimplemented));
      return;
    }
    const host = this.#host;
    host.record?.addRequest(end - start);
    this.#attempt(() => {
      if (isCompressed(flags)) {
        this.#decode = decompressor(host, buffer, start, end);
      } else {
        const octets = new Uint8Array(buffer.subarray(start, end));
        this.#decode = () => decode(host.plan, octets, 0, octets.length);
      }
    });
  }

  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(ConnectError.from(error, Code.Internal));
    }
  }

  onTooLarge(length: number): void {
    this.#fail(tooLargeMessage(length, this.#host.maxMessageBytes));
  }

  #fail(error: ConnectError): void {
    this.#reader.stop();
    this.#host.fail(error);
  }
}

/** @throws {ConnectError} There are flags that a request cannot have. */
function isCompressed(flags: number): boolean {
  if ((flags & ~COMPRESSED_FLAG) !== 0) {
    throw new ConnectError(`envelope has flags that requests cannot have: ${flags}`, Code.InvalidArgument);
  }
  return flags !== 0;
}

/** Envelopes, any number of them. What is wrong with one is what the handler gets instead of it. */
export class StreamIntake implements RequestIntake, EnvelopeHandler {
  readonly #host: IntakeHost;
  readonly #requests: RequestStream;
  readonly #reader: EnvelopeReader;
  /** Octets that the client may not send again yet. */
  #held = 0;

  constructor(host: IntakeHost, requests: RequestStream) {
    this.#host = host;
    this.#requests = requests;
    this.#reader = new EnvelopeReader(this, host.maxMessageBytes);
  }

  push(buffer: Uint8Array, start: number, end: number): void {
    this.#held += end - start;
    this.#reader.push(buffer, start, end);
    this.release();
  }

  /**
   * Gives back what no message holds that waits, so that a handler that is slower than its client has one message more than the window waiting at most.
   * Of a message that is not whole yet nothing is held: it may be larger than the window.
   */
  release(): void {
    const released = this.#held - this.#requests.waitingLength;
    if (released > 0) {
      this.#held -= released;
      this.#host.release(released);
    }
  }

  end(): void {
    this.#requests.end(
      this.#reader.isMidEnvelope
        ? new ConnectError("message is cut short: the request ended within it", Code.InvalidArgument)
        : undefined,
    );
  }

  onEnvelope(flags: number, buffer: Uint8Array, start: number, end: number): void {
    this.#host.record?.addRequest(end - start);
    try {
      const message = isCompressed(flags)
        ? decompressor(this.#host, buffer, start, end)
        : decode(this.#host.plan, buffer, start, end);
      this.#requests.push(message, ENVELOPE_HEAD_LENGTH + end - start);
    } catch (error) {
      this.#fail(ConnectError.from(error, Code.Internal));
    }
  }

  onTooLarge(length: number): void {
    this.#fail(tooLargeMessage(length, this.#host.maxMessageBytes));
  }

  #fail(error: ConnectError): void {
    this.#reader.stop();
    this.#requests.end(error);
  }
}

/** A content that is the message. */
export class ContentIntake implements RequestIntake {
  readonly #host: IntakeHost;
  /** Undefined when there was too much. */
  #content: ContentBuffer | undefined;

  /** @param expected How long it is said to be; undefined when it is not. */
  constructor(host: IntakeHost, expected: number | undefined) {
    this.#host = host;
    this.#content = new ContentBuffer(host.maxMessageBytes, Math.min(expected ?? 0, FIRST_ROOM));
  }

  push(buffer: Uint8Array, start: number, end: number): void {
    this.#host.release(end - start);
    const { maxMessageBytes } = this.#host;
    if (this.#content !== undefined && this.#content.length + end - start > maxMessageBytes) {
      this.#content = undefined;
      // How long it would have become nobody knows.
      this.#host.fail(new ConnectError(`message is larger than the limit, ${maxMessageBytes}`, Code.ResourceExhausted));
    }
    this.#content?.append(buffer, start, end);
  }

  end(): void {
    if (this.#content === undefined) {
      return;
    }
    try {
      const { octets } = this.#content;
      const isCompressed = this.#host.plan.requestCompression !== undefined;
      this.#host.receiveMessage(decodeMessage(this.#host, isCompressed, octets, 0, octets.length));
    } catch (error) {
      this.#host.fail(ConnectError.from(error, Code.Internal));
    }
  }
}

/** How much room a content gets at first, however long it is said to be, in bytes. */
const FIRST_ROOM = 65_536;
