/** Sends the head of an answer and its messages, in envelopes or as the content. How it ends is its protocol's. */
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { HeaderField } from "../../http/mod.ts";
import { type Compression, isCompressible } from "../compression.ts";
import { COMPRESSED_FLAG, ENVELOPE_HEAD_LENGTH, writeEnvelopeHead } from "../envelope.ts";
import { isThenable } from "../../user_code/mod.ts";
import { appendFields, checkMetadata, TRAILER_PREFIX } from "../metadata.ts";
import type { Answering, AnsweringStream } from "./call_plan.ts";
import { LARGE_MESSAGE } from "./request_intake.ts";
import { responseMessage, responseStream } from "./response_message.ts";

/**
 * How much room a message is encoded into before its size is known, in bytes. More would make calls wait for room in the output that they do
 * not need; larger messages are encoded on their own and copied.
 */
const ENCODING_ROOM = 4096;

/** Where messages are encoded that have to wait: who sends copies them at once. */
const waiting = new Uint8Array(ENCODING_ROOM);

/**
 * Sends the head, if that was not done yet.
 *
 * @throws {TypeError} The handler gave a field that may not be sent.
 * @throws {FieldSectionTooLargeError} It gave more than may be sent.
 */
export function sendHead({ exchange, plan, context, options }: Answering, encoding?: string): void {
  if (exchange.headSent) {
    return;
  }
  const { givenHeader } = context;
  const trailer = plan.protocol.isEnveloped ? undefined : context.givenTrailer;
  if (givenHeader === undefined && trailer === undefined && encoding === undefined) {
    exchange.respond(plan.headFields);
    return;
  }
  const fields: HeaderField[] = [...plan.headFields];
  if (encoding !== undefined) {
    fields.push({ name: plan.protocol.encodingField, value: encoding });
  }
  if (givenHeader !== undefined) {
    appendFields(fields, givenHeader);
  }
  if (trailer !== undefined) {
    appendFields(fields, trailer, TRAILER_PREFIX);
  }
  checkMetadata(fields, options.errorLimits);
  exchange.respond(fields);
}

/**
 * Sends a message in an envelope, and the head before the first one; a promise where compression takes its time. When {@linkcode Answering.isFull} is
 * true then, the next message has to wait.
 *
 * @throws {ConnectError} resource_exhausted: the message is larger than `maxResponseBytes`.
 */
export function sendEnveloped(call: Answering, message: Message): void | Promise<void> {
  const { options } = call;
  const { responseCompression } = call.plan;
  sendHead(call, responseCompression?.name);
  if (responseCompression === undefined && sendInPlace(call, message)) {
    return;
  }
  const octets = encodeWithin(call, message);
  if (
    responseCompression === undefined || !isCompressible(responseCompression, octets.length, options.compressMinBytes)
  ) {
    return writeEnvelope(call, 0, octets);
  }
  const compressed = compressInTurn(call, responseCompression, octets);
  return isThenable(compressed)
    ? Promise.resolve(compressed).then((compressed) => call.isOpen ? writeSmaller(call, octets, compressed) : undefined)
    : writeSmaller(call, octets, compressed);
}

/** Encodes into the output, or into {@linkcode waiting} when it has to wait, where that can be done. @returns Whether it was. */
function sendInPlace(call: Answering, message: Message): boolean {
  const { exchange, plan } = call;
  if (plan.codecs.output.encodeInto === undefined) {
    return false;
  }
  const start = exchange.reserve(ENCODING_ROOM);
  let length = 0;
  if (start < 0) {
    length = encodeEnvelope(call, message, waiting, 0);
    if (length > 0 && !exchange.write(waiting, 0, length)) {
      call.isFull = true;
    }
    return length > 0;
  }
  try {
    length = encodeEnvelope(call, message, exchange.outputBuffer, start);
  } finally {
    exchange.commit(length); // Whatever happens: before that nobody can send anything on this connection.
  }
  return length > 0;
}

