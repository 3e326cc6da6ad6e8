/** Sends the head of an answer and its messages, in envelopes or as the content. How it ends is its protocol's. */
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { HeaderField } from "../../http/mod.ts";
import { COMPRESSED_FLAG, ENVELOPE_HEAD_LENGTH, writeEnvelopeHead } from "../envelope.ts";
import { appendFields, TRAILER_PREFIX } from "../metadata.ts";
import type { Answering } from "./call_plan.ts";

/**
 * How much room a message is encoded into before its size is known, in bytes. More would make calls wait for room in the output that they do
 * not need; larger messages are encoded on their own and copied.
 */
const ENCODING_ROOM = 4096;

/** Sends the head, if that was not done yet. @throws {TypeError} The handler gave a field that may not be sent. */
export function sendHead({ exchange, plan, context }: Answering, encoding?: string): void {
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
  exchange.respond(fields);
}

/**
 * Sends a message in an envelope, and the head before the first one; a promise where compression takes its time. When {@linkcode Answering.isFull} is
 * true then, the next message has to wait.
 *
 * @throws {ConnectError} resource_exhausted: the message is larger than `maxResponseBytes`.
 */
export function sendEnveloped(call: Answering, message: Message): void | Promise<void> {
  const { exchange, plan, options } = call;
  const { output } = plan.codecs;
  const { responseCompression } = plan;
  sendHead(call, responseCompression?.name);
  if (responseCompression === undefined && output.encodeInto !== undefined) {
    const start = exchange.reserve(ENCODING_ROOM);
    if (start >= 0) {
      const content = start + ENVELOPE_HEAD_LENGTH;
      const end = output.encodeInto(message, exchange.outputBuffer, content, start + ENCODING_ROOM);
      if (end >= 0 && end - content <= options.maxResponseBytes) {
        writeEnvelopeHead(exchange.outputBuffer, start, 0, end - content);
        exchange.commit(end - start);
        return;
      }
      exchange.commit(0);
    }
  }
  const octets = encodeWithin(call, message);
  if (responseCompression === undefined || octets.length < options.compressMinBytes) {
    return writeEnvelope(call, 0, octets);
  }
  const compressed = responseCompression.compress(octets);
  return compressed instanceof Promise
    ? compressed.then((compressed) => call.isOpen ? writeSmaller(call, octets, compressed) : undefined)
    : writeSmaller(call, octets, compressed);
}

/** Encodes a message that is sent on its own. @throws {ConnectError} resource_exhausted: it is larger than `maxResponseBytes`. */
export function encodeWithin({ plan, options }: Answering, message: Message): Uint8Array {
  const octets = plan.codecs.output.encode(message);
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
