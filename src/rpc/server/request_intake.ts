/** How the content of a request becomes messages, when it is not one envelope in one piece. */
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { MessageLimitError, spent } from "../../codec/mod.ts";
import { PieceBuffer } from "../../http/mod.ts";
import { isThenable } from "../../user_code/mod.ts";
import { COMPRESSED_FLAG, ENVELOPE_HEAD_LENGTH, EnvelopeReader, LONG_GROWTH, readEnvelopeLength } from "../envelope.ts";
import { connectErrorOf, quotedReason } from "../thrown_error.ts";
import type { CallPlan } from "./call_plan.ts";
import type { CallRecord } from "./call_record.ts";

/** What an intake tells its call. */
export interface IntakeHost {
  readonly plan: CallPlan;
  readonly maxMessageBytes: number;
  /** What a message may take in memory. */
  readonly maxDecodedBytes: number;
  /** Bytes of the content; undefined when it is not said. */
  readonly contentLength: number | undefined;
  /** Undefined when nobody observes calls. */
  readonly record: CallRecord | undefined;
  /** The message of a request that has one. */
  receiveMessage(message: Message | Promise<Message>): void;
  /** What is wrong with the request. */
  fail(error: ConnectError): void;
  /** Octets were dealt with. */
  release(octets: number): void;
  /** So many bytes are kept for the request from now on. */
  keep(bytes: number): void;
  /** A message that counts for so many bytes, more than {@linkcode LARGE_MESSAGE}, waits to be decompressed or decoded, or is its handler's. */
  handOver(bytes: number): void;
  /** Does costly work, now or when other connections were served, unless the call ends before (`ScheduledWork`). */
  schedule<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T>;
}

/** Messages of more bytes are counted for as long as their handler has them, and decoded when other connections were served. */
export const LARGE_MESSAGE = 65_536;

/**
 * A decoded message counts for a quarter of the memory that it takes, or for its bytes if those are more: by default a message may take 4 times as much memory
 * as it may have bytes, so that the largest ones count the same. 2 KB of empty messages take 2 MB.
 */
const MEMORY_PER_COUNTED_BYTE = 4;

/** What decoding asks of its call. */
type DecodingHost = Pick<
  IntakeHost,
  "plan" | "maxMessageBytes" | "maxDecodedBytes" | "record" | "handOver" | "schedule"
>;

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
 * Decodes what an envelope, or a content, has; a promise where that takes its time.
 *
 * @param isOwned Whether nobody else uses the buffer any more.
 * @throws {ConnectError} It is no message of its type, or too large, or takes too much memory.
 */
export function decodeMessage(
  host: DecodingHost,
  isCompressed: boolean,
  buffer: Uint8Array,
  start: number,
  end: number,
  isOwned: boolean,
): Message | Promise<Message> {
  host.record?.addRequest(end - start);
  return isCompressed
    ? decompressor(host, buffer, start, end, isOwned)()
    : decodePlain(host, buffer, start, end, isOwned, false);
}

/** As {@linkcode decodeMessage}, of what is not compressed. */
function decodePlain(
  host: DecodingHost,
  buffer: Uint8Array,
  start: number,
  end: number,
  isOwned: boolean,
  wasCompressed: boolean,
): Message | Promise<Message> {
  return end - start <= LARGE_MESSAGE
    ? decode(host, buffer, start, end, isOwned)
    : decodeInTurn(host, buffer, start, end, isOwned, wasCompressed);
}

/** Decodes the envelope that was just read; as {@linkcode decodeMessage}. */
export function decodeEnvelope(
  host: DecodingHost,
  { flags, buffer, start, end, isOwned }: EnvelopeReader,
): Message | Promise<Message> {
  return decodeMessage(host, isCompressed(flags), buffer, start, end, isOwned);
}

/**
 * Copies a message that is compressed, to decompress and decode it when it is called, which may throw as {@linkcode decodeMessage}.
 *
 * @throws {ConnectError} The request does not say how it is compressed.
 */