/** @returns How many octets the envelope has; 0 when there is not enough room for it, or it is larger than it may be. */
function encodeEnvelope(
  { plan, options, record }: Answering,
  message: Message,
  buffer: Uint8Array,
  start: number,
): number {
  const content = start + ENVELOPE_HEAD_LENGTH;
  const end = plan.codecs.output.encodeInto!(message, buffer, content, start + ENCODING_ROOM);
  if (end < 0 || end - content > options.maxResponseBytes) {
    return 0;
  }
  writeEnvelopeHead(buffer, start, 0, end - content);
  record?.addResponse(end - content);
  return end - start;
}

/**
 * Sends all messages of an answer, each when there is room for it, until the call is over.
 *
 * @param output What the method gave: a stream of messages, or a promise of one.
 * @throws {unknown} What the stream threw, or a `TypeError`: it is none.
 */
export async function sendAll(call: AnsweringStream, output: unknown): Promise<void> {
  const { method } = call.plan.registered;
  const messages = responseStream(method, isThenable(output) ? await output : output);
  let isLeaving = false;
  try {
    for await (const message of messages) {
      if (call.isOpen) {
        try {
          const sending = sendEnveloped(call, responseMessage(method, message));
          if (sending instanceof Promise) {
            await sending;
          }
        } catch (error) {
          call.fail(error); // Now: to leave the loop waits for `return` of the iterator, which may take for ever.
        }
        if (call.isFull) {
          await call.writable();
        }
      }
      if (!call.isOpen) {
        isLeaving = true;
        return; // The iterator ends with that.
      }
    }
  } catch (error) {
    if (!isLeaving) {
      throw error;
    }
    call.report(error); // The iterator cannot even end, and the call is over.
  }
}

/** Encodes a message that is sent on its own. @throws {ConnectError} resource_exhausted: it is larger than `maxResponseBytes`. */
export function encodeWithin(call: Answering, message: Message): Uint8Array {
  return checkLength(call, call.plan.codecs.output.encode(message));
}

/** As {@linkcode encodeWithin}, for who has it copied at once. */
export function encodeSharedWithin(call: Answering, message: Message): Uint8Array {
  const { output } = call.plan.codecs;
  return checkLength(call, output.encodeShared?.(message) ?? output.encode(message));
}

/** Compresses a message; a promise where that takes its time, or other connections are served before a large one. */
export function compressInTurn(
  call: Answering,
  compression: Compression,
  octets: Uint8Array,
): Uint8Array | Promise<Uint8Array | Promise<Uint8Array>> {
  return octets.length <= LARGE_MESSAGE
    ? compression.compress(octets)
    : call.schedule(octets.length, () => compression.compress(octets), true);
}

function checkLength({ options }: Answering, octets: Uint8Array): Uint8Array {
  if (octets.length > options.maxResponseBytes) {
    const what = `response message of ${octets.length} bytes`;
    throw new ConnectError(`${what} is larger than the limit, ${options.maxResponseBytes}`, Code.ResourceExhausted);
  }
  return octets;
}

function writeSmaller(call: Answering, octets: Uint8Array, compressed: Uint8Array): void {
  if (compressed.length < octets.length) {
    writeEnvelope(call, COMPRESSED_FLAG, compressed);
  } else {
    writeEnvelope(call, 0, octets);
  }
}

function writeEnvelope(call: Answering, flags: number, content: Uint8Array): void {
  const { exchange } = call;
  call.record?.addResponse(content.length);
  const length = ENVELOPE_HEAD_LENGTH + content.length;
  const start = exchange.reserve(length);
  if (start >= 0) {
    const buffer = exchange.outputBuffer;
    writeEnvelopeHead(buffer, start, flags, content.length);
    buffer.set(content, start + ENVELOPE_HEAD_LENGTH);
    exchange.commit(length);
  } else if (!exchange.write(envelopeOf(flags, content))) {
    call.isFull = true;
  }
}

/** Sends the envelope that ends the answer, though the queue may be full. */
export function endWithEnvelope({ exchange }: Answering, flags: number, content: Uint8Array): void {
  exchange.end(envelopeOf(flags, content));
}

function envelopeOf(flags: number, content: Uint8Array): Uint8Array {
  const envelope = new Uint8Array(ENVELOPE_HEAD_LENGTH + content.length);
  writeEnvelopeHead(envelope, 0, flags, content.length);
  envelope.set(content, ENVELOPE_HEAD_LENGTH);
  return envelope;
}
