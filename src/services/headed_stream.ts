/** Streams that begin with one message that says what the chunks after it are: `ShaStream`, `Upload`. */
import { Code, ConnectError } from "@connectrpc/connect";

/** A message of such a stream, as protobuf-es has it. */
interface HeadedMessage {
  readonly part:
    | { readonly case: string; readonly value: unknown }
    | { readonly case: undefined; readonly value?: undefined };
}

/** The header of the name `Name` in a message. */
type HeaderOf<Message extends HeadedMessage, Name extends string> = Extract<Message["part"], { case: Name }>["value"];

/**
 * Receives the first message, and gives it with the chunks that follow.
 * The chunks throw `invalid_argument` when anything else comes between them.
 *
 * @throws {ConnectError} `invalid_argument`: the stream does not begin with `name`.
 */
export async function receiveHeader<Message extends HeadedMessage, Name extends "header" | "options">(
  messages: AsyncIterable<Message>,
  name: Name,
): Promise<{ header: HeaderOf<Message, Name>; chunks: AsyncIterable<Uint8Array> }> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done || first.value.part.case !== name) {
    throw new ConnectError(`${name}: must come first in the stream`, Code.InvalidArgument);
  }
  const header = first.value.part.value as HeaderOf<Message, Name>;
  return { header, chunks: receiveChunks({ [Symbol.asyncIterator]: () => iterator }) };
}

async function* receiveChunks(messages: AsyncIterable<HeadedMessage>): AsyncGenerator<Uint8Array> {
  for await (const { part } of messages) {
    if (part.case !== "chunk") {
      throw new ConnectError(`chunk: expected, but the message has ${part.case ?? "nothing"}`, Code.InvalidArgument);
    }
    yield part.value as Uint8Array;
  }
}