function decompressor(
  host: DecodingHost,
  buffer: Uint8Array,
  start: number,
  end: number,
  isOwned: boolean,
): () => Message | Promise<Message> {
  const { plan: { requestCompression }, maxMessageBytes } = host;
  if (requestCompression === undefined) {
    throw new ConnectError("message is compressed, and the request does not say how", Code.Internal);
  }
  const compressed = ownOctets(buffer, start, end, isOwned);
  return () => {
    const octets = inTurn(
      host,
      compressed.length,
      () => requestCompression.decompress(compressed, maxMessageBytes),
      false,
    );
    return isThenable(octets)
      ? Promise.resolve(octets).then((octets) => decodePlain(host, octets, 0, octets.length, true, true))
      : decodePlain(host, octets, 0, octets.length, true, true);
  };
}

/** Decodes a message that is large, and gives it in a turn after that; a promise where other connections are served first. */
function decodeInTurn(
  host: DecodingHost,
  buffer: Uint8Array,
  start: number,
  end: number,
  isOwned: boolean,
  wasCompressed: boolean,
): Message | Promise<Message> {
  const octets = ownOctets(buffer, start, end, isOwned);
  const work = () => decode(host, octets, isOwned ? start : 0, isOwned ? end : octets.length, true);
  const message = inTurn(host, end - start, work, wasCompressed);
  // Its handler may take as long again, and send as much.
  const giveInTurn = (message: Message) => host.schedule(0, () => message, true);
  return message instanceof Promise ? message.then(giveInTurn) : giveInTurn(message);
}

/** Does work for a message of so many bytes, which counts from now on if it is large. */
function inTurn<T>(host: DecodingHost, bytes: number, work: () => T, isFurther: boolean): T | Promise<T> {
  if (bytes > LARGE_MESSAGE) {
    host.handOver(bytes);
  }
  return host.schedule(bytes, work, isFurther);
}

/** Takes the message of a request that has it in its query. */
export function receiveQuery(host: IntakeHost, octets: Uint8Array): void {
  const { plan, maxMessageBytes } = host;
  try {
    if (octets.length > maxMessageBytes) {
      throw tooLongError(octets.length, maxMessageBytes);
    }
    host.receiveMessage(decodeMessage(host, plan.requestCompression !== undefined, octets, 0, octets.length, true));
  } catch (error) {
    host.fail(connectErrorOf(error, Code.Internal));
  }
}

