/** How the runner and the programs it judges speak by stdin and stdout: messages, each after its length in four octets, big-endian. */
import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";

/** The messages of a stream. @throws {Error} It ends within a message. */
export async function* readDelimited<Desc extends DescMessage>(
  stream: AsyncIterable<Uint8Array>,
  schema: Desc,
): AsyncGenerator<MessageShape<Desc>> {
  let pending = new Uint8Array(0);
  for await (const chunk of stream) {
    const joined = new Uint8Array(pending.length + chunk.length);
    joined.set(pending);
    joined.set(chunk, pending.length);
    const view = new DataView(joined.buffer);
    let start = 0;
    while (joined.length - start >= 4) {
      const end = start + 4 + view.getUint32(start);
      if (joined.length < end) {
        break;
      }
      yield fromBinary(schema, joined.slice(start + 4, end));
      start = end;
    }
    pending = joined.slice(start);
  }
  if (pending.length > 0) {
    throw new Error(`Cannot read a message: the stream ended after ${pending.length} octets of it`);
  }
}

/** Writes messages to stdout, one after the other, whoever calls. */
export class DelimitedWriter<Desc extends DescMessage> {
  readonly #schema: Desc;
  readonly #writer = Deno.stdout.writable.getWriter();

  constructor(schema: Desc) {
    this.#schema = schema;
  }

  /** Writes one. A stream's writer has a queue, so messages never mix. */
  write(message: MessageShape<Desc>): Promise<void> {
    const content = toBinary(this.#schema, message);
    const octets = new Uint8Array(4 + content.length);
    new DataView(octets.buffer).setUint32(0, content.length);
    octets.set(content, 4);
    return this.#writer.write(octets);
  }
}