function decode(
  host: Pick<DecodingHost, "plan" | "maxDecodedBytes" | "handOver">,
  buffer: Uint8Array,
  start: number,
  end: number,
  isOwned: boolean,
): Message {
  const { codecs, registered } = host.plan;
  try {
    const message = codecs.input.decode(buffer, start, end, isOwned, host.maxDecodedBytes);
    const counted = Math.ceil(spent() / MEMORY_PER_COUNTED_BYTE);
    if (counted > LARGE_MESSAGE && counted > end - start) {
      host.handOver(counted);
    }
    return message;
  } catch (error) {
    if (error instanceof MessageLimitError) {
      throw new ConnectError(error.message, Code.ResourceExhausted);
    }
    const reason = quotedReason(error);
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

/** @throws {ConnectError} There are flags that a request cannot have. */
function isCompressed(flags: number): boolean {
  if ((flags & ~COMPRESSED_FLAG) !== 0) {
    throw new ConnectError(`envelope has flags that requests cannot have: ${flags}`, Code.InvalidArgument);
  }
  return flags !== 0;
}

function ownOctets(buffer: Uint8Array, start: number, end: number, isOwned: boolean): Uint8Array {
  return isOwned ? buffer : new Uint8Array(buffer.subarray(start, end));
}

/** What is wrong with a request that ends within an envelope. */
export function cutShortError(): ConnectError {
  return new ConnectError("message is cut short: the request ended within it", Code.InvalidArgument);
}

/** What is wrong with a message that is larger than it may be. */
export function tooLongError(length: number, maxMessageBytes: number): ConnectError {
  return new ConnectError(
    `message of ${length} bytes is larger than the limit, ${maxMessageBytes}`,
    Code.ResourceExhausted,
  );
}

/** Envelopes, of which there has to be one. */
export class SingleEnvelopeIntake implements RequestIntake {
  readonly #host: IntakeHost;
  readonly #envelopes: EnvelopeReader;
  #count: number;
  /**
   * What makes the message of its octets. That is done when the request has ended, and the method is called: who never ends it would have objects
   * held that take a hundred times as much as their octets, and what is decompressed a thousand times as much.
   */
  #decode: (() => Message | Promise<Message>) | undefined = undefined;
  /** Bytes that it has for that. */
  #messageBytes = 0;

  /** @param count How many there were before. */
  constructor(host: IntakeHost, count: number) {
    this.#host = host;
    this.#envelopes = new EnvelopeReader(host.maxMessageBytes, tooLongError);
    this.#count = count;
  }

  push(buffer: Uint8Array, start: number, end: number): void {
    const envelopes = this.#envelopes;
    this.#attempt(() => {
      envelopes.push(buffer, start, end);
      while (envelopes.next()) {
        this.#receive();
      }
      envelopes.keep();
    });
    this.#host.release(end - start);
    this.#host.keep(envelopes.heldBytes + this.#messageBytes);
  }

  end(): void {
    this.#attempt(() => {
      if (this.#envelopes.waitingLength > 0) {
        throw cutShortError();
      }
      if (this.#count === 0) {
        throw new ConnectError("no message where there has to be one", Code.Unimplemented);
      }
      if (this.#decode !== undefined) {
        this.#host.receiveMessage(this.#decode());
      }
    });
  }

  #receive(): void {
    const host = this.#host;
    const { flags, buffer, start, end, isOwned } = this.#envelopes;
    if (this.#count++ > 0) {
      throw new ConnectError("more than one message where there has to be one", Code.Unimplemented);
    }
    host.record?.addRequest(end - start);
    if (isCompressed(flags)) {
      this.#decode = decompressor(host, buffer, start, end, isOwned);
    } else {
      const octets = ownOctets(buffer, start, end, isOwned);
      this.#decode = () => decodePlain(host, octets, 0, octets.length, true, false);
    }
    this.#messageBytes = end - start;
  }

  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#envelopes.stop();
      this.#host.fail(connectErrorOf(error, Code.Internal));
    }
  }
}

/** A content that is the message. */
export class ContentIntake implements RequestIntake {
  readonly #host: IntakeHost;
  /** Undefined when there was too much. */
  #content: PieceBuffer | undefined = new PieceBuffer(LONG_GROWTH);

  constructor(host: IntakeHost) {
    this.#host = host;
  }

  push(buffer: Uint8Array, start: number, end: number): void {
    this.#host.release(end - start);
    const { maxMessageBytes } = this.#host;
    if (this.#content !== undefined && this.#content.length + end - start > maxMessageBytes) {
      this.#content = undefined;
      // How long it would have become nobody knows.
      this.#host.fail(new ConnectError(`message is larger than the limit, ${maxMessageBytes}`, Code.ResourceExhausted));
    }
    this.#content?.append(buffer, start, end, this.#host.contentLength ?? maxMessageBytes);
    this.#host.keep(this.#content?.size ?? 0);
  }

  end(): void {
    if (this.#content === undefined) {
      return;
    }
    try {
      const octets = this.#content.take();
      const isCompressed = this.#host.plan.requestCompression !== undefined;
      this.#host.receiveMessage(decodeMessage(this.#host, isCompressed, octets, 0, octets.length, true));
    } catch (error) {
      this.#host.fail(connectErrorOf(error, Code.Internal));
    }
  }
}
